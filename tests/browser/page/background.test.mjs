// SPDX-License-Identifier: Apache-2.0
// A page behind another one, in a browser that spares such pages: the call simply goes on. A page that the
// browser freezes for a while: the other side is told, and the call goes on afterwards.
import assert from 'node:assert';

import { mayBeHidden } from './browsers.mjs';
import { sleep, until } from './stage.mjs';
import { alike } from './talk.mjs';
import { talking } from './telephone.mjs';

const SETTLE_MS = 2000; // weights of neural networks come in; playout gets over its lateness
const BEHIND_MS = 10000;
const FROZEN_MS = 10000;
const SAMPLE_MS = 7500; // a short sample is judged by a few syllables
const TOLD_MS = 5000;
const BACK_MS = 5000;
const HEARD = 0.2; // another voice has less than 0.1; how good it is, is measured elsewhere
const LATE_MS = 1500; // on a machine that runs two browsers; old sound is some seconds old

async function hear(scene, phones, from, to) {
  for (const [listener, speaker] of [phones, [...phones].reverse()]) {
    const got = await alike(scene, listener, speaker, from, to);
    console.log(`  ${listener.name} hears ${(100 * got.likeness).toFixed(0)} %, ${got.delay_ms.toFixed(0)} ms late`);
    assert.ok(got.likeness >= HEARD, `${listener.name} hears ${speaker.name}: ${JSON.stringify(got)}`);
    assert.ok(got.delay_ms < LATE_MS, `${listener.name} hears what is said now: ${JSON.stringify(got)}`);
  }
}

export function backgroundTests(scene) {
  scene.scenario('a tab is in the background, then frozen, in mid-call', async () => {
    const { ada, bob } = await talking(scene, { throttles: true });
    await sleep(SETTLE_MS);
    const control = await ada.context.newCDPSession(ada.page);
    await mayBeHidden(ada.page);
    const other = await ada.context.newPage();
    await other.bringToFront();
    await until('the page is hidden', () => ada.page.evaluate(() => document.visibilityState === 'hidden'));
    let from = Date.now();
    await sleep(BEHIND_MS);
    await hear(scene, [ada, bob], from, Date.now());

    await control.send('Page.setWebLifecycleState', { state: 'frozen' });
    from = Date.now();
    await bob.sees('call.reconnecting', {}, TOLD_MS);
    const told = Date.now() - from;
    await sleep(FROZEN_MS - (Date.now() - from));
    await control.send('Page.setWebLifecycleState', { state: 'active' });
    await ada.page.bringToFront();
    from = Date.now();
    await bob.seesNot('call.reconnecting', {}, BACK_MS);
    console.log(`  told after ${told} ms, back ${Date.now() - from} ms after it was frozen`);
    await sleep(SETTLE_MS);
    from = Date.now();
    await sleep(SAMPLE_MS);
    await hear(scene, [ada, bob], from, Date.now());
    await ada.hangUp();
    await bob.ended();
  });
}
