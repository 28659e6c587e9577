// SPDX-License-Identifier: Apache-2.0
// Ringing when the page is closed: a call is pushed, the browser shows that somebody calls, a click opens
// the page, and whoever waits is answered.
import assert from 'node:assert';
import { mkdirSync } from 'node:fs';

import { Desktop, lacks } from './desktop.mjs';
import { PushService, Subscriber } from './push.mjs';
import { sleep, speech, Stage, until } from './stage.mjs';
import { compare, ProgramSide, TabSide } from './talk.mjs';
import { Telephone } from './telephone.mjs';
import { t as text } from './text.mjs';

const ADA = '0870', BOB = '0920';
const PASSPHRASE = 'correct horse battery staple';
const WAKE_UP = 'sotto: wake up\0\0';
const LINE_PAUSE_MS = 5200; // a line is pushed once in 5 s

// Ada at a browser with a profile, her page at this machine's plain address (what browsers with a self-made
// certificate do not have, a service worker, they have there), rung when it is closed.
class Sleeper extends Telephone {
  static async open(t, scene) {
    const stage = new Stage();
    const [service, desktop] = [new PushService(), new Desktop()];
    t.after(async () => {
      await stage.close();
      await service.close();
      await desktop.close();
    });
    await service.open(stage.directory);
    await desktop.open(stage.directory);
    await stage.open(service.configuration);
    const directory = stage.path('profile');
    mkdirSync(directory);
    const wav = speech(ADA);
    const context = await scene.browsers.profile({ wav, directory, environment: desktop.environment });
    const subscriber = await new Subscriber(context, service).open();
    const ada = new Sleeper({ stage, browsers: scene.browsers }, 'Ada', context, await context.newPage());
    return Object.assign(ada, { wav, at: stage.plainOrigin, stage, service, desktop, subscriber });
  }

  push() {
    return this.page.getByRole('switch', { name: text('push.title') });
  }

  async setPush(on) {
    await this.go('settings');
    await this.push().click();
    await until('the switch', async () => await this.push().isChecked() === on);
    await until('the relay knows', async () => (await this.stage.stats()).subscriptions === (on ? 1 : 0));
  }

  // The browser runs, and has no window with the page.
  async closePage() {
    await this.page.close();
  }

  // What the service got for us is brought to the browser.
  async wakes() {
    const push = await this.service.pushed();
    await this.subscriber.deliver(this.at, push.plain);
    return push;
  }

  // Somebody clicks on it: the page that opens.
  async click(notification) {
    const [page] = await Promise.all([this.context.waitForEvent('page'), this.desktop.click(notification)]);
    this.page = page;
    await page.waitForURL(`${this.at}/`);
  }

  async unlock() {
    await this.field('passphrase').fill(PASSPHRASE);
    await this.press('unlock.do');
  }
}

async function knows(ada, name) {
  const person = ada.stage.person(name);
  await person.sotto('init', '--no-passphrase');
  await person.sotto('contact', 'add', await ada.newNumber(name), '--name', 'Ada');
  return person;
}

const dial = (person, ...sound) => person.start('call', 'Ada', ...(sound.length > 0 ? sound : ['--mic', 'none', '--speaker', 'none']));

