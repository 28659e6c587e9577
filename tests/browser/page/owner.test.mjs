// SPDX-License-Identifier: Apache-2.0
// The owner at the telephone: a second call while one is going on, do not disturb, what was missed.
import assert from 'node:assert';

import { Telephone } from './telephone.mjs';
import { t } from './text.mjs';

const ADA = { voice: '0870' };

async function caller(scene, ada, name) {
  const person = scene.stage.person(name);
  await person.sotto('init', '--no-passphrase');
  await person.sotto('contact', 'add', await ada.newNumber(name), '--name', 'Ada');
  return () => person.start('call', 'Ada', '--mic', 'none', '--speaker', 'none');
}

export function ownerTests(scene) {
  scene.scenario('a second call waits, is answered, and the first is taken up again', async () => {
    const ada = await Telephone.withLine(scene, 'Ada', ADA);
    const [bobCalls, carolCalls] = [await caller(scene, ada, 'Bob'), await caller(scene, ada, 'Carol')];
    const bob = bobCalls();
    await ada.rings('Bob');
    await ada.answer();
    await bob.waitFor('call', { state: 'active' });
    const carol = carolCalls();
    await ada.seesHeading('incoming.calls', { name: 'Carol' });
    await ada.press('incoming.hold_answer');
    await carol.waitFor('call', { state: 'active' });
    await bob.waitFor('hold', { held: true });
    await ada.sees('call.other', { name: 'Bob' });
    await ada.press('call.swap');
    await carol.waitFor('hold', { held: true });
    await bob.waitFor('hold', { held: false });
    await ada.sees('call.other', { name: 'Carol' });
    await carol.stop();
    await ada.seesNot('call.other', { name: 'Carol' });
    await ada.page.getByRole('heading', { name: 'Bob' }).waitFor();
    await ada.hangUp();
    await bob.waitFor('call', { state: 'ended', end: 'peer_hangup' });
  });

  scene.scenario('do not disturb: nothing rings, and it is among the missed calls', async () => {
    const ada = await Telephone.withLine(scene, 'Ada', ADA);
    const bobCalls = await caller(scene, ada, 'Bob');
    await ada.go('settings');
    await ada.page.getByRole('switch', { name: t('quiet.title') }).click();
    await ada.row('quiet.forever');
    await ada.sees('quiet.on');
    await ada.go('contacts');
    const bob = bobCalls();
    await ada.sees('quiet.calling', { name: 'Bob' });
    assert.equal(await ada.button('decline').count(), 0, 'it asks for nothing');
    await bob.stop();
    await ada.sees('tab.missed', { n: 1 });
    await ada.go('history');
    await ada.page.getByRole('button', { name: 'Bob' }).getByText(t('history.missed')).waitFor();
    await ada.go('contacts');
    await ada.seesNot('tab.missed', { n: 1 });
  });
}
