// SPDX-License-Identifier: Apache-2.0
// Voice over a network that loses a fifth of all cells, both ways, or all of them for a moment again and
// again: with the neural networks' weights, without them, and on a device that is too slow for them.
import assert from 'node:assert';

import { sleep, until } from './stage.mjs';
import { alike } from './talk.mjs';
import { Telephone } from './telephone.mjs';

const LOSS = 0.2;
const SAMPLE_MS = 10000;
const FRAME_MS = 20;
const CONCEALED_MAX = 1 / 2; // of what is lost; without redundancy it would be all of it
const BURST_MS = 120, BETWEEN_MS = 900;
// A device that cannot keep up asks for fewer, longer cells; then copies find little room beside the frames.
const CONCEALED_MAX_SLOW = 1.2;
// Changes what the telephone's module exports, before the worker gets it.
const changed = (names) => `{
  const instantiate = WebAssembly.instantiate;
  WebAssembly.instantiate = async (...given) => {
    const { exports } = await instantiate(...given);
    return { exports: { ...exports, ${names} } };
  };
}`;
// However slow the machine that runs the tests, the telephone does not hear of it.
const UNHURRIED = changed('page_voice_cost: () => {}');
// Each piece of sound takes that many milliseconds of its 10.
const SLOW = changed(`page_playout: (...args) => {
  const end = performance.now() + 5.5;
  exports.page_playout(...args);
  while (performance.now() < end);
}`);
const WITHOUT_WEIGHTS = UNHURRIED + `{
  const { fetch } = globalThis;
  globalThis.fetch = (url, ...more) => String(url).endsWith('.weights') ? Promise.reject(new TypeError('blocked')) : fetch(url, ...more);
}`;

// Two that talk; `change`: code for Bob's worker.
async function talking(scene, change = UNHURRIED) {
  scene.browsers.networkMayFail = true;
  const ada = await Telephone.open(scene, 'Ada', { voice: '0870' });
  await ada.worker(UNHURRIED);
  await ada.begin();
  const link = await ada.newNumber('Bob');
  const bob = await Telephone.open(scene, 'Bob', { voice: '0920' });
  await bob.worker(change);
  await bob.callLink(link);
  await ada.rings('Bob');
  await ada.answer();
  await bob.talks();
  for (const phone of [ada, bob]) {
    await phone.listenToCall();
    await phone.path_is('webtransport');
  }
  return { ada, bob };
}

const has = (phone, neural, timeout = 30000) =>
  until(`${phone.name}'s neural parts are ${neural}`, async () => (await phone.stats()).neural === neural, timeout, 250);

// What a time under loss has brought: the growth of each figure.
async function over(phone, ms) {
  const before = await phone.stats();
  await sleep(ms);
  const now = await phone.stats();
  return Object.fromEntries(['frames_copied', 'frames_retold', 'frames_concealed', 'cells_received', 'cells_lost']
    .map((name) => [name, now[name] - before[name]]));
}

// From now on each hears what the other says, though cells are lost; tells what was restored. `most`: of what
// is lost, what may be filled in for each.
async function hear(scene, phones, most = [CONCEALED_MAX, CONCEALED_MAX]) {
  const from = Date.now();
  const found = await Promise.all(phones.map((phone) => over(phone, SAMPLE_MS)));
  const to = Date.now();
  for (const [i, listener] of phones.entries()) {
    const got = await alike(scene, listener, phones[1 - i], from, to);
    const f = found[i], cells = f.cells_received + f.cells_lost;
    console.log(`  ${listener.name}: ${f.cells_lost} of ${cells} cells lost, ${f.frames_copied} frames from copies, `
      + `${f.frames_retold} from DRED, ${f.frames_concealed} filled in; hears ${(100 * got.likeness).toFixed(0)} %`);
    assert.ok(f.cells_lost > LOSS / 2 * cells, 'the network loses cells');
    assert.ok(got.same, `${listener.name} hears ${phones[1 - i].name}: ${JSON.stringify(got)}`);
    const lost = SAMPLE_MS / FRAME_MS * f.cells_lost / cells; // frames: a cell may hold several
    assert.ok(f.frames_copied > 0 && f.frames_concealed < most[i] * lost, JSON.stringify(f));
  }
  return found;
}

// Nothing comes through for a moment, again and again.
async function bursts(network, ms) {
  for (const end = Date.now() + ms; Date.now() < end;) {
    network.lose();
    await sleep(BURST_MS);
    network.find();
    await sleep(BETWEEN_MS);
  }
}

export function voiceTests(scene) {
  scene.scenario('a fifth of all cells is lost both ways', async () => {
    const { ada, bob } = await talking(scene);
    for (const phone of [ada, bob]) await has(phone, 'on'); // the weights have come in mid-call
    scene.stage.network.drop(LOSS);
    await sleep(3000); // reports choose the redundancy
    await hear(scene, [ada, bob]);
    for (const phone of [ada, bob]) {
      await phone.path();
      const [lost, restored] = [await phone.figure('quality.loss'), await phone.figure('quality.restored')];
      assert.ok(parseFloat(lost) > 5 && parseFloat(restored) > 5, `the screen says ${lost} lost, ${restored} restored`);
    }
    scene.stage.network.drop(0);
    const found = (await Promise.all([
      ...[ada, bob].map((phone) => over(phone, SAMPLE_MS)), bursts(scene.stage.network, SAMPLE_MS),
    ])).slice(0, 2);
    console.log(`  bursts: ${found.map((f) => `${f.frames_retold} frames from DRED of ${f.cells_lost} cells lost`).join(', ')}`);
    assert.ok(found.every((f) => f.frames_retold > f.cells_lost / 4), 'DRED restores');
    await ada.hangUp();
    await bob.ended();
  });

  scene.scenario('cells are lost, and the weights cannot be had', async () => {
    const { ada, bob } = await talking(scene, WITHOUT_WEIGHTS);
    await has(ada, 'on');
    scene.stage.network.drop(LOSS);
    await sleep(3000);
    const found = await hear(scene, [ada, bob]);
    assert.equal(found[1].frames_retold, 0);
    assert.equal((await bob.stats()).neural, 'absent');
    scene.stage.network.drop(0);
    await ada.hangUp();
    await bob.ended();
  });

  scene.scenario('a device too slow for neural networks says so and goes without', async () => {
    const { ada, bob } = await talking(scene, SLOW);
    await has(bob, 'spared');
    await bob.path(); // opens what shows it
    await bob.sees('quality.spared');
    await has(ada, 'on');
    await ada.seesNot('quality.spared');
    scene.stage.network.drop(LOSS);
    await sleep(3000);
    const found = await hear(scene, [ada, bob], [CONCEALED_MAX, CONCEALED_MAX_SLOW]);
    assert.equal(found[1].frames_retold, 0, 'nobody sends Bob what he does not understand');
    assert.equal((await ada.stats()).neural, 'on');
    assert.equal((await bob.stats()).neural, 'spared');
    scene.stage.network.drop(0);
    await bob.hangUp();
    await ada.ended();
  });
}
