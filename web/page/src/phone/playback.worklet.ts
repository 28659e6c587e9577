// SPDX-License-Identifier: Apache-2.0
// Plays what the worker makes. It asks for the next 10 ms when little is left; the worker's answer
// comes over a port of their own, past the page's thread.
import type { ToWorklet, Want } from './protocol.ts'
import { LowWater, SampleRing } from './ring.ts'

const PIECE_SAMPLES = 480
const RING_SAMPLES = 16 * PIECE_SAMPLES
const QUANTUM_SAMPLES = 128
// Kept at least: the worker's answer takes a millisecond or two, and many sound cards take their
// 10 ms in one go, during which nothing can arrive.
const LOW_MIN_SAMPLES = 3 * QUANTUM_SAMPLES
const LOW_START_SAMPLES = 5 * QUANTUM_SAMPLES
const LOW_MAX_SAMPLES = 10 * PIECE_SAMPLES
const STEP_SAMPLES = 2 * QUANTUM_SAMPLES
const QUIET_QUANTA = 2 * 375 // of 128 samples: two seconds
const ANSWER_QUANTA_MAX = 75 // 200 ms: the worker that was asked is not there any more

class Playback extends AudioWorkletProcessor {
  private readonly ring = new SampleRing(RING_SAMPLES)
  private readonly low = new LowWater(LOW_MIN_SAMPLES, LOW_MAX_SAMPLES, STEP_SAMPLES, QUIET_QUANTA, LOW_START_SAMPLES)
  private worker: MessagePort | null = null
  private running = false
  private asked = 0
  private waited = 0
  private started = false // the first piece came

  constructor() {
    super()
    this.port.onmessage = (event: MessageEvent<ToWorklet>) => {
      if ('port' in event.data) this.attach(event.data.port)
      else this.run(event.data.run)
    }
  }

  process(_inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
    const out = outputs[0]?.[0]
    if (!out || !this.running) return true
    const missing = this.ring.pull(out) < out.length && this.started
    this.low.note(this.ring.length, missing)
    for (const other of outputs[0]!.slice(1)) other.set(out)
    if (this.asked > 0 && ++this.waited > ANSWER_QUANTA_MAX) this.asked = 0
    this.ask()
    return true
  }

  private ask(): void {
    let pieces = 0
    while (this.ring.length + (this.asked + pieces) * PIECE_SAMPLES < this.low.samples) pieces++
    if (pieces === 0 || this.worker === null) return
    this.asked += pieces
    this.waited = 0
    const want: Want = { want: pieces }
    this.worker.postMessage(want)
  }

  private attach(port: MessagePort): void {
    this.worker?.close()
    this.worker = port
    this.asked = 0
    port.onmessage = (event: MessageEvent<Int16Array>) => {
      this.asked = Math.max(0, this.asked - 1)
      this.waited = 0
      if (!this.running) return
      this.started = true
      this.ring.push(event.data)
    }
  }

  private run(on: boolean): void {
    this.running = on
    this.started = false
    this.asked = 0
    this.ring.clear()
  }
}

registerProcessor('sotto-playback', Playback)
