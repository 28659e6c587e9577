// SPDX-License-Identifier: Apache-2.0
// npm test: bundles each src/**/*.test.ts into a directory of its own and runs them, and the
// build's own tests (*.test.mjs), under node --test.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as esbuild from 'esbuild'

const here = dirname(fileURLToPath(import.meta.url))
const files = (dir, ending) => readdirSync(join(here, dir), { recursive: true })
  .map(name => join(here, dir, name)).filter(name => ending.test(name)).sort()

const out = mkdtempSync(join(tmpdir(), 'sotto-page-test-'))
try {
  await esbuild.build({
    entryPoints: files('src', /\.test\.tsx?$/), outdir: out, outbase: here, bundle: true,
    platform: 'node', format: 'esm', target: 'node20', outExtension: { '.js': '.mjs' },
    loader: { '.css': 'empty' }, jsx: 'automatic', jsxImportSource: 'preact', logLevel: 'warning',
    sourcemap: 'inline',
    banner: { js: "import { createRequire } from 'node:module'\nconst require = createRequire(import.meta.url)" },
    define: { __VERSION__: '"test"' },
  })
  const bundled = readdirSync(out, { recursive: true }).filter(name => name.endsWith('.test.mjs'))
    .map(name => join(out, name)).sort()
  const own = readdirSync(here).filter(name => name.endsWith('.test.mjs')).map(name => join(here, name))
  const run = spawnSync(process.execPath, ['--enable-source-maps', '--test', ...process.argv.slice(2), ...bundled, ...own],
    { stdio: 'inherit' })
  process.exitCode = run.status ?? 1
} finally {
  rmSync(out, { recursive: true, force: true })
}
