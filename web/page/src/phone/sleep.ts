// SPDX-License-Identifier: Apache-2.0
// A browser's timers count whole milliseconds, and a chain of them is held to 4 ms each. A cell must
// leave on its tick, whatever is in it: the last bit of the wait is slept off to the point.

/** More of a wait than this is left to a timer. */
export const NAP_MAX_MS = 1.6

const shared = typeof SharedArrayBuffer === 'function' ? new Int32Array(new SharedArrayBuffer(4)) : null

/** Blocks this worker until performance.now() is `until`, at most NAP_MAX_MS. */
export function nap(until: number): void {
  const ms = Math.min(until - performance.now(), NAP_MAX_MS)
  if (ms <= 0) return
  if (shared !== null) Atomics.wait(shared, 0, 0, ms)
  while (performance.now() < until && performance.now() > until - NAP_MAX_MS) { /* a few microseconds */ }
}

/** One timer. Armed from a task of its own, so that the browser does not count a chain. */
export class Alarm {
  private timer: ReturnType<typeof setTimeout> | undefined
  private readonly hop = new MessageChannel()
  private wanted = Infinity

  constructor(private readonly ring: () => void) {
    this.hop.port1.onmessage = () => this.arm()
  }

  /** Rings shortly before `at`, by up to NAP_MAX_MS; Infinity: not at all. */
  set(at: number): void {
    if (at === this.wanted) return
    this.wanted = at
    clearTimeout(this.timer)
    if (at !== Infinity) this.hop.port2.postMessage(null)
  }

  private arm(): void {
    clearTimeout(this.timer)
    if (this.wanted === Infinity) return
    const ms = Math.max(0, Math.floor(this.wanted - performance.now() - (NAP_MAX_MS - 1)))
    this.timer = setTimeout(() => {
      this.wanted = Infinity
      this.ring()
    }, Math.min(ms, 0x7fffffff))
  }
}
