// SPDX-License-Identifier: Apache-2.0
// What the screens show: the telephone's state as last heard, and what this page adds to it (the
// route, notices, do not disturb). Screens read the fields and call the methods; nothing else keeps
// state of the telephone.
import type {
  Boot, Call, CommandName, Commands, Contact, Line, LinkInfo, LogEntry, Phone, PhoneEvent, PhoneNumber,
  Profile,
} from '../phone/types'
import { PhoneError } from '../phone/types'
import { chooseLanguage, currentLanguage, direction, setLanguage, t, type Key, type Language, type Params } from '../i18n'
import * as bell from './bell'
import { problemText } from './errors'
import { readFragment, type Fragment } from './fragment'
import { nowS } from './format'
import { FOREVER, forgetPrefs, loadPrefs, savePrefs, type Prefs, type Theme } from './prefs'
import type { Protection } from './protect'
import { missing, type Missing } from './support'

export const SAMPLES_MAX = 60 // one a second
export const TOASTS_MAX = 3
const TOAST_MS = 6000
const UNDO_MS = 10000
const LOG_LIMIT = 200
const ENDED_SHORT_MS = 2500

export interface Sample { delay_ms: number; loss: number }
export interface Toast { id: number; text: string; action?: { label: string; run: () => void } }
export interface Question {
  title: string; text: string; confirm: string; danger: boolean; answer: (yes: boolean) => void
}
export type Exchange =
  | { stage: 'waiting'; code: string; label: string; made: boolean }
  | { stage: 'met'; code: string; label: string }
  | { stage: 'words'; label: string; read_aloud: string; choices: string[] }
  | { stage: 'checking'; label: string }
  | { stage: 'done'; label: string; contact: Contact }
  | { stage: 'failed'; label: string; code: string }

export type Phase = 'starting' | 'unsupported' | 'broken' | 'new' | 'locked' | 'open'

export class Model {
  phase: Phase = 'starting'
  missing: Missing | null = null
  broken: PhoneError | null = null
  boot: Boot | null = null
  profile: Profile | null = null
  line: Line = { state: 'none' }
  calls = new Map<number, Call>()
  ended: Call | null = null // shown until it is dismissed
  samples: Sample[] = [] // of the call on the screen
  numbers: PhoneNumber[] = []
  contacts: Contact[] = []
  log: LogEntry[] = []
  exchange: Exchange | null = null
  link: LinkInfo | null = null // what the address holds
  linkText = ''
  linkError: string | null = null
  fragment: Fragment = { kind: 'none' }
  kitDue = false // the recovery kit is offered once after the first run
  linkProblem: (PhoneEvent & { event: 'link' })['reason'] | null = null
  path = '/contacts'
  toasts: Toast[] = []
  question: Question | null = null
  prefs: Prefs = loadPrefs()
  install: { prompt: () => Promise<unknown> } | null = null // the browser offers "add to home screen"

  private readonly listeners = new Set<() => void>()
  private nextToast = 1
  private sampledAt = 0
  private notification: Notification | null = null
  private dialled = new Map<number, { link?: string; label: string }>()

  onOpened: () => void = () => undefined

  constructor(readonly phone: Phone) {}

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  version = 0

  changed(): void {
    this.version++
    for (const listener of this.listeners) listener()
  }

  // ---- starting ------------------------------------------------------------------------------

  async start(): Promise<void> {
    await this.applyLanguage(this.prefs.language ?? chooseLanguage(navigator.languages))
    this.applyTheme()
    this.missing = missing()
    if (this.missing) return this.enter('unsupported')
    this.phone.on(event => this.heard(event))
    addEventListener('hashchange', () => void this.readAddress())
    addEventListener('beforeinstallprompt', event => {
      event.preventDefault()
      this.install = event as unknown as { prompt: () => Promise<unknown> }
      this.changed()
    })
    await this.boot_()
  }

  private enter(phase: Phase): void {
    this.phase = phase
    this.changed()
  }

  async boot_(): Promise<void> {
    try {
      this.boot = await this.phone.do('boot', {})
      if (this.boot.exists && !this.boot.damaged && this.boot.lock === 'none') {
        await this.opened(await this.phone.do('open', {}))
      } else {
        this.phase = this.boot.exists ? 'locked' : 'new'
        await this.readAddress()
      }
    } catch (error) {
      this.broken = error instanceof PhoneError ? error : new PhoneError('EINTERNAL', String(error))
      this.enter('broken')
    }
    this.changed()
  }

