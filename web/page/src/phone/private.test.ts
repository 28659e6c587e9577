// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { file_is_memory } from './private.ts'

/** A file whose calls take so long. */
function file(flush_ms: number, size_ms: number) {
  let time = 0
  const bytes = [1, 2, 3]
  const handle = {
    getSize: () => { time += size_ms; return bytes.length },
    write: (piece: Uint8Array, { at }: { at: number }) => { bytes.splice(at, piece.length, ...piece); return piece.length },
    truncate: (size: number) => { bytes.length = size },
    flush: () => { time += flush_ms },
  }
  return { handle, bytes, now: () => time }
}

test('a file on a disk is known by a flush that takes time', () => {
  const disk = file(5, 0)
  assert.equal(file_is_memory(disk.handle, disk.now), false)
  assert.deepEqual(disk.bytes, [1, 2, 3], 'and is as it was')
  const fast = file(0, 0) // nothing can be told
  assert.equal(file_is_memory(fast.handle, fast.now), false)
})

test('a file in another process is known by a size that takes time', () => {
  const memory = file(0, 0.3)
  assert.equal(file_is_memory(memory.handle, memory.now), true)
  assert.deepEqual(memory.bytes, [1, 2, 3])
})
