// SPDX-License-Identifier: Apache-2.0
// Microphone and loudspeaker, in the page's thread: it opens and closes them and lays the ports; the
// sound itself goes between the worklets and the worker and never comes by here.
import type { ToWorklet } from './protocol.ts'
import { PhoneError } from './types.ts'

const RATE_HZ = 48000
const IDLE_MS = 3000 // then the sound card is let go
const INPUT_KEY = 'sotto.input'
const OUTPUT_KEY = 'sotto.output'

export interface Device { id: string; label: string; current: boolean }

export interface AudioOwner {
  speaker(port: MessagePort): void
  microphone(port: MessagePort | null): void
  problem(what: string): void
}

type SinkContext = AudioContext & { setSinkId?: (id: string) => Promise<void>; sinkId?: string }

function remembered(key: string): string {
  try {
    return localStorage.getItem(key) ?? ''
  } catch {
    return ''
  }
}

function remember(key: string, value: string): void {
  try {
    localStorage.setItem(key, value)
  } catch { /* for this window only, then */ }
}

function problem_of(error: unknown): PhoneError {
  const name = (error as DOMException).name
  return name === 'NotAllowedError' || name === 'SecurityError' ? new PhoneError('ENOMIC', name)
    : new PhoneError('ENODEVICE', name)
}

export class Audio {
  private context: SinkContext | null = null
  private ready: Promise<void> | null = null
  private playback: AudioWorkletNode | null = null
  private speaking = false
  private stream: MediaStream | null = null
  private source: MediaStreamAudioSourceNode | null = null
  private capture: AudioWorkletNode | null = null
  private wanted = false // the microphone
  private input = remembered(INPUT_KEY)
  private output = remembered(OUTPUT_KEY)
  private idle: ReturnType<typeof setTimeout> | undefined

  constructor(private readonly owner: AudioOwner) {
    navigator.mediaDevices?.addEventListener('devicechange', () => this.devices_changed())
  }

  /** Makes the sound card ours, best from within a tap: otherwise a browser may refuse to sound. */
  async prepare(): Promise<void> {
    this.context ??= new AudioContext({ sampleRate: RATE_HZ, latencyHint: 'interactive' })
    const resumed = this.context.resume()
    this.ready ??= this.load(this.context)
    await this.ready
    await Promise.race([resumed, new Promise(done => setTimeout(done, 300))])
    this.rest()
  }

  /** Whether it would be heard. */
  audible(): boolean {
    return this.context?.state === 'running' || navigator.userActivation?.hasBeenActive === true
  }

  private async load(context: SinkContext): Promise<void> {
    const { playback, capture } = __ASSETS__.worklets
    await Promise.all([playback!, capture!].map(asset => context.audioWorklet.addModule(asset.url)))
    this.playback = new AudioWorkletNode(context, 'sotto-playback', { numberOfInputs: 0, outputChannelCount: [1] })
    this.playback.connect(context.destination)
    this.owner.speaker(this.lay(this.playback))
    if (this.output !== '') await this.set_output(this.output).catch(() => {})
    this.tell_playback()
  }

  private lay(node: AudioWorkletNode): MessagePort {
    const channel = new MessageChannel()
    const message: ToWorklet = { port: channel.port1 }
    node.port.postMessage(message, [channel.port1])
    return channel.port2
  }

  private tell_playback(): void {
    const message: ToWorklet = { run: this.speaking }
    this.playback?.port.postMessage(message)
  }

  // Nothing to hear and nothing to say: the sound card sleeps, and the tab shows no loudspeaker.
  private rest(): void {
    clearTimeout(this.idle)
    if (this.speaking || this.wanted) return
    this.idle = setTimeout(() => void this.context?.suspend(), IDLE_MS)
  }

  /** A call talks, or not. */
  async speak(on: boolean): Promise<void> {
    if (on === this.speaking) return
    this.speaking = on
    try {
      if (on) await this.prepare()
    } catch (error) {
      this.owner.problem(String(error))
    }
    this.tell_playback()
    this.rest()
    if (on && this.speaking && this.context?.state !== 'running') this.owner.problem('silent')
  }

  // ---- microphone --------------------------------------------------------------------------------

