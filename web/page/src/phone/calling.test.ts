// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LANGUAGES } from '../i18n'
import { calling } from './calling.ts'
import { is_quiet, keep_quiet } from './quiet.ts'

// As much of the browser's caches as is used.
function fake_caches(): CacheStorage {
  const all = new Map<string, Map<string, Response>>()
  const open = async (name: string) => {
    const entries = all.get(name) ?? new Map<string, Response>()
    all.set(name, entries)
    return { put: async (url: string, response: Response) => void entries.set(url, response) }
  }
  return {
    open, delete: async (name: string) => all.delete(name),
    match: async (url: string, { cacheName }: { cacheName: string }) => all.get(cacheName)?.get(url)?.clone(),
  } as unknown as CacheStorage
}

test('a call insists, sounds and vibrates; while nothing is to ring it does none of it', () => {
  const loud = calling('en-GB', false) as Record<string, unknown>
  assert.equal(loud['requireInteraction'], true)
  assert.ok(Array.isArray(loud['vibrate']))
  assert.ok(!loud['silent'])
  const quiet = calling('en-GB', true) as Record<string, unknown>
  assert.equal(quiet['silent'], true)
  for (const insistent of ['requireInteraction', 'renotify', 'vibrate']) assert.ok(!quiet[insistent], insistent)
  assert.equal(quiet['tag'], loud['tag']) // one line, however many call
})

test('it is said in each language, and in English in any other', () => {
  for (const quiet of [false, true]) {
    const said = Object.keys(LANGUAGES).map(code => calling(`${code}-XX`, quiet))
    assert.equal(new Set(said.map(options => options.body)).size, 6)
    assert.deepEqual(said.filter(options => options.dir === 'rtl').map(options => options.lang), ['ar'])
    assert.equal(calling('de', quiet).body, calling('en', quiet).body)
  }
})

test('the worker knows until when nothing is to ring', async () => {
  globalThis.caches = fake_caches()
  assert.equal(await is_quiet(1000), false)
  await keep_quiet(2000)
  assert.equal(await is_quiet(1999), true)
  assert.equal(await is_quiet(2000), false)
  await keep_quiet(Number.MAX_SAFE_INTEGER)
  assert.equal(await is_quiet(2000), true)
  await keep_quiet(0)
  assert.equal(await is_quiet(1000), false)
})

test('a browser without such storage rings', async () => {
  globalThis.caches = { open: () => Promise.reject(new Error()), match: () => Promise.reject(new Error()) } as unknown as CacheStorage
  await keep_quiet(2000)
  assert.equal(await is_quiet(1000), false)
})
