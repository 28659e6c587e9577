// SPDX-License-Identifier: Apache-2.0
// The build itself: the same bytes from another directory, and a page that names and guards its parts.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash, createPublicKey, generateKeyPairSync, randomBytes, verify } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { verifierKey } from './sign.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const temporary = mkdtempSync(join(tmpdir(), 'sotto-build-'))
const first = join(temporary, 'one'), second = join(temporary, 'a/much/longer/way')
// A module of one type section, with bytes in it, and one that a debugger would want.
const section = (id, bytes) => Buffer.concat([Buffer.from([id, 0x80 | (bytes.length & 0x7f), bytes.length >> 7]), bytes])
const wanted = Buffer.concat([Buffer.from('\0asm\x01\0\0\0', 'latin1'), section(1, randomBytes(5000))])
const wasm = Buffer.concat([wanted, section(0, Buffer.from('\x04name' + 'n'.repeat(300), 'latin1'))])
const { privateKey } = generateKeyPairSync('ed25519')
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' })

function sources(root) {
  mkdirSync(join(root, 'web/page'), { recursive: true })
  for (const name of readdirSync(here).filter(name => name !== 'node_modules'))
    cpSync(join(here, name), join(root, 'web/page', name), { recursive: true })
  symlinkSync(join(here, 'node_modules'), join(root, 'web/page/node_modules'))
  cpSync(join(here, '../../meson.build'), join(root, 'meson.build'))
  writeFileSync(join(root, 'own.weights'), 'weights')
  writeFileSync(join(root, 'sotto.wasm'), wasm)
  writeFileSync(join(root, 'key.pem'), pem)
}

function build(root, ...more) {
  return spawnSync(process.execPath, [join(root, 'web/page/build.mjs'), '--wasm', join(root, 'sotto.wasm'),
    '--weights', join(root, 'own.weights'), '--sign', join(root, 'key.pem'), ...more],
  { cwd: root, encoding: 'utf8', timeout: 120000 })
}

const page = (root, name) => readFileSync(join(root, 'build/page', name))
const names = root => readdirSync(join(root, 'build/page')).sort()
const sha384 = bytes => createHash('sha384').update(bytes).digest('base64')

before(() => {
  for (const root of [first, second]) {
    sources(root)
    const run = build(root)
    assert.equal(run.status, 0, run.stderr)
  }
})
after(() => rmSync(temporary, { recursive: true, force: true }))

test('another directory, the same bytes', () => {
  assert.deepEqual(names(first), names(second))
  for (const name of names(first)) assert.ok(page(first, name).equals(page(second, name)), name)
  for (const name of names(first).filter(name => !/\.(br|gz|png)$/.test(name)))
    assert.ok(!page(first, name).includes(temporary), `${name} names the directory it was built in`)
})

test('another input, another hash', () => {
  const before = page(first, 'release.json')
  writeFileSync(join(second, 'sotto.wasm'), Buffer.concat([wasm, section(1, randomBytes(200))]))
  assert.equal(build(second).status, 0)
  assert.ok(!page(second, 'release.json').equals(before))
  assert.ok(!page(second, 'index.html').equals(page(first, 'index.html')), 'a changed part changes the page')
})

test('release.json lists every file with its digest', () => {
  const { files, version } = JSON.parse(page(first, 'release.json').toString())
  assert.match(version, /^\d+\.\d+\.\d+$/)
  const listed = files.map(file => file.path.slice(1)).sort()
  const present = names(first).filter(name => !/\.(br|gz)$/.test(name) && !/^release\.json/.test(name))
  assert.deepEqual(listed, present)
  for (const file of files) {
    const bytes = page(first, file.path.slice(1))
    assert.equal(bytes.length, file.bytes)
    assert.equal(sha384(bytes), file.sha384)
  }
})

