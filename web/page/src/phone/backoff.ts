// SPDX-License-Identifier: Apache-2.0
// How long to wait before the next attempt.

export const BACKOFF_MIN_MS = 250
export const BACKOFF_MAX_MS = 5000
/** In a call: somebody waits. */
export const BACKOFF_CALL_MS = 1000
/** A link that lasted longer starts from the minimum again. */
export const LASTED_MS = 5000

export class Backoff {
  private ms = BACKOFF_MIN_MS

  constructor(private readonly random: () => number = Math.random) {}

  /** The next wait, ±20 % so that a relay that restarts is not met by everybody at once. */
  next(most = BACKOFF_MAX_MS): number {
    const wait = Math.min(this.ms, most) * (0.8 + 0.4 * this.random())
    this.ms = Math.min(2 * this.ms, BACKOFF_MAX_MS)
    return wait
  }

  reset(): void {
    this.ms = BACKOFF_MIN_MS
  }
}
