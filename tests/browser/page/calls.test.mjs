// SPDX-License-Identifier: Apache-2.0
// Calls between pages, and between a page and the sotto program, with voices both ways: over
// WebTransport, and over WebSocket where UDP is blocked.
import assert from 'node:assert';

import { speech } from './stage.mjs';
import { compare, ProgramSide, TabSide } from './talk.mjs';
import { Telephone } from './telephone.mjs';

const ADA = '0870', BOB = '0920';

function programSide(scene, person, program, voice) {
  return new ProgramSide(person.name, program, speech(voice), `${person.store}-heard.wav`);
}

const sound = (person, voice) => ['--mic', speech(voice), '--speaker', `${person.store}-heard.wav`];

async function tabToTab(scene, transport, at) {
  const ada = await Telephone.withLine(scene, 'Ada', { voice: ADA, at });
  const link = await ada.newNumber('Bob');
  const bob = await Telephone.open(scene, 'Bob', { voice: BOB, at });
  await bob.callLink(link);
  await ada.rings('Bob');
  await ada.answer();
  const from = Date.now();
  await bob.talks();
  const words = await ada.words();
  assert.equal(await bob.words(), words);
  for (const phone of [ada, bob]) await phone.path_is(transport);
  const sides = [new TabSide('Ada', ada.page, ada.wav), new TabSide('Bob', bob.page, bob.wav)];
  await compare(scene, `tab to tab, ${transport}`, sides, from, () => ada.hangUp());
  await bob.ended();
}

async function tabToProgram(scene, transport, options = []) {
  const ada = await scene.stage.person('Ada').init();
  const link = await ada.numberFor('Bob');
  const listener = ada.start('listen', '--accept', ...sound(ada, ADA), ...options);
  await listener.waitFor('line', { state: 'ready' });
  const bob = await Telephone.open(scene, 'Bob', { voice: BOB });
  await bob.callLink(link);
  await bob.talks();
  const from = Date.now();
  const secure = await listener.waitFor('secure');
  assert.equal(await bob.words(), secure.words);
  await bob.path_is(transport);
  const sides = [programSide(scene, ada, listener, ADA), new TabSide('Bob', bob.page, bob.wav)];
  await compare(scene, `tab to program, ${transport}`, sides, from, async () => {
    await bob.hangUp();
    await listener.waitFor('call', { state: 'ended', end: 'peer_hangup' });
    await listener.stop();
  });
}

async function programToTab(scene, transport, options = []) {
  const ada = await Telephone.withLine(scene, 'Ada', { voice: ADA });
  const bob = scene.stage.person('Bob');
  await bob.sotto('init', '--no-passphrase');
  await bob.sotto('contact', 'add', await ada.newNumber('Bob'), '--name', 'Ada');
  const caller = bob.start('call', 'Ada', ...sound(bob, BOB), ...options);
  await ada.rings('Bob');
  await ada.answer();
  const from = Date.now();
  const secure = await caller.waitFor('secure');
  assert.equal(await ada.words(), secure.words);
  await ada.path_is(transport);
  const sides = [new TabSide('Ada', ada.page, ada.wav), programSide(scene, bob, caller, BOB)];
  await compare(scene, `program to tab, ${transport}`, sides, from, async () => {
    await ada.hangUp();
    await caller.waitFor('call', { state: 'ended', end: 'peer_hangup' });
    await caller.stop();
  });
}

export function callTests(scene) {
  scene.scenario('a tab calls a tab', () => tabToTab(scene, 'webtransport'));
  scene.scenario('a tab calls the program', () => tabToProgram(scene, 'webtransport'));
  scene.scenario('the program calls a tab', () => programToTab(scene, 'webtransport'));
  scene.scenario('on this machine without TLS', () => tabToTab(scene, 'webtransport', scene.stage.plainOrigin));

  const blocked = (name, act) => scene.scenario(`${name}, UDP blocked`, () => {
    scene.stage.network.blockUdp();
    scene.browsers.networkMayFail = true;
    return act();
  });
  blocked('a tab calls a tab', () => tabToTab(scene, 'websocket'));
  blocked('a tab calls the program', () => tabToProgram(scene, 'websocket'));
  blocked('the program calls a tab', () => programToTab(scene, 'websocket'));
}
