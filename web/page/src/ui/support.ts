// SPDX-License-Identifier: Apache-2.0
// Whether this browser has what a call needs.

import { SIMD_PROBE } from '../phone/simd'

export type Missing = 'secure' | 'wasm' | 'simd' | 'worklet' | 'crypto' | 'worker'

/** The first thing that is missing, or null. */
export function missing(scope: typeof globalThis = globalThis): Missing | null {
  if (scope.isSecureContext === false) return 'secure'
  if (typeof scope.WebAssembly !== 'object') return 'wasm'
  if (!scope.WebAssembly.validate(SIMD_PROBE)) return 'simd'
  if (typeof scope.AudioWorkletNode !== 'function') return 'worklet'
  if (!scope.crypto?.subtle) return 'crypto'
  if (typeof scope.Worker !== 'function') return 'worker'
  return null
}

export const isApple = (): boolean => /iPhone|iPad|Macintosh.*Mobile/.test(navigator.userAgent) ||
  (navigator.maxTouchPoints > 1 && /Macintosh/.test(navigator.userAgent))

export const isInstalled = (): boolean => matchMedia('(display-mode: standalone)').matches
