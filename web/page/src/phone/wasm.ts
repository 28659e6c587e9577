// SPDX-License-Identifier: Apache-2.0
// The telephone in WebAssembly (web/wasm/exports.c) as an object: bytes and JSON in and out. Nothing
// here knows what any of it means.
import { SIMD_PROBE } from './simd.ts'
import { PhoneError, type CommandName, type PhoneEvent } from './types.ts'

const MESSAGE_MAX_BYTES = 20480
const DATAGRAM_BYTES = 137 // circuit and cell
export const PIECE_SAMPLES = 480 // 10 ms, played at a time
const CAPTURE_MAX_SAMPLES = 8 * PIECE_SAMPLES // handed in at once
const RANDOM_MAX_BYTES = 65536 // of one getRandomValues
const WASI_EBADF = 8
const WASI_ENOSYS = 52

/** Where the two halves of the store are kept; 0, -1 broken, -2 full. */
export type SlotWrite = (which: number, bytes: Uint8Array) => number

export interface Clock { mono_ms: number; unix_s: number }

interface Exports {
  memory: WebAssembly.Memory
  _initialize?(): void
  page_alloc(len: number): number
  page_free(ptr: number): void
  page_init(): void
  page_slot(which: number, ptr: number, len: number): void
  page_command(ptr: number, len: number, mono_ms: number, unix_s: number): number
  page_event(): number
  page_link_up(link: number, mono_ms: number, unix_s: number): void
  page_link_down(link: number, again: number, mono_ms: number, unix_s: number): void
  page_message(link: number, ptr: number, len: number, mono_ms: number, unix_s: number): void
  page_datagram(link: number, ptr: number, len: number, mono_ms: number, unix_s: number): void
  page_write_message(ptr_link: number, ptr: number, cap: number): number
  page_write_datagram(ptr_link: number, ptr: number, cap: number): number
  page_expiry(): number
  page_handle_expiry(mono_ms: number, unix_s: number): void
  page_capture(ptr: number, samples: number): void
  page_playout(ptr: number, samples: number, mono_ms: number, unix_s: number): void
  page_mic_open(): number
  page_voice_cost(spent_ms: number, late_ms: number, mono_ms: number, unix_s: number): void
  page_slow(): void
  page_weights(ptr: number, len: number): number
  page_transport(link: number, transport: number): void
}

/** Fetches and starts it. Rejects with EUNSUPPORTED, or ECLOSED if it cannot be fetched. */
export async function load_telephone(asset: Asset, slot_write: SlotWrite, log: (text: string) => void): Promise<Telephone> {
  if (typeof WebAssembly !== 'object' || !WebAssembly.validate(SIMD_PROBE)) throw new PhoneError('EUNSUPPORTED', 'WebAssembly SIMD')
  const response = await fetch(asset.url, { integrity: asset.integrity }).catch(() => null)
  if (!response?.ok) throw new PhoneError('ECLOSED', 'the telephone could not be loaded')
  const module = await WebAssembly.compileStreaming(response)
  const holder: { memory?: WebAssembly.Memory } = {}
  const instance = await WebAssembly.instantiate(module, imports(module, holder, slot_write, log))
  const exports = instance.exports as unknown as Exports
  holder.memory = exports.memory
  exports._initialize?.()
  return new Telephone(exports)
}

function imports(module: WebAssembly.Module, holder: { memory?: WebAssembly.Memory }, slot_write: SlotWrite,
                 log: (text: string) => void): WebAssembly.Imports {
  const bytes = (ptr: number, len: number) => new Uint8Array(holder.memory!.buffer, ptr, len)
  const random = (ptr: number, len: number) => {
    for (let at = 0; at < len; at += RANDOM_MAX_BYTES)
      crypto.getRandomValues(bytes(ptr + at, Math.min(RANDOM_MAX_BYTES, len - at)))
    return 0
  }
  const host = {
    random,
    slot_write: (which: number, ptr: number, len: number) => slot_write(which, bytes(ptr, len)),
    log: (ptr: number, len: number) => log(new TextDecoder().decode(bytes(ptr, len))),
  }
  const clock_time_get = (_id: number, _precision: bigint, out: number) => {
    new DataView(holder.memory!.buffer).setBigUint64(out, BigInt(Date.now()) * 1000000n, true)
    return 0
  }
  return { host, wasi_snapshot_preview1: wasi(module, { random_get: random, clock_time_get }) }
}

// What the C library wants but the telephone never needs: no files, no arguments, no end.
function wasi(module: WebAssembly.Module, given: WebAssembly.ModuleImports): WebAssembly.ModuleImports {
  const out: WebAssembly.ModuleImports = { ...given }
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    if (from !== 'wasi_snapshot_preview1' || name in out) continue
    if (name === 'proc_exit') out[name] = (code: number) => { throw new Error(`the telephone stopped: ${code}`) }
    else out[name] = () => name.startsWith('fd_') ? WASI_EBADF : WASI_ENOSYS
  }
  return out
}

export class Telephone {
  // Made once, for good: what goes in and out on every tick.
  private readonly inbox: number
  private readonly outbox: number
  private readonly link_out: number
  private readonly pcm: number
  private readonly encoder = new TextEncoder()
  private readonly decoder = new TextDecoder()
  private view = new Uint8Array(0)

  constructor(private readonly c: Exports) {
    this.inbox = this.alloc(MESSAGE_MAX_BYTES)
    this.outbox = this.alloc(MESSAGE_MAX_BYTES)
    this.link_out = this.alloc(4)
    this.pcm = this.alloc(2 * CAPTURE_MAX_SAMPLES)
    c.page_init()
  }

