// SPDX-License-Identifier: Apache-2.0
// The telephone as the page sees it (`Phone`), whichever tab runs it.
import { AskedCommands } from './asked.ts'
import { Audio, type Device } from './audio.ts'
import { read_lock } from './keys.ts'
import { make_passkey, passkeys_offered, use_passkey } from './passkey.ts'
import type { Extra, FromWorker, ToWorker } from './protocol.ts'
import { forget_wake_up, push_now, push_off, push_on, push_renew, register_service_worker } from './push.ts'
import { Tabs, type Said, type ToSay } from './tabs.ts'
import { PhoneError, type Boot, type Call, type CommandName, type Commands, type Line, type Phone, type PhoneEvent, type Profile } from './types.ts'
import { worker_url } from './urls.ts'

const LEAVE_MS = 150 // a closing page waits so long for the worker's last words
const ANSWER_MS = 1000 // of a leader to "who leads?"
const COMMAND_MS = 30000 // of another tab; then: EBUSY
const GIVE_WAY_MS = 5000
const CRASHES_MS = 10000 // two within it: it will not run here

export class Client implements Phone {
  private readonly audio: Audio
  private readonly tabs: Tabs
  private worker: Worker | null = null
  private readonly listeners = new Set<(event: PhoneEvent) => void>()
  private readonly asked = new AskedCommands()
  private readonly calls = new Map<number, Call>()
  private level = { mic: 0, speaker: 0 }
  private line: Line = { state: 'none' } // as last told
  private opened = false // this tab has seen the telephone open
  private told: (Said & { kind: 'here' }) | null = null // by the leader; null: none is known
  private awake: WakeLockSentinel | null = null

  constructor() {
    this.audio = new Audio({
      speaker: port => this.send({ kind: 'speaker', port }, [port]),
      microphone: port => port ? this.send({ kind: 'microphone', port }, [port]) : this.send({ kind: 'microphone_off' }),
      problem: problem => this.hear({ event: 'page_audio', problem }),
    })
    this.tabs = new Tabs({ lead: () => void this.lead(), said: message => this.said(message) })
    this.tabs.say({ kind: 'who' })
    this.watch_page()
  }

  get leader(): boolean {
    return this.tabs.leader
  }

