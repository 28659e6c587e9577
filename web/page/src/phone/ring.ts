// SPDX-License-Identifier: Apache-2.0
// What is between the worker, which makes 10 ms at a time, and the sound card, which takes a few
// milliseconds at a time: samples in the order they came, and how many to keep.

/** Samples as fractions of full scale. Full: what does not fit is dropped, the caller asked for it. */
export class SampleRing {
  private readonly samples: Float32Array
  private start = 0
  length = 0

  constructor(readonly capacity: number) {
    this.samples = new Float32Array(capacity)
  }

  /** Returns how many were taken. */
  push(pcm: Int16Array): number {
    const count = Math.min(pcm.length, this.capacity - this.length)
    for (let i = 0; i < count; i++) {
      this.samples[(this.start + this.length + i) % this.capacity] = pcm[i]! / 32768
    }
    this.length += count
    return count
  }

  /** Fills `out` as far as it goes, the rest with silence; returns how many were there. */
  pull(out: Float32Array): number {
    const count = Math.min(out.length, this.length)
    for (let i = 0; i < count; i++) out[i] = this.samples[(this.start + i) % this.capacity]!
    out.fill(0, count)
    this.start = (this.start + count) % this.capacity
    this.length -= count
    return count
  }

  clear(): void {
    this.start = this.length = 0
  }
}

/** How many samples should be left when the next piece is asked for: enough for the worker's
 * answer to arrive in time, and no more, since all of it is delay. Grows at once when something was
 * missing, shrinks slowly when there was always more than needed. */
export class LowWater {
  private spare = Infinity
  private quanta = 0
  private stalled = false

  constructor(readonly min: number, readonly max: number, private readonly step: number,
              private readonly quiet_quanta: number, public samples: number) {}

  /** After each pull: what was left, and whether something was missing. */
  note(left: number, missing: boolean): void {
    if (missing && !this.stalled) {
      this.samples = Math.min(this.max, this.samples + this.step)
    }
    this.stalled = missing
    if (missing) {
      this.spare = Infinity
      this.quanta = 0
      return
    }
    this.spare = Math.min(this.spare, left)
    if (++this.quanta < this.quiet_quanta) return
    // A whole step was never used.
    if (this.spare > 2 * this.step) this.samples = Math.max(this.min, this.samples - this.step)
    this.spare = Infinity
    this.quanta = 0
  }
}
