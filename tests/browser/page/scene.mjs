// SPDX-License-Identifier: Apache-2.0
// One stage and its browsers for all scenarios; each scenario has devices of its own, and none may leave
// an error on a console, an exception or a violated policy behind.
import assert from 'node:assert';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { Browsers } from './browsers.mjs';
import { ROOT, Stage } from './stage.mjs';

const TIMEOUT_MS = 90000;
const REASON_LINES = 12;
// What a failed scenario looked like; ignored by git.
const FAILURES = join(ROOT, 'build/browser-failures');
const only = process.env.SOTTO_ONLY && new RegExp(process.env.SOTTO_ONLY, 'i');

// tests/run.sh says it again at the end of everything.
function tell(name, error) {
  const lines = String(error.stack ?? error).split('\n').slice(0, REASON_LINES);
  console.log(`FAILED: ${name}\n${lines.map((line) => `  ${line}`).join('\n')}`);
}

export class Scene {
  async open() {
    this.stage = new Stage();
    await this.stage.open();
    this.browsers = new Browsers(this.stage.keyHash());
  }

  async close() {
    await this.browsers?.close();
    await this.stage?.close();
  }

  // SOTTO_ONLY is a pattern of names to run alone. lacks: what this machine has not, that it needs.
  scenario(name, act, { lacks } = {}) {
    if (only && !only.test(name)) return;
    test(name, { timeout: TIMEOUT_MS, skip: lacks ?? false }, async (t) => {
      let over = false;
      t.signal.addEventListener('abort', () => over || tell(name, `not over within ${TIMEOUT_MS} ms`));
      try {
        await act(t);
      } catch (error) {
        over = true;
        tell(name, error);
        await this.#keep(name);
        throw error;
      } finally {
        this.stage.network.restore();
        this.browsers.networkMayFail = false;
        this.errors = await this.browsers.closeContexts();
        await this.stage.stopPrograms();
        await this.stage.relayRuns();
        over = true;
      }
      if (this.errors.length === 0) return;
      tell(name, this.errors.join('\n'));
      assert.fail(`something went wrong that nobody looked at: ${this.errors.join('\n')}`);
    });
  }

  async #keep(name) {
    mkdirSync(FAILURES, { recursive: true });
    let n = 0;
    for (const context of this.browsers.contexts) {
      for (const page of context.pages()) {
        const file = join(FAILURES, `${name.replace(/\W+/g, '-')}-${n++}`);
        const looks = await page.locator('body').ariaSnapshot({ timeout: 2000 }).catch(String);
        writeFileSync(`${file}.txt`, `${page.url()}\n\n${looks}\n\n${context.watch.errors.join('\n')}\n`);
        await page.screenshot({ path: `${file}.png`, timeout: 5000 }).catch(() => {});
        console.log(`what it looked like: ${file}.txt, .png`);
      }
    }
  }
}
