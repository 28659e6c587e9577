// SPDX-License-Identifier: Apache-2.0
// A real Chromium with an empty page on loopback, for the browser tests; ends the test as skipped
// where there is none.
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';

const MESON_SKIP = 77;
const TIMEOUT_MS = 60000;

const browserPath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
let chromium;
try {
  ({ chromium } = await import('playwright-core'));
} catch {
  console.log('skipped: npm ci in tests/browser first');
  process.exit(MESON_SKIP);
}
if (!browserPath) {
  console.log('skipped: there is no Chromium');
  process.exit(MESON_SKIP);
}

// Calls test(page, context) and closes everything whatever happens; `kill` ends the server on a hang.
export async function withPage(test, kill, timeoutMs = TIMEOUT_MS) {
  const pages = createServer((request, response) => {
    response.setHeader('Content-Type', 'text/html');
    response.end('<!doctype html><title>sotto</title>');
  });
  const guard = setTimeout(() => {
    console.error(`no end after ${timeoutMs} ms`);
    kill();
    process.exit(1);
  }, timeoutMs);
  let browser;
  try {
    await new Promise((done) => pages.listen(0, '127.0.0.1', done));
    browser = await chromium.launch({
      executablePath: browserPath,
      headless: true,
      args: [
        '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking',
        '--disable-component-update', '--disable-sync',
      ],
    });
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${pages.address().port}/`);
    await test(page, context);
  } finally {
    clearTimeout(guard);
    await browser?.close();
    pages.close();
  }
}
