// SPDX-License-Identifier: Apache-2.0
// Do not disturb when the page is closed: what a push shows then. The push comes from the browser's own
// tools; that a relay's pushes arrive is another test's.
import assert from 'node:assert';

import { until } from './stage.mjs';
import { Telephone } from './telephone.mjs';
import { t } from './text.mjs';

const VOICE = { voice: '0870' };

// To a worker that is active: one that is still being installed gets nothing, and nobody says so.
async function push(phone) {
  const tools = await phone.context.newCDPSession(phone.page);
  const { origin } = phone.scene.stage;
  let registrationId;
  tools.on('ServiceWorker.workerVersionUpdated', ({ versions }) => {
    const active = versions.find((one) => one.scriptURL.startsWith(origin) && one.status === 'activated');
    registrationId = active?.registrationId ?? registrationId;
  });
  await tools.send('ServiceWorker.enable');
  await until('the service worker is active', () => registrationId !== undefined, 15000, 100);
  await tools.send('ServiceWorker.deliverPushMessage', { origin, registrationId, data: '' });
  await tools.detach();
}

// What is shown now; closing ends some time after it was asked for.
const notifications = (worker) => worker.evaluate(async () => (await self.registration.getNotifications())
  .map(({ body, silent, requireInteraction, vibrate }) => ({ body, silent, requireInteraction, vibrate: [...vibrate ?? []] })));

// Counts what was shown whole. Whoever asks for the notifications while one is being shown makes Chromium forget
// it: it is kept by then, but is not among those on the screen.
const count = (worker) => worker.evaluate(() => {
  const registration = ServiceWorkerRegistration.prototype;
  if (self.shown === undefined) {
    const { showNotification } = registration;
    registration.showNotification = async function show(...given) {
      await showNotification.apply(this, given);
      self.shown++;
    };
  }
  self.shown = 0;
});

// What it shows once a push has come, with no page in sight; it is taken away again.
async function shown(phone) {
  const worker = await until('the service worker is there', () => phone.context.serviceWorkers()[0], 15000, 100);
  // Left, it counts as in sight for a moment, and then rings by itself.
  await until('no page is in sight', () => worker.evaluate(async () =>
    (await self.clients.matchAll({ type: 'window', includeUncontrolled: true })).length === 0), 15000, 100);
  await count(worker);
  await push(phone);
  await until('something is shown', () => worker.evaluate(() => self.shown > 0), 15000, 100);
  const found = await notifications(worker);
  await worker.evaluate(async () => (await self.registration.getNotifications()).forEach((one) => one.close()));
  await until('it is taken away', async () => (await notifications(worker)).length === 0, 15000, 100);
  return found;
}

async function setQuiet(phone, on) {
  await phone.open();
  await phone.go('settings');
  await phone.page.getByRole('switch', { name: t('quiet.title', {}, true) }).click();
  if (on) await phone.row('quiet.forever');
  await phone.page.getByRole('switch', { name: t('quiet.title', {}, true), checked: on }).waitFor();
  await phone.page.goto('about:blank');
}

export function quietTests(scene) {
  scene.scenario('do not disturb holds when the page is closed, too', async () => {
    const ada = await Telephone.withLine(scene, 'Ada', VOICE);
    await ada.context.grantPermissions(['microphone', 'notifications']);
    await ada.ready();
    await ada.page.goto('about:blank');
    const [loud] = await shown(ada);
    assert.equal(loud.body, 'Somebody is calling');
    assert.ok(loud.requireInteraction && !loud.silent && loud.vibrate.length > 0, JSON.stringify(loud));

    await setQuiet(ada, true);
    const quiet = await shown(ada);
    assert.equal(quiet.length, 1);
    assert.match(quiet[0].body, /Do not disturb is on/);
    assert.ok(quiet[0].silent && !quiet[0].requireInteraction && quiet[0].vibrate.length === 0, JSON.stringify(quiet[0]));

    await setQuiet(ada, false);
    assert.equal((await shown(ada))[0].body, 'Somebody is calling');
  });
}
