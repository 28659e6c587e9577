// SPDX-License-Identifier: Apache-2.0
// A passkey as the lock, from a virtual authenticator of the browser's (CTAP 2, with PRF), at this machine's
// plain address: a passkey belongs to a name, and "localhost" is one. And what brings a line back without.
import assert from 'node:assert';

import { sleep } from './stage.mjs';
import { Telephone } from './telephone.mjs';
import { t } from './text.mjs';

const ADA = { voice: '0870' }, BOB = { voice: '0920' };
const PASSPHRASE = 'correct horse battery staple';
const AUTHENTICATOR = {
  protocol: 'ctap2', ctap2Version: 'ctap2_1', transport: 'internal', hasResidentKey: true, hasUserVerification: true,
  isUserVerified: true, hasPrf: true,
};

// What recognises a person at their device, in that page.
class Authenticator {
  async open({ context, page }) {
    this.session = await context.newCDPSession(page);
    await this.session.send('WebAuthn.enable');
    const { authenticatorId } = await this.session.send('WebAuthn.addVirtualAuthenticator', { options: AUTHENTICATOR });
    this.authenticatorId = authenticatorId;
    return this;
  }

  #send(what, args = {}) {
    return this.session.send(`WebAuthn.${what}`, { authenticatorId: this.authenticatorId, ...args });
  }

  // Whether a finger is there at all.
  touched(enabled) {
    return this.#send('setAutomaticPresenceSimulation', { enabled });
  }

  // Whether the finger is the right one. After the first wrong one it takes no other, as it counts retries.
  recognises(isUserVerified) {
    return this.#send('setUserVerified', { isUserVerified });
  }

  async passkeys() {
    return (await this.#send('getCredentials')).credentials.length;
  }

  forget() {
    return this.#send('clearCredentials');
  }
}

async function withPasskey(scene, contacts = []) {
  const ada = await Telephone.open(scene, 'Ada', { ...ADA, at: scene.stage.plainOrigin });
  const authenticator = await new Authenticator().open(ada);
  await ada.begin(contacts, { passkey: true });
  return { ada, authenticator };
}

async function locked(ada) {
  await ada.page.reload();
  await ada.seesHeading('unlock.title');
  await ada.sees('unlock.passkey');
}

// Nothing of it is shown, nor can it be by going to where it is.
async function closed(ada) {
  await ada.page.evaluate(() => { location.hash = '#/contacts'; });
  await ada.heading('unlock.title').waitFor();
  assert.equal(await ada.page.getByText('Carol').count(), 0);
}

async function changeLock(ada, { old, ...protection }) {
  await ada.go('settings');
  await ada.row('settings.protection');
  await ada.seesHeading('settings.protection');
  if (old) await ada.field('passphrase.old').fill(old);
  await ada.protect(protection);
  await ada.press('save');
  await ada.sees('protect.changed', {}, 30000);
}

// The kit as it is printed: its words, and the link in its code.
async function printKit(ada) {
  await ada.go('settings');
  await ada.row('kit.title');
  await ada.press('kit.make');
  const list = ada.page.locator('.kit-words li');
  await list.nth(23).waitFor();
  const words = await list.allTextContents();
  assert.equal(words.length, 24);
  const link = (await ada.page.locator('.kit-link').textContent()).trim();
  await ada.press('kit.done');
  return { words: words.join(' '), link };
}

async function fingerprint(ada) {
  await ada.go('settings');
  await ada.row('about.title');
  const shown = (await ada.page.getByRole('definition').nth(3).textContent()).trim();
  assert.match(shown, /^([A-Z2-7]{4} ){12}[A-Z2-7]{4}$/);
  return shown;
}

async function isAnswered(caller, ada) {
  await ada.rings(caller.name);
  await ada.answer();
  await caller.talks();
  await caller.hangUp();
  await ada.over();
}

