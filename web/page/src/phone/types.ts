// SPDX-License-Identifier: Apache-2.0
// What the telephone (web/wasm/phone.c, behind the worker) and the page say to each other. Every
// object here is JSON that C writes or reads: names are snake_case, times are Unix seconds unless
// the name says otherwise, optional fields are left out, not null.

// ---- errors -----------------------------------------------------------------------------------

/** The core's error names without "SOTTO_" ("EPASSPHRASE", "EFULL", "ELINK_DAMAGED", ...), and the
 * driver's own: "ENOMIC" (permission refused), "ENODEVICE" (no microphone), "ESTORAGE" (this
 * browser gives no storage), "EBUSY" (another tab does not answer), "EUNSUPPORTED" (the browser
 * lacks what the call needs). `i18n` has a sentence for each. */
export class PhoneError extends Error {
  constructor(readonly code: string, readonly detail = '') {
    super(detail === '' ? code : `${code}: ${detail}`)
  }
}

// ---- what there is ------------------------------------------------------------------------------

/** How the store is protected, beside the browser's non-extractable key. */
export type Lock = 'none' | 'passphrase' | 'passkey'

/** Before anything is opened. */
export interface Boot {
  exists: boolean
  lock: Lock // of what exists
  durable: boolean // false: this browser forgets everything when the window is closed
  damaged: boolean // there is a store, but no slot of it can be read
}

export interface Relay { host: string; port: number }

export interface Profile {
  name: string // display name for links; "" none
  fingerprint: string // 13 groups of 4
  created: number
  has_line: boolean
  registered: boolean
  home?: Relay
  lock: Lock
  kit: boolean // a recovery kit was made
}

export type LineState = 'none' | 'connecting' | 'ready' | 'down' | 'denied' | 'replaced'
export interface Line {
  state: LineState
  code?: string // why denied: "invite", "revoked", ...
  transport?: 'webtransport' | 'websocket'
  clock_offset_s?: number // our clock minus the relay's, if over an hour
}

export type NumberState = 'fresh' | 'bound' | 'revoked' | 'expired' | 'used_up'
export interface PhoneNumber {
  id: string // hex of the token's hash
  label: string
  state: NumberState
  created: number
  expires?: number
  last_used?: number
  calls_max?: number
  calls_used: number
  bound?: string // fingerprint
  verified: boolean
  leaks: number // calls refused because of another key
  leaked?: number // when last
  leaked_to?: string
  pending: boolean // the relay has not been told yet
  link?: string // only in answers of number_new, number_link, number_rebind
}

export interface Contact {
  id: string // hex of the fingerprint
  label: string
  fingerprint: string
  verified: boolean
  verified_at?: number
  created: number
  has_link: boolean // they gave us a number: can be called
  expires?: number // of that number
  calls?: number // as many as it was handed out for; left out: any number
  relay?: Relay
}

export type CallState = 'dialling' | 'checking' | 'ringing' | 'active' | 'ending' | 'ended'
/** enum sotto_end in lower case without the prefix. */
export type CallEnd = 'none' | 'hangup' | 'peer_hangup' | 'declined' | 'we_declined' | 'busy' | 'no_answer'
  | 'cancelled' | 'unavailable' | 'offline' | 'refused' | 'wrong_peer' | 'suite' | 'protocol' | 'words'
  | 'rekey' | 'lost' | 'dropped' | 'timeout' | 'limit' | 'link' | 'storage' | 'glare' | 'internal'
export type Quality = 'good' | 'fair' | 'poor' | 'reconnecting'

export interface Call {
  id: number
  incoming: boolean
  state: CallState
  end: CallEnd
  label: string // our own word for them; "" unknown
  contact?: string // Contact.id
  peer?: string // fingerprint
  secure: boolean // both ends have proven themselves
  verified: boolean // and the words were compared with this very identity
  words?: string // four words, when secure
  waiting: boolean // incoming while another call is active
  held: boolean
  peer_held: boolean
  muted: boolean
  reconnecting: boolean
  kept_s?: number // reconnecting: so long until it ends, if nothing comes
  waking?: boolean // outgoing, dialling: their relay is waking their device
  started: number
  talk_ms: number // so far
  quality: Quality
  stats: { rtt_ms: number; jitter_ms: number
    delay_ms: number // estimate from mouth to ear, without sound devices; 0 unknown
    lag_ms: number // of it: what the playout keeps back
    loss: number; restored: number; concealed: number // shares 0..1 of the last seconds: cells lost, sound out of
    // redundancy, sound that was made up
    frames_copied: number; frames_retold: number; frames_concealed: number // since the call began: restored from
    // copies, from DRED; made up
    neural: 'on' | 'absent' | 'unwanted' | 'spared' // spared: off, this device is too slow for it
    cells_sent: number; cells_received: number; cells_lost: number; epoch: number
    group: string; cipher: string; transport: string }
}

export interface LogEntry {
  kind: 'call' | 'leak' | 'bound'
  incoming: boolean
  answered: boolean
  secure: boolean
  verified: boolean
  started: number
  duration_s: number
  end: CallEnd
  label: string
  contact?: string
  peer?: string
  /** How it was carried: mean delay from mouth to ear (0 unknown), shares 0..1; worst: of the sound filled in, in the
   * worst second. */
  quality?: { delay_ms: number; loss: number; restored: number; concealed: number; worst: number }
}

/** What a pasted or opened link is. */
export interface LinkInfo {
  kind: 'number' | 'invite'
  relay: Relay
  name: string // number: what the link says the owner is called
  callee?: string // number: fingerprint
  expires?: number
  calls?: number // as many as it was handed out for; left out: any number
  expired: boolean // by our clock
  ours: boolean // it is our own number
  contact?: string // Contact.id of the callee, if we know that identity
}

