// SPDX-License-Identifier: Apache-2.0
// What this tab has asked of the telephone and has no answer to, and which tab ran it: the telephone may
// move from one tab to another at any moment, and no command may be carried out twice.
import type { Extra } from './protocol.ts'
import { PhoneError, type CommandName } from './types.ts'

export interface Asked { id: number; name: CommandName; args: object; extra: Extra }

interface Waiting { of: string | null; asked: Asked; resolve: (result: unknown) => void; reject: (error: PhoneError) => void }

/** Those change nothing, so they may be asked twice. */
const READS: ReadonlySet<CommandName> = new Set(['boot', 'profile', 'link', 'calls', 'numbers', 'contacts', 'log'])

export class AskedCommands {
  private readonly waiting = new Map<number, Waiting>() // by id, in the order in which they were asked
  private next = 1

  /** `of`: the tab that is asked at once; null: nobody, as no tab is known to run the telephone. */
  add(of: string | null, name: CommandName, args: object, extra: Extra): { asked: Asked; answer: Promise<unknown> } {
    const asked = { id: this.next++, name, args, extra }
    const answer = new Promise((resolve, reject) => this.waiting.set(asked.id, { of, asked, resolve, reject }))
    return { asked, answer }
  }

  /** Nothing for an id that was answered already; the same below. */
  done(id: number, result: unknown): void {
    this.take(id)?.resolve(result)
  }

  failed(id: number, code: string, detail = ''): void {
    this.take(id)?.reject(new PhoneError(code, detail))
  }

  all_failed(code: string, detail: string): void {
    for (const id of [...this.waiting.keys()]) this.failed(id, code, detail)
  }

  /** The telephone runs in tab `of` from now on. Returns what the caller must ask of it: what nobody was asked
   * yet, and reads. The rest another tab may have carried out: it fails with EBUSY. */
  turn_to(of: string): Asked[] {
    const again: Asked[] = []
    for (const waiting of [...this.waiting.values()]) {
      if (waiting.of === of) continue
      if (waiting.of !== null && !READS.has(waiting.asked.name)) {
        this.failed(waiting.asked.id, 'EBUSY')
        continue
      }
      waiting.of = of
      again.push(waiting.asked)
    }
    return again
  }

  private take(id: number): Waiting | undefined {
    const waiting = this.waiting.get(id)
    this.waiting.delete(id)
    return waiting
  }
}
