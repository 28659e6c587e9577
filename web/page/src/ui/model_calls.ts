// SPDX-License-Identifier: Apache-2.0
// The calls: which one has the screen, who waits, what sounds, and what the user does with them.
import { t } from '../i18n'
import { PhoneError, type Call } from '../phone/types'
import * as bell from './bell'
import { nowS } from './format'
import type { Model } from './model'

export const SAMPLES_MAX = 60 // one a second
const ENDED_SHORT_MS = 2500

/** Of a second of a call: see Call.stats. */
export type Sample = Pick<Call['stats'], 'delay_ms' | 'loss' | 'restored' | 'concealed'>

export class Calls {
  ended: Call | null = null // shown until it is dismissed
  samples: Sample[] = [] // of the call on the screen
  micProblem: PhoneError | null = null

  private readonly all = new Map<number, Call>()
  private readonly dialled = new Map<number, { link?: string; label: string }>()
  private sampledAt = 0
  private notification: Notification | null = null

  constructor(private readonly model: Model) {}

  // ---- what there is -----------------------------------------------------------------------------

  async load(): Promise<void> {
    for (const call of await this.model.phone.do('calls', {})) this.all.set(call.id, call)
    this.sound()
  }

  /** The telephone was closed. */
  forget(): void {
    this.all.clear()
    this.ended = null
    bell.silence()
  }

  /** The call that has the screen: what is talking, else what we dial. */
  current(): Call | null {
    const all = [...this.all.values()].filter(call => !call.incoming || call.state === 'active' || call.state === 'ending')
    return all.find(call => call.state === 'active' && !call.held) ??
      all.find(call => call.state !== 'active' && call.state !== 'ending') ?? all[0] ?? null
  }

  /** Who waits for our answer. */
  ringing(): Call | null {
    return [...this.all.values()].find(call => call.incoming && call.state === 'ringing') ?? null
  }

  others(): Call[] {
    const current = this.current()
    return [...this.all.values()].filter(call => call !== current && call.state === 'active')
  }

  // ---- what the telephone says -------------------------------------------------------------------

  heard(call: Call): void {
    if (call.state !== 'ended') {
      this.all.set(call.id, call)
      this.sample(call)
      this.keepContact(call)
      this.sound()
      return
    }
    const before = this.all.get(call.id)
    this.all.delete(call.id)
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
    if (!this.model.profile?.has_line) return
    setTimeout(() => {
      if (this.ended?.id === call.id) this.dismissEnded()
    }, ENDED_SHORT_MS)
  }

  dismissEnded(): void {
    this.ended = null
    this.model.changed()
  }

  heardIncoming(call: Call): void {
    this.all.set(call.id, call)
    this.sound()
    if (this.model.preferences.quiet() || !document.hidden) return
    try {
      this.notification = new Notification(t('incoming.calls', { name: call.label || t('call.unknown') }),
        { tag: `sotto-call-${call.id}`, requireInteraction: true })
      this.notification.onclick = () => window.focus()
    } catch {
      // Not allowed, or (Android) only a service worker may: the bell rings all the same.
    }
  }

  heardSound(problem: string): void {
    if (problem === 'silent') this.model.notices.say('toast.silent')
    else if (problem === 'ENOMIC' || problem === 'ENODEVICE') this.micProblem = new PhoneError(problem)
  }

  private sample(call: Call): void {
    if (call.state !== 'active' || call.held) return
    const now = nowS()
    if (now - this.sampledAt < 0.9) return
    this.sampledAt = now
    const { delay_ms, loss, restored, concealed } = call.stats
    this.samples = [...this.samples, { delay_ms, loss, restored, concealed }].slice(-SAMPLES_MAX)
  }

  // A number that connected once is kept without being asked for, so that it just works next time.
  private keepContact(call: Call): void {
    const dialled = this.dialled.get(call.id)
    if (!dialled?.link || !call.secure || call.incoming) return
    const { link, label } = dialled
    this.dialled.delete(call.id)
    this.model.phone.do('contact_add', { label, link }).catch(() => undefined) // EEXIST: it is there
  }

  sound(): void {
    const incoming = this.ringing()
    const current = this.current()
    if (!incoming && this.notification) {
      this.notification.close()
      this.notification = null
    }
    if (incoming && !this.model.preferences.quiet()) return current ? bell.waitingTone() : bell.ring()
    if (current && !current.incoming && current.state === 'ringing') return bell.ringback()
    bell.silence()
  }

  // ---- what the user does ------------------------------------------------------------------------

  async dial(to: { contact?: string; link?: string; label: string }): Promise<boolean> {
    const { phone, preferences } = this.model
    try {
      await phone.ask_microphone()
      const args = to.contact ? { contact: to.contact } : { link: to.link ?? '', label: to.label }
      const { call } = await phone.do('dial', args)
      this.dialled.set(call, { ...(to.link && !to.contact ? { link: to.link } : {}), label: to.label })
      if (to.contact) preferences.countUse(to.contact)
      this.ended = null
      this.samples = []
      await this.load()
      this.model.changed()
      return true
    } catch (error) {
      this.failed(error)
      return false
    }
  }

  failed(error: unknown): void {
    if (error instanceof PhoneError && (error.code === 'ENOMIC' || error.code === 'ENODEVICE')) {
      this.micProblem = error
      this.model.changed()
    } else {
      this.model.notices.tell(error)
    }
  }

  async accept(call: Call): Promise<void> {
    try {
      await this.model.phone.ask_microphone()
    } catch (error) {
      return this.failed(error)
    }
    const talking = this.current()
    if (talking?.state === 'active' && talking.id !== call.id && !talking.held) {
      await this.model.try('hold', { call: talking.id, on: true })
    }
    this.samples = []
    await this.model.try('accept', { call: call.id })
  }

  decline(call: Call): void { void this.model.try('decline', { call: call.id }) }
  hangup(call: Call): void { void this.model.try('hangup', { call: call.id }) }
  mute(call: Call): void { void this.model.try('mute', { call: call.id, on: !call.muted }) }
  hold(call: Call): void { void this.model.try('hold', { call: call.id, on: !call.held }) }

  async words(call: Call, match: boolean): Promise<void> {
    if (await this.model.try('words', { call: call.id, match }) && match) {
      this.model.notices.say('words.thanks', { name: call.label })
    }
  }

  /** Goes from one talk to the other one. */
  async swap(to: Call): Promise<void> {
    const from = this.current()
    if (from && from.state === 'active' && !from.held) await this.model.try('hold', { call: from.id, on: true })
    await this.model.try('hold', { call: to.id, on: false })
  }
}
