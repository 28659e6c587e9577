// SPDX-License-Identifier: Apache-2.0
// `make run`, and then its reader: the address that the story ends with, opened in a browser, is
// Washington's telephone; it calls Echo and hears itself.
import assert from 'node:assert';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { take } from './ears.mjs';
import { BUILD, likeness, PAGE, ROOT, sleep } from './stage.mjs';
import { Telephone } from './telephone.mjs';

const run = promisify(execFile);

export function storyTests(scene) {
  scene.scenario('the address with which make run ends', async () => {
    const directory = scene.stage.path('story');
    const env = { ...process.env, SOTTO_STORY: directory, SOTTO_BUILD: BUILD, SOTTO_PAGE: PAGE };
    const story = (...words) => run('python3', [join(ROOT, 'demo/story.py'), ...words], { env, timeout: 80000 });
    const { stdout } = await story();
    try {
      const address = readFileSync(join(directory, 'address'), 'utf8').trim();
      assert.ok(stdout.includes(address), 'it is printed');
      assert.ok(stdout.includes('▀'), 'and its QR code');
      const washington = await Telephone.open(scene, 'Washington', { voice: '0920' });
      await washington.page.goto(address);
      await washington.setUp();
      await washington.button('contact.call', { name: 'Ottawa' }).waitFor();
      await washington.callContact('Echo');
      await washington.talks();
      const from = Date.now();
      await sleep(8000);
      const spoken = await take(washington.page, 'mic', from, Date.now() - 1500, scene.stage.path('echo-spoken.wav'));
      const heard = await take(washington.page, 'speaker', from, Date.now(), scene.stage.path('echo-heard.wav'));
      const got = await likeness(spoken.path, heard.path);
      assert.ok(got.same, `Washington hears itself: ${JSON.stringify(got)}`);
      await washington.hangUp();
      await washington.page.close(); // before its relay goes
    } finally {
      await story('--stop');
    }
  });
}
