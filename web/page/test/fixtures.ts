// SPDX-License-Identifier: Apache-2.0
// A telephone that is not one: what it holds is given, what it is asked changes that, and events are
// sent by whoever wants to see a screen. For the work on the looks and for the tests of the screens.
import type {
  Boot, Call, CommandName, Commands, Contact, Line, LinkInfo, LogEntry, Phone, PhoneEvent, PhoneNumber, Profile,
} from '../src/phone/types'
import { PhoneError } from '../src/phone/types'

export const NOW = Math.floor(Date.now() / 1000)
export const DAY = 86400
const key = (digit: string): string => Array.from({ length: 13 }, () => digit.repeat(4)).join(' ')

export const PROFILE: Profile = {
  name: 'Washington', fingerprint: key('a'), created: NOW - 90 * DAY, has_line: true, registered: true,
  home: { host: 'relay.example.org', port: 443 }, lock: 'passphrase', kit: true,
}
export const CALLER: Profile = { ...PROFILE, name: '', has_line: false, registered: false, lock: 'none', kit: false }

export const CONTACTS: Contact[] = [
  { id: 'c1', label: 'Ottawa', fingerprint: key('b'), verified: true, verified_at: NOW - 20 * DAY, created: NOW - 60 * DAY,
    has_link: true, relay: { host: 'line.ottawa.example', port: 443 } },
  { id: 'c2', label: 'Prime Minister’s private office, Canberra', fingerprint: key('c'), verified: false,
    created: NOW - 30 * DAY, has_link: true, expires: NOW + 200 * DAY, relay: { host: 'relay.example.org', port: 443 } },
  { id: 'c3', label: 'Brasília', fingerprint: key('d'), verified: true, verified_at: NOW - 3 * DAY, created: NOW - 4 * DAY, has_link: false },
  { id: 'c4', label: 'Echo', fingerprint: key('e'), verified: false, created: NOW - DAY, has_link: true },
]

const number = (id: string, label: string, more: Partial<PhoneNumber>): PhoneNumber => ({
  id, label, state: 'fresh', created: NOW - 10 * DAY, calls_used: 0, verified: false, leaks: 0, pending: false, ...more,
})
export const NUMBERS: PhoneNumber[] = [
  number('n1', 'Ottawa', { state: 'bound', bound: key('b'), verified: true, calls_used: 12, last_used: NOW - 3600, expires: NOW + 300 * DAY }),
  number('n2', 'Mexico City', { created: NOW - DAY, expires: NOW + 29 * DAY, calls_max: 5 }),
  number('n3', 'Prime Minister’s private office, Canberra', { state: 'bound', bound: key('c'), calls_used: 2, last_used: NOW - DAY }),
  number('n4', 'The Hague', { state: 'bound', bound: key('f'), calls_used: 4, last_used: NOW - 9 * DAY, leaks: 2, leaked: NOW - 1800, leaked_to: key('9') }),
  number('n5', 'Old office', { state: 'revoked', calls_used: 1, last_used: NOW - 40 * DAY }),
]

const entry = (ago: number, label: string, more: Partial<LogEntry>): LogEntry => ({
  kind: 'call', incoming: true, answered: true, secure: true, verified: true, started: NOW - ago, duration_s: 754,
  end: 'peer_hangup', label, ...more,
})
export const LOG: LogEntry[] = [
  entry(600, 'Ottawa', { contact: 'c1', answered: false, duration_s: 0, end: 'cancelled' }),
  entry(1800, 'The Hague', { kind: 'leak', answered: false, duration_s: 0, end: 'none', peer: key('9') }),
  entry(3600, 'Ottawa', {
    contact: 'c1', peer: key('b'), quality: { delay_ms: 131, loss: 0.021, restored: 0.018, concealed: 0.003, worst: 0.22 },
  }),
  entry(DAY, 'Prime Minister’s private office, Canberra', { contact: 'c2', incoming: false, verified: false, duration_s: 3700 }),
  entry(DAY + 900, 'Brasília', { contact: 'c3', incoming: false, answered: false, duration_s: 0, end: 'no_answer' }),
  entry(3 * DAY, 'Brasília', { contact: 'c3', kind: 'bound', end: 'none', duration_s: 0 }),
]

export function call(more: Partial<Call> = {}): Call {
  return {
    id: 1, incoming: false, state: 'active', end: 'none', label: 'Ottawa', contact: 'c1', peer: key('b'), secure: true, verified: false,
    words: 'harbour violet ribbon candle', waiting: false, held: false, peer_held: false, muted: false, reconnecting: false,
    started: NOW - 132, talk_ms: 127_000, quality: 'good', ...more,
    stats: {
      rtt_ms: 84, jitter_ms: 6, delay_ms: 131, lag_ms: 56, loss: 0.004, restored: 0.004, concealed: 0.001, frames_copied: 20,
      frames_retold: 4, frames_concealed: 3, neural: 'on', cells_sent: 6350, cells_received: 6322, cells_lost: 25,
      epoch: 1, group: 'SecP384r1MLKEM1024', cipher: 'AES-256-GCM', transport: 'webtransport', ...more.stats,
    },
  }
}

export const LINK = 'https://relay.example.org/#' + 'AbCdEf0123456789-_'.repeat(14)
const WORDS = 'abandon ability able about above absent absorb abstract absurd abuse access accident ' +
  'account accuse achieve acid acoustic acquire across act action actor actress actual'

