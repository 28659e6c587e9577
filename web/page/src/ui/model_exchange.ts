// SPDX-License-Identifier: Apache-2.0
// The exchange of numbers that is going on, as far as it has got.
import type { Contact, PhoneEvent } from '../phone/types'
import type { Model } from './model'

export type Exchange =
  | { stage: 'waiting'; code: string; label: string; made: boolean }
  | { stage: 'met'; code: string; label: string }
  | { stage: 'words'; label: string; read_aloud: string; choices: string[] }
  | { stage: 'checking'; label: string }
  | { stage: 'done'; label: string; contact: Contact }
  | { stage: 'failed'; label: string; code: string }

export class Exchanging {
  now: Exchange | null = null

  constructor(private readonly model: Model) {}

  async start(label: string, code: string | undefined, terms: { expires_s?: number; calls?: number }): Promise<void> {
    const begun = await this.model.try('exchange', { label, ...(code ? { code } : {}), ...terms })
    // The telephone may already have met the other one while it answered.
    if (begun && (!this.now || this.now.stage === 'failed' || this.now.stage === 'done')) {
      this.now = { stage: 'waiting', code: begun.code, label, made: !code }
    } else if (begun && this.now) {
      this.now.label = label
    }
    this.model.changed()
  }

  heard(event: PhoneEvent & { event: 'exchange' }): void {
    if (event.stage === 'failed' && !this.now) return // we gave it up ourselves
    const label = this.now?.label ?? ''
    const code = this.now && 'code' in this.now ? this.now.code : ''
    switch (event.stage) {
      case 'met': this.now = { stage: 'met', code, label }; break
      case 'words':
        this.now = { stage: 'words', label, read_aloud: event.read_aloud, choices: event.choices }
        break
      case 'done': this.now = { stage: 'done', label, contact: event.contact }; break
      case 'failed': this.now = { stage: 'failed', label, code: event.code }; break
    }
  }

  pick(choice: number): void {
    const label = this.now?.label ?? ''
    this.now = { stage: 'checking', label }
    this.model.changed()
    void this.model.try('exchange_pick', { choice })
  }

  cancel(): void {
    this.now = null
    this.model.changed()
    void this.model.phone.do('exchange_cancel', {}).catch(() => undefined) // it may just have ended by itself
  }
}
