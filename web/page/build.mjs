// SPDX-License-Identifier: Apache-2.0
// Makes the page: build/page/, everything that sottod serves below "/".
//
//   node build.mjs [--out DIR] [--wasm FILE] [--weights FILE] [--sign KEY.pem] [--cache DIR] [--partial]
//
//   --out      where to (../../build/page); emptied first
//   --wasm     the telephone, $SOTTO_WASM or build/wasm/web/wasm/sotto.wasm
//   --weights  the neural part of the voice, $SOTTO_WEIGHTS or build/wasm/core/media/voice.weights
//   --cache    what was compressed before, by the hash of its content (build/page-cache)
//   --sign     an Ed25519 key; makes release.json.sig (sign.mjs says in which format)
//   --partial  what is missing is left out: for work on the looks without a telephone
//
// The same input makes the same bytes, wherever it is built: no dates, no paths, no chance. Each
// name but index.html, sw.js, manifest.webmanifest and release.json holds a hash of the content, so that
// it can be cached for ever, and release.json lists all files with their digests: its own SHA-256 is the
// hash of the page. Beside each file lie its .br and .gz, which are not listed: they are the same bytes.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, extname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import * as esbuild from 'esbuild'
import { sign } from './sign.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, '../..')

const { values: options } = parseArgs({
  options: {
    out: { type: 'string', default: join(root, 'build/page') },
    wasm: { type: 'string', default: process.env.SOTTO_WASM ?? join(root, 'build/wasm/web/wasm/sotto.wasm') },
    weights: {
      type: 'string',
      default: process.env.SOTTO_WEIGHTS ?? join(root, 'build/wasm/core/media/voice.weights'),
    },
    sign: { type: 'string' },
    cache: { type: 'string', default: join(root, 'build/page-cache') },
    partial: { type: 'boolean', default: false },
  },
})
const out = resolve(options.out)

// ---- what is made ----------------------------------------------------------------------------

/** name -> bytes of everything that will be served. */
const files = new Map()

const digest = (algorithm, bytes, encoding) => createHash(algorithm).update(bytes).digest(encoding)
const integrity = bytes => 'sha384-' + digest('sha384', bytes, 'base64')

/** Adds a file under a name with a hash of its content, and tells both. */
function addHashed(name, bytes) {
  const ending = extname(name)
  const hashed = `${basename(name, ending)}-${digest('sha256', bytes, 'hex').slice(0, 16)}${ending}`
  files.set(hashed, bytes)
  return { url: '/' + hashed, integrity: integrity(bytes) }
}

/** The module without its custom sections: names and what debuggers want, a tenth of it compressed. */
function stripped(wasm) {
  if (wasm.length < 8 || wasm.readUInt32LE(0) !== 0x6d736100) throw new Error('the telephone is no WebAssembly')
  const kept = [wasm.subarray(0, 8)]
  for (let at = 8; at < wasm.length;) {
    const id = wasm[at], start = at++
    let size = 0, shift = 0, byte
    do {
      byte = wasm[at++]
      size += (byte & 0x7f) * 2 ** shift
      shift += 7
    } while (byte & 0x80)
    at += size
    if (at > wasm.length) throw new Error('the telephone is cut off')
    if (id !== 0) kept.push(wasm.subarray(start, at))
  }
  return Buffer.concat(kept)
}

function addTelephone(path) {
  if (existsSync(path)) return addHashed('sotto.wasm', stripped(readFileSync(path)))
  if (!options.partial) throw new Error(`the telephone is not there: ${path} (make page builds it; --partial goes without)`)
  console.warn('page: without the telephone')
  return null
}

function addWeights(path) {
  if (existsSync(path)) return addHashed('voice.weights', readFileSync(path))
  if (!options.partial) throw new Error(`the weights are not there: ${path} (make page builds them; --partial goes without)`)
  console.warn('page: without the neural part of the voice')
  return null
}

// ---- scripts ---------------------------------------------------------------------------------

const version = /^\s*version: '([^']+)'/m.exec(readFileSync(join(root, 'meson.build'), 'utf8'))[1]

