// SPDX-License-Identifier: Apache-2.0
// WebTransport: one bidirectional stream of framed messages, and datagrams.
import { DATAGRAM_MAX_BYTES, OUT_MAX_BYTES, type Connection, type ConnectionEvents, type Target } from './connection.ts'
import { Deframer, frame } from './frame.ts'
import { DropOldest } from './queue.ts'

const DATAGRAMS_WAITING_MAX = 8 // 160 ms of a call
const DATAGRAM_AGE_MAX_MS = 200 // a cell that waited longer in the browser is of no use
const DATAGRAMS_IN_MAX = 64 // that the browser keeps for us

export const has_webtransport = () => typeof WebTransport === 'function'

export async function connect_webtransport(target: Target, abort: AbortSignal): Promise<Connection> {
  const { url, hashes } = target.webtransport
  const options: WebTransportOptions = { congestionControl: 'low-latency' }
  if (hashes.length > 0) options.serverCertificateHashes = hashes.map(value => ({ algorithm: 'sha-256', value }))
  const transport = new WebTransport(url, options)
  transport.closed.catch(() => {}) // told again by `ready`, or watched by the connection
  const stop = () => transport.close()
  abort.addEventListener('abort', stop)
  try {
    await transport.ready
    const stream = await transport.createBidirectionalStream()
    if (abort.aborted) throw new Error('not wanted any more')
    return new WebTransportConnection(transport, stream)
  } catch (error) {
    transport.close()
    throw error
  } finally {
    abort.removeEventListener('abort', stop)
  }
}

class WebTransportConnection implements Connection {
  readonly transport = 'webtransport'
  on: ConnectionEvents | null = null
  heard = performance.now()
  oversize = 0
  private readonly messages: WritableStreamDefaultWriter
  private readonly datagrams: WritableStreamDefaultWriter
  private readonly waiting = new DropOldest<Uint8Array<ArrayBuffer>>(DATAGRAMS_WAITING_MAX)
  private in_flight = 0
  private out_bytes = 0
  private over = false

  constructor(private readonly session: WebTransport, stream: WebTransportBidirectionalStream) {
    this.messages = stream.writable.getWriter()
    const d = session.datagrams as WebTransportDatagramDuplexStream & { createWritable?: () => WritableStream }
    d.outgoingMaxAge = DATAGRAM_AGE_MAX_MS
    d.outgoingHighWaterMark = DATAGRAMS_WAITING_MAX
    d.incomingHighWaterMark = DATAGRAMS_IN_MAX
    this.datagrams = (d.createWritable?.() ?? d.writable).getWriter()
    const lost = () => this.lost()
    session.closed.then(lost, lost)
    this.messages.closed.catch(lost)
    this.datagrams.closed.catch(lost)
    this.read_messages(stream.readable).then(lost, lost)
    this.read_datagrams(d.readable).then(lost, lost)
  }

  get dropped(): number {
    return this.waiting.dropped + this.oversize
  }

  send_message(bytes: Uint8Array): void {
    if (this.over) return
    const framed = frame(bytes)
    this.out_bytes += framed.length
    if (this.out_bytes > OUT_MAX_BYTES) return this.lost()
    this.messages.write(framed).then(() => { this.out_bytes -= framed.length }, () => this.lost())
  }

  send_datagram(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.over) return
    if (bytes.length > Math.min(this.session.datagrams.maxDatagramSize, DATAGRAM_MAX_BYTES)) {
      this.oversize++
      return
    }
    this.waiting.push(bytes)
    this.flush()
  }

  close(): void {
    if (this.over) return
    this.over = true
    this.on = null
    this.waiting.clear()
    try { this.session.close() } catch { /* it is closed already */ }
  }

  private flush(): void {
    while (!this.over && this.in_flight < DATAGRAMS_WAITING_MAX && this.waiting.length > 0) {
      this.in_flight++
      this.datagrams.write(this.waiting.shift()!).then(() => {
        this.in_flight--
        this.flush()
      }, () => this.lost())
    }
  }

  private async read_messages(stream: ReadableStream<Uint8Array>): Promise<void> {
    const reader = stream.getReader()
    const deframer = new Deframer()
    for (;;) {
      const { value, done } = await reader.read()
      if (done || this.over) return
      this.heard = performance.now()
      deframer.push(value, message => this.on?.message(message))
    }
  }

  private async read_datagrams(stream: ReadableStream<Uint8Array>): Promise<void> {
    const reader = stream.getReader()
    for (;;) {
      const { value, done } = await reader.read()
      if (done || this.over) return
      this.heard = performance.now()
      this.on?.datagram(value)
    }
  }

  private lost(): void {
    const on = this.on
    if (this.over) return
    this.close()
    on?.closed()
  }
}
