// SPDX-License-Identifier: Apache-2.0
// A link to a relay for as long as the telephone wants one: WebTransport first, WebSocket beside it,
// a new connection when the old one is dead or a better one can be had. The telephone resumes its
// calls by itself on each new connection.
import { Backoff, BACKOFF_CALL_MS, BACKOFF_MAX_MS, LASTED_MS } from './backoff.ts'
import type { Connect, Connection, Target, Transport } from './connection.ts'

/** WebSocket is tried beside it when WebTransport is not open after this long... */
export const HEAD_START_MS = 800
/** ...or this long, if WebSocket won the last time, or an open WebTransport has just died. */
export const BLOCKED_HEAD_START_MS = 200
export const RACE_MS = 7000 // all of it
/** In a call the first races are shorter: what was sent into a hole is not answered, but sent again
 * by the transport only after seconds. */
export const RACE_CALL_MS = 2500
/** In a call, without anything from the relay for so long, it is asked for a sign... */
export const SILENT_CALL_MS = 900
/** ...and when none comes for so long after, there is a new connection. */
export const ANSWER_CALL_MS = 600
export const SILENT_IDLE_MS = 25000
export const ANSWER_IDLE_MS = 4000
/** On WebSocket, how often WebTransport is tried again; the first time sooner. */
export const UPGRADE_MS = 30000
export const UPGRADE_FIRST_MS = 5000
/** A WebTransport that is ready waits so long for a moment in which moving disturbs nobody. */
export const UPGRADE_WAIT_MS = 20000
const CELL_AGE_MS = 1000
const WATCH_CALL_MS = 150
const WATCH_IDLE_MS = 5000
// PING of the link protocol (docs/PROTOCOL.md): a page cannot send the pings of its transports.
const PING = new Uint8Array([0x0a, 0, 0, 0, 0, 0, 0, 0, 0])

export type Reason = 'unreachable' | 'certificate' | 'udp_blocked' | 'lost' | 'offline'

export interface LinkOwner {
  /** Where to. Asked before each race, since a relay's certificate changes. */
  target(): Promise<Target>
  /** A connection is there; if the link was up already, it has moved to another one. */
  up(transport: Transport, reason?: Reason): void
  /** `again`: the link goes on trying. */
  down(reason: Reason, again: boolean): void
  message(bytes: Uint8Array): void
  datagram(bytes: Uint8Array): void
  online(): boolean
}

export interface Connectors {
  webtransport: Connect | null // null: this browser has none
  websocket: Connect
}

/** What the calls on it allow. idle; handshake: it must not be moved now; call: its voice flows. */
export type Use = 'idle' | 'handshake' | 'call'

interface Race { abort: AbortController; done: boolean }

export class Link {
  private current: Connection | null = null
  private race: Race | null = null
  private timers = new Set<ReturnType<typeof setTimeout>>()
  private readonly backoff = new Backoff()
  private use: Use = 'idle'
  private wanted = true
  private was_open = false
  private opened = 0
  private asked = 0 // when a sign was asked for; 0: not
  private races = 0 // in a row that came to nothing
  private udp_blocked = false
  private upgrading = false
  private impatient = false // after a change of the network an answer is due as soon as in a call
  private cell_sent = -Infinity

  /** forever: a line that rings is tried for ever; otherwise the first race decides. */
  constructor(private readonly owner: LinkOwner, private readonly connectors: Connectors,
              private readonly forever: boolean) {}

  start(): void {
    void this.begin()
    this.watch()
  }

  stop(): void {
    this.wanted = false
    for (const timer of this.timers) clearTimeout(timer)
    this.timers.clear()
    this.race?.abort.abort()
    this.race = null
    this.current?.close()
    this.current = null
  }

  set_use(use: Use): void {
    if (use === this.use) return
    this.use = use
    if (use === 'call') this.watch()
  }

  send_message(bytes: Uint8Array): void {
    this.current?.send_message(bytes)
  }

  send_datagram(bytes: Uint8Array<ArrayBuffer>): void {
    this.cell_sent = performance.now()
    this.current?.send_datagram(bytes)
  }

  /** The network has changed, or is back. */
  check(): void {
    if (!this.wanted) return
    this.backoff.reset()
    this.races = 0
    this.impatient = true
    if (this.current !== null) this.ask()
    else void this.begin() // what was sent before went into the old network
  }

  // ---- opening ---------------------------------------------------------------------------------