// ---- commands: phone.do(name, arguments) resolves with the result or rejects with PhoneError -----

export interface Commands {
  boot: [{}, Boot]
  // `secret` (hex) is what the browser's own key protects; the driver adds it, the page does not.
  // invite and contacts come from a setup link.
  create: [{ name: string; lock: Lock; passphrase?: string; invite?: string
             contacts?: { label: string; link: string }[] }, Profile]
  open: [{ passphrase?: string }, Profile] // EPASSPHRASE
  lock: [{}, {}]
  set_lock: [{ lock: Lock; old_passphrase?: string; passphrase?: string }, Profile]
  profile: [{}, Profile]
  set_name: [{ name: string }, Profile]
  join: [{ invite: string }, Profile] // gives the present identity a line

  link: [{ text: string }, LinkInfo] // ELINK_*
  dial: [{ contact?: string; link?: string; label?: string }, { call: number }]
  accept: [{ call: number }, {}]
  decline: [{ call: number }, {}]
  hangup: [{ call: number }, {}]
  hold: [{ call: number; on: boolean }, {}]
  mute: [{ call: number; on: boolean }, {}]
  words: [{ call: number; match: boolean }, {}]
  calls: [{}, Call[]]

  numbers: [{}, PhoneNumber[]]
  number_new: [{ label: string; expires_s?: number; calls?: number }, PhoneNumber]
  number_link: [{ id: string }, PhoneNumber]
  number_label: [{ id: string; label: string }, PhoneNumber]
  number_revoke: [{ id: string }, PhoneNumber]
  number_restore: [{ id: string }, PhoneNumber] // undoes a revoke
  number_rebind: [{ id: string }, PhoneNumber] // binds anew to whoever uses it next

  contacts: [{}, Contact[]]
  contact_add: [{ label: string; link: string }, Contact] // EEXIST
  contact_rename: [{ id: string; label: string }, Contact]
  contact_remove: [{ id: string }, {}]

  // code left out: a fresh one is made and returned. One at a time.
  exchange: [{ label: string; code?: string; expires_s?: number; calls?: number }, { code: string }]
  exchange_pick: [{ choice: number }, {}]
  exchange_cancel: [{}, {}]

  log: [{ limit?: number }, LogEntry[]]
  log_clear: [{}, { removed: number }]

  // base64. A backup has everything; a kit the identity and the line only, under 24 words.
  backup: [{ passphrase: string }, { data: string }]
  kit: [{}, { words: string; data: string }]
  restore: [{ data: string; passphrase: string; lock: Lock; new_passphrase?: string }, Profile]
  erase: [{}, {}]

  push: [{ endpoint: string; p256dh: string; auth: string } | { off: true }, {}]
}
export type CommandName = keyof Commands

// ---- events ---------------------------------------------------------------------------------------

export type PhoneEvent =
  | { event: 'call'; call: Call } // any change, and once a second while active
  | { event: 'incoming'; call: Call } // ring now
  | { event: 'line'; line: Line }
  | { event: 'numbers' } // read them again
  | { event: 'contacts' }
  | { event: 'log' }
  | { event: 'profile' }
  | { event: 'leaked'; number: PhoneNumber } // a number in other hands was refused
  | { event: 'bound'; number: PhoneNumber } // first use
  | { event: 'publish_failed'; code: string }
  | { event: 'push_failed'; code: string } // the relay did not take the subscription
  | { event: 'exchange'; stage: 'met' }
  | { event: 'exchange'; stage: 'words'; read_aloud: string; choices: string[] }
  | { event: 'exchange'; stage: 'done'; contact: Contact; number: PhoneNumber }
  | { event: 'exchange'; stage: 'failed'; code: string }
  | { event: 'link'; host: string; up: boolean; transport?: 'webtransport' | 'websocket'
      reason?: 'unreachable' | 'certificate' | 'udp_blocked' | 'lost' | 'offline' }
  | { event: 'closed' } // locked, erased, or another tab did it
  // For the driver, not passed on to the page:
  | { event: 'link_wanted'; link: number; host: string; port: number; pinned: boolean }
  | { event: 'link_unwanted'; link: number }
  | { event: 'mic'; open: boolean }
  | { event: 'page_audio'; problem: string }

// ---- the telephone as the page sees it (client.ts) ----------------------------------------------------

export interface Phone {
  do<N extends CommandName>(name: N, args: Commands[N][0]): Promise<Commands[N][1]>
  /** Returns what unsubscribes. */
  on(listener: (event: PhoneEvent) => void): () => void
  /** Asks for the microphone, then closes it again: call from the tap on Call or Answer. Rejects
   * with ENOMIC or ENODEVICE. */
  ask_microphone(): Promise<void>
  /** Loudspeakers to choose from; [] where the browser offers no choice. */
  outputs(): Promise<{ id: string; label: string; current: boolean }[]>
  set_output(id: string): Promise<void>
  inputs(): Promise<{ id: string; label: string; current: boolean }[]>
  set_input(id: string): Promise<void>
  /** 0..100, of the last tenth of a second. */
  levels(): { mic: number; speaker: number }
  /** Whether this tab runs the telephone, or shows what another tab runs. */
  readonly leader: boolean
  /** Push: whether the browser can, is allowed to, and has it on. */
  push_state(): Promise<'unsupported' | 'denied' | 'off' | 'on'>
  set_push(on: boolean): Promise<void>
  /** Whether a passkey with PRF can be made here. */
  passkeys(): Promise<boolean>
}
