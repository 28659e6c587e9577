// SPDX-License-Identifier: Apache-2.0
// The worker's end of the sound: pieces to the playback worklet when it asks, blocks from the capture
// worklet as they come. How loud both are, for the screen.
import type { Want } from './protocol.ts'
import { PIECE_SAMPLES, type Clock, type Telephone } from './wasm.ts'

const WANT_MAX = 10 // pieces at once
const MIC_FALL = 0.75 // per block, so that a peak can be seen
const SPEAKER_FALL = 0.87 // per piece

/** 0..100 on a scale of 60 dB. */
function level_of(pcm: Int16Array): number {
  let peak = 0
  for (let i = 0; i < pcm.length; i++) peak = Math.max(peak, Math.abs(pcm[i]!))
  return peak === 0 ? 0 : Math.max(0, Math.min(100, 100 + 20 * Math.log10(peak / 32768) * 100 / 60))
}

export class Voice {
  mic = 0
  speaker = 0
  private wanted = 0
  private out: MessagePort | null = null
  private in: MessagePort | null = null

  /** `wake` is called when something came: the telephone is to be turned. */
  constructor(private readonly telephone: Telephone, private readonly wake: () => void) {}

  set_speaker(port: MessagePort): void {
    this.out?.close()
    this.out = port
    this.wanted = 0
    port.onmessage = (event: MessageEvent<Want>) => {
      this.wanted = Math.min(WANT_MAX, this.wanted + event.data.want)
      this.wake()
    }
  }

  set_microphone(port: MessagePort | null): void {
    this.in?.close()
    this.in = port
    this.mic = 0
    if (port === null) return
    port.onmessage = (event: MessageEvent<Int16Array>) => {
      if (this.in !== port) return
      this.telephone.capture(event.data)
      this.mic = Math.max(level_of(event.data), this.mic * MIC_FALL)
      this.wake()
    }
  }

  /** Makes what was asked for. Not right before a cell is due: that comes first. */
  play(now: Clock): void {
    for (; this.wanted > 0 && this.out !== null; this.wanted--) {
      const piece = new Int16Array(PIECE_SAMPLES)
      const start = performance.now()
      this.telephone.playout(piece, now)
      this.telephone.voice_cost(performance.now() - start, 0, now)
      this.speaker = Math.max(level_of(piece), this.speaker * SPEAKER_FALL)
      this.out.postMessage(piece, [piece.buffer])
    }
  }
}
