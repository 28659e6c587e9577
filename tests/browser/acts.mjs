// SPDX-License-Identifier: Apache-2.0
// What people do with the page's screens, by keyboard and by hand, and what the telephone is then asked:
// the screens are real, the telephone is a fixture.
import assert from 'node:assert';
import { withPage } from './browser.mjs';
import { openGallery } from './gallery.mjs';

const { address, close } = await openGallery();
const scenarios = [];
const scenario = (name, screen, act) => scenarios.push({ name, screen, act });

const asked = (page) => page.evaluate(() => globalThis.phone.asked.map(({ name }) => name));
const last = (page, name) => page.evaluate((n) => globalThis.phone.asked.filter((a) => a.name === n).at(-1)?.args, name);
const focus = (page) => page.evaluate(() => document.activeElement?.textContent?.trim() || document.activeElement?.tagName);
const until = async (what, test) => {
  for (let i = 0; i < 100; i++) {
    if (await test()) return;
    await new Promise((done) => setTimeout(done, 50));
  }
  assert.fail(what);
};

scenario('Enter calls, and makes an identity only then', 'caller', async (page) => {
  assert.ok(!(await asked(page)).includes('create'));
  await page.keyboard.press('Enter');
  await until('dialled', async () => (await asked(page)).includes('dial'));
  assert.deepEqual(await last(page, 'create'), { name: '', lock: 'none' });
  assert.equal((await last(page, 'dial')).label, 'Washington');
});

scenario('a private window is warned of before a number is bound', 'caller-private', async (page) => {
  await page.getByRole('button', { name: 'Call', exact: true }).click();
  await page.getByRole('alertdialog').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('alertdialog').waitFor({ state: 'hidden' });
  assert.ok(!(await asked(page)).includes('create'));
  assert.equal(await focus(page), 'Call');
});

scenario('a refused microphone makes nothing and tells how to allow it', 'caller-mic-refused', async (page) => {
  await page.getByRole('dialog').getByRole('listitem').nth(2).waitFor();
  assert.ok(!(await asked(page)).includes('create') && !(await asked(page)).includes('dial'));
});

scenario('a answers', 'incoming', async (page) => {
  assert.equal(await focus(page), 'Ottawa');
  await page.keyboard.press('a');
  await page.getByRole('button', { name: 'Hang up' }).waitFor();
  assert.deepEqual(await last(page, 'accept'), { call: 1 });
});

scenario('d declines', 'incoming', async (page) => {
  await page.keyboard.press('d');
  await page.getByRole('heading', { name: 'Contacts' }).waitFor();
  assert.deepEqual(await last(page, 'decline'), { call: 1 });
});

scenario('single keys can be switched off, and do nothing with Ctrl', 'incoming', async (page) => {
  await page.keyboard.press('Control+a');
  await page.evaluate(() => globalThis.model.preferences.keep({ keys: false }));
  await page.keyboard.press('a');
  await page.keyboard.press('d');
  await page.waitForTimeout(200);
  const names = await asked(page);
  assert.ok(!names.includes('accept') && !names.includes('decline'));
});

scenario('m mutes, o holds, h hangs up', 'talking-verified', async (page) => {
  await page.keyboard.press('m');
  await page.getByRole('button', { name: 'Mute', exact: true }).waitFor(); // it was muted
  await page.keyboard.press('o');
  await page.getByRole('button', { name: 'Resume' }).waitFor();
  assert.deepEqual(await last(page, 'hold'), { call: 1, on: true });
  await page.keyboard.press('h');
  await page.getByRole('heading', { name: 'Call ended' }).waitFor();
});

scenario('words that match make the person verified', 'talking', async (page) => {
  await page.getByRole('button', { name: 'They match' }).click();
  await page.getByText('Encrypted · verified person').waitFor();
  assert.deepEqual(await last(page, 'words'), { call: 1, match: true });
});

