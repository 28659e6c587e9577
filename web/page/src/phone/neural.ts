// SPDX-License-Identifier: Apache-2.0
// The neural part of the voice: it fills gaps better, and is two thirds of all bytes. Fetched once the
// page can call, where there is the bandwidth and the speed for it.
import type { Neural } from './protocol.ts'
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

export async function load_neural(telephone: Telephone, asset: Asset | null, saving: boolean, busy: () => boolean,
                                  tell: (state: Neural) => void): Promise<void> {
  if (asset === null) return tell('off')
  if (saving) return tell('saving')
  await new Promise(done => setTimeout(done, AFTER_MS))
  if (!busy() && measure_speed() > SPEED_MAX_MS) return tell('slow')
  tell('loading')
  const response = await fetch(asset.url, { integrity: asset.integrity }).catch(() => null)
  const bytes = response?.ok ? await response.arrayBuffer().catch(() => null) : null
  // Taking them in takes longer than a cell may wait.
  while (bytes !== null && busy()) await new Promise(done => setTimeout(done, 1000))
  tell(bytes !== null && telephone.weights(new Uint8Array(bytes)) ? 'on' : 'off')
}
