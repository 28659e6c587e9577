// SPDX-License-Identifier: Apache-2.0
// One page as a person uses it: by the names of what is on the screen (roles and texts), nothing else.
import assert from 'node:assert';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

import { PAGE, speech, until } from './stage.mjs';
import { begins, t } from './text.mjs';

const SLOW = 30000; // keys are made, on a machine that does other things

export class Telephone {
  constructor(scene, name, context, page) {
    Object.assign(this, { scene, name, context, page });
  }

  // A browser of its own for that person. `voice` is a recording's number; null: there is no microphone.
  static async open(scene, name, { voice = '0870', at = scene.stage.origin, ...options } = {}) {
    const wav = voice === null ? null : speech(voice);
    const context = await scene.browsers.context({ wav, ...options });
    const phone = new Telephone(scene, name, context, await context.newPage());
    Object.assign(phone, { wav, at });
    return phone;
  }

  // Somebody with a line and, by the setup link, contacts: [label, link] each.
  static async withLine(scene, name, options = {}) {
    const phone = await Telephone.open(scene, name, options);
    await phone.begin(options.contacts ?? [], options);
    return phone;
  }

  // Another window of the same browser.
  async another() {
    const phone = new Telephone(this.scene, `${this.name} (another window)`, this.context, await this.context.newPage());
    return Object.assign(phone, { wav: this.wav, at: this.at });
  }

  // The browser's part in which the telephone runs, changed by that code before it starts.
  async worker(code) {
    // What a test answers comes from no address, so that this machine's would be foreign to it.
    await this.context.grantPermissions(['microphone', 'local-network-access']);
    await this.context.route(/\/worker-\w+\.js$/, (route) => {
      const file = join(PAGE, basename(new URL(route.request().url()).pathname));
      return route.fulfill({
        contentType: 'text/javascript',
        headers: { 'Cross-Origin-Embedder-Policy': 'require-corp' }, // as the page has
        body: `${code}\n${readFileSync(file, 'utf8')}`,
      });
    });
  }

  // ---- what is on the screen

  button(key, params) {
    return this.page.getByRole('button', { name: t(key, params) });
  }

  press(key, params) {
    return this.button(key, params).click();
  }

  heading(key, params) {
    return this.page.getByRole('heading', { name: t(key, params) });
  }

  field(key) {
    return this.page.getByLabel(t(key));
  }

  async sees(key, params, timeout = 15000) {
    await this.page.getByText(t(key, params, true)).first().waitFor({ timeout });
  }

  async seesHeading(key, params, timeout = 15000) {
    await this.heading(key, params).waitFor({ timeout });
  }

  async seesNot(key, params, timeout = 15000) {
    await this.page.getByText(t(key, params, true)).first().waitFor({ state: 'hidden', timeout });
  }

  // One of several; what it means may follow its name.
  async choose(key, params) {
    await this.page.getByRole('radio', { name: begins(key, params) }).check({ force: true });
  }

  // ---- opening

  // A link as somebody tapped it; one of the own relay goes to where this page is opened.
  async open(link = '') {
    // Anew, also where only what follows the # is another one.
    if (this.page.url() !== 'about:blank') await this.page.goto('about:blank');
    const own = link.startsWith(this.scene.stage.origin) ? link.slice(this.scene.stage.origin.length) : link;
    await this.page.goto(own.startsWith('http') ? own : this.at + (own || '/'));
  }

  async begin(contacts = [], protection = {}) {
    const setup = contacts.map(([label, link]) => `&contact=${encodeURIComponent(label)}~${encodeURIComponent(link)}`);
    await this.open(`${await this.scene.stage.invite()}&name=${encodeURIComponent(this.name)}${setup.join('')}`);
    await this.setUp(protection);
  }

  // From the first screen of an invitation to a line that can be called.
  async setUp(protection) {
    await this.seesHeading('firstrun.title');
    await this.press('continue');
    await this.protect(protection);
    await this.press('firstrun.finish');
    await this.button('kit.later').click({ timeout: SLOW });
    await this.ready();
  }

  async protect({ passphrase, passkey } = {}) {
    const choice = passphrase ? 'protect.passphrase' : passkey ? 'protect.passkey' : 'protect.none';
    await this.choose(choice);
    if (!passphrase) return;
    await this.field('passphrase.new').fill(passphrase);
    await this.field('passphrase.again').fill(passphrase);
  }

  // ---- calls

  incoming(label) {
    return this.page.getByRole('main').filter({ has: this.button('answer') }).getByRole('heading', { name: label });
  }

  async rings(label, timeout = 15000) {
    await this.incoming(label).waitFor({ timeout });
  }

  async answer() {
    await this.press('answer');
    await this.talks();
  }

  // The call is there: words to compare, and hang up.
  async talks(timeout = 15000) {
    await this.button('call.hangup').waitFor({ timeout });
  }

  async words() {
    const list = this.page.locator('.word-list li');
    await list.nth(3).waitFor({ state: 'attached' });
    const words = await list.allTextContents();
    assert.equal(words.length, 4);
    return words.join(' ');
  }

  async hangUp() {
    await this.press('call.hangup');
    await this.over();
  }

  // How the call is carried, as "network" on the call's screen tells.
  async path() {
    const details = this.page.locator('details.network');
    if (!await details.evaluate((e) => e.open)) await details.locator('summary').click();
    return this.figure('quality.path');
  }

