// SPDX-License-Identifier: Apache-2.0
// What the screens show: the telephone's state as last heard, and what this page adds to it. Screens read
// the fields and call the methods; nothing else keeps state of the telephone. Its parts: the calls, the
// exchange, the notices, the preferences.
import type {
  Boot, CommandName, Commands, Contact, Line, LinkInfo, LogEntry, Phone, PhoneEvent, PhoneNumber, Profile,
} from '../phone/types'
import { PhoneError } from '../phone/types'
import { t } from '../i18n'
import { nowS } from './format'
import { readFragment, type Fragment } from './fragment'
import { Calls } from './model_calls'
import { Exchanging } from './model_exchange'
import { Notices } from './model_notices'
import { Preferences } from './model_preferences'
import type { Protection } from './protect'
import { missing, type Missing } from './support'

const LOG_LIMIT = 200

export type Phase = 'starting' | 'unsupported' | 'broken' | 'new' | 'locked' | 'open'

export class Model {
  phase: Phase = 'starting'
  missing: Missing | null = null
  broken: PhoneError | null = null
  boot: Boot | null = null
  profile: Profile | null = null
  line: Line = { state: 'none' }
  numbers: PhoneNumber[] = []
  contacts: Contact[] = []
  log: LogEntry[] = []
  link: LinkInfo | null = null // what the address holds
  linkText = ''
  linkError: string | null = null
  fragment: Fragment = { kind: 'none' }
  kitDue = false // the recovery kit is offered once after the first run
  linkProblem: (PhoneEvent & { event: 'link' })['reason'] | null = null
  path = '/contacts'
  install: { prompt: () => Promise<unknown> } | null = null // the browser offers "add to home screen"

  readonly calls = new Calls(this)
  readonly exchange = new Exchanging(this)
  readonly notices = new Notices(() => this.changed())
  readonly preferences = new Preferences(() => this.changed())

  private readonly listeners = new Set<() => void>()

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
    await this.preferences.apply()
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
          this.notices.say('join.already')
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
      if (!await this.notices.ask(t('restore.replace.title'), t('restore.replace.text'), t('restore.replace'), true)) return
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
    this.notices.say('restore.done')
  }

  async eraseAll(): Promise<void> {
    try {
      await this.phone.do('erase', {})
      this.preferences.forget()
      this.clearAddress()
      this.path = '/contacts'
      this.closed()
    } catch (error) {
      this.notices.tell(error)
    }
  }

  // ---- asking the telephone ----------------------------------------------------------------------

  private async load(what: 'numbers' | 'contacts' | 'log' | 'calls'): Promise<void> {
    if (what === 'numbers') this.numbers = await this.phone.do('numbers', {})
    if (what === 'contacts') this.contacts = await this.phone.do('contacts', {})
    if (what === 'log') this.log = await this.phone.do('log', { limit: LOG_LIMIT })
    if (what === 'calls') await this.calls.load()
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
      this.notices.tell(error)
      return null
    }
  }

  // ---- what the telephone says ---------------------------------------------------------------------

  private heard(event: PhoneEvent): void {
    switch (event.event) {
      case 'call': this.calls.heard(event.call); break
      case 'incoming': this.calls.heardIncoming(event.call); break
      case 'line': this.line = event.line; break
      case 'contacts': this.again('contacts'); this.readLinkAgain(); break
      case 'numbers': case 'log': this.again(event.event); break
      case 'profile':
        this.phone.do('profile', {}).then(profile => { this.profile = profile; this.changed() }, () => undefined)
        break
      case 'leaked': this.again('numbers'); this.notices.say('leak.text', { label: event.number.label }); break
      case 'bound': this.again('numbers'); this.notices.say('toast.bound', { label: event.number.label }); break
      case 'publish_failed': this.notices.say('toast.publish_failed'); break
      case 'push_failed': this.notices.say('toast.push_failed'); break
      case 'page_audio': this.calls.heardSound(event.problem); break
      case 'exchange': this.exchange.heard(event); break
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

  closed(): void {
    if (this.replacing) return
    this.calls.forget()
    this.profile = null
    this.numbers = []
    this.contacts = []
    this.log = []
    this.exchange.now = null
    this.line = { state: 'none' }
    void this.boot_()
  }

  // ---- do not disturb, and what the owner has seen -------------------------------------------------

  async setQuiet(until: number): Promise<void> {
    await this.preferences.keepQuiet(until)
    this.calls.sound()
  }

  missed(): number {
    return this.log.filter(entry => isMissed(entry) && entry.started > this.preferences.now.log_seen).length
  }

  seenLog(): void {
    if (this.missed() > 0) this.preferences.keep({ log_seen: Math.floor(nowS()) })
  }

  /** Numbers that were refused in other hands since the owner last looked. */
  leaks(): PhoneNumber[] {
    return this.numbers.filter(number => number.leaks > (this.preferences.now.leaks_seen[number.id] ?? 0))
  }

  seenLeak(number: PhoneNumber): void {
    this.preferences.keep({ leaks_seen: { ...this.preferences.now.leaks_seen, [number.id]: number.leaks } })
  }
}

export const isMissed = (entry: LogEntry): boolean =>
  entry.kind === 'call' && entry.incoming && !entry.answered && entry.end !== 'we_declined' && entry.end !== 'glare'