  slot(which: number, bytes: Uint8Array): void {
    this.with_copy(bytes, (ptr, len) => this.c.page_slot(which, ptr, len))
  }

  command(name: CommandName, args: object, now: Clock): unknown {
    const text = this.encoder.encode(JSON.stringify({ ...args, command: name }))
    const answer = this.with_copy(text, (ptr, len) => this.json(this.c.page_command(ptr, len, now.mono_ms, now.unix_s), true))
    const { ok, error, detail } = answer as { ok?: unknown; error?: string; detail?: string }
    if (error !== undefined) throw new PhoneError(error, detail ?? '')
    return ok
  }

  event(): PhoneEvent | null {
    return this.json(this.c.page_event(), false) as PhoneEvent | null
  }

  link_up(link: number, transport: 'webtransport' | 'websocket', now: Clock): void {
    this.c.page_transport(link, transport === 'webtransport' ? 0 : 1)
    this.c.page_link_up(link, now.mono_ms, now.unix_s)
  }

  link_down(link: number, again: boolean, now: Clock): void {
    this.c.page_link_down(link, again ? 1 : 0, now.mono_ms, now.unix_s)
  }

  message(link: number, bytes: Uint8Array, now: Clock): void {
    if (bytes.length > MESSAGE_MAX_BYTES) return
    this.memory().set(bytes, this.inbox)
    this.c.page_message(link, this.inbox, bytes.length, now.mono_ms, now.unix_s)
  }

  datagram(link: number, bytes: Uint8Array, now: Clock): void {
    if (bytes.length > DATAGRAM_BYTES) return
    this.memory().set(bytes, this.inbox)
    this.c.page_datagram(link, this.inbox, bytes.length, now.mono_ms, now.unix_s)
  }

  /** Hands each waiting message to `send`; the bytes are its own. */
  messages(send: (link: number, bytes: Uint8Array<ArrayBuffer>) => void): boolean {
    return this.drain(this.c.page_write_message, MESSAGE_MAX_BYTES, send)
  }

  datagrams(send: (link: number, bytes: Uint8Array<ArrayBuffer>) => void): boolean {
    return this.drain(this.c.page_write_datagram, DATAGRAM_BYTES, send)
  }

  /** Milliseconds on the monotonic clock; Infinity never. */
  expiry(): number {
    return this.c.page_expiry()
  }

  handle_expiry(now: Clock): void {
    this.c.page_handle_expiry(now.mono_ms, now.unix_s)
  }

  capture(pcm: Int16Array): void {
    const samples = Math.min(pcm.length, CAPTURE_MAX_SAMPLES)
    this.samples(samples).set(pcm.subarray(pcm.length - samples))
    this.c.page_capture(this.pcm, samples)
  }

  playout(out: Int16Array, now: Clock): void {
    this.c.page_playout(this.pcm, out.length, now.mono_ms, now.unix_s)
    out.set(this.samples(out.length))
  }

  mic_open(): boolean {
    return this.c.page_mic_open() !== 0
  }

  /** What a step of voice took, and how late it was begun: too much for long, and the neural parts are off. */
  voice_cost(spent_ms: number, late_ms: number, now: Clock): void {
    this.c.page_voice_cost(spent_ms, late_ms, now.mono_ms, now.unix_s)
  }

  /** This device is too slow for them, until they are given all the same. */
  slow(): void {
    this.c.page_slow()
  }

  /** False: they are not for this telephone. In steps, with `pause` between them: cells are due. */
  async weights(bytes: Uint8Array, pause: () => Promise<void>): Promise<boolean> {
    // It borrows them for as long as it lives, so they are not freed.
    const ptr = this.alloc(bytes.length)
    this.memory().set(bytes, ptr)
    let more = 1
    while ((more = this.c.page_weights(ptr, bytes.length)) === 1) await pause()
    if (more !== 0) this.c.page_free(ptr)
    return more === 0
  }

  private alloc(len: number): number {
    const ptr = this.c.page_alloc(Math.max(len, 1))
    if (ptr === 0) throw new PhoneError('ENOMEM')
    return ptr
  }

  // The memory may have grown, which leaves older views empty.
  private memory(): Uint8Array {
    if (this.view.buffer !== this.c.memory.buffer) this.view = new Uint8Array(this.c.memory.buffer)
    return this.view
  }

  private samples(count: number): Int16Array {
    return new Int16Array(this.c.memory.buffer, this.pcm, count)
  }

  private with_copy<T>(bytes: Uint8Array, use: (ptr: number, len: number) => T): T {
    const ptr = this.alloc(bytes.length)
    try {
      this.memory().set(bytes, ptr)
      return use(ptr, bytes.length)
    } finally {
      // A passphrase may have been in it.
      this.memory().fill(0, ptr, ptr + bytes.length)
      this.c.page_free(ptr)
    }
  }

  private json(ptr: number, must: boolean): unknown {
    if (ptr === 0) {
      if (must) throw new PhoneError('ENOMEM')
      return null
    }
    const memory = this.memory()
    return JSON.parse(this.decoder.decode(memory.subarray(ptr, memory.indexOf(0, ptr))))
  }

  private drain(write: (link: number, ptr: number, cap: number) => number, cap: number,
                send: (link: number, bytes: Uint8Array<ArrayBuffer>) => void): boolean {
    let any = false
    for (;;) {
      const len = write(this.link_out, this.outbox, cap)
      if (len === 0) return any
      any = true
      const link = new DataView(this.c.memory.buffer).getUint32(this.link_out, true)
      send(link, this.memory().slice(this.outbox, this.outbox + len) as Uint8Array<ArrayBuffer>)
    }
  }
}
