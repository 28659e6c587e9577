// SPDX-License-Identifier: Apache-2.0
// One tab of a browser runs the telephone, the leader: it holds a Web Lock, which the browser passes on
// when that tab is closed. The others show what the leader tells over a BroadcastChannel and ask it for
// everything.
import type { Extra } from './protocol.ts'
import type { CommandName, Line, PhoneEvent } from './types.ts'

const LOCK = 'sotto-phone'
const CHANNEL = 'sotto-phone'

export type Said = { from: string; to?: string } & (
  | { kind: 'who' } // who leads?
  // I do: can be heard, has calls, may be handed over; the line as last told
  | { kind: 'here'; sound: boolean; busy: boolean; unlocked: boolean; line: Line }
  | { kind: 'do'; id: number; name: CommandName; args: object; extra: Extra }
  | { kind: 'done'; id: number; result: unknown }
  | { kind: 'failed'; id: number; code: string; detail: string }
  | { kind: 'event'; event: PhoneEvent }
  | { kind: 'levels'; mic: number; speaker: number }
  | { kind: 'device'; input?: string; output?: string }
  | { kind: 'give_way' } // from a tab that was tapped to a leader that cannot be heard
)
type Body<T> = T extends unknown ? Omit<T, 'from'> : never
export type ToSay = Body<Said>

export interface TabsOwner {
  lead(): void // from now on
  said(message: Said): void
}

export class Tabs {
  readonly me = crypto.randomUUID()
  leader = false
  private readonly channel = new BroadcastChannel(CHANNEL)
  private release: (() => void) | null = null

  constructor(private readonly owner: TabsOwner) {
    this.channel.onmessage = (event: MessageEvent<Said>) => {
      if (event.data.to === undefined || event.data.to === this.me) this.owner.said(event.data)
    }
    this.queue()
  }

  say(message: ToSay): void {
    this.channel.postMessage({ ...message, from: this.me })
  }

  /** The next one in the queue leads; this tab queues again. */
  give_way(): void {
    if (!this.leader) return
    this.leader = false
    this.release?.()
    this.queue()
  }

  private queue(): void {
    void navigator.locks.request(LOCK, () => new Promise<void>(resolve => {
      this.release = resolve
      this.leader = true
      this.owner.lead()
    }))
  }
}