  /** After create, open or restore. */
  async opened(profile: Profile): Promise<void> {
    this.profile = profile
    this.phase = 'open'
    this.onOpened()
    await Promise.all([this.load('numbers'), this.load('contacts'), this.load('log'), this.load('calls')])
    await this.readAddress()
  }

  /** The address may hold a number, an invitation, a kit or one of our screens. */
  async readAddress(): Promise<void> {
    const fragment = readFragment(location.hash, location.origin)
    this.fragment = fragment
    this.link = null
    this.linkError = null
    this.linkText = ''
    if (fragment.kind === 'route') this.path = fragment.path
    if (fragment.kind === 'link' || fragment.kind === 'setup') {
      this.linkText = fragment.text
      try {
        this.link = await this.phone.do('link', { text: fragment.text })
        if (this.link.kind === 'invite' && this.profile?.has_line) {
          this.clearAddress()
          this.say('join.already')
        }
      } catch (error) {
        this.linkError = error instanceof PhoneError ? error.code : 'ELINK_MALFORMED'
      }
    }
    this.changed()
  }

  /** Takes a link, invitation or kit out of the address, so that it is not left in the history. */
  clearAddress(): void {
    history.replaceState(null, '', '/')
    this.fragment = { kind: 'none' }
    this.link = null
    this.linkError = null
    this.linkText = ''
    this.changed()
  }

  /** A pasted link goes the way of one that was tapped. */
  async openLink(link: Fragment): Promise<void> {
    if (link.kind === 'none' || link.kind === 'route') return
    this.fragment = link
    this.link = link.kind === 'kit' ? null : await this.phone.do('link', { text: link.text })
    this.linkText = link.kind === 'kit' ? '' : link.text
    this.linkError = null
    this.changed()
  }

  go(path: string): void {
    if (this.fragment.kind !== 'route' && this.fragment.kind !== 'none') this.clearAddress()
    if (location.hash === '#' + path) {
      this.path = path
      this.changed()
    } else {
      location.hash = path
    }
  }

  // ---- one's own line ----------------------------------------------------------------------------

  /** The first run: makes the identity, or gives the one that is here a line. */
  async begin(name: string, protection: Protection, contacts: { label: string; link: string }[]): Promise<void> {
    const invite = this.linkText
    let profile: Profile
    if (this.profile) {
      if (name !== this.profile.name) await this.phone.do('set_name', { name })
      if (protection.lock !== this.profile.lock) await this.phone.do('set_lock', protection)
      profile = await this.phone.do('join', { invite })
      for (const contact of contacts) await this.phone.do('contact_add', contact).catch(() => undefined)
    } else {
      profile = await this.phone.do('create', { name, invite, contacts, ...protection })
    }
    void navigator.storage?.persist?.().catch(() => false)
    this.kitDue = true
    this.clearAddress()
    await this.opened(profile)
  }

  private replacing = false

  /** From a kit or a backup. What is here already is erased first, if the owner agrees. */
  async restore(data: string, passphrase: string, protection: Protection): Promise<void> {
    const args = {
      data, passphrase, lock: protection.lock,
      ...(protection.passphrase ? { new_passphrase: protection.passphrase } : {}),
    }
    let profile: Profile
    try {
      profile = await this.phone.do('restore', args)
    } catch (error) {
      if ((error as { code?: string }).code !== 'EEXIST') throw error
      if (!await this.ask(t('restore.replace.title'), t('restore.replace.text'), t('restore.replace'), true)) return
      this.replacing = true // between the two there is nothing: the screen stays until there is again
      try {
        await this.phone.do('erase', {})
        profile = await this.phone.do('restore', args)
      } finally {
        this.replacing = false
      }
    }
    this.clearAddress()
    this.path = '/contacts'
    await this.opened(profile)
    this.say('restore.done')
  }

  async eraseAll(): Promise<void> {
    try {
      await this.phone.do('erase', {})
      this.forget()
      this.clearAddress()
      this.path = '/contacts'
      this.closed()
    } catch (error) {
      this.tell(error)
    }
  }

  // ---- asking the telephone ----------------------------------------------------------------------

