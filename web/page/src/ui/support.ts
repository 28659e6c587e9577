// SPDX-License-Identifier: Apache-2.0
// Whether this browser has what a call needs.

// (module (func (result v128) i32.const 0 i8x16.splat)): valid only where SIMD is.
const SIMD = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11,
])

export type Missing = 'secure' | 'wasm' | 'simd' | 'worklet' | 'crypto' | 'worker'

/** The first thing that is missing, or null. */
export function missing(scope: typeof globalThis = globalThis): Missing | null {
  if (scope.isSecureContext === false) return 'secure'
  if (typeof scope.WebAssembly !== 'object') return 'wasm'
  if (!scope.WebAssembly.validate(SIMD)) return 'simd'
  if (typeof scope.AudioWorkletNode !== 'function') return 'worklet'
  if (!scope.crypto?.subtle) return 'crypto'
  if (typeof scope.Worker !== 'function') return 'worker'
  return null
}

export const isApple = (): boolean => /iPhone|iPad|Macintosh.*Mobile/.test(navigator.userAgent) ||
  (navigator.maxTouchPoints > 1 && /Macintosh/.test(navigator.userAgent))

export const isInstalled = (): boolean => matchMedia('(display-mode: standalone)').matches