export function pushTests(scene) {
  const scenario = (name, act) => scene.scenario(name, act, { lacks: lacks() });

  scenario('the page is closed: a call is pushed, a click on the notification opens the page, it rings', async (t) => {
    const ada = await Sleeper.open(t, scene);
    await ada.begin([], { passphrase: PASSPHRASE });
    const bob = await knows(ada, 'Bob');
    await ada.setPush(true);
    await ada.closePage();

    const heard = `${bob.store}-heard.wav`;
    const caller = dial(bob, '--mic', speech(BOB), '--speaker', heard);
    await caller.waitFor('call', { state: 'dialling', waking: true });
    const push = await ada.wakes();
    assert.deepEqual([push.plain, push.path, push.encoding], [WAKE_UP, new URL(ada.subscriber.endpoint).pathname, 'aes128gcm']);
    assert.ok(push.vapid.valid);
    assert.equal(push.vapid.k, ada.subscriber.key, 'the key that the page subscribed with');
    const notification = await ada.desktop.shows();
    assert.equal(notification.title, 'sotto');
    assert.match(notification.text, /^localhost:\d+\s+Somebody is calling$/); // Chromium adds where it is from
    assert.equal(ada.context.pages().filter((page) => page.url().startsWith(ada.at)).length, 0, 'nothing opens by itself');

    await ada.click(notification);
    await ada.seesHeading('unlock.title');
    await ada.unlock();
    await ada.rings('Bob', 30000);
    await ada.answer();
    const from = Date.now();
    const secure = await caller.waitFor('secure');
    assert.equal(await ada.words(), secure.words);
    const sides = [new TabSide('Ada', ada.page, ada.wav), new ProgramSide('Bob', caller, speech(BOB), heard)];
    await compare(scene, 'woken by a push', sides, from, async () => {
      await ada.hangUp();
      await caller.waitFor('call', { state: 'ended', end: 'peer_hangup' });
      await caller.stop();
    });
    const { wakes_total, wakes_answered_total, pushes_sent_total } = await ada.stage.stats();
    assert.deepEqual([wakes_total, wakes_answered_total, pushes_sent_total], [1, 1, 1]);
  });

  scenario('a call that is given up before the page is opened', async (t) => {
    const ada = await Sleeper.open(t, scene);
    await ada.begin();
    const bob = await knows(ada, 'Bob');
    await ada.setPush(true);
    await ada.closePage();
    const given = dial(bob);
    await ada.wakes();
    await ada.desktop.shows();
    assert.notEqual(await given.stop(), 0);
    // Opened by hand, not by the notification: what that says is no longer so, and it goes.
    ada.page = await ada.context.newPage();
    await ada.open();
    await ada.ready();
    await until('the notification is taken away', () => ada.desktop.takenAway().includes(1));
    assert.equal(await ada.button('answer').count(), 0);
    // While the page is in front it rings by itself.
    const caller = dial(bob);
    await ada.rings('Bob');
    await ada.press('decline');
    await caller.waitFor('call', { state: 'ended', end: 'declined' });
    assert.equal(ada.service.pushes().length, 1);
    assert.equal(ada.desktop.shown().length, 1);
  });

  scenario('nobody is woken by a revoked number, nor where it was switched off', async (t) => {
    const ada = await Sleeper.open(t, scene);
    await ada.begin();
    const [bob, carol] = [await knows(ada, 'Bob'), await knows(ada, 'Carol')];
    await ada.setPush(true);
    await ada.openNumber('Carol');
    await ada.row('revoke');
    await ada.sees('number.revoked');
    await until('the relay knows', async () => (await ada.stage.stats()).numbers === 1);
    await ada.closePage();
    await dial(carol).waitFor('call', { state: 'ended', end: 'unavailable' });
    assert.equal(ada.service.pushes().length, 0);
    const caller = dial(bob);
    await ada.service.pushed();
    await caller.stop();

    ada.page = await ada.context.newPage();
    await ada.open();
    await ada.ready();
    await ada.go('settings');
    await until('it is still on', async () => await ada.push().isChecked());
    await ada.setPush(false);
    assert.equal(ada.subscriber.endpoint, null, 'nor does the browser keep its subscription');
    await ada.closePage();
    await sleep(LINE_PAUSE_MS);
    await dial(bob).waitFor('call', { state: 'ended', end: 'offline' });
    assert.equal(ada.service.pushes().length, 1);

    ada.page = await ada.context.newPage();
    await ada.open();
    await ada.ready();
    await ada.setPush(true);
    await ada.erase();
    assert.equal(ada.subscriber.endpoint, null, 'a browser without a line is not woken for one');
  });
}