  private async load(what: 'numbers' | 'contacts' | 'log' | 'calls'): Promise<void> {
    if (what === 'numbers') this.numbers = await this.phone.do('numbers', {})
    if (what === 'contacts') this.contacts = await this.phone.do('contacts', {})
    if (what === 'log') this.log = await this.phone.do('log', { limit: LOG_LIMIT })
    if (what === 'calls') {
      for (const call of await this.phone.do('calls', {})) this.calls.set(call.id, call)
      this.sound()
    }
    this.changed()
  }

  private again(what: 'numbers' | 'contacts' | 'log'): void {
    this.load(what).catch(() => undefined) // a telephone that was just locked answers nothing
  }

  /** Runs a command; a failure is told in a notice. Resolves with null then. */
  async try<N extends CommandName>(name: N, args: Commands[N][0]): Promise<Commands[N][1] | null> {
    try {
      return await this.phone.do(name, args)
    } catch (error) {
      this.tell(error)
      return null
    }
  }

  tell(error: unknown): void {
    this.toast(problemText(error))
  }

  toast(text: string, action?: Toast['action']): number {
    const toast: Toast = { id: this.nextToast++, text, ...(action ? { action } : {}) }
    this.toasts = [...this.toasts, toast].slice(-TOASTS_MAX)
    setTimeout(() => this.untoast(toast.id), action ? UNDO_MS : TOAST_MS)
    this.changed()
    return toast.id
  }

  say(key: Key, params: Params = {}): void {
    this.toast(t(key, params))
  }

  untoast(id: number): void {
    this.toasts = this.toasts.filter(toast => toast.id !== id)
    this.changed()
  }

  ask(title: string, text: string, confirm: string, danger = false): Promise<boolean> {
    return new Promise(resolve => {
      this.question = {
        title, text, confirm, danger,
        answer: yes => {
          this.question = null
          this.changed()
          resolve(yes)
        },
      }
      this.changed()
    })
  }

  // ---- what the telephone says ---------------------------------------------------------------------

  private heard(event: PhoneEvent): void {
    switch (event.event) {
      case 'call': this.heardCall(event.call); break
      case 'incoming': this.heardIncoming(event.call); break
      case 'line': this.line = event.line; break
      case 'contacts': this.again('contacts'); this.readLinkAgain(); break
      case 'numbers': case 'log': this.again(event.event); break
      case 'profile':
        this.phone.do('profile', {}).then(profile => { this.profile = profile; this.changed() }, () => undefined)
        break
      case 'leaked': this.again('numbers'); this.say('leak.text', { label: event.number.label }); break
      case 'bound': this.again('numbers'); this.say('toast.bound', { label: event.number.label }); break
      case 'publish_failed': this.say('toast.publish_failed'); break
      case 'push_failed': this.say('toast.push_failed'); break
      case 'page_audio': this.heardSound(event.problem); break
      case 'exchange': this.heardExchange(event); break
      case 'link': this.linkProblem = event.up ? null : event.reason ?? 'unreachable'; break
      case 'closed': this.closed(); break
      default: break
    }
    this.changed()
  }

  // Whose number is open in the address may just have become a contact.
  private readLinkAgain(): void {
    if (this.link?.kind !== 'number') return
    const text = this.linkText
    this.phone.do('link', { text }).then(link => {
      if (text !== this.linkText) return
      this.link = link
      this.changed()
    }, () => undefined)
  }

  private heardCall(call: Call): void {
    if (call.state !== 'ended') {
      this.calls.set(call.id, call)
      this.sample(call)
      this.keepContact(call)
      this.sound()
      return
    }
    const before = this.calls.get(call.id)
    this.calls.delete(call.id)
    this.dialled.delete(call.id)
    if (this.shows(call, before)) {
      this.ended = call
      this.samples = []
      if (call.end === 'hangup' && call.talk_ms > 0) this.dismissSoon(call)
    }
    this.sound()
  }

  // A call that was never answered here leaves only its line in the history.
  private shows(call: Call, before: Call | undefined): boolean {
    if (call.end === 'glare') return false
    const talked = call.talk_ms > 0 || before?.state === 'active'
    if (call.incoming && !talked) return false
    return call.end !== 'hangup' || talked
  }

  // The owner's own hang-up needs no reading; a caller without a line is shown what comes next.
  private dismissSoon(call: Call): void {
    if (!this.profile?.has_line) return
    setTimeout(() => {
      if (this.ended?.id === call.id) this.dismissEnded()
    }, ENDED_SHORT_MS)
  }

  dismissEnded(): void {
    this.ended = null
    this.changed()
  }

