// SPDX-License-Identifier: Apache-2.0
// The neural parts of the voice: they fill gaps better, tell the other side of what it missed (DRED), and are
// three quarters of all bytes. Fetched once the page can call, where there is the bandwidth and the speed for
// it; a call that goes on takes them too. A device that seems too slow may only be busy: it is measured again.
// Should they turn out too slow in a call, the telephone switches them off.
import type { Telephone } from './wasm.ts'

const AFTER_MS = 2500
/** The loop below takes 2 to 4 ms on a small laptop, where a frame then decodes in 1.1 ms of its 20. */
const SPEED_MAX_MS = 20
const SPEED_STEPS = 1_000_000
// What else runs on the device spoils some tries, seldom all: they are short and spread over half a second.
const TRY_STEPS = 250_000
const TRIES = 4 // in a row, so that a processor that saves power is awake for the last
const ROUNDS = 6
const ROUND_PAUSE_MS = 100
/** Until a device that seemed too slow is measured again; the last one repeats. */
export const AGAIN_MS = [30_000, 120_000, 600_000]

const sleep = (ms: number) => new Promise<void>(done => setTimeout(done, ms))

/** Milliseconds for a million multiplications, by the best of several tries. Ends at once when it is fast enough,
 * and when a call comes, which it would disturb (Infinity before the first try). */
export async function measure_speed(busy: () => boolean, now = () => performance.now(), pause = sleep): Promise<number> {
  const values = new Float32Array(1024).fill(1.0001)
  let best = Infinity
  for (let round = 0; round < ROUNDS; round++) {
    if (round > 0) await pause(ROUND_PAUSE_MS)
    if (busy()) return best
    for (let i = 0; i < TRIES && best > SPEED_MAX_MS; i++) best = Math.min(best, time_try(values, now))
    if (best <= SPEED_MAX_MS) return best
  }
  return best
}

function time_try(values: Float32Array, now: () => number): number {
  const start = now()
  let sum = 0
  for (let i = 0; i < TRY_STEPS; i++) sum = sum * 0.999 + values[i & 1023]! * 0.5
  values[0] = 1 + sum * 1e-9 // used, so that it is done
  return (now() - start) * (SPEED_STEPS / TRY_STEPS)
}

/** Resolves once they are loaded, or will not be. `busy`: there is a call; `measure`: as measure_speed. */
export async function load_neural(telephone: Telephone, asset: Asset | null, saving: boolean, busy: () => boolean,
                                  measure: (busy: () => boolean) => Promise<number> = measure_speed,
                                  pause = sleep): Promise<void> {
  if (asset === null || saving) return
  await pause(AFTER_MS)
  // A call shows by itself whether the device is fast enough.
  if (await measure(busy) > SPEED_MAX_MS && !busy()) {
    telephone.slow()
    await until_fast(busy, measure, pause)
  }
  const response = await fetch(asset.url, { integrity: asset.integrity }).catch(() => null)
  const bytes = response?.ok ? await response.arrayBuffer().catch(() => null) : null
  if (bytes !== null && await telephone.weights(new Uint8Array(bytes), () => sleep(0)).catch(() => false)) return
  console.info('telephone: without the neural parts of the voice')
}

// Not in calls: what was found too slow is not tried on one, and a measurement would delay its cells.
async function until_fast(busy: () => boolean, measure: (busy: () => boolean) => Promise<number>,
                          pause: (ms: number) => Promise<void>): Promise<void> {
  for (let i = 0;;) {
    await pause(AGAIN_MS[i]!)
    if (busy()) continue
    if (await measure(busy) <= SPEED_MAX_MS) return
    i = Math.min(i + 1, AGAIN_MS.length - 1)
  }
}