const common = {
  absWorkingDir: here, bundle: true, format: 'esm', target: ['es2022'], minify: true, write: false,
  charset: 'utf8', legalComments: 'none', jsx: 'automatic', jsxImportSource: 'preact', metafile: true,
  logLevel: 'warning', preserveSymlinks: true, loader: { '.svg': 'file', '.woff2': 'file' }, assetNames: '[name]-[hash]',
}

/** One file without imports: the worker, a worklet, the service worker. */
async function single(entry, define) {
  const result = await esbuild.build({
    ...common, entryPoints: [entry], outdir: out,
    define: { __VERSION__: JSON.stringify(version), ...define },
  })
  return result.outputFiles[0].contents
}

async function scripts(entry, assets) {
  if (!existsSync(join(here, entry))) {
    if (!options.partial) throw new Error(`${entry} is not there`)
    return null
  }
  return await assets(entry)
}

/** The page itself: an entry, its style, and chunks that are loaded when they are wanted. */
async function page(entry, assets) {
  const result = await esbuild.build({
    ...common, entryPoints: [entry], outdir: out, splitting: true, publicPath: '/',
    entryNames: '[name]-[hash]', chunkNames: '[name]-[hash]',
    define: { __VERSION__: JSON.stringify(version), __ASSETS__: JSON.stringify(assets) },
  })
  const made = new Map(result.outputFiles.map(file => [relative(out, file.path), file.contents]))
  for (const [name, bytes] of made) files.set(name, bytes)
  const outputs = Object.fromEntries(Object.entries(result.metafile.outputs)
    .map(([path, output]) => [relative(out, resolve(here, path)), output]))
  const [main, output] = Object.entries(outputs).find(([, o]) => o.entryPoint === entry)
  const css = output.cssBundle ? relative(out, resolve(here, output.cssBundle)) : null
  // All that the entry needs at once, through however many imports.
  const first = new Set()
  const follow = name => outputs[name].imports.filter(i => i.kind === 'import-statement').forEach(i => {
    const chunk = relative(out, resolve(here, i.path))
    if (first.has(chunk)) return
    first.add(chunk)
    follow(chunk)
  })
  follow(main)
  const asset = name => ({ url: '/' + name, integrity: integrity(made.get(name)) })
  return { main: asset(main), css: css && asset(css), first: [...first].sort().map(asset) }
}

// ---- what surrounds them -----------------------------------------------------------------------