  private heardIncoming(call: Call): void {
    this.calls.set(call.id, call)
    this.sound()
    if (this.quiet() || !document.hidden) return
    try {
      this.notification = new Notification(t('incoming.calls', { name: call.label || t('call.unknown') }),
        { tag: `sotto-call-${call.id}`, requireInteraction: true })
      this.notification.onclick = () => window.focus()
    } catch {
      // Not allowed, or (Android) only a service worker may: the bell rings all the same.
    }
  }

  private heardSound(problem: string): void {
    if (problem === 'silent') this.say('toast.silent')
    else if (problem === 'ENOMIC' || problem === 'ENODEVICE') this.micProblem = new PhoneError(problem)
  }

  private heardExchange(event: PhoneEvent & { event: 'exchange' }): void {
    if (event.stage === 'failed' && !this.exchange) return // we gave it up ourselves
    const label = this.exchange?.label ?? ''
    const code = this.exchange && 'code' in this.exchange ? this.exchange.code : ''
    switch (event.stage) {
      case 'met': this.exchange = { stage: 'met', code, label }; break
      case 'words':
        this.exchange = { stage: 'words', label, read_aloud: event.read_aloud, choices: event.choices }
        break
      case 'done': this.exchange = { stage: 'done', label, contact: event.contact }; break
      case 'failed': this.exchange = { stage: 'failed', label, code: event.code }; break
    }
  }

  closed(): void {
    if (this.replacing) return
    this.calls.clear()
    this.profile = null
    this.numbers = []
    this.contacts = []
    this.log = []
    this.ended = null
    this.exchange = null
    this.line = { state: 'none' }
    bell.silence()
    void this.boot_()
  }

  private sample(call: Call): void {
    if (call.state !== 'active' || call.held) return
    const now = nowS()
    if (now - this.sampledAt < 0.9) return
    this.sampledAt = now
    this.samples = [...this.samples, { delay_ms: call.stats.delay_ms, loss: call.stats.loss }].slice(-SAMPLES_MAX)
  }

  // A number that connected once is kept without being asked for, so that it just works next time.
  private keepContact(call: Call): void {
    const dialled = this.dialled.get(call.id)
    if (!dialled?.link || !call.secure || call.incoming) return
    const { link, label } = dialled
    this.dialled.delete(call.id)
    this.phone.do('contact_add', { label, link }).catch(() => undefined) // EEXIST: it is there
  }

  // ---- calls -----------------------------------------------------------------------------------

  /** The call that has the screen: what is talking, else what we dial. */
  current(): Call | null {
    const all = [...this.calls.values()].filter(call => !call.incoming || call.state === 'active' || call.state === 'ending')
    return all.find(call => call.state === 'active' && !call.held) ??
      all.find(call => call.state !== 'active' && call.state !== 'ending') ?? all[0] ?? null
  }

  /** Who waits for our answer. */
  ringing(): Call | null {
    return [...this.calls.values()].find(call => call.incoming && call.state === 'ringing') ?? null
  }

  others(): Call[] {
    const current = this.current()
    return [...this.calls.values()].filter(call => call !== current && call.state === 'active')
  }

  private sound(): void {
    const incoming = this.ringing()
    const current = this.current()
    if (!incoming && this.notification) {
      this.notification.close()
      this.notification = null
    }
    if (incoming && !this.quiet()) return current ? bell.waitingTone() : bell.ring()
    if (current && !current.incoming && current.state === 'ringing') return bell.ringback()
    bell.silence()
  }

  async dial(to: { contact?: string; link?: string; label: string }): Promise<boolean> {
    try {
      await this.phone.ask_microphone()
      const args = to.contact ? { contact: to.contact } : { link: to.link ?? '', label: to.label }
      const { call } = await this.phone.do('dial', args)
      this.dialled.set(call, { ...(to.link && !to.contact ? { link: to.link } : {}), label: to.label })
      if (to.contact) this.countUse(to.contact)
      this.ended = null
      this.samples = []
      await this.load('calls')
      return true
    } catch (error) {
      this.failedCall(error)
      return false
    }
  }

  micProblem: PhoneError | null = null

  failedCall(error: unknown): void {
    if (error instanceof PhoneError && (error.code === 'ENOMIC' || error.code === 'ENODEVICE')) {
      this.micProblem = error
      this.changed()
    } else {
      this.tell(error)
    }
  }