  private get_stream(): Promise<MediaStream> {
    if (!navigator.mediaDevices?.getUserMedia) return Promise.reject(new PhoneError('EUNSUPPORTED', 'microphone'))
    const constraints: MediaTrackConstraints = {
      echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1,
    }
    const asked = this.input === '' ? constraints : { ...constraints, deviceId: { ideal: this.input } }
    return navigator.mediaDevices.getUserMedia({ audio: asked })
      .catch((error: unknown) => { throw error instanceof PhoneError ? error : problem_of(error) })
  }

  /** From a tap: asks the user if need be, and closes it again at once. */
  async ask(): Promise<void> {
    const sound = this.prepare().catch(() => {}) // in the tap, before anything is waited for
    if (this.stream === null) {
      const stream = await this.get_stream()
      for (const track of stream.getTracks()) track.stop()
    }
    await sound
  }

  /** The telephone wants it, or does not any more. Nothing else opens it. */
  async listen(on: boolean): Promise<void> {
    this.wanted = on
    const { audioSession } = navigator as { audioSession?: { type: string } }
    if (audioSession) audioSession.type = on ? 'play-and-record' : 'auto' // an iPhone's earpiece and volume
    this.close_microphone()
    this.rest()
    if (!on) return
    try {
      await this.prepare()
      const stream = await this.get_stream()
      if (!this.wanted || this.stream !== null) { // it took too long
        for (const track of stream.getTracks()) track.stop()
        return
      }
      this.open_microphone(stream)
    } catch (error) {
      this.owner.problem(error instanceof PhoneError ? error.code : String(error))
    }
  }

  private open_microphone(stream: MediaStream): void {
    const context = this.context!
    this.stream = stream
    this.source = context.createMediaStreamSource(stream)
    this.capture = new AudioWorkletNode(context, 'sotto-capture',
      { numberOfOutputs: 0, channelCount: 1, channelCountMode: 'explicit' })
    this.owner.microphone(this.lay(this.capture))
    this.source.connect(this.capture)
    // Unplugged, or taken by the system: the next best one.
    stream.getAudioTracks()[0]!.onended = () => {
      if (this.stream === stream) void this.listen(this.wanted)
    }
  }

  private close_microphone(): void {
    if (this.stream === null) return
    for (const track of this.stream.getTracks()) track.stop()
    this.source?.disconnect()
    const message: ToWorklet = { run: false }
    this.capture?.port.postMessage(message)
    this.stream = this.source = this.capture = null
    this.owner.microphone(null)
  }

  // ---- devices -------------------------------------------------------------------------------------

  private async list(kind: MediaDeviceKind, current: string): Promise<Device[]> {
    const all = await navigator.mediaDevices?.enumerateDevices().catch(() => []) ?? []
    const devices = all.filter(device => device.kind === kind && device.deviceId !== '')
    const known = devices.some(device => device.deviceId === current)
    return devices.map((device, i) => ({
      id: device.deviceId, label: device.label,
      current: known ? device.deviceId === current : i === 0,
    }))
  }

  async inputs(): Promise<Device[]> {
    const now = this.stream?.getAudioTracks()[0]?.getSettings().deviceId
    return await this.list('audioinput', now ?? this.input)
  }

  async outputs(): Promise<Device[]> {
    if (!('setSinkId' in AudioContext.prototype)) return []
    return await this.list('audiooutput', this.output)
  }

  async set_input(id: string): Promise<void> {
    this.input = id
    remember(INPUT_KEY, id)
    if (this.wanted) await this.listen(true)
  }

  async set_output(id: string): Promise<void> {
    this.output = id
    remember(OUTPUT_KEY, id)
    await this.context?.setSinkId?.(id === 'default' ? '' : id)
      .catch(() => { throw new PhoneError('ENODEVICE', 'loudspeaker') })
  }

  private devices_changed(): void {
    if (this.context === null || this.output === '') return
    // The chosen loudspeaker was unplugged: the system's own, until it is back.
    void this.list('audiooutput', this.output).then(devices => {
      const there = devices.some(device => device.id === this.output)
      return this.context?.setSinkId?.(there && this.output !== 'default' ? this.output : '')
    }).catch(() => {})
  }

  close(): void {
    this.wanted = this.speaking = false
    this.close_microphone()
    clearTimeout(this.idle)
    void this.context?.close()
    this.context = this.ready = this.playback = null
  }
}
