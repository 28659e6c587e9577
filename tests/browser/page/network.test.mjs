// SPDX-License-Identifier: Apache-2.0
// Calls that live through what networks do: everything is lost for 20 s, UDP is blocked in the middle; and
// that come back by one tap: the relay restarts, a page is loaded anew.
import assert from 'node:assert';

import { sleep } from './stage.mjs';
import { alike } from './talk.mjs';
import { talking } from './telephone.mjs';

const LOST_MS = 30000;
const SAMPLE_MS = 7500; // a short sample is judged by a few syllables

function talkingOverBadNetwork(scene) {
  scene.browsers.networkMayFail = true;
  return talking(scene);
}

// From now on each hears what the other says.
async function hear(scene, ...phones) {
  const from = Date.now();
  await sleep(SAMPLE_MS);
  const to = Date.now();
  for (const [listener, speaker] of [phones, [...phones].reverse()]) {
    const got = await alike(scene, listener, speaker, from, to);
    assert.ok(got.same, `${listener.name} hears ${speaker.name}: ${JSON.stringify(got)}`);
  }
}

export function networkTests(scene) {
  scene.scenario('the network is lost for 30 s in mid-call', async () => {
    const { ada, bob } = await talkingOverBadNetwork(scene);
    scene.stage.network.lose();
    const lost = Date.now();
    for (const phone of [ada, bob]) await phone.sees('call.reconnecting', {}, 10000);
    await sleep(LOST_MS - (Date.now() - lost));
    scene.stage.network.find();
    const found = Date.now();
    for (const phone of [ada, bob]) await phone.seesNot('call.reconnecting', {}, 15000);
    console.log(`  back ${Date.now() - found} ms after the network`);
    await hear(scene, ada, bob);
    await ada.hangUp();
    await bob.ended();
  });

  scene.scenario('UDP is blocked in mid-call, and allowed again', async () => {
    const { ada, bob } = await talkingOverBadNetwork(scene);
    for (const phone of [ada, bob]) await phone.path_is('webtransport');
    scene.stage.network.blockUdp();
    for (const phone of [ada, bob]) await phone.path_is('websocket');
    for (const phone of [ada, bob]) await phone.seesNot('call.reconnecting', {}, 15000);
    await hear(scene, ada, bob);
    scene.stage.network.allowUdp();
    for (const phone of [ada, bob]) await phone.path_is('webtransport', 45000);
    await hear(scene, ada, bob);
    await ada.hangUp();
    await bob.ended();
  });

  // It keeps no calls, so this one ends, with a word; but one tap brings it back.
  scene.scenario('the relay restarts in mid-call', async () => {
    const { ada, bob } = await talkingOverBadNetwork(scene);
    await scene.stage.stopRelay();
    await scene.stage.startRelay();
    await ada.over('end.lost', 40000);
    await bob.ended('end.lost', 40000);
    await bob.sees('end.text.dropped');
    await ada.ready(20000);
    await bob.press('ended.again');
    await ada.rings('Bob');
    await ada.answer();
    await bob.talks();
    await hear(scene, ada, bob);
    await ada.hangUp();
    await bob.ended();
  });

  scene.scenario('a page is loaded anew in mid-call', async () => {
    const { ada, bob } = await talkingOverBadNetwork(scene);
    await bob.page.reload();
    await ada.button('call.hangup').waitFor({ state: 'hidden', timeout: 10000 });
    // One tap and they talk again.
    await bob.call();
    await ada.rings('Bob');
    await ada.answer();
    await bob.talks();
    await ada.page.reload();
    await bob.ended();
    await ada.ready();
    await bob.press('ended.again');
    await ada.rings('Bob');
    await ada.answer();
    await bob.talks();
    await bob.hangUp();
  });
}
