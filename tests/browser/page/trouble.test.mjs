// SPDX-License-Identifier: Apache-2.0
// What can be wrong with a microphone, a link, a browser or a relay: each a sentence with the next step.
import assert from 'node:assert';

import { sleep, speech, Stage } from './stage.mjs';
import { Telephone } from './telephone.mjs';
import { t } from './text.mjs';

const ADA = { voice: '0870' }, BOB = { voice: '0920' };

// The caller's page of Ada's number for Bob is open.
async function answered(ada, bob) {
  await bob.press('call');
  await ada.rings('Bob');
  await ada.answer();
  await bob.talks();
  await bob.hangUp();
  await ada.over();
}

export function troubleTests(scene) {
  scene.scenario('the microphone is refused, then allowed', async () => {
    const ada = await Telephone.withLine(scene, 'Ada', ADA);
    const link = await ada.newNumber('Bob');
    const bob = await Telephone.open(scene, 'Bob', { ...BOB, permission: false });
    await bob.callLink(link);
    await bob.sees('error.nomic');
    await bob.context.grantPermissions(['microphone']);
    await bob.callLink(link);
    await ada.rings('Bob');
    await ada.answer();
    await bob.talks();
    await bob.hangUp();
  });

  scene.scenario('there is no microphone', async () => {
    const ada = await Telephone.withLine(scene, 'Ada', ADA);
    const bob = await Telephone.open(scene, 'Bob', { voice: null });
    await bob.callLink(await ada.newNumber('Bob'));
    await bob.sees('error.nodevice');
  });

  scene.scenario('links that are damaged, expired, of our own', async () => {
    const ada = await scene.stage.person('Ada').init();
    const link = await ada.numberFor('Bob');
    const short = await ada.numberFor('Eve', '--expires', '1s');
    const bob = await Telephone.open(scene, 'Bob', BOB);
    const middle = link.indexOf('#') + 60;
    const damaged = link.slice(0, middle) + (link[middle] === 'A' ? 'B' : 'A') + link.slice(middle + 1);
    await bob.open(damaged);
    await bob.sees('error.link_damaged');
    await bob.open(link.slice(0, -20));
    await bob.seesHeading('caller.unreadable');
    await sleep(1500);
    await bob.open(short);
    await bob.seesHeading('caller.expired');
    await bob.open(link);
    await bob.button('call').waitFor();
    const eve = await Telephone.withLine(scene, 'Eve', BOB);
    const own = await eve.newNumber('Ada');
    await eve.open(own);
    await eve.seesHeading('caller.own');
  });

  scene.scenario('an invitation that was used', async () => {
    scene.browsers.networkMayFail = true;
    const link = await scene.stage.invite();
    for (const [name, outcome] of [['Ada', 'line.ready'], ['Eve', 'line.denied']]) {
      const phone = await Telephone.open(scene, name, ADA);
      await phone.open(link);
      await phone.seesHeading('firstrun.title');
      await phone.press('continue');
      await phone.protect();
      await phone.press('firstrun.finish');
      await phone.button('kit.later').click({ timeout: 30000 });
      await phone.sees(outcome);
    }
  });

  scene.scenario('a relay that is down, ours and another one', async () => {
    scene.browsers.networkMayFail = true;
    const ada = await scene.stage.person('Ada').init();
    const link = await ada.numberFor('Bob');
    const away = new Stage();
    await away.open();
    const elsewhere = await (await away.person('Carol').init()).numberFor('Bob');
    await away.close();
    const bob = await Telephone.withLine(scene, 'Bob', { ...BOB, contacts: [['Ada', link], ['Elsewhere', elsewhere]] });
    await bob.callContact('Elsewhere');
    await bob.ended('end.link', 30000);
    await bob.press('done');
    await scene.stage.stopRelay();
    await bob.sees('line.down');
    await bob.callContact('Ada');
    await bob.ended('end.link', 30000);
    await bob.press('done');
    // The page itself is there without a relay.
    await bob.page.reload();
    await bob.button('contact.call', { name: 'Ada' }).waitFor();
    await scene.stage.startRelay();
    await bob.ready(40000);
  });

  scene.scenario('a browser without sound processing, or without vector code, is told', async () => {
    for (const lack of [
      () => { delete globalThis.AudioWorkletNode; delete globalThis.AudioWorklet; },
      () => { WebAssembly.validate = () => false; },
    ]) {
      const bob = await Telephone.open(scene, 'Bob', BOB);
      await bob.context.addInitScript(lack);
      await bob.open();
      await bob.seesHeading('unsupported.title');
    }
  });

  scene.scenario('a browser without WebTransport calls over WebSocket', async () => {
    const ada = await Telephone.open(scene, 'Ada', ADA);
    await ada.worker('delete globalThis.WebTransport;');
    await ada.begin();
    const link = await ada.newNumber('Bob');
    const bob = await Telephone.open(scene, 'Bob', BOB);
    await bob.callLink(link);
    await ada.rings('Bob');
    await ada.answer();
    await bob.talks();
    await ada.path_is('websocket');
    await bob.path_is('webtransport');
    await bob.hangUp();
    await ada.over();
  });

  scene.scenario('a clock that is three hours wrong', async () => {
    const ada = await Telephone.open(scene, 'Ada', ADA);
    await ada.worker('{ const now = Date.now; Date.now = () => now() + 3 * 3600 * 1000; }');
    await ada.begin();
    await ada.sees('clock.title');
    await ada.sees('clock.text');
  });

  scene.scenario('another relay, whose certificate this browser cannot know', async () => {
    scene.browsers.networkMayFail = true;
    const away = new Stage();
    await away.open();
    try {
      const elsewhere = await (await away.person('Carol').init()).numberFor('Bob');
      const bob = await Telephone.withLine(scene, 'Bob', { ...BOB, contacts: [['Elsewhere', elsewhere]] });
      await bob.callContact('Elsewhere');
      await bob.sees('problem.certificate', {}, 30000);
    } finally {
      await away.close();
    }
  });

  // A browser with a profile, as an ordinary window has, is closed as a whole and opened again.
  scene.scenario('a private window warns before it binds a number; an ordinary one keeps it', async () => {
    const ada = await Telephone.withLine(scene, 'Ada', ADA);
    const link = await ada.newNumber('Bob');
    const eve = await Telephone.open(scene, 'Bob (private)', BOB);
    await eve.open(link);
    await eve.sees('forgets.short');
    await eve.press('call');
    await eve.page.getByRole('alertdialog').getByText(t('forgets.text')).waitFor();
    await eve.page.getByRole('alertdialog').getByRole('button', { name: t('cancel') }).click();
    await eve.button('call').waitFor();
    await ada.openNumber('Bob');
    await ada.sees('number.fresh.text');

    const directory = scene.stage.path('ordinary');
    const ordinary = async () => {
      const context = await scene.browsers.profile({ wav: speech(BOB.voice), directory });
      return Object.assign(new Telephone(scene, 'Bob', context, await context.newPage()), { at: scene.stage.origin });
    };
    const bob = await ordinary();
    await bob.open(link);
    await bob.button('call').waitFor();
    assert.equal(await bob.page.getByText(t('forgets.short', {}, true)).count(), 0);
    await answered(ada, bob);
    await bob.context.close();
    const later = await ordinary();
    await later.open(link);
    await later.sees('caller.known');
    await answered(ada, later);
  });

  scene.scenario('a passphrase, right and wrong', async () => {
    const passphrase = 'correct horse battery staple';
    const ada = await Telephone.withLine(scene, 'Ada', { ...ADA, passphrase });
    await ada.page.reload();
    await ada.seesHeading('unlock.title');
    await ada.field('passphrase').fill('something else entirely');
    await ada.press('unlock.do');
    await ada.sees('error.passphrase', {}, 30000);
    await ada.field('passphrase').fill(passphrase);
    await ada.press('unlock.do');
    await ada.ready(30000);
  });
}
