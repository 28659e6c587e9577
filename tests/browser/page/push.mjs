// SPDX-License-Identifier: Apache-2.0
// Web Push without the services of those who make browsers: the relay really encrypts, signs and posts to a
// push service of the test (tests/system/push_service.mjs), which opens what comes; a browser's own half,
// the subscription at that service, is put in the page's hands, and what was opened is handed on to the
// browser, which gives it to the page's service worker as it would what its maker's service brought.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { Program, ROOT, until } from './stage.mjs';

const SERVICE = join(ROOT, 'tests/system/push_service.mjs');
const run = promisify(execFile);

export class PushService {
  async open(directory) {
    const [key, certificate] = [join(directory, 'push.pem'), join(directory, 'push.crt')];
    await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
      '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', certificate]);
    this.program = new Program('the push service', process.execPath, [SERVICE, key, certificate]);
    const { port, p256dh, auth } = await this.program.waitFor('ready');
    Object.assign(this, { host: `localhost:${port}`, keys: { p256dh, auth } });
    this.configuration = `[push]\ncontact = mailto:admin@relay.example\nca = ${certificate}\nservices = ${this.host}\n`;
    return this;
  }

  // All pushes so far.
  pushes() {
    return this.program.seen.filter((e) => e.event === 'push');
  }

  pushed() {
    return this.program.waitFor('push');
  }

  async close() {
    await this.program?.stop();
  }
}

// Runs in each page before anything else.
function subscriptions({ p256dh, auth }) {
  const bytes = (hex) => Uint8Array.from(hex.match(/../g), (two) => parseInt(two, 16)).buffer;
  const told = (endpoint) => endpoint && {
    endpoint,
    getKey: (name) => bytes({ p256dh, auth }[name]),
    unsubscribe: () => globalThis.__subscription('off').then(() => true),
  };
  PushManager.prototype.getSubscription = async () => told(await globalThis.__subscription('get'));
  PushManager.prototype.subscribe = async ({ userVisibleOnly, applicationServerKey }) => {
    if (!userVisibleOnly) throw new DOMException('', 'NotAllowedError');
    return told(await globalThis.__subscription('on', [...new Uint8Array(applicationServerKey)]));
  };
}

// A browser that is subscribed at that service.
export class Subscriber {
  constructor(context, service) {
    Object.assign(this, { context, service, endpoint: null, key: null });
  }

  async open() {
    let n = 0;
    await this.context.exposeBinding('__subscription', (_, what, key) => {
      if (what === 'on') {
        this.endpoint = `https://${this.service.host}/sent/${++n}`;
        this.key = Buffer.from(key).toString('base64url');
      } else if (what === 'off') this.endpoint = null;
      return this.endpoint;
    });
    await this.context.addInitScript(subscriptions, this.service.keys);
    await this.context.grantPermissions(['microphone', 'notifications']);
    return this;
  }

  // What the browser does with a message that has come for the page at that origin.
  async deliver(origin, data) {
    const page = await this.context.newPage();
    const session = await this.context.newCDPSession(page);
    let found;
    session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      found = registrations.find(({ scopeURL, isDeleted }) => scopeURL.startsWith(origin) && !isDeleted) ?? found;
    });
    await session.send('ServiceWorker.enable');
    const { registrationId } = await until('the service worker', () => found);
    await session.send('ServiceWorker.deliverPushMessage', { origin, registrationId, data });
    await page.close();
  }
}
