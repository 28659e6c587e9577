// SPDX-License-Identifier: Apache-2.0
// The page's screens from fixtures (web/page/test/gallery.tsx), served on loopback under the real page's
// rules for scripts and styles. Ends the test as skipped where the page's packages are not there.
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const pageDir = join(dirname(fileURLToPath(import.meta.url)), '../../web/page');
const require = createRequire(join(pageDir, 'package.json'));
let esbuild;
export let axeSource;
try {
  esbuild = require('esbuild');
  axeSource = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
} catch {
  console.log('skipped: npm ci in web/page first');
  process.exit(77);
}

async function bundle() {
  const result = await esbuild.build({
    absWorkingDir: pageDir, entryPoints: ['test/gallery.tsx'], outdir: '/gallery', bundle: true, splitting: true,
    format: 'esm', write: false, jsx: 'automatic', jsxImportSource: 'preact', logLevel: 'warning',
    define: { __VERSION__: '"0.0.0"', __ASSETS__: '{}' },
  });
  return new Map(result.outputFiles.map((file) => [file.path.replace('/gallery', ''), file.contents]));
}

const HTML = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>sotto</title>'
  + '<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">'
  + '<link rel="stylesheet" href="/gallery.css"><script type="module" src="/gallery.js"></script></head>'
  + '<body><div id="app"></div></body></html>';

function serve(files) {
  return createServer((request, response) => {
    const path = request.url.split('?')[0];
    const type = path.endsWith('.js') ? 'text/javascript' : path.endsWith('.css') ? 'text/css' : 'text/html';
    response.setHeader('Content-Type', type + '; charset=utf-8');
    // The same rules for styles and scripts as the real page has.
    response.setHeader('Content-Security-Policy', "default-src 'self'; style-src 'self'; script-src 'self'; base-uri 'none'");
    response.end(path === '/' ? HTML : path === '/release.json' ? '{}' : files.get(path) ?? '');
  });
}

// Where it is, and what ends it.
export async function openGallery() {
  const server = serve(await bundle());
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { address: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}
