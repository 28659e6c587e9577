// SPDX-License-Identifier: Apache-2.0
// The page's own relay, as /relay.json tells, and how to reach it or another one.
import type { Target } from './connection.ts'

export interface RelayInfo {
  host: string
  port: number
  certificate_hashes?: string[] // base64, SHA-256 of the certificate; only of one it made itself
  aliases?: string[] // "host:port"
  plain_websocket?: boolean
  vapid?: string
}

const FETCH_MS = 3000
const FRESH_MS = 60 * 60 * 1000

function from_base64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), c => c.charCodeAt(0))
}

function is_info(value: unknown): value is RelayInfo {
  const { host, port } = (value ?? {}) as Partial<RelayInfo>
  return typeof host === 'string' && host !== '' && typeof port === 'number'
}

export async function fetch_relay(): Promise<RelayInfo | null> {
  try {
    const response = await fetch('/relay.json', { cache: 'no-store', signal: AbortSignal.timeout(FETCH_MS) })
    const value: unknown = await response.json()
    return response.ok && is_info(value) ? value : null
  } catch {
    return null
  }
}

const authority = (host: string, port: number) => (host.includes(':') && !host.startsWith('[') ? `[${host}]` : host) + `:${port}`

/** `page` is the address that this page came from. */
export function target_of(info: RelayInfo | null, relay: { host: string; port: number; pinned: boolean },
                          page: { protocol: string; host: string }): Target {
  const name = authority(relay.host, relay.port).toLowerCase()
  const own = info !== null && (authority(info.host, info.port).toLowerCase() === name
    || (info.aliases ?? []).some(alias => alias.toLowerCase() === name))
  const at = own ? authority(info.host, info.port) : name
  const hashes = own ? (info.certificate_hashes ?? []).map(from_base64) : []
  const plain = own && (page.protocol === 'http:' || info.plain_websocket === true && page.protocol !== 'https:')
  return {
    webtransport: { url: `https://${at}/sotto`, hashes },
    websocket: plain ? `ws://${page.host}/sotto` : `wss://${at}/sotto`,
    foreign_certificate: relay.pinned && !own,
  }
}

/** A link whose page was opened on this machine without TLS, as the relay itself would write it. */
export function own_link(text: string, info: RelayInfo | null, page_origin: string): string {
  const here = `${page_origin}/#`
  return info !== null && here.startsWith('http:') && text.startsWith(here)
    ? `https://${authority(info.host, info.port)}/#${text.slice(here.length)}` : text
}

/** Keeps what was told last, and asks again when it is old or has led nowhere. */
export class OwnRelay {
  private info: RelayInfo | null = null
  private at = -Infinity
  private asking: Promise<void> | null = null

  async get(): Promise<RelayInfo | null> {
    if (this.info === null) await this.refresh()
    else if (performance.now() - this.at > FRESH_MS) void this.refresh()
    return this.info
  }

  refresh(): Promise<void> {
    this.asking ??= fetch_relay().then(info => {
      this.asking = null
      if (info === null) return
      this.info = info
      this.at = performance.now()
    })
    return this.asking
  }
}
