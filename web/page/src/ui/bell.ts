// SPDX-License-Identifier: Apache-2.0
// What a call sounds like before anybody speaks: the bell of an incoming call, the caller's ringback.
// Made of two tones on the spot; no file is loaded.

type Pattern = { tones: [number, number]; on_ms: number; every_ms: number; gain: number; vibrate?: number[] }

const BELL: Pattern = { tones: [587.3, 784], on_ms: 1100, every_ms: 3000, gain: 0.16, vibrate: [600, 250, 600] }
const RINGBACK: Pattern = { tones: [400, 450], on_ms: 1000, every_ms: 4000, gain: 0.05 }
const WAITING: Pattern = { tones: [587.3, 587.3], on_ms: 180, every_ms: 4000, gain: 0.05 }
const FADE_S = 0.03

// Of several tabs, one that may sound does.
const ONE_TAB = 'sotto.bell'

let context: AudioContext | undefined
let silenced: () => void = () => undefined
let released: Promise<void> = Promise.resolve()
let timer: ReturnType<typeof setInterval> | undefined
let playing: Pattern | undefined

// Not before the page was touched: browsers refuse it, and say so in the console.
function vibrate(pattern: number[] | 0): void {
  if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.(pattern)
}

function burst(pattern: Pattern): void {
  if (pattern.vibrate) vibrate(pattern.vibrate)
  const ctx = context
  if (!ctx || ctx.state !== 'running') return
  const start = ctx.currentTime
  const end = start + pattern.on_ms / 1000
  const gain = ctx.createGain()
  gain.gain.setValueAtTime(0, start)
  gain.gain.linearRampToValueAtTime(pattern.gain, start + FADE_S)
  gain.gain.setValueAtTime(pattern.gain, end - FADE_S)
  gain.gain.linearRampToValueAtTime(0, end)
  gain.connect(ctx.destination)
  for (const frequency of pattern.tones) {
    const tone = ctx.createOscillator()
    tone.frequency.value = frequency
    tone.connect(gain)
    tone.start(start)
    tone.stop(end)
    tone.onended = () => { tone.disconnect(); gain.disconnect() }
  }
}

function play(pattern: Pattern | undefined): void {
  if (playing === pattern) return
  playing = pattern
  clearInterval(timer)
  silenced()
  if (!pattern) {
    vibrate(0)
    void context?.suspend()
    return
  }
  try {
    context ??= new AudioContext()
  } catch {
    return // no sound here: the screen still shows the call
  }
  // A browser lets a page sound only once it has been touched; until then it shows and vibrates.
  const begin = (): void => {
    if (playing !== pattern) return
    burst(pattern)
    timer = setInterval(() => burst(pattern), pattern.every_ms)
  }
  const alone = (): Promise<void> => navigator.locks.request(ONE_TAB, { ifAvailable: true }, async lock => {
    if (!lock || playing !== pattern) return
    begin()
    await new Promise<void>(done => { silenced = done })
  })
  void context.resume().then(() => released).then(() => { released = alone().catch(() => undefined) }, () => undefined)
}

export const ring = (): void => play(BELL)
export const ringback = (): void => play(RINGBACK)
export const waitingTone = (): void => play(WAITING)
export const silence = (): void => play(undefined)
