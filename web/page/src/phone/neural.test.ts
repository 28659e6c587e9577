// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { beforeEach, mock, test } from 'node:test'
import { load_neural, measure_speed } from './neural.ts'
import type { Telephone } from './wasm.ts'

const ASSET = { url: '/voice.weights', integrity: 'sha384-x' }

let fetched: string[], slow: number, given: number, taken: boolean
const telephone = {
  slow: () => { slow++ },
  weights: async (bytes: Uint8Array) => {
    given += bytes.length
    return taken
  },
} as unknown as Telephone

beforeEach(() => {
  fetched = []
  slow = given = 0
  taken = true
  mock.restoreAll()
  mock.method(globalThis, 'setTimeout', (done: () => void) => queueMicrotask(done))
  mock.method(globalThis, 'fetch', async (url: string) => {
    fetched.push(url)
    return new Response(new Uint8Array(7))
  })
  mock.method(console, 'info', () => undefined)
})

// Each look at the clock is so many milliseconds after the one before.
const steps = (ms: number) => {
  let at = 0
  mock.method(performance, 'now', () => at += ms)
}

test('weights are fetched, and given to the telephone', async () => {
  steps(3)
  await load_neural(telephone, ASSET, false, () => false)
  assert.deepEqual([fetched, given, slow], [['/voice.weights'], 7, 0])
})

test('nothing is fetched to save data, or for a device that is too slow, which is told', async () => {
  steps(3)
  await load_neural(telephone, ASSET, true, () => false)
  await load_neural(telephone, null, false, () => false)
  assert.deepEqual([fetched, slow], [[], 0])
  steps(50)
  await load_neural(telephone, ASSET, false, () => false)
  assert.deepEqual([fetched, slow], [[], 1])
})

test('in a call they are fetched too, and the call itself shows whether the device is fast enough', async () => {
  steps(50)
  await load_neural(telephone, ASSET, false, () => true)
  assert.deepEqual([given, slow], [7, 0])
})

test('what cannot be had, or is refused, changes nothing', async () => {
  steps(3)
  taken = false
  await load_neural(telephone, ASSET, false, () => false)
  mock.method(globalThis, 'fetch', () => Promise.reject(new TypeError('no network')))
  await load_neural(telephone, ASSET, false, () => false)
  mock.method(globalThis, 'fetch', async () => new Response('', { status: 404 }))
  await load_neural(telephone, ASSET, false, () => false)
  assert.deepEqual([given, slow], [7, 0])
})

test('the loop is timed, the best of three', () => {
  const times = [0, 9, 10, 14, 20, 27]
  assert.equal(measure_speed(() => times.shift()!), 4)
})
