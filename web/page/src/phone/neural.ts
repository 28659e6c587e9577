// SPDX-License-Identifier: Apache-2.0
// The neural parts of the voice: they fill gaps better, tell the other side of what it missed (DRED), and are
// three quarters of all bytes. Fetched once the page can call, where there is the bandwidth and the speed for
// it; a call that goes on takes them too. Should they turn out too slow, the telephone switches them off.
import type { Telephone } from './wasm.ts'

const AFTER_MS = 2500
/** The loop below takes 2 to 4 ms on a small laptop, where a frame then decodes in 1.1 ms of its 20. */
const SPEED_MAX_MS = 20
const SPEED_STEPS = 1_000_000

/** Milliseconds for a million multiplications, the best of three. */
export function measure_speed(now: () => number = () => performance.now()): number {
  const values = new Float32Array(1024).fill(1.0001)
  let best = Infinity
  for (let round = 0; round < 3; round++) {
    const start = now()
    let sum = 0
    for (let i = 0; i < SPEED_STEPS; i++) sum = sum * 0.999 + values[i & 1023]! * 0.5
    values[0] = 1 + sum * 1e-9 // used, so that it is done
    best = Math.min(best, now() - start)
  }
  return best
}

const pause = (ms: number) => new Promise<void>(done => setTimeout(done, ms))

export async function load_neural(telephone: Telephone, asset: Asset | null, saving: boolean, busy: () => boolean): Promise<void> {
  if (asset === null || saving) return
  await pause(AFTER_MS)
  if (!busy() && measure_speed() > SPEED_MAX_MS) return telephone.slow()
  const response = await fetch(asset.url, { integrity: asset.integrity }).catch(() => null)
  const bytes = response?.ok ? await response.arrayBuffer().catch(() => null) : null
  if (bytes !== null && await telephone.weights(new Uint8Array(bytes), () => pause(0)).catch(() => false)) return
  console.info('telephone: without the neural parts of the voice')
}
