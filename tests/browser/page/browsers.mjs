// SPDX-License-Identifier: Apache-2.0
// Real browsers: one process a person (the sound of the fake microphone belongs to the process), and in
// it a fresh context, with storage of its own, for each device of each scenario.
import { existsSync } from 'node:fs';

import { listenIn } from './ears.mjs';

export const MESON_SKIP = 77;
const PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const TIMEOUT_MS = 15000; // until something is on the screen
const ARGS = [
  '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];
// What browsers under test are told otherwise.
const UNTHROTTLED = [
  '--disable-background-timer-throttling', '--disable-backgrounding-occluded-windows', '--disable-renderer-backgrounding',
];
// What a browser writes on its console when the network is away: its own words, not the page's.
const NETWORK = /net::ERR_|WebSocket connection to|Failed to load resource|Failed to establish a connection|Unknown error -\d+/;
// Chromium does not know this word of the policy, which the standard (WebTransport, section 5) demands.
const UNKNOWN_WORD = /invalid source: ''unsafe-webtransport-hashes''/;

const path = PATHS.find(existsSync);
let chromium;
try {
  ({ chromium } = await import('playwright-core'));
} catch {
  // told by `missing`
}

// Why there can be no test here, or undefined.
export function missing() {
  if (!chromium) return 'npm ci in tests/browser first';
  return path ? undefined : 'there is no Chromium';
}

// The driver has each page look at itself as if it were in front, for ever; from now on this one knows when it
// is not. There is no other way to the connection on which the driver said so.
export async function mayBeHidden(page) {
  const session = page._connection.toImpl(page).delegate._mainFrameSession._client;
  await session.send('Emulation.setFocusEmulationEnabled', { enabled: false });
}

// Says what goes wrong in a page that no test asks about. One for each context.
class Watch {
  constructor() {
    this.errors = [];
    this.networkMayFail = false;
  }

  message(kind, text) {
    if (kind === 'console' && UNKNOWN_WORD.test(text)) return;
    if (kind === 'console' && this.networkMayFail && NETWORK.test(text)) return;
    this.errors.push(`${kind}: ${text}`);
  }
}

export class Browsers {
  constructor(keyHash) {
    this.keyHash = keyHash;
    this.running = new Map();
    this.contexts = [];
    this.networkMayFail = false; // of the contexts that are opened next
  }

  // The browser whose microphone hears that WAV file, from its beginning and again and again; null: a
  // machine without a microphone.
  async browser(wav, throttles) {
    const name = `${wav ?? 'none'} ${throttles}`;
    if (!this.running.has(name)) {
      const more = throttles ? { ignoreDefaultArgs: UNTHROTTLED } : {};
      this.running.set(name, await chromium.launch({ ...this.#program(wav), ...more }));
    }
    return this.running.get(name);
  }

  #program(wav) {
    const microphone = wav
      ? ['--use-fake-device-for-media-stream', `--use-file-for-fake-audio-capture=${wav}`]
      : [];
    return {
      executablePath: path,
      headless: true,
      args: [...ARGS, `--ignore-certificate-errors-spki-list=${this.keyHash}`, ...microphone],
    };
  }

  // A device. permission: whether the person allows the microphone; networkMayFail: what the
  // browser says of a network that is away is no error then; throttles: the browser spares its pages in
  // the background, as people's do.
  async context({ wav, permission = true, networkMayFail = this.networkMayFail, throttles = false, ...options }) {
    const browser = await this.browser(wav, throttles);
    return this.#prepare(await browser.newContext({ locale: 'en-GB', ...options }), permission, networkMayFail);
  }

  // A browser with a profile of its own in that directory, as people have, and on a desktop (desktop.mjs):
  // what a click on a notification opens, only such a one opens.
  async profile({ wav, directory, environment, networkMayFail = this.networkMayFail }) {
    const context = await chromium.launchPersistentContext(directory, {
      ...this.#program(wav), locale: 'en-GB', env: { ...process.env, ...environment },
    });
    return this.#prepare(context, true, networkMayFail);
  }

  async #prepare(context, permission, networkMayFail) {
    context.setDefaultTimeout(TIMEOUT_MS);
    context.watch = new Watch();
    context.watch.networkMayFail = networkMayFail;
    await context.grantPermissions(['clipboard-read', 'clipboard-write', ...(permission ? ['microphone'] : [])]);
    await context.exposeBinding('__violated', (_, text) => context.watch.message('CSP', text));
    await context.addInitScript(() => document.addEventListener('securitypolicyviolation', (event) =>
      globalThis.__violated(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`)));
    await context.addInitScript(listenIn);
    context.on('console', (m) => m.type() === 'error' && context.watch.message('console', m.text()));
    context.on('weberror', (e) => context.watch.message('exception', e.error().stack ?? String(e.error())));
    this.contexts.push(context);
    return context;
  }

  // Ends all devices: what went wrong in them without being looked at.
  async closeContexts() {
    const errors = [];
    for (const context of this.contexts.splice(0)) {
      errors.push(...context.watch.errors);
      await context.close().catch(() => {});
    }
    return errors;
  }

  async close() {
    await this.closeContexts();
    await Promise.all([...this.running.values()].map((browser) => browser.close()));
  }
}