  async accept(call: Call): Promise<void> {
    try {
      await this.phone.ask_microphone()
    } catch (error) {
      return this.failedCall(error)
    }
    const talking = this.current()
    if (talking?.state === 'active' && talking.id !== call.id && !talking.held) {
      await this.try('hold', { call: talking.id, on: true })
    }
    this.samples = []
    await this.try('accept', { call: call.id })
  }

  decline(call: Call): void { void this.try('decline', { call: call.id }) }
  hangup(call: Call): void { void this.try('hangup', { call: call.id }) }
  mute(call: Call): void { void this.try('mute', { call: call.id, on: !call.muted }) }
  hold(call: Call): void { void this.try('hold', { call: call.id, on: !call.held }) }

  async words(call: Call, match: boolean): Promise<void> {
    if (await this.try('words', { call: call.id, match }) && match) this.say('words.thanks', { name: call.label })
  }

  /** Goes from one talk to the other one. */
  async swap(to: Call): Promise<void> {
    const from = this.current()
    if (from && from.state === 'active' && !from.held) await this.try('hold', { call: from.id, on: true })
    await this.try('hold', { call: to.id, on: false })
  }

  // ---- exchange --------------------------------------------------------------------------------

  async startExchange(label: string, code: string | undefined, terms: { expires_s?: number; calls?: number }): Promise<void> {
    const begun = await this.try('exchange', { label, ...(code ? { code } : {}), ...terms })
    // The telephone may already have met the other one while it answered.
    if (begun && (!this.exchange || this.exchange.stage === 'failed' || this.exchange.stage === 'done')) {
      this.exchange = { stage: 'waiting', code: begun.code, label, made: !code }
    } else if (begun && this.exchange) {
      this.exchange.label = label
    }
    this.changed()
  }

  pickWords(choice: number): void {
    const label = this.exchange?.label ?? ''
    this.exchange = { stage: 'checking', label }
    this.changed()
    void this.try('exchange_pick', { choice })
  }

  cancelExchange(): void {
    this.exchange = null
    this.changed()
    void this.phone.do('exchange_cancel', {}).catch(() => undefined) // it may just have ended by itself
  }

  // ---- what the page itself keeps ------------------------------------------------------------------

  keep(prefs: Partial<Prefs>): void {
    this.prefs = { ...this.prefs, ...prefs }
    savePrefs(this.prefs)
    this.changed()
  }

  forget(): void {
    forgetPrefs()
    this.prefs = loadPrefs()
    this.applyTheme()
  }

  private countUse(contact: string): void {
    this.keep({ uses: { ...this.prefs.uses, [contact]: (this.prefs.uses[contact] ?? 0) + 1 } })
  }

  quiet(): boolean {
    return this.prefs.quiet_until === FOREVER || this.prefs.quiet_until > nowS()
  }

  setQuiet(until: number): void {
    this.keep({ quiet_until: until })
    this.sound()
  }

  missed(): number {
    return this.log.filter(entry => isMissed(entry) && entry.started > this.prefs.log_seen).length
  }

  seenLog(): void {
    if (this.missed() > 0) this.keep({ log_seen: Math.floor(nowS()) })
  }

  /** Numbers that were refused in other hands since the owner last looked. */
  leaks(): PhoneNumber[] {
    return this.numbers.filter(number => number.leaks > (this.prefs.leaks_seen[number.id] ?? 0))
  }

  seenLeak(number: PhoneNumber): void {
    this.keep({ leaks_seen: { ...this.prefs.leaks_seen, [number.id]: number.leaks } })
  }

  async applyLanguage(lang: Language): Promise<void> {
    try {
      await setLanguage(lang)
    } catch {
      // Offline and not there: what is shown stays in the language it has.
    }
    document.documentElement.lang = currentLanguage()
    document.documentElement.dir = direction()
    this.changed()
  }

  setLanguage(lang: Language): void {
    this.keep({ language: lang })
    void this.applyLanguage(lang)
  }

  setTheme(theme: Theme): void {
    this.keep({ theme })
    this.applyTheme()
  }

  private applyTheme(): void {
    if (this.prefs.theme === 'auto') delete document.documentElement.dataset['theme']
    else document.documentElement.dataset['theme'] = this.prefs.theme
  }
}

export const isMissed = (entry: LogEntry): boolean =>
  entry.kind === 'call' && entry.incoming && !entry.answered && entry.end !== 'we_declined' && entry.end !== 'glare'
