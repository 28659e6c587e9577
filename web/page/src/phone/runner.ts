// SPDX-License-Identifier: Apache-2.0
// Drives the telephone, as cli/runner.c does: hands in what came, minds its clock, sends what it has
// for its relays (cells first), passes on what it tells.
import { connect_websocket } from './connection_websocket.ts'
import { connect_webtransport, has_webtransport } from './connection_webtransport.ts'
import { Link, type Connectors, type LinkOwner, type Reason, type Use } from './link.ts'
import { target_of, type OwnRelay } from './relay.ts'
import { Alarm, nap, NAP_MAX_MS } from './sleep.ts'
import type { Call, PhoneEvent, Profile } from './types.ts'
import { Voice } from './voice.ts'
import type { Clock, Telephone } from './wasm.ts'

const ROUNDS_MAX = 64 // of draining, before the worker gets its other messages
const PLAY_CLEAR_MS = 1.5 // so close to the next cell the loudspeaker waits

interface Wanted { link: Link; up: boolean; host: string }

export const clock = (): Clock => ({ mono_ms: performance.now(), unix_s: Date.now() / 1000 })

export class Runner {
  readonly voice: Voice
  private readonly links = new Map<number, Wanted>()
  private readonly calls = new Map<number, Call>()
  private readonly alarm = new Alarm(() => this.on_alarm())
  private exchanging = false
  private draining = false
  private stopped = false

  constructor(private readonly telephone: Telephone, private readonly relay: OwnRelay,
              private readonly tell: (event: PhoneEvent) => void,
              private readonly broken: (error: unknown) => void) {
    this.voice = new Voice(telephone, () => this.turn())
  }

  /** Whatever has happened: cells, then messages, then everybody else. */
  turn(): void {
    if (this.draining || this.stopped) return
    this.draining = true
    try {
      let more = true
      for (let round = 0; more && round < ROUNDS_MAX; round++) {
        this.tick()
        more = this.telephone.messages((link, bytes) => this.links.get(link)?.link.send_message(bytes))
        more = this.take_events() || more
      }
      const now = clock()
      if (this.telephone.expiry() > now.mono_ms + PLAY_CLEAR_MS) this.voice.play(now)
      this.alarm.set(this.telephone.expiry())
    } catch (error) { // it stands still: nothing of it can be trusted any more
      this.stop()
      this.broken(error)
    } finally {
      this.draining = false
    }
  }

  network_changed(): void {
    void this.relay.refresh()
    for (const { link } of this.links.values()) link.check()
  }

  /** Present calls, as last told. */
  present(): Call[] {
    return [...this.calls.values()]
  }

  set_exchanging(on: boolean): void {
    this.exchanging = on
    this.set_use()
  }

  stop(): void {
    this.stopped = true
    for (const { link } of this.links.values()) link.stop()
    this.links.clear()
    this.alarm.set(Infinity)
  }

  // ---- the clock ---------------------------------------------------------------------------------

  private on_alarm(): void {
    const due = this.telephone.expiry()
    if (due - performance.now() < NAP_MAX_MS) nap(due)
    this.tick()
    this.turn()
  }

  // Cells go out here and nowhere else.
  private tick(): void {
    const due = this.telephone.expiry()
    const now = clock()
    if (now.mono_ms < due) return
    this.telephone.handle_expiry(now)
    this.telephone.voice_cost(performance.now() - now.mono_ms, now.mono_ms - due, now)
    this.telephone.datagrams((link, bytes) => this.links.get(link)?.link.send_datagram(bytes))
  }

  // ---- what it tells -------------------------------------------------------------------------------

  private take_events(): boolean {
    let any = false
    for (let event = this.telephone.event(); event !== null; event = this.telephone.event()) {
      any = true
      this.act_on(event)
    }
    return any
  }

  private act_on(event: PhoneEvent): void {
    switch (event.event) {
      case 'link_wanted': return this.want(event.link, event)
      case 'link_unwanted': return this.drop(event.link)
      case 'call': this.note_call(event.call); break
      case 'exchange':
        if (event.stage === 'done' || event.stage === 'failed') this.set_exchanging(false)
        break
      case 'closed':
        this.calls.clear()
        this.set_exchanging(false)
        break
    }
    this.tell(event)
  }

  private note_call(call: Call): void {
    if (call.state === 'ended') this.calls.delete(call.id)
    else this.calls.set(call.id, call)
    this.set_use()
  }

  // A handshake does not survive a move to another connection; a call that talks does.
  private set_use(): void {
    const calls = this.present()
    const handshake = this.exchanging || calls.some(call => !call.secure && call.state !== 'ending')
    const use: Use = handshake ? 'handshake' : calls.length > 0 ? 'call' : 'idle'
    for (const { link } of this.links.values()) link.set_use(use)
  }

  // ---- links ---------------------------------------------------------------------------------------

  private is_home(host: string, port: number): boolean {
    try {
      const { has_line, home } = this.telephone.command('profile', {}, clock()) as Profile
      return has_line && home?.host === host && home.port === port
    } catch {
      return false
    }
  }

  private want(index: number, relay: { host: string; port: number; pinned: boolean }): void {
    this.drop(index)
    const connectors: Connectors = { webtransport: has_webtransport() ? connect_webtransport : null, websocket: connect_websocket }
    const link = new Link(this.owner(index, relay), connectors, this.is_home(relay.host, relay.port))
    this.links.set(index, { link, up: false, host: relay.host })
    this.set_use()
    link.start()
  }

  private drop(index: number): void {
    this.links.get(index)?.link.stop()
    this.links.delete(index)
  }

  private owner(index: number, relay: { host: string; port: number; pinned: boolean }): LinkOwner {
    const say = (up: boolean, more: { transport?: 'webtransport' | 'websocket'; reason?: Reason }) =>
      this.tell({ event: 'link', host: relay.host, up, ...more })
    return {
      target: async () => target_of(await this.relay.get(), relay, location),
      online: () => navigator.onLine,
      up: (transport, reason) => {
        const wanted = this.links.get(index)
        if (wanted === undefined) return
        if (wanted.up) this.telephone.link_down(index, true, clock())
        wanted.up = true
        this.telephone.link_up(index, transport, clock())
        say(true, reason ? { transport, reason } : { transport })
        this.turn()
      },
      down: (reason, again) => {
        const wanted = this.links.get(index)
        if (wanted === undefined) return
        wanted.up = false
        if (!again) this.links.delete(index)
        void this.relay.refresh() // its certificate may be another one by now
        this.telephone.link_down(index, again, clock())
        say(false, { reason })
        this.turn()
      },
      message: bytes => {
        this.tick()
        this.telephone.message(index, bytes, clock())
        this.turn()
      },
      datagram: bytes => {
        this.tick()
        this.telephone.datagram(index, bytes, clock())
        this.turn()
      },
    }
  }
}
