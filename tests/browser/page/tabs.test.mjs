// SPDX-License-Identifier: Apache-2.0
// Two windows of one owner: one telephone, in both.
import assert from 'node:assert';

import { sleep } from './stage.mjs';
import { alike } from './talk.mjs';
import { Telephone } from './telephone.mjs';

// Longer than it takes a busy machine to say which window runs the telephone.
const LATE_MS = 4000;
const LATE_LOCK = `if (navigator.locks) {
  const request = navigator.locks.request.bind(navigator.locks);
  navigator.locks.request = async (...given) => {
    await new Promise((done) => setTimeout(done, ${LATE_MS}));
    return request(...given);
  };
}`;

export function tabTests(scene) {
  scene.scenario('a window that learns late that it runs the telephone opens all the same', async () => {
    const ada = await Telephone.open(scene, 'Ada');
    await ada.page.addInitScript(LATE_LOCK);
    await ada.begin();
    await ada.open();
    await ada.ready();
  });

  scene.scenario('two windows of one owner ring, and answering in one stops the other', async () => {
    const ada = await Telephone.withLine(scene, 'Ada', { voice: '0870' });
    const link = await ada.newNumber('Bob');
    const second = await ada.another();
    await second.open();
    await second.ready();
    const bob = await Telephone.open(scene, 'Bob', { voice: '0920' });
    await bob.callLink(link);
    await ada.rings('Bob');
    await second.rings('Bob');
    await second.answer();
    await ada.button('answer').waitFor({ state: 'hidden' });
    await bob.talks();
    const from = Date.now();
    await sleep(6000);
    const to = Date.now();
    // A window that plays nothing has nothing to take.
    const heard = await Promise.all([ada, second].map((phone) => alike(scene, phone, bob, from, to).catch(() => null)));
    console.log(`  heard in the first and the second window: ${heard.map((got) => got && got.likeness.toFixed(2))}`);
    assert.equal(heard.filter((got) => got?.same).length, 1, 'it is heard in one window');
    await second.hangUp();
    await bob.ended();
    // The window that ran the telephone is closed: the other one goes on.
    await ada.page.close();
    await second.ready(20000);
    await bob.press('ended.again');
    await second.rings('Bob');
    await second.answer();
    await bob.talks();
    await bob.hangUp();
  });
}
