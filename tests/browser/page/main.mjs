// SPDX-License-Identifier: Apache-2.0
// The page in real browsers, at a real sottod: node main.mjs. One stage and a few browser processes for
// all scenarios; the last line is the sum.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before } from 'node:test';

import { MESON_SKIP, missing } from './browsers.mjs';
import { PAGE } from './stage.mjs';

const why = missing() ?? (existsSync(join(PAGE, 'index.html')) ? undefined : `there is no page in ${PAGE}: make page`);
if (why) {
  console.log(`skipped: ${why}`);
  process.exit(MESON_SKIP);
}
const { Scene } = await import('./scene.mjs');
const groups = await Promise.all([
  import('./ears.test.mjs').then((m) => m.earsTests),
  import('./load.test.mjs').then((m) => m.loadTests),
  import('./calls.test.mjs').then((m) => m.callTests),
  import('./numbers.test.mjs').then((m) => m.numberTests),
  import('./exchange.test.mjs').then((m) => m.exchangeTests),
  import('./tabs.test.mjs').then((m) => m.tabTests),
  import('./owner.test.mjs').then((m) => m.ownerTests),
  import('./push.test.mjs').then((m) => m.pushTests),
  import('./passkey.test.mjs').then((m) => m.passkeyTests),
  import('./quiet.test.mjs').then((m) => m.quietTests),
  import('./trouble.test.mjs').then((m) => m.troubleTests),
  import('./network.test.mjs').then((m) => m.networkTests),
  import('./background.test.mjs').then((m) => m.backgroundTests),
  import('./voice.test.mjs').then((m) => m.voiceTests),
  import('./story.test.mjs').then((m) => m.storyTests),
]);
const scene = new Scene();
before(() => scene.open());
after(() => scene.close());
for (const group of groups) group(scene);
