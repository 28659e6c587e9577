// SPDX-License-Identifier: Apache-2.0
// Messages on a stream of bytes: u16 length, big-endian, then the bytes (docs/PROTOCOL.md, "The
// link"). A message has 1 to MESSAGE_MAX_BYTES bytes; anything else is a peer that is broken.

export const MESSAGE_MAX_BYTES = 20480

export function frame(message: Uint8Array): Uint8Array<ArrayBuffer> {
  if (message.length === 0 || message.length > MESSAGE_MAX_BYTES) throw new RangeError('message length')
  const out = new Uint8Array(2 + message.length)
  out[0] = message.length >> 8
  out[1] = message.length & 255
  out.set(message, 2)
  return out
}

/** Puts the pieces of a stream together again. */
export class Deframer {
  private buffer = new Uint8Array(2 + MESSAGE_MAX_BYTES)
  private have = 0

  /** Calls `message` for each whole message; its bytes are only good during the call. Throws
   * RangeError on a length that is not allowed: the stream is lost. */
  push(piece: Uint8Array, message: (bytes: Uint8Array) => void): void {
    let at = 0
    while (at < piece.length) {
      const want = this.have < 2 ? 2 - this.have : 2 + this.length() - this.have
      const take = Math.min(want, piece.length - at)
      this.buffer.set(piece.subarray(at, at + take), this.have)
      this.have += take
      at += take
      if (this.have < 2) continue
      const length = this.length()
      if (length === 0 || length > MESSAGE_MAX_BYTES) throw new RangeError('message length')
      if (this.have < 2 + length) continue
      this.have = 0
      message(this.buffer.subarray(2, 2 + length))
    }
  }

  private length(): number {
    return (this.buffer[0]! << 8) | this.buffer[1]!
  }
}