export interface State {
  boot: Boot
  profile: Profile
  line: Line
  contacts: Contact[]
  numbers: PhoneNumber[]
  log: LogEntry[]
  calls: Call[]
  link: LinkInfo | string // or the code of an error
  leader: boolean
  passkeys: boolean
  push: 'unsupported' | 'denied' | 'off' | 'on'
  fail: Partial<Record<CommandName | 'ask_microphone', string>>
}

export function state(more: Partial<State> = {}): State {
  return {
    boot: { exists: true, lock: 'none', durable: true, damaged: false }, profile: PROFILE, line: { state: 'ready', transport: 'webtransport' },
    contacts: CONTACTS, numbers: NUMBERS.map(n => (n.leaks ? { ...n, leaks: 0 } : n)), log: LOG, calls: [],
    link: { kind: 'number', relay: { host: 'relay.example.org', port: 443 }, name: 'Washington', callee: key('a'), expires: NOW + 300 * DAY, expired: false, ours: false },
    leader: true, passkeys: true, push: 'off', fail: {}, ...more,
  }
}

export class FakePhone implements Phone {
  readonly asked: { name: string; args: unknown }[] = []
  private readonly listeners = new Set<(event: PhoneEvent) => void>()

  constructor(readonly state: State) {}

  get leader(): boolean { return this.state.leader }

  on(listener: (event: PhoneEvent) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  emit(event: PhoneEvent): void {
    for (const listener of this.listeners) listener(event)
  }

  async do<N extends CommandName>(name: N, args: Commands[N][0]): Promise<Commands[N][1]> {
    this.asked.push({ name, args })
    const failure = this.state.fail[name]
    if (failure) throw new PhoneError(failure)
    return this.answer(name, args as Record<string, unknown>) as Commands[N][1]
  }

  private number(id: unknown, change: Partial<PhoneNumber> = {}): PhoneNumber {
    const found = this.state.numbers.find(n => n.id === id)
    if (!found) throw new PhoneError('ENOTFOUND')
    Object.assign(found, change)
    queueMicrotask(() => this.emit({ event: 'numbers' }))
    return found
  }

  private change(id: unknown, change: Partial<Call>): object {
    const found = this.state.calls.find(c => c.id === id)
    if (!found) throw new PhoneError('ENOTFOUND')
    Object.assign(found, change)
    queueMicrotask(() => this.emit({ event: 'call', call: { ...found } }))
    return {}
  }

  private answer(name: CommandName, args: Record<string, unknown>): unknown {
    const s = this.state
    switch (name) {
      case 'boot': return s.boot
      case 'create': case 'join': case 'open': case 'profile': case 'set_lock': case 'restore':
        queueMicrotask(() => this.emit({ event: 'line', line: s.line }))
        return s.profile
      case 'set_name': return (s.profile = { ...s.profile, name: String(args['name']) })
      case 'link':
        if (typeof s.link === 'string') throw new PhoneError(s.link)
        return s.link
      case 'dial': {
        const made = call({ state: 'dialling', secure: false, talk_ms: 0, label: String(args['label'] ?? 'Ottawa') })
        s.calls.push(made)
        return { call: made.id }
      }
      case 'accept': return this.change(args['call'], { state: 'active', secure: true })
      case 'decline': return this.change(args['call'], { state: 'ended', end: 'we_declined' })
      case 'hangup': return this.change(args['call'], { state: 'ended', end: 'hangup' })
      case 'mute': return this.change(args['call'], { muted: args['on'] === true })
      case 'hold': return this.change(args['call'], { held: args['on'] === true })
      case 'words': return this.change(args['call'], args['match'] ? { verified: true } : { state: 'ended', end: 'words' })
      case 'calls': return s.calls.map(c => ({ ...c }))
      case 'numbers': return s.numbers.map(n => ({ ...n }))
      case 'number_new': return number('new', String(args['label']), { link: LINK, created: NOW })
      case 'number_link': return { ...this.number(args['id']), link: LINK }
      case 'number_label': return this.number(args['id'], { label: String(args['label']) })
      case 'number_revoke': return this.number(args['id'], { state: 'revoked' })
      case 'number_restore': return this.number(args['id'], { state: 'bound' })
      case 'number_rebind': return { ...this.number(args['id'], { state: 'fresh' }), link: LINK }
      case 'contacts': return s.contacts
      case 'log': return s.log
      case 'log_clear': return { removed: s.log.splice(0).length }
      case 'exchange': return { code: args['code'] ?? '7-harbour-violet' }
      case 'backup': return { data: 'AAAA' }
      case 'kit': return { words: WORDS, data: 'q80x'.repeat(150) }
      default: return {}
    }
  }

  async ask_microphone(): Promise<void> {
    const failure = this.state.fail.ask_microphone
    if (failure) throw new PhoneError(failure)
  }

  async outputs() {
    return [{ id: '1', label: 'Loudspeaker', current: true }, { id: '2', label: 'Bluetooth headset', current: false }]
  }

  async inputs() {
    return [{ id: '1', label: 'Built-in microphone', current: true }]
  }

  async set_output(): Promise<void> {}
  async set_input(): Promise<void> {}
  levels() { return { mic: 0, speaker: 0 } }
  async push_state() { return this.state.push }
  async set_push(on: boolean): Promise<void> { this.state.push = on ? 'on' : 'off' }
  async passkeys() { return this.state.passkeys }
}
