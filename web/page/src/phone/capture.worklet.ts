// SPDX-License-Identifier: Apache-2.0
// Hands what the microphone hears to the worker, 10 ms at a time, past the page's thread.
import type { ToWorklet } from './protocol.ts'

const BLOCK_SAMPLES = 480

class Capture extends AudioWorkletProcessor {
  private block = new Int16Array(BLOCK_SAMPLES)
  private have = 0
  private worker: MessagePort | null = null
  private running = true

  constructor() {
    super()
    this.port.onmessage = (event: MessageEvent<ToWorklet>) => {
      if ('port' in event.data) this.worker = event.data.port
      else this.running = event.data.run
    }
  }

  process(inputs: Float32Array[][]): boolean {
    const pcm = inputs[0]?.[0]
    if (pcm && this.running) this.take(pcm)
    return this.running
  }

  private take(pcm: Float32Array): void {
    for (let i = 0; i < pcm.length; i++) {
      const sample = Math.max(-1, Math.min(1, pcm[i]!))
      this.block[this.have++] = Math.round(sample < 0 ? sample * 32768 : sample * 32767)
      if (this.have < BLOCK_SAMPLES) continue
      this.worker?.postMessage(this.block, [this.block.buffer])
      this.block = new Int16Array(BLOCK_SAMPLES)
      this.have = 0
    }
  }
}

registerProcessor('sotto-capture', Capture)
