// SPDX-License-Identifier: Apache-2.0
// WebSocket, where WebTransport is missing or UDP is blocked: binary, the first byte says whether a
// message (0) or a datagram (1) follows.
import { DATAGRAM_MAX_BYTES, OUT_MAX_BYTES, type Connection, type ConnectionEvents, type Target } from './connection.ts'
import { MESSAGE_MAX_BYTES } from './frame.ts'

const MESSAGE = 0
const DATAGRAM = 1
// What waits here is delay for all that follows: 25 cells, half a second. Newer ones are dropped then,
// because what was given to the socket cannot be taken back.
const DATAGRAMS_OUT_MAX_BYTES = 25 * 165

export function connect_websocket(target: Target, abort: AbortSignal): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(target.websocket)
    socket.binaryType = 'arraybuffer'
    const stop = () => socket.close()
    abort.addEventListener('abort', stop)
    const settle = () => abort.removeEventListener('abort', stop)
    socket.onopen = () => {
      settle()
      if (abort.aborted) return
      resolve(new WebSocketConnection(socket))
    }
    socket.onclose = socket.onerror = () => {
      settle()
      reject(new Error('the WebSocket did not open'))
    }
  })
}

class WebSocketConnection implements Connection {
  readonly transport = 'websocket'
  on: ConnectionEvents | null = null
  heard = performance.now()
  dropped = 0
  private over = false

  constructor(private readonly socket: WebSocket) {
    socket.onmessage = event => this.take(new Uint8Array(event.data as ArrayBuffer))
    socket.onclose = socket.onerror = () => this.lost()
  }

  send_message(bytes: Uint8Array): void {
    if (this.over) return
    if (this.socket.bufferedAmount > OUT_MAX_BYTES) return this.lost()
    this.send(MESSAGE, bytes)
  }

  send_datagram(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.over) return
    if (bytes.length > DATAGRAM_MAX_BYTES || this.socket.bufferedAmount > DATAGRAMS_OUT_MAX_BYTES) {
      this.dropped++
      return
    }
    this.send(DATAGRAM, bytes)
  }

  close(): void {
    if (this.over) return
    this.over = true
    this.on = null
    this.socket.close(1000)
  }

  private send(kind: number, bytes: Uint8Array): void {
    const out = new Uint8Array(1 + bytes.length)
    out[0] = kind
    out.set(bytes, 1)
    this.socket.send(out)
  }

  private take(bytes: Uint8Array): void {
    if (this.over || bytes.length < 2 || bytes.length > 1 + MESSAGE_MAX_BYTES) return
    this.heard = performance.now()
    if (bytes[0] === MESSAGE) this.on?.message(bytes.subarray(1))
    else if (bytes[0] === DATAGRAM) this.on?.datagram(bytes.subarray(1))
  }

  private lost(): void {
    const on = this.on
    if (this.over) return
    this.over = true
    this.on = null
    this.socket.close()
    on?.closed()
  }
}
