// SPDX-License-Identifier: Apache-2.0
// The page in Debian's own Firefox: a line, a number, and a call from the sotto program, whose cells flow
// both ways: node firefox.mjs. Sound is not compared: Firefox's fake microphone hums, which its noise
// suppression takes away, and what it plays is not taken down.
import assert from 'node:assert';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { PAGE, sleep, speech, Stage } from './stage.mjs';

const MESON_SKIP = 77;
const PATH = ['/usr/bin/firefox-esr', '/usr/bin/firefox'].find(existsSync);
const TALK_MS = 5000;
const CELLS_A_SECOND = 50;
// A fake microphone, allowed; and Firefox does not play aloud.
const PREFERENCES = {
  'media.navigator.streams.fake': true, 'media.navigator.permission.disabled': true, 'media.volume_scale': '0.01',
};

function skip(why) {
  console.log(`skipped: ${why}`);
  process.exit(MESON_SKIP);
}

if (!PATH) skip('there is no Firefox');
if (!existsSync(join(PAGE, 'index.html'))) skip(`there is no page in ${PAGE}: make page`);
// A playwright that speaks WebDriver BiDi as this Firefox does; the newest one asks for more.
const { firefox } = await import('playwright-core-firefox').catch(() => skip('npm ci in tests/browser first'));
const { Telephone } = await import('./telephone.mjs');

const stage = new Stage();
let browser;
before(async () => {
  await stage.open();
  browser = await firefox.launch({
    channel: 'moz-firefox', executablePath: PATH, headless: true, firefoxUserPrefs: PREFERENCES,
  });
});
after(async () => {
  await browser?.close();
  await stage.close();
});

test('Firefox: a call from the program', { timeout: 120000 }, async () => {
  const context = await browser.newContext({ locale: 'en-GB' });
  const ada = new Telephone({ stage }, 'Ada', context, await context.newPage());
  ada.at = stage.plainOrigin;
  await ada.begin();
  const bob = stage.person('Bob');
  await bob.sotto('init', '--no-passphrase');
  await bob.sotto('contact', 'add', await ada.newNumber('Bob'), '--name', 'Ada');
  const caller = bob.start('call', 'Ada', '--mic', speech('0920'), '--speaker', 'none');
  await ada.rings('Bob');
  await ada.answer();
  assert.equal(await ada.words(), (await caller.waitFor('secure')).words);
  await sleep(TALK_MS);
  const transport = await ada.path();
  await ada.hangUp();
  const { statistics } = await caller.waitFor('call', { state: 'ended', end: 'peer_hangup' });
  await caller.stop();
  const { sent, received, lost } = statistics.cells;
  console.log(`  Firefox ${browser.version()}, ${transport}: ${sent} cells to it, ${received} from it, ${lost} lost`);
  const least = 0.9 * TALK_MS / 1000 * CELLS_A_SECOND;
  assert.ok(sent > least && received > least, JSON.stringify(statistics));
});
