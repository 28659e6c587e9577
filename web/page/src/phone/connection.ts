// SPDX-License-Identifier: Apache-2.0
// One connection to a relay: messages in order, datagrams that may get lost. It is open when its
// maker resolves; whoever takes it sets `on`. The relay says nothing before it is greeted, so nothing
// is missed between.

export type Transport = 'webtransport' | 'websocket'

/** Messages that wait for a relay that does not read; above it the connection is given up. */
export const OUT_MAX_BYTES = 256 * 1024
/** The relay takes no longer ones, and a browser drops what is too big without a word. */
export const DATAGRAM_MAX_BYTES = 1150

export interface ConnectionEvents {
  message(bytes: Uint8Array): void
  datagram(bytes: Uint8Array): void
  closed(): void // once, last; not after close()
}

export interface Connection {
  readonly transport: Transport
  on: ConnectionEvents | null
  /** performance.now() of the last byte that came, at first of the opening. */
  readonly heard: number
  /** Datagrams that found no room. */
  readonly dropped: number
  send_message(bytes: Uint8Array): void
  send_datagram(bytes: Uint8Array<ArrayBuffer>): void
  close(): void
}

export interface Target {
  webtransport: { url: string; hashes: Uint8Array<ArrayBuffer>[] }
  websocket: string
  /** The relay has made its certificate itself and it is not this page's own, whose certificate's
   * hash is known: no browser opens it. */
  foreign_certificate: boolean
}

export type Connect = (target: Target, abort: AbortSignal) => Promise<Connection>
