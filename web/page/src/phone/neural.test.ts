// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { beforeEach, mock, test } from 'node:test'
import { AGAIN_MS, load_neural, measure_speed } from './neural.ts'
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

// A device on which a million multiplications take so long, by one measurement after the other; the last repeats.
const takes = (...ms: number[]) => async () => ms.length > 1 ? ms.shift()! : ms[0]!

// Pauses that take no time, until so many have been begun: the next one never ends.
function pauses(count: number) {
  const begun: number[] = []
  let over = () => {}
  const all = new Promise<void>(done => { over = done })
  const pause = (ms: number) => {
    begun.push(ms)
    if (begun.length <= count) return Promise.resolve()
    over()
    return new Promise<void>(() => {})
  }
  return { begun, all, pause }
}

test('weights are fetched, and given to the telephone', async () => {
  await load_neural(telephone, ASSET, false, () => false, takes(3))
  assert.deepEqual([fetched, given, slow], [['/voice.weights'], 7, 0])
})

test('nothing is fetched to save data, or where there is nothing', async () => {
  await load_neural(telephone, ASSET, true, () => false, takes(3))
  await load_neural(telephone, null, false, () => false, takes(3))
  assert.deepEqual([fetched, slow], [[], 0])
})

test('a device that is too slow fetches nothing, tells it, and is measured again after longer and longer pauses', async () => {
  const { begun, all, pause } = pauses(5)
  void load_neural(telephone, ASSET, false, () => false, takes(50), pause)
  await all
  assert.deepEqual(begun.slice(1), [...AGAIN_MS, AGAIN_MS.at(-1), AGAIN_MS.at(-1)])
  assert.deepEqual([fetched, slow], [[], 1])
})

test('a device that was only busy gets them when it is not any more', async () => {
  const { begun, pause } = pauses(9)
  await load_neural(telephone, ASSET, false, () => false, takes(50, 21, 20), pause)
  assert.deepEqual([begun.slice(1), given, slow], [AGAIN_MS.slice(0, 2), 7, 1])
})

test('no call is measured in: what was too slow waits for its end', async () => {
  const { begun, all, pause } = pauses(4)
  let measured = 0
  const measure = async () => {
    measured++
    return 50
  }
  void load_neural(telephone, ASSET, false, () => begun.length === 2 || begun.length === 3, measure, pause)
  await all
  assert.deepEqual([begun.slice(1), measured], [[AGAIN_MS[0], AGAIN_MS[0], AGAIN_MS[0], AGAIN_MS[1]], 2])
})

test('in a call they are fetched too, and the call itself shows whether the device is fast enough', async () => {
  await load_neural(telephone, ASSET, false, () => true)
  assert.deepEqual([given, slow], [7, 0])
})

test('what cannot be had, or is refused, changes nothing', async () => {
  taken = false
  await load_neural(telephone, ASSET, false, () => false, takes(3))
  mock.method(globalThis, 'fetch', () => Promise.reject(new TypeError('no network')))
  await load_neural(telephone, ASSET, false, () => false, takes(3))
  mock.method(globalThis, 'fetch', async () => new Response('', { status: 404 }))
  await load_neural(telephone, ASSET, false, () => false, takes(3))
  assert.deepEqual([given, slow], [7, 0])
})

// A clock that is looked at before and after each try of a quarter of a million.
function tries(...ms: number[]) {
  let at = 0, looks = 0
  const now = () => at += looks++ % 2 === 0 ? 0 : ms.shift()!
  return { now, left: ms }
}

test('the speed is that of the best try, wherever it is among those that something else delayed', async () => {
  const { begun, pause } = pauses(9)
  const { now, left } = tries(30, 40, 90, 8, 30, 6, 4, 99)
  assert.equal(await measure_speed(() => false, now, pause), 16)
  assert.deepEqual([begun.length, left], [1, [99]], 'and none is made when one was fast enough')
})

test('a slow device is slow in all tries', async () => {
  const { begun, pause } = pauses(9)
  const { now, left } = tries(...Array<number>(23).fill(9), 6)
  assert.equal(await measure_speed(() => false, now, pause), 24)
  assert.deepEqual([begun.length, left], [5, []])
})

test('a call that comes ends the measurement', async () => {
  const { begun, pause } = pauses(9)
  const { now } = tries(9, 8, 9, 9)
  assert.equal(await measure_speed(() => begun.length > 0, now, pause), 32)
  assert.equal(await measure_speed(() => true, now, pause), Infinity)
})