test('names change with the content, but for four', () => {
  const plain = names(first).filter(name => !/\.(br|gz)$/.test(name) && !/-([0-9a-f]{16}|[A-Z0-9]{8})\.\w+$/.test(name))
  assert.deepEqual(plain, ['index.html', 'manifest.webmanifest', 'release.json', 'release.json.sig', 'sw.js'])
})

test('index.html loads only what it has the digest of, and nothing stands in it', () => {
  const html = page(first, 'index.html').toString()
  const tags = html.match(/<(script|link)\b[^>]*>/g)
  assert.ok(tags.some(tag => tag.startsWith('<script type="module"')))
  for (const tag of tags.filter(tag => /<script|stylesheet|modulepreload/.test(tag))) {
    const [, url] = /(?:src|href)="\/([^"]+)"/.exec(tag)
    assert.equal(/integrity="sha384-([^"]+)"/.exec(tag)[1], sha384(page(first, url)))
  }
  for (const [, url] of html.matchAll(/(?:src|href)="\/?([^"]+)"/g)) assert.ok(names(first).includes(url), url)
  assert.doesNotMatch(html, /<style|style=|\son[a-z]+=|<script[^>]*>[^<]/)
})

test('the manifest of the application finds its icons', () => {
  const { icons } = JSON.parse(page(first, 'manifest.webmanifest').toString())
  assert.ok(icons.length > 0)
  for (const icon of icons) assert.ok(names(first).includes(icon.src.slice(1)), icon.src)
})

test('scripts fetch with the digest of what they want', () => {
  const worker = names(first).find(name => /^worker-.*\.js$/.test(name))
  const text = page(first, worker).toString()
  assert.ok(text.includes('sha384-' + sha384(wanted)), 'the module without its debugging sections')
  assert.ok(text.includes('sha384-' + sha384(Buffer.from('weights'))), 'the weights')
  const sw = page(first, 'sw.js').toString()
  assert.ok(sw.includes('sha384-' + sha384(page(first, 'index.html'))))
  assert.ok(!/"?url"?:"\/voice-[^"]*",integrity:"[^"]*"\}[,\]]/.test(sw), 'the weights are not kept beforehand')
})

test('compressed copies are the same bytes', () => {
  const copies = names(first).filter(name => /\.(br|gz)$/.test(name))
  assert.ok(copies.includes('index.html.br') && copies.includes('index.html.gz'))
  for (const name of copies) {
    const unpacked = name.endsWith('.br') ? brotliDecompressSync(page(first, name)) : gunzipSync(page(first, name))
    assert.ok(unpacked.equals(page(first, name.replace(/\.(br|gz)$/, ''))), name)
  }
})

test('the signature is a C2SP signed note about release.json', () => {
  const note = page(first, 'release.json.sig').toString()
  const hash = createHash('sha256').update(page(first, 'release.json')).digest('base64')
  const [text, signatures] = note.split(/(?<=\n)\n/)
  assert.match(text, /^sotto page \d+\.\d+\.\d+\nsha256 /)
  assert.ok(text.endsWith(`sha256 ${hash}\n`))
  const [, name, base64] = /^\u2014 (\S+) (\S+)\n$/.exec(signatures)
  const blob = Buffer.from(base64, 'base64')
  assert.equal(blob.length, 4 + 64)
  assert.ok(verify(null, Buffer.from(text), createPublicKey(privateKey), blob.subarray(4)))
  const [keyName, id] = verifierKey(pem).split('+')
  assert.equal(keyName, name)
  assert.equal(id, blob.subarray(0, 4).toString('hex'))
})

test('nothing that is missing is passed over', () => {
  for (const what of ['--wasm', '--weights']) {
    const run = build(second, what, join(second, 'nothing'))
    assert.notEqual(run.status, 0)
    assert.match(run.stderr, /nothing/)
  }
  const { privateKey: other } = generateKeyPairSync('ed448')
  writeFileSync(join(second, 'key.pem'), other.export({ type: 'pkcs8', format: 'pem' }))
  assert.match(build(second).stderr, /must be Ed25519/)
})