  // What the telephone tells of its call from now on, as it tells other windows.
  async listenToCall() {
    await this.page.evaluate(() => {
      const channel = new BroadcastChannel('sotto-phone');
      channel.onmessage = ({ data }) => {
        if (data.kind === 'event' && data.event.event === 'call') globalThis.__call = data.event.call;
      };
    });
  }

  // The figures of the call as last told (Call.stats of the page's types.ts).
  async stats() {
    await until(`${this.name}'s call is told of`, () => this.page.evaluate(() => globalThis.__call !== undefined));
    return this.page.evaluate(() => globalThis.__call.stats);
  }

  // One of the figures of "network", which is open.
  async figure(key) {
    const row = this.page.locator('details.network dl > div').filter({ has: this.page.getByText(t(key), { exact: true }) });
    return (await row.locator('dd').textContent()).trim();
  }

  // The caller's page of a link.
  async callLink(link) {
    await this.open(link);
    await this.call();
  }

  async call() {
    await this.button('call').waitFor();
    // A private window, as the contexts of these tests are, warns before it binds a number.
    const forgets = await this.page.getByText(t('forgets.short', {}, true)).count() > 0;
    await this.press('call');
    if (forgets) await this.press('forgets.call');
  }

  // The call's end is shown and says so.
  async ended(key = 'end.over', timeout = 15000) {
    await this.seesHeading(key, {}, timeout);
  }

  // The same, and what it says is taken note of.
  async over(key = 'end.over', timeout = 15000) {
    await this.ended(key, timeout);
    // An own hang-up leaves by itself, perhaps before the button is reached.
    const pressed = this.press('done').catch((error) => error);
    await this.heading(key).waitFor({ state: 'hidden' }).catch(async (error) => { throw await pressed ?? error; });
  }

  async path_is(transport, timeout = 20000) {
    await until(`${this.name} is on ${transport}`, async () => (await this.path()) === transport, timeout, 250);
  }

  // ---- the owner's screens

  async ready(timeout = 15000) {
    await this.go('contacts');
    await this.sees('line.ready', {}, timeout);
  }

  // One of the four places.
  async go(tab) {
    const [back, place] = [this.page.getByRole('button', { name: t('back') }), this.page.getByRole('navigation')];
    if (await place.count() === 0 && await back.count() > 0) await back.click();
    await this.page.getByRole('link', { name: t(`tab.${tab}`, {}, true) }).click();
  }

  // A line of a list: its title is followed by an explanation.
  async row(key, params) {
    await this.page.getByRole('button', { name: begins(key, params) }).click();
  }

  // Everything of this browser.
  async erase() {
    await this.go('settings');
    await this.row('erase.title');
    await this.field('erase.type').fill('erase');
    await this.press('erase.do');
    await this.seesHeading('welcome.title');
    await this.page.reload();
    await this.seesHeading('welcome.title');
  }

  async newNumber(label, { until: end, calls } = {}) {
    await this.go('numbers');
    await this.press('number.new');
    await this.field('number.for').fill(label);
    if (end) await this.choose(end);
    if (calls) await this.choose('calls.n', { n: calls });
    await this.press('number.make');
    const link = await this.shownLink();
    await this.press('done');
    return link;
  }

  async shownLink() {
    return (await this.page.getByLabel(t('number.link')).locator('.link-text').textContent()).trim();
  }

  async openNumber(label) {
    await this.go('numbers');
    await this.page.getByRole('link', { name: label }).click();
    await this.page.getByRole('heading', { name: label }).waitFor();
  }

  async rebind(label) {
    await this.openNumber(label);
    await this.row('rebind');
    await this.page.getByRole('alertdialog').getByRole('button', { name: t('rebind') }).click();
    return this.shownLink();
  }

  async callContact(label) {
    await this.go('contacts');
    await this.press('contact.call', { name: label });
  }

  // ---- exchange

  // Makes a code, or enters one; returns the code.
  async exchange(label, code) {
    await this.go('contacts');
    await this.press('contact.add');
    await this.row('exchange.title');
    const side = code ? 'exchange.enter' : 'exchange.make';
    await this.choose(side);
    if (code) await this.field('exchange.code').fill(code);
    await this.field('exchange.who').fill(label);
    await this.press('continue');
    return code ?? (await this.page.locator('p.code').textContent()).trim();
  }

  async saysWords() {
    await this.seesHeading('exchange.words', {}, 20000);
    return (await this.page.locator('.word-list.two li').allTextContents()).join(' ');
  }

  // Picks those words, or (wrong) others.
  async picks(words, wrong = false) {
    const choices = this.page.locator('.heard').getByRole('button');
    const names = (await choices.allTextContents()).map((name) => name.trim());
    assert.ok(names.includes(words), `${words} is among ${names}`);
    await choices.nth(names.findIndex((name) => (name === words) !== wrong)).click();
  }
}

// Ada has a line; Bob has called with the number that she made for him, and they talk. `options`: of Ada.
export async function talking(scene, { terms, ...options } = {}) {
  const ada = await Telephone.withLine(scene, 'Ada', { voice: '0870', ...options });
  const link = await ada.newNumber('Bob', terms);
  const bob = await Telephone.open(scene, 'Bob', { voice: '0920' });
  await bob.callLink(link);
  await ada.rings('Bob');
  await ada.answer();
  await bob.talks();
  return { ada, bob, link };
}