  private after(ms: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer)
      if (this.wanted) act()
    }, ms)
    this.timers.add(timer)
  }

  private race_ms(): number {
    return this.use === 'idle' ? RACE_MS : Math.min(RACE_MS, RACE_CALL_MS * 1.4 ** this.races)
  }

  /** Races for a connection. With one at hand it goes on until there is a better one. */
  private async begin(): Promise<void> {
    this.race?.abort.abort()
    const race: Race = { abort: new AbortController(), done: false }
    this.race = race
    const target = await this.owner.target().catch(() => null)
    if (this.race !== race) return
    const won = target && await this.run(target, race)
    if (this.race !== race) {
      won?.close()
      return
    }
    this.race = null
    if (won) this.adopt(won)
    else this.failed(target)
  }

  private run(target: Target, race: Race): Promise<Connection | null> {
    return new Promise(resolve => {
      let running = 0
      let websocket_started = false
      const finish = (won: Connection | null) => {
        if (race.done) return void won?.close()
        race.done = true
        resolve(won)
        race.abort.abort()
      }
      const enter = (connect: Connect, on_failure: () => void) => {
        running++
        connect(target, race.abort.signal).then(finish, () => {
          running--
          if (!race.done) on_failure()
          if (running === 0 && websocket_started) finish(null)
        })
      }
      const websocket = () => {
        if (websocket_started || race.done) return
        websocket_started = true
        enter(this.connectors.websocket, () => {})
      }
      race.abort.signal.addEventListener('abort', () => finish(null))
      this.after(this.race_ms(), () => finish(null))
      if (this.connectors.webtransport === null) return websocket()
      enter(this.connectors.webtransport, websocket)
      const doubtful = this.udp_blocked || this.current?.transport === 'webtransport'
      this.after(doubtful ? BLOCKED_HEAD_START_MS : HEAD_START_MS, websocket)
    })
  }

  private adopt(connection: Connection): void {
    const old = this.current
    if (old !== null) old.close()
    this.current = connection
    this.was_open = true
    this.races = 0
    this.asked = 0
    this.impatient = false
    this.opened = performance.now()
    connection.on = {
      message: bytes => this.owner.message(bytes),
      datagram: bytes => this.owner.datagram(bytes),
      closed: () => this.lost(),
    }
    this.udp_blocked = connection.transport === 'websocket' && this.connectors.webtransport !== null
    this.owner.up(connection.transport, this.udp_blocked ? 'udp_blocked' : undefined)
    if (this.udp_blocked && !this.upgrading) {
      this.upgrading = true
      this.after(UPGRADE_FIRST_MS, () => void this.upgrade())
    }
  }

  private failed(target: Target | null): void {
    this.races++
    if (this.current !== null) return this.lost() // it was dead, and nothing else is to be had
    this.retry(!this.owner.online() ? 'offline' : target?.foreign_certificate ? 'certificate' : 'unreachable')
  }

  private lost(): void {
    if (performance.now() - this.opened > LASTED_MS) this.backoff.reset()
    this.current?.close()
    this.current = null
    this.retry(this.owner.online() ? 'lost' : 'offline')
  }

  private retry(reason: Reason): void {
    const again = this.forever || this.was_open
    if (again && this.race === null) this.after(this.backoff.next(this.use === 'call' ? BACKOFF_CALL_MS : BACKOFF_MAX_MS), () => {
      if (this.current === null && this.race === null) void this.begin()
    })
    if (!again) this.stop()
    this.owner.down(reason, again)
  }

  // ---- watching --------------------------------------------------------------------------------

  private watching: ReturnType<typeof setTimeout> | null = null

  private watch(): void {
    if (this.watching !== null) {
      clearTimeout(this.watching)
      this.timers.delete(this.watching)
    }
    const timer = setTimeout(() => {
      this.timers.delete(timer)
      this.watching = null
      if (!this.wanted) return
      this.look()
      this.watch()
    }, this.use === 'call' || this.asked > 0 ? WATCH_CALL_MS : WATCH_IDLE_MS)
    this.watching = timer
    this.timers.add(timer)
  }

  private look(): void {
    if (this.current === null) return
    const now = performance.now()
    if (this.asked > 0 && this.current.heard >= this.asked) {
      this.asked = 0
      this.impatient = false
      if (this.race !== null) { // it is alive after all
        this.race.abort.abort()
        this.race = null
      }
    }
    if (this.asked === 0 && now - this.current.heard > (this.talking() ? SILENT_CALL_MS : SILENT_IDLE_MS)) this.ask()
    else if (this.asked > 0 && this.race === null && now - this.asked > this.patience()) void this.begin()
  }

  /** Cells go out on this link: as many should come in. */
  private talking(): boolean {
    return this.use === 'call' && performance.now() - this.cell_sent < CELL_AGE_MS
  }

  private patience(): number {
    return this.talking() || this.impatient ? ANSWER_CALL_MS : ANSWER_IDLE_MS
  }

  private ask(): void {
    if (this.current === null || this.asked > 0) return
    this.asked = performance.now()
    this.current.send_message(PING)
    this.watch()
  }

  // ---- from WebSocket to WebTransport -----------------------------------------------------------

  private async upgrade(): Promise<void> {
    if (this.current?.transport !== 'websocket' || this.connectors.webtransport === null) {
      this.upgrading = false
      return
    }
    const better = this.race === null && this.owner.online() ? await this.try_webtransport() : null
    const until = performance.now() + UPGRADE_WAIT_MS
    while (better !== null && this.wanted && this.use === 'handshake' && performance.now() < until)
      await new Promise(done => setTimeout(done, 250))
    if (better !== null && this.wanted && this.use !== 'handshake' && this.race === null
      && this.current?.transport === 'websocket') {
      this.upgrading = false
      return this.adopt(better)
    }
    better?.close()
    if (this.wanted) this.after(UPGRADE_MS, () => void this.upgrade())
  }

  private async try_webtransport(): Promise<Connection | null> {
    const abort = new AbortController()
    const timer = setTimeout(() => abort.abort(), RACE_MS)
    try {
      return await this.connectors.webtransport!(await this.owner.target(), abort.signal)
    } catch {
      return null
    } finally {
      clearTimeout(timer)
    }
  }
}