export function passkeyTests(scene) {
  scene.scenario('a passkey opens it, and nothing else does', async () => {
    const carol = await (await scene.stage.person('Carol').init()).numberFor('Ada');
    const { ada, authenticator } = await withPasskey(scene, [['Carol', carol]]);
    assert.equal(await authenticator.passkeys(), 1);
    await locked(ada);
    await authenticator.touched(false);
    await ada.press('unlock.use_passkey');
    await sleep(1000);
    await closed(ada);
    await locked(ada);
    await authenticator.touched(true);
    await ada.press('unlock.use_passkey');
    await ada.ready(30000);
    await ada.button('contact.call', { name: 'Carol' }).waitFor(); // nothing is lost
    await locked(ada);
    await authenticator.recognises(false);
    await ada.press('unlock.use_passkey');
    await ada.sees('unlock.passkey_wrong');
    await closed(ada);
  });

  scene.scenario('from a passkey to a passphrase, and back', async () => {
    const { ada, authenticator } = await withPasskey(scene);
    await changeLock(ada, { passphrase: PASSPHRASE });
    await ada.page.reload();
    await ada.seesHeading('unlock.title');
    await ada.field('passphrase').fill(PASSPHRASE);
    await ada.press('unlock.do');
    await ada.ready(30000);
    await changeLock(ada, { old: PASSPHRASE, passkey: true });
    assert.equal(await authenticator.passkeys(), 2, 'a new one');
    await locked(ada);
    assert.equal(await ada.field('passphrase').count(), 0);
    await ada.press('unlock.use_passkey');
    await ada.ready(30000);
  });

  scene.scenario('a passkey that is gone: the recovery kit brings the line back, in another browser, too', async () => {
    const { ada, authenticator } = await withPasskey(scene);
    const own = await fingerprint(ada);
    const kit = await printKit(ada);
    await locked(ada);
    await authenticator.forget();
    await ada.press('unlock.use_passkey');
    await ada.sees('unlock.passkey_wrong');
    await ada.press('unlock.lost');
    await ada.button('lost.restore').waitFor();
    await ada.page.close();

    const later = await Telephone.open(scene, 'Ada (new)', { ...ADA, at: scene.stage.plainOrigin });
    await new Authenticator().open(later);
    await later.open(kit.link);
    await later.seesHeading('restore.title');
    await later.field('restore.words').fill(kit.words.replace(/\w+$/, 'zebra'));
    await later.protect({ passkey: true });
    await later.press('restore.do');
    await later.sees('restore.words_wrong', {}, 30000);
    await later.field('restore.words').fill(kit.words);
    await later.press('restore.do');
    await later.ready(30000);
    assert.equal(await fingerprint(later), own);
    await later.go('contacts');
    await later.page.reload();
    await later.seesHeading('unlock.title');
    await later.press('unlock.use_passkey');
    await later.ready(30000);
    // The keys and the line are in a kit, the numbers are not: there is a new one for Bob.
    const bob = await Telephone.open(scene, 'Bob', BOB);
    await bob.callLink(await later.newNumber('Bob'));
    await isAnswered(bob, later);
  });

  scene.scenario('a backup brings everything back in another browser, after all was erased', async () => {
    const ada = await Telephone.withLine(scene, 'Ada', ADA);
    const link = await ada.newNumber('Bob');
    const bob = await Telephone.open(scene, 'Bob', BOB);
    await bob.callLink(link);
    await isAnswered(bob, ada);
    const own = await fingerprint(ada);
    await ada.go('settings');
    await ada.row('backup.title');
    await ada.field('backup.passphrase').fill(PASSPHRASE);
    const [download] = await Promise.all([ada.page.waitForEvent('download'), ada.press('backup.make')]);
    const file = scene.stage.path('ada.sotto');
    await download.saveAs(file);
    await ada.erase();

    const later = await Telephone.open(scene, 'Ada (new)', ADA);
    await later.open();
    await later.row('welcome.restore');
    await later.page.locator('input[type=file]').setInputFiles(file);
    await later.field('restore.passphrase').fill('something else entirely');
    await later.protect();
    await later.press('restore.do');
    await later.sees('error.passphrase', {}, 30000);
    await later.field('restore.passphrase').fill(PASSPHRASE);
    await later.press('restore.do');
    await later.ready(30000);
    assert.equal(await fingerprint(later), own);
    await bob.callLink(link);
    await isAnswered(bob, later); // the number is still his
    await later.go('history');
    const calls = later.page.getByRole('button', { name: 'Bob' }).filter({ hasText: t('history.in', {}, true) });
    await calls.nth(1).waitFor();
    assert.equal(await calls.count(), 2, 'the call before, and the one after');
  });
}