  on(listener: (event: PhoneEvent) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  async do<N extends CommandName>(name: N, args: Commands[N][0]): Promise<Commands[N][1]> {
    const { args: all, extra } = await this.with_passkey(name, args)
    if (name === 'create' || name === 'restore') void navigator.storage?.persist?.().catch(() => false)
    const result = await this.command(name, all, extra)
    // Who has no line any more is not woken for one.
    if (name === 'erase') await push_off().catch(() => {})
    this.note(name, result)
    return result
  }

  levels(): { mic: number; speaker: number } {
    return this.level
  }

  // ---- leading -----------------------------------------------------------------------------------

  private async lead(): Promise<void> {
    const before = this.opened
    this.told = null
    this.start_worker()
    if (before) await this.take_over()
    for (const asked of this.asked.turn_to(this.tabs.me)) this.send({ kind: 'do', ...asked })
    this.tabs.say(this.here())
  }

  private start_worker(): void {
    const saving = (navigator as { connection?: { saveData?: boolean } }).connection?.saveData === true
    const worker = new Worker(worker_url(), { type: 'module', name: 'sotto' })
    worker.onmessage = (event: MessageEvent<FromWorker>) => this.from_worker(event.data)
    worker.onerror = event => void this.crashed('EUNSUPPORTED', event.message)
    this.worker = worker
    this.send({ kind: 'start', saving })
  }

  // The tab that led is gone, and its calls with it. Without a lock it goes on by itself.
  private async take_over(): Promise<void> {
    for (const call of this.calls.values()) this.hear({ event: 'call', call: { ...call, state: 'ended', end: 'lost' } })
    this.calls.clear()
    this.hear({ event: 'line', line: { state: 'connecting' } })
    const boot = await this.ask_worker('boot', {}, {}).catch(() => null) as Boot | null
    const open = boot?.exists && boot.lock === 'none'
      && await this.ask_worker('open', {}, {}).then(() => true, () => false)
    if (!open) {
      this.opened = false
      return this.hear({ event: 'closed' })
    }
    for (const event of ['profile', 'numbers', 'contacts', 'log'] as const) this.hear({ event })
  }

  private here(): ToSay & { kind: 'here' } {
    const unlocked = this.lock_free || !this.opened
    return { kind: 'here', sound: this.audio.audible(), busy: this.calls.size > 0, unlocked, line: this.line }
  }

  private lock_free = false // the store needs nothing but this browser to open

  private give_way(): void {
    if (this.calls.size > 0) return
    const worker = this.worker
    this.worker = null
    this.audio.close()
    if (!worker) return this.tabs.give_way()
    const over = () => {
      worker.terminate()
      this.tabs.give_way()
    }
    const timer = setTimeout(over, 1000)
    worker.onmessage = (event: MessageEvent<FromWorker>) => {
      if (event.data.kind !== 'stopped') return
      clearTimeout(timer)
      over()
    }
    worker.postMessage({ kind: 'stop' } satisfies ToWorker)
  }

  // ---- commands ----------------------------------------------------------------------------------

  private command<N extends CommandName>(name: N, args: object, extra: Extra): Promise<Commands[N][1]> {
    return (this.tabs.leader ? this.ask_worker(name, args, extra) : this.ask_leader(name, args, extra)) as Promise<Commands[N][1]>
  }

  private ask_worker(name: CommandName, args: object, extra: Extra): Promise<unknown> {
    if (!this.worker) return Promise.reject(new PhoneError('EBUSY'))
    const { asked, answer } = this.asked.add(this.tabs.me, name, args, extra)
    this.send({ kind: 'do', ...asked })
    return answer
  }

  // While no leader is known it is kept, until this tab or another one says that it leads.
  private ask_leader(name: CommandName, args: object, extra: Extra): Promise<unknown> {
    const { asked, answer } = this.asked.add(this.told?.from ?? null, name, args, extra)
    if (this.told !== null) this.tabs.say({ kind: 'do', ...asked })
    // The own worker, should this tab lead by then, does answer.
    const timer = setTimeout(() => { if (!this.tabs.leader) this.asked.failed(asked.id, 'EBUSY') }, COMMAND_MS)
    return answer.finally(() => clearTimeout(timer))
  }

  private send(message: ToWorker, transfer: Transferable[] = []): void {
    this.worker?.postMessage(message, transfer)
  }

  private note(name: CommandName, result: unknown): void {
    if (['create', 'open', 'restore', 'set_lock', 'profile'].includes(name)) {
      this.opened = true
      this.lock_free = (result as Profile).lock === 'none'
    }
    // Another tab may have opened it long ago: its line is not told again by itself.
    if (name === 'open' && !this.tabs.leader) queueMicrotask(() => this.take({ event: 'line', line: this.line }))
    if (name === 'calls') for (const call of result as Call[]) this.calls.set(call.id, call)
  }

  // A passkey's output is the passphrase; it needs the user, so it is fetched here.
  private async with_passkey(name: CommandName, args: object): Promise<{ args: object; extra: Extra }> {
    const all = { ...args } as { lock?: string; name?: string; passphrase?: string; old_passphrase?: string; new_passphrase?: string }
    const extra: Extra = {}
    if (name === 'open' || name === 'set_lock') {
      const kept = await read_lock()
      const field = name === 'open' ? 'passphrase' : 'old_passphrase'
      if (kept?.lock === 'passkey' && kept.credential && all[field] === undefined && !await this.is_open(name))
        all[field] = await use_passkey(kept.credential)
    }
    if ((name === 'create' || name === 'set_lock' || name === 'restore') && all.lock === 'passkey') {
      const made = await make_passkey(all.name ?? '')
      extra.credential = made.credential
      all[name === 'restore' ? 'new_passphrase' : 'passphrase'] = made.prf
    }
    return { args: all, extra }
  }

  // To open what another tab has opened takes no finger.
  private async is_open(name: CommandName): Promise<boolean> {
    if (name !== 'open') return false
    const boot = await this.command('boot', {}, {}).catch(() => null)
    return boot?.lock === 'none'
  }

  // ---- what comes back ---------------------------------------------------------------------------

  private from_worker(message: FromWorker): void {
    switch (message.kind) {
      case 'done': return this.asked.done(message.id, message.result)
      case 'failed': return this.asked.failed(message.id, message.code, message.detail)
      case 'event': return this.drive(message.event)
      case 'levels':
        this.level = { mic: message.mic, speaker: message.speaker }
        return this.tabs.say({ kind: 'levels', ...this.level })
      case 'broken': return void this.crashed(message.code, message.detail)
    }
  }

  private crashed_at = -Infinity

  // Its calls are lost, nothing else: what is kept is whole after each command.
  private async crashed(code: string, detail: string): Promise<void> {
    const again = performance.now() - this.crashed_at > CRASHES_MS
    this.crashed_at = performance.now()
    this.worker?.terminate()
    this.worker = null
    this.asked.all_failed(code, detail)
    this.quiet()
    if (!again || !this.opened || !this.tabs.leader) return
    this.start_worker()
    await this.take_over()
  }

  private quiet(): void {
    void this.audio.listen(false)
    void this.audio.speak(false)
    this.stay_awake(false)
  }

  /** The leader acts on what is meant for it, and tells all tabs the rest. */
  private drive(event: PhoneEvent): void {
    if (event.event === 'mic') return void this.audio.listen(event.open)
    this.hear(event)
    if (event.event === 'closed') this.quiet()
    if (event.event === 'call') {
      const talking = [...this.calls.values()].some(call => call.state === 'active')
      void this.audio.speak(talking)
      this.stay_awake(talking)
    }
  }

  private hear(event: PhoneEvent): void {
    if (this.tabs?.leader) this.tabs.say({ kind: 'event', event })
    this.take(event)
  }

  private take(event: PhoneEvent): void {
    if (event.event === 'call' || event.event === 'incoming') this.note_call(event.call)
    if (event.event === 'line') this.line = event.line
    if (event.event === 'closed') {
      this.calls.clear()
      this.line = { state: 'none' }
      this.opened = false
    }
    for (const listener of [...this.listeners]) listener(event)
  }

  private note_call(call: Call): void {
    if (call.state === 'ended') this.calls.delete(call.id)
    else this.calls.set(call.id, call)
    if (this.calls.size === 0) this.level = { mic: 0, speaker: 0 }
  }

  // ---- other tabs --------------------------------------------------------------------------------

  private said(message: Said): void {
    switch (message.kind) {
      case 'who': if (this.tabs.leader) this.tabs.say(this.here()); break
      case 'here':
        if (this.tabs.leader) break
        this.told = message
        this.line = message.line
        for (const asked of this.asked.turn_to(message.from)) this.tabs.say({ kind: 'do', ...asked })
        break
      case 'do': if (this.tabs.leader) void this.serve(message); break
      case 'done': this.asked.done(message.id, message.result); break
      case 'failed': this.asked.failed(message.id, message.code, message.detail); break
      case 'event': if (!this.tabs.leader) this.take(message.event); break
      case 'levels': this.level = { mic: message.mic, speaker: message.speaker }; break
      case 'device': if (this.tabs.leader) void this.choose(message); break
      case 'give_way': if (this.tabs.leader) this.give_way()
    }
  }

  private async serve(message: Said & { kind: 'do' }): Promise<void> {
    const to = message.from
    try {
      const result = await this.ask_worker(message.name, message.args, message.extra)
      this.note(message.name, result)
      this.tabs.say({ kind: 'done', to, id: message.id, result })
    } catch (error) {
      const { code, detail } = error as PhoneError
      this.tabs.say({ kind: 'failed', to, id: message.id, code: code ?? 'EINTERNAL', detail: detail ?? '' })
    }
  }

  // This tab was tapped, so it can be heard. If the leader cannot, and nothing would be lost by it,
  // this one leads from now on.
  private async lead_if_better(): Promise<void> {
    if (this.tabs.leader) return
    this.asked_to_give_way ??= this.ask_to_give_way().finally(() => { this.asked_to_give_way = null })
    await this.asked_to_give_way
  }

  private asked_to_give_way: Promise<void> | null = null

  private async ask_to_give_way(): Promise<void> {
    this.told = null
    this.tabs.say({ kind: 'who' })
    for (let at = 0; this.told === null && at < ANSWER_MS; at += 20) await pause(20)
    const told = this.told as (Said & { kind: 'here' }) | null
    if (told === null || told.sound || told.busy || !told.unlocked) return
    this.tabs.say({ kind: 'give_way', to: told.from })
    for (let at = 0; !(this.tabs.leader && this.worker) && at < GIVE_WAY_MS; at += 20) await pause(20)
  }

  // ---- sound -------------------------------------------------------------------------------------

  async ask_microphone(): Promise<void> {
    await this.audio.ask()
    await this.lead_if_better()
  }

  outputs(): Promise<Device[]> {
    return this.audio.outputs()
  }

  inputs(): Promise<Device[]> {
    return this.audio.inputs()
  }

  async set_output(id: string): Promise<void> {
    await this.choose({ output: id })
    if (!this.tabs.leader) this.tabs.say({ kind: 'device', output: id })
  }

  async set_input(id: string): Promise<void> {
    await this.choose({ input: id })
    if (!this.tabs.leader) this.tabs.say({ kind: 'device', input: id })
  }

  private async choose({ input, output }: { input?: string; output?: string }): Promise<void> {
    if (input !== undefined) await this.audio.set_input(input)
    if (output !== undefined) await this.audio.set_output(output)
  }

  // ---- the page ----------------------------------------------------------------------------------

  private watch_page(): void {
    this.forget_wake_up()
    const network = () => this.send({ kind: 'network' })
    addEventListener('online', network)
    addEventListener('offline', network)
    const { connection } = navigator as { connection?: EventTarget }
    connection?.addEventListener('change', network)
    addEventListener('pagehide', () => this.leave())
    // A tab that was touched may sound, so it is the better one to lead when a call comes.
    for (const touch of ['pointerup', 'keyup']) addEventListener(touch, () => void this.lead_if_better(), { once: true })
    addEventListener('beforeunload', event => {
      if (this.tabs.leader && [...this.calls.values()].some(call => call.state === 'active')) event.preventDefault()
    })
    addEventListener('visibilitychange', () => {
      if (document.visibilityState !== 'visible') return
      network() // a phone that slept
      this.forget_wake_up()
      this.stay_awake([...this.calls.values()].some(call => call.state === 'active'))
    })
  }

  private forget_wake_up(): void {
    if (document.visibilityState === 'visible') void forget_wake_up().catch(() => {})
  }

  // The worker ends with the page, so the page waits until the other side was told.
  private leave(): void {
    if (!this.tabs.leader) return
    // The next window to lead needs a moment to be reached.
    if (this.line.state !== 'none') this.tabs.say({ kind: 'event', event: { event: 'line', line: { state: 'connecting' } } })
    if (this.calls.size === 0) return
    const done = typeof SharedArrayBuffer === 'function' ? new Int32Array(new SharedArrayBuffer(4)) : null
    this.send({ kind: 'leave', done })
    const end = performance.now() + LEAVE_MS
    while (performance.now() < end && (done === null || Atomics.load(done, 0) === 0)) { /* a few cells' time */ }
  }

  private stay_awake(on: boolean): void {
    if (on === (this.awake !== null && !this.awake.released)) return
    if (!on) {
      void this.awake?.release()
      this.awake = null
    } else if (document.visibilityState === 'visible') {
      navigator.wakeLock?.request('screen').then(lock => {
        this.awake = lock
        if (this.calls.size === 0) this.stay_awake(false)
      }, () => {})
    }
  }

  // ---- push and passkeys ---------------------------------------------------------------------------

  push_state(): Promise<'unsupported' | 'denied' | 'off' | 'on'> {
    return push_now()
  }

  async set_push(on: boolean): Promise<void> {
    await this.do('push', on ? await push_on() : await push_off())
  }

  /** After opening: the relay is told where to wake us, if that is on. */
  async renew_push(): Promise<void> {
    const subscription = await push_renew()
    if (subscription) await this.do('push', subscription)
  }

  passkeys(): Promise<boolean> {
    return passkeys_offered()
  }
}

const pause = (ms: number) => new Promise<void>(done => setTimeout(done, ms))

/** The one telephone of this page. Starts at once; registers the service worker beside it. */
export function make_phone(): Client {
  void register_service_worker()
  return new Client()
}
