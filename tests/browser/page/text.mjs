// SPDX-License-Identifier: Apache-2.0
// The page's English words by their keys: the tests look for what people read, wherever it is written.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { ROOT } from './stage.mjs';

const PAGE_SOURCES = join(ROOT, 'web/page');
const { transformSync } = createRequire(join(PAGE_SOURCES, 'package.json'))('esbuild');
const { code } = transformSync(readFileSync(join(PAGE_SOURCES, 'src/i18n/en.ts'), 'utf8'), { loader: 'ts', format: 'esm' });
const { en } = await import(`data:text/javascript;base64,${Buffer.from(code).toString('base64')}`);

const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

// A pattern for the whole text, or (part) for a text that holds it. Whatever is not named in params may
// be anything; names stand between marks that keep the direction of writing.
export function t(key, params = {}, part = false) {
  const pattern = source(key, params);
  return new RegExp(part ? pattern : `^\\s*${pattern}\\s*$`);
}

// A text that begins so.
export const begins = (key, params = {}) => new RegExp(`^\\s*${source(key, params)}`);

function source(key, params) {
  const message = en[key];
  if (message === undefined) throw new Error(`the page has no text '${key}'`);
  const forms = typeof message === 'string' ? [message] : Object.values(message);
  const patterns = forms.map((form) => form.split(/(\{\w+\})/).map((piece) => {
    const name = /^\{(\w+)\}$/.exec(piece)?.[1];
    if (!name) return escape(piece).replace(/\s+/g, '\\s+');
    return `\\u2068?${params[name] === undefined ? '.*' : escape(String(params[name]))}\\u2069?`;
  }).join(''));
  return `(?:${patterns.join('|')})`;
}