scenario('words that differ end the call, after asking', 'talking', async (page) => {
  await page.getByRole('button', { name: 'They differ' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Cancel' }).click();
  assert.equal(await last(page, 'words'), undefined);
  await page.getByRole('button', { name: 'They differ' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Hang up' }).click();
  await page.getByRole('heading', { name: 'The words differ' }).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Call again' }).count(), 0);
});

scenario('answering a second call holds the first', 'waiting', async (page) => {
  await page.getByRole('button', { name: 'Hold & answer' }).click();
  await page.getByRole('heading', { name: 'Brasília', exact: true }).waitFor();
  assert.deepEqual(await last(page, 'hold'), { call: 1, on: true });
  await page.getByRole('button', { name: 'Swap' }).click();
  await page.getByRole('heading', { name: 'Ottawa', exact: true }).waitFor();
  assert.deepEqual(await last(page, 'hold'), { call: 1, on: false });
});

scenario('do not disturb: nothing asks for an answer, but it can be given', 'contacts', async (page) => {
  await page.evaluate(() => {
    const { model, phone } = globalThis;
    model.setQuiet(Number.MAX_SAFE_INTEGER);
    const call = { ...globalThis.anyCall, id: 7, incoming: true, state: 'ringing' };
    phone.state.calls.push(call);
    phone.emit({ event: 'incoming', call });
  });
  await page.getByText('It does not ring').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Decline' }).count(), 0);
  await page.getByRole('button', { name: 'Answer' }).click();
  await page.getByRole('button', { name: 'Hang up' }).waitFor();
});

scenario('a revoked number comes back by Undo', 'number-revoked', async (page) => {
  await page.getByRole('button', { name: 'Undo' }).click();
  await until('restored', async () => (await asked(page)).includes('number_restore'));
  await page.getByText('Revoked').waitFor({ state: 'hidden' });
});

scenario('a number: for whom, until when, how many calls', 'number-new', async (page) => {
  assert.ok(await page.getByRole('button', { name: 'Make the number' }).isDisabled());
  await page.getByLabel('For whom?').fill('Lima');
  await page.getByRole('radio', { name: '30 days' }).check({ force: true });
  await page.getByRole('radio', { name: '5 calls' }).check({ force: true });
  await page.keyboard.press('Enter');
  await page.getByRole('img', { name: /Code of the number/ }).waitFor();
  assert.deepEqual(await last(page, 'number_new'), { label: 'Lima', expires_s: 30 * 86400, calls: 5 });
});

scenario('letters typed into a field are no shortcuts', 'number-new', async (page) => {
  await page.getByLabel('For whom?').focus();
  await page.keyboard.type('mad');
  assert.equal(await page.getByLabel('For whom?').inputValue(), 'mad');
});

scenario('erasing asks for a word', 'erase', async (page) => {
  const erase = page.getByRole('button', { name: 'Erase everything' });
  assert.ok(await erase.isDisabled());
  await page.getByLabel(/to confirm/).fill('Erase ');
  await erase.click();
  await until('erased', async () => (await asked(page)).includes('erase'));
});

scenario('the words heard are picked', 'exchange-words', async (page) => {
  await page.getByRole('button', { name: 'sudden lemon' }).click();
  await page.getByRole('heading', { name: 'Almost done' }).waitFor();
  assert.deepEqual(await last(page, 'exchange_pick'), { choice: 2 });
});

scenario('a leak is told until it was noted', 'contacts-alerts', async (page) => {
  const told = page.getByText('The number you gave to');
  await told.first().waitFor();
  await page.getByRole('button', { name: 'Noted' }).click();
  await told.first().waitFor({ state: 'hidden' });
});

scenario('a wrong passphrase is told at its field, which is empty again', 'unlock-wrong', async (page) => {
  assert.equal(await page.getByLabel('Passphrase').getAttribute('aria-invalid'), 'true');
  assert.equal(await page.getByLabel('Passphrase').inputValue(), '');
});

scenario('the language changes at once, and the side of reading with it', 'settings', async (page) => {
  await page.getByLabel('Language').selectOption('ar');
  await page.getByRole('heading', { name: 'الإعدادات', level: 1 }).waitFor();
  assert.equal(await page.locator('html').getAttribute('dir'), 'rtl');
  assert.equal(await page.locator('html').getAttribute('lang'), 'ar');
});

let failures = 0;
await withPage(async (page) => {
  const errors = [];
  page.on('pageerror', (error) => errors.push(error.message));
  for (const { name, screen, act } of scenarios) {
    try {
      await page.goto(`${address}?screen=${screen}&n=${scenarios.findIndex((s) => s.name === name)}`);
      await page.waitForSelector('html[data-ready]');
      await act(page);
      assert.deepEqual(errors.splice(0), []);
      console.log(`ok ${name}`);
    } catch (error) {
      failures++;
      console.error(`not ok ${name}: ${error.message}`);
    }
  }
}, close, 240000);
close();
if (failures > 0) process.exitCode = 1;
