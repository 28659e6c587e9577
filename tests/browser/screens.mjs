// SPDX-License-Identifier: Apache-2.0
// Every screen of the page, from fixtures, in a real Chromium: captured into build/screens/ and checked.
// Fails on what axe-core finds against WCAG 2.2 AA, on anything wider than the window, and on targets
// under 44 px.
//
//   node screens.mjs [--only NAME] [--quick]    --only: names that contain NAME; --quick: one size
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { withPage } from './browser.mjs';
import { axeSource, openGallery } from './gallery.mjs';

const out = join(dirname(fileURLToPath(import.meta.url)), '../../build/screens');
const TARGET_PX = 44;
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

const { values: options } = parseArgs({ options: { only: { type: 'string' }, quick: { type: 'boolean', default: false } } });
const phone = { width: 360, height: 800 };
const desk = { width: 1280, height: 800 };
const LOOKS = options.quick ? [{ name: 'phone', ...phone, scheme: 'light', lang: 'en' }] : [
  { name: 'phone-light', ...phone, scheme: 'light', lang: 'en' },
  { name: 'phone-dark', ...phone, scheme: 'dark', lang: 'en' },
  { name: 'desk-light', ...desk, scheme: 'light', lang: 'en' },
  { name: 'desk-dark', ...desk, scheme: 'dark', lang: 'en' },
  { name: 'phone-arabic', ...phone, scheme: 'light', lang: 'ar' },
  { name: 'phone-russian', ...phone, scheme: 'light', lang: 'ru' },
];

// What is wrong with the layout, told from inside the page.
function layoutProblems(least) {
  const problems = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) problems.push(`wider than the window: ${root.scrollWidth} > ${root.clientWidth}`);
  const left = /\{\w+\}/.exec(document.body.innerText);
  if (left) problems.push(`not filled in: ${left[0]}`);
  const modal = document.querySelector('dialog[open]');
  for (const element of (modal ?? document).querySelectorAll('button, a[href], input, select, textarea, summary')) {
    const box = element.getBoundingClientRect();
    if (box.width === 0 || element.closest('.unseen')) continue;
    const name = `${element.tagName.toLowerCase()}.${element.className} "${(element.textContent || element.ariaLabel || '').slice(0, 30)}"`;
    if (box.width < least || box.height < least) problems.push(`small: ${name} ${Math.round(box.width)}×${Math.round(box.height)}`);
    if (box.left < -1 || box.right > innerWidth + 1) problems.push(`outside: ${name}`);
  }
  for (const element of (modal ?? document).querySelectorAll('.button span, h1, .row-title, .tab > span')) {
    if (element.closest('.unseen') || element.classList.contains('unseen')) continue;
    if (element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).display !== 'inline') problems.push(`cut: ${element.className} "${element.textContent.slice(0, 40)}"`);
  }
  return problems;
}

async function check(page, look, screen, address) {
  const errors = [];
  const listen = (message) => { if (message.type() === 'error') errors.push(`console: ${message.text()}`); };
  const failed = (error) => errors.push(`script: ${error.message}`);
  page.on('console', listen);
  page.on('pageerror', failed);
  try {
    await page.goto(`${address}?screen=${screen}&lang=${look.lang}&look=${look.name}${Math.random()}`);
    await page.waitForSelector('html[data-ready]', { timeout: 15000 });
    await page.screenshot({ path: join(out, `${screen}.${look.name}.png`), animations: 'disabled' });
    errors.push(...await page.evaluate(layoutProblems, TARGET_PX));
    await page.evaluate(axeSource);
    const found = await page.evaluate(async (tags) => {
      const result = await globalThis.axe.run(document, { runOnly: tags, resultTypes: ['violations'] });
      return result.violations.map((v) => `axe ${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.target.join(' ') + ' ' + (n.any[0]?.message ?? '')).join(' | ')}`);
    }, TAGS);
    errors.push(...found);
  } catch (error) {
    errors.push(`not seen: ${error.message.split('\n')[0]}`);
  } finally {
    page.off('console', listen);
    page.off('pageerror', failed);
  }
  return errors;
}

mkdirSync(out, { recursive: true });
const { address, close } = await openGallery();
let bad = 0;
let seen = 0;
await withPage(async (first, context) => {
  const browser = context.browser();
  await first.goto(`${address}?screen=contacts`);
  const screens = (await first.evaluate(() => globalThis.SCREENS)).filter((name) => !options.only || name.includes(options.only));
  for (const look of LOOKS) {
    const own = await browser.newContext({
      viewport: { width: look.width, height: look.height }, colorScheme: look.scheme, reducedMotion: 'reduce', timezoneId: 'UTC',
    });
    const page = await own.newPage();
    for (const screen of screens) {
      const problems = await check(page, look, screen, address);
      seen++;
      if (problems.length === 0) continue;
      bad++;
      console.error(`${screen} (${look.name}):\n  ${problems.join('\n  ')}`);
    }
    await own.close();
  }
}, close, 15 * 60000);
close();
console.log(`${seen} screens seen, ${bad} with problems; pictures in build/screens/`);
if (bad > 0 || seen === 0) process.exitCode = 1;
