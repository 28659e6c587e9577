// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DropOldest } from './queue.ts'
import { LowWater, SampleRing } from './ring.ts'

test('samples come out in order across the end of the ring', () => {
  const ring = new SampleRing(10)
  const out = new Float32Array(4)
  let next = 0
  let expected = 0
  for (let round = 0; round < 20; round++) {
    assert.equal(ring.push(Int16Array.from({ length: 4 }, () => next++ * 100)), 4)
    assert.equal(ring.pull(out), 4)
    for (const sample of out) assert.equal(Math.round(sample * 32768), expected++ * 100)
  }
})

test('what is missing is silence, what does not fit is dropped', () => {
  const ring = new SampleRing(5)
  const out = new Float32Array(4).fill(9)
  assert.equal(ring.push(new Int16Array([16384, -32768])), 2)
  assert.equal(ring.pull(out), 2)
  assert.deepEqual([...out], [0.5, -1, 0, 0])
  assert.equal(ring.push(new Int16Array(7)), 5)
  assert.equal(ring.length, 5)
  ring.clear()
  assert.equal(ring.pull(out), 0)
})

test('low water grows at once when something was missing, to a limit', () => {
  const low = new LowWater(300, 900, 250, 10, 300)
  low.note(0, true)
  assert.equal(low.samples, 550)
  low.note(0, true)
  assert.equal(low.samples, 550, 'one gap counts once, however long')
  for (let gap = 0; gap < 3; gap++) {
    low.note(300, false)
    low.note(0, true)
  }
  assert.equal(low.samples, 900)
})

test('low water falls slowly, and only when there was more than enough all the time', () => {
  const low = new LowWater(300, 900, 250, 10, 900)
  for (let i = 0; i < 9; i++) low.note(600, false)
  low.note(400, false) // once nearly empty
  assert.equal(low.samples, 900)
  for (let i = 0; i < 9; i++) low.note(600, false)
  assert.equal(low.samples, 900)
  low.note(600, false)
  assert.equal(low.samples, 650)
  for (let i = 0; i < 100; i++) low.note(600, false)
  assert.equal(low.samples, 300)
})

test('a full queue lets the oldest go', () => {
  const queue = new DropOldest<number>(3)
  for (let i = 0; i < 5; i++) queue.push(i)
  assert.equal(queue.dropped, 2)
  assert.deepEqual([queue.shift(), queue.shift(), queue.shift(), queue.shift()], [2, 3, 4, undefined])
})
