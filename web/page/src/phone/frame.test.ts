// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Deframer, frame, MESSAGE_MAX_BYTES } from './frame.ts'

function deframe(pieces: Uint8Array[]): Uint8Array[] {
  const deframer = new Deframer()
  const out: Uint8Array[] = []
  for (const piece of pieces) deframer.push(piece, message => out.push(message.slice()))
  return out
}

test('a message has its length before it, big-endian', () => {
  assert.deepEqual([...frame(new Uint8Array(258).fill(7)).subarray(0, 3)], [1, 2, 7])
})

test('messages come out whole however the stream is cut', () => {
  const messages = [1, 2, 255, 256, 300, MESSAGE_MAX_BYTES].map(n => new Uint8Array(n).map((_, i) => i * 31 + n))
  const stream = new Uint8Array(messages.reduce((sum, m) => sum + 2 + m.length, 0))
  let at = 0
  for (const message of messages) {
    stream.set(frame(message), at)
    at += 2 + message.length
  }
  for (const size of [1, 2, 3, 7, 1000, stream.length]) {
    const pieces = []
    for (let i = 0; i < stream.length; i += size) pieces.push(stream.subarray(i, i + size))
    assert.deepEqual(deframe(pieces), messages, `pieces of ${size}`)
  }
})

test('lengths that are not allowed end the stream', () => {
  assert.throws(() => deframe([new Uint8Array([0, 0])]), RangeError)
  const long = MESSAGE_MAX_BYTES + 1
  assert.throws(() => deframe([new Uint8Array([long >> 8, long & 255])]), RangeError)
  assert.throws(() => frame(new Uint8Array(0)), RangeError)
  assert.throws(() => frame(new Uint8Array(long)), RangeError)
})
