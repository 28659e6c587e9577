// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Backoff, BACKOFF_CALL_MS, BACKOFF_MAX_MS, BACKOFF_MIN_MS } from './backoff.ts'

test('waits double up to the most, and start over', () => {
  const backoff = new Backoff(() => 0.5)
  const waits = Array.from({ length: 7 }, () => backoff.next())
  assert.deepEqual(waits, [250, 500, 1000, 2000, 4000, 5000, 5000])
  backoff.reset()
  assert.equal(backoff.next(), BACKOFF_MIN_MS)
})

test('no two devices wait alike, none over a fifth more or less', () => {
  assert.equal(new Backoff(() => 0).next(), 0.8 * BACKOFF_MIN_MS)
  const late = new Backoff(() => 1)
  for (let i = 0; i < 10; i++) assert.ok(late.next() <= 1.2 * BACKOFF_MAX_MS + 1e-6)
})

test('in a call no wait is long', () => {
  const backoff = new Backoff(() => 0.5)
  const waits = Array.from({ length: 5 }, () => backoff.next(BACKOFF_CALL_MS))
  assert.deepEqual(waits, [250, 500, 1000, 1000, 1000])
  assert.equal(backoff.next(), BACKOFF_MAX_MS)
})
