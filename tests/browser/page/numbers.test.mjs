// SPDX-License-Identifier: Apache-2.0
// Numbers: handed out in one browser and used in another, in wrong hands, bound anew, revoked and
// restored; links that lead nowhere; a browser that has lost its keys.
import assert from 'node:assert';

import { Telephone, talking } from './telephone.mjs';

const ADA = { voice: '0870' }, BOB = { voice: '0920' };

// Ada has a line; Bob has called once with the number that she made for him.
async function bound(scene, terms) {
  const { ada, bob, link } = await talking(scene, { terms });
  await bob.hangUp();
  await ada.over();
  return { ada, bob, link };
}

async function callsAgain(ada, bob) {
  await ada.rings('Bob');
  await ada.answer();
  await bob.talks();
  await ada.hangUp();
  await bob.ended();
}

export function numberTests(scene) {
  scene.scenario('a number works again for the one who used it, and is kept', async () => {
    const { ada, bob, link } = await bound(scene);
    await bob.callLink(link);
    await callsAgain(ada, bob);
    await ada.openNumber('Bob');
    await ada.sees('number.bound.text', { name: 'Bob' });
    // Not only in this window.
    await bob.page.close();
    const later = await bob.another();
    await later.open(link);
    await later.sees('caller.known');
    await later.call();
    await callsAgain(ada, later);
  });

  scene.scenario('a number in other hands is refused, and its owner told; bound anew it works', async () => {
    const { ada, bob, link } = await bound(scene);
    const eve = await Telephone.open(scene, 'Eve', BOB);
    await eve.callLink(link);
    await eve.ended('end.refused');
    assert.equal(await ada.button('answer').count(), 0, 'nothing rang');
    await ada.go('numbers');
    await ada.sees('leak.text', { label: 'Bob' });
    await ada.openNumber('Bob');
    await ada.sees('number.leaked', { n: 1 });
    // Whoever uses it next has it.
    await ada.rebind('Bob');
    await eve.callLink(link);
    await callsAgain(ada, eve);
    await bob.callLink(link);
    await bob.ended('end.refused');
  });

  scene.scenario('a revoked number is dead, and lives again after undo', async () => {
    const { ada, bob, link } = await bound(scene);
    await ada.openNumber('Bob');
    await ada.row('revoke');
    await ada.sees('number.revoked');
    await bob.callLink(link);
    await bob.ended('end.unavailable');
    await ada.press('undo');
    await ada.sees('number.bound.text', { name: 'Bob' });
    await bob.callLink(link);
    await callsAgain(ada, bob);
  });

  scene.scenario('a browser that has lost its keys', async () => {
    const { ada, bob, link } = await bound(scene);
    const { origin } = new URL(bob.page.url());
    await bob.page.goto('about:blank'); // where nothing holds what is cleared
    const session = await bob.context.newCDPSession(bob.page);
    await session.send('Storage.clearDataForOrigin', { origin, storageTypes: 'all' });
    await bob.callLink(link);
    await bob.ended('end.refused');
    await ada.go('numbers');
    await ada.sees('leak.text', { label: 'Bob' });
    await ada.rebind('Bob');
    await bob.callLink(link);
    await callsAgain(ada, bob);
  });

  scene.scenario('a number for one call', async () => {
    const { bob, link } = await bound(scene, { calls: 1 });
    await bob.open(link);
    await bob.sees('caller.terms.calls', { n: 1 });
    await bob.call();
    await bob.ended('end.unavailable');
  });

  scene.scenario('declined, cancelled, nobody there', async () => {
    const ada = await Telephone.withLine(scene, 'Ada', ADA);
    const link = await ada.newNumber('Bob');
    const bob = await Telephone.open(scene, 'Bob', BOB);
    await bob.callLink(link);
    await ada.rings('Bob');
    await ada.press('decline');
    await bob.ended('end.declined');
    await bob.press('ended.again');
    await ada.rings('Bob');
    await bob.press('call.cancel');
    await bob.over();
    await ada.button('answer').waitFor({ state: 'hidden' });
    await ada.page.close();
    await bob.callLink(link);
    await bob.ended('end.offline', 40000);
  });
}