/** Everything in static/ gets a hashed name; the two that others find by name refer to those. */
function statics() {
  const dir = join(here, 'static')
  const names = existsSync(dir) ? readdirSync(dir).sort() : []
  const templates = new Set(['index.html', 'manifest.webmanifest'])
  const renamed = new Map(names.filter(name => !templates.has(name) && statSync(join(dir, name)).isFile())
    .map(name => [name, addHashed(name, readFileSync(join(dir, name))).url]))
  const rename = text => text.replace(/(["'])\/?([\w.-]+)\1/g, (all, quote, name) =>
    renamed.has(name) ? quote + renamed.get(name) + quote : all)
  const template = (name, otherwise) => rename(
    existsSync(join(dir, name)) ? readFileSync(join(dir, name), 'utf8') : otherwise)
  return {
    index: template('index.html', '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>sotto</title>\n</head>\n<body></body>\n</html>\n'),
    manifest: template('manifest.webmanifest', '{"name":"sotto","start_url":"/","display":"standalone"}\n'),
  }
}

/** Puts the scripts and the style at the end of the head. */
function indexHtml(template, made) {
  if (/<(script|style)\b|\sstyle=|\son\w+=/i.test(template)) throw new Error('static/index.html: nothing inline, please')
  const tag = (name, attributes) => `<${name} ${attributes} crossorigin="anonymous">`
  const lines = []
  if (made) {
    if (made.css) lines.push(tag('link', `rel="stylesheet" href="${made.css.url}" integrity="${made.css.integrity}"`))
    for (const chunk of made.first)
      lines.push(tag('link', `rel="modulepreload" href="${chunk.url}" integrity="${chunk.integrity}"`))
    lines.push(tag('script', `type="module" src="${made.main.url}" integrity="${made.main.integrity}"`) + '</script>')
  }
  return template.replace('</head>', () => lines.join('\n') + '\n</head>')
}

const brotli = promisify(brotliCompress), zip = promisify(gzip)

const compressors = {
  '.br': bytes => brotli(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  }),
  '.gz': async bytes => {
    const packed = await zip(bytes, { level: 9 })
    packed[9] = 255 // the operating system's number
    return packed
  },
}

/** A megabyte takes seconds, and seldom changes. */
async function compressOnce(bytes, ending) {
  const { brotli: b, zlib: z } = process.versions
  const kept = join(options.cache, digest('sha256', bytes, 'hex') + `-${b}-${z}${ending}`)
  if (existsSync(kept)) return readFileSync(kept)
  const packed = await compressors[ending](bytes)
  mkdirSync(options.cache, { recursive: true })
  writeFileSync(kept + `.${process.pid}`, packed)
  renameSync(kept + `.${process.pid}`, kept)
  return packed
}

/** .br and .gz, where they are smaller. Their bytes hold no name and no date. */
async function compressed(name, bytes) {
  if (/\.(png|woff2)$/.test(name)) return []
  const all = await Promise.all(Object.keys(compressors)
    .map(async ending => [ending, await compressOnce(bytes, ending)]))
  return all.filter(([, packed]) => packed.length < bytes.length)
}

// ---- all of it -----------------------------------------------------------------------------------

const wasm = addTelephone(options.wasm)
const weights = addWeights(options.weights)

const worklets = {}
for (const name of readdirSync(join(here, 'src'), { recursive: true }).filter(n => n.endsWith('.worklet.ts')).sort()) {
  const key = basename(name, '.worklet.ts')
  worklets[key] = addHashed(key + '.js', await single(join('src', name), {}))
}
const assets = { wasm, weights, worker: null, worklets }
assets.worker = await scripts('src/phone/worker.ts', async entry =>
  addHashed('worker.js', await single(entry, { __ASSETS__: JSON.stringify(assets) })))
const made = await scripts('src/main.tsx', entry => page(entry, assets))

const { index, manifest } = statics()
files.set('manifest.webmanifest', Buffer.from(manifest))
files.set('index.html', Buffer.from(indexHtml(index, made)))

const precached = [...files].filter(([name]) => '/' + name !== weights?.url).sort(([a], [b]) => a < b ? -1 : 1)
  .map(([name, bytes]) => ({ url: name === 'index.html' ? '/' : '/' + name, integrity: integrity(bytes) }))
const precache = { id: digest('sha256', JSON.stringify(precached), 'hex').slice(0, 16), files: precached }
const sw = await scripts('src/phone/sw.ts', entry => single(entry, {
  __ASSETS__: JSON.stringify(assets), __PRECACHE__: JSON.stringify(precache),
}))
if (sw) files.set('sw.js', sw)

const listed = [...files].sort(([a], [b]) => a < b ? -1 : 1).map(([name, bytes]) => ({
  path: '/' + name, bytes: bytes.length, sha384: digest('sha384', bytes, 'base64'),
}))
const release = Buffer.from(JSON.stringify({ name: 'sotto page', version, files: listed }, null, 1) + '\n')
files.set('release.json', release)
if (options.sign) files.set('release.json.sig', sign(release, readFileSync(options.sign, 'utf8')))

// All at once, so that a relay that reads it meanwhile sees the old or the new.
const fresh = out + '.new', old = out + '.old'
for (const dir of [fresh, old]) rmSync(dir, { recursive: true, force: true })
mkdirSync(fresh, { recursive: true })
const onTheWire = await Promise.all([...files].map(async ([name, bytes]) => {
  writeFileSync(join(fresh, name), bytes)
  const packed = await compressed(name, bytes)
  for (const [ending, smaller] of packed) writeFileSync(join(fresh, name + ending), smaller)
  return [name, Math.min(bytes.length, ...packed.map(([, smaller]) => smaller.length))]
}))
if (existsSync(out)) renameSync(out, old)
renameSync(fresh, out)
rmSync(old, { recursive: true, force: true })

const needed = new Set([...precached.map(file => file.url === '/' ? 'index.html' : file.url.slice(1)), 'sw.js'])
const wire = onTheWire.reduce((sum, [name, bytes]) => needed.has(name) ? sum + bytes : sum, 0)
console.log(`page: ${relative(process.cwd(), out) || '.'}: ${files.size} files, ${Math.round(wire / 1024)} KB over the wire` +
  ` without the weights, hash ${digest('sha256', release, 'hex')}`)
