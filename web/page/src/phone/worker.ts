// SPDX-License-Identifier: Apache-2.0
// The telephone's own thread: puts its parts together and answers the page.
import { load_neural } from './neural.ts'
import type { FromWorker, ToWorker } from './protocol.ts'
import { own_link, OwnRelay } from './relay.ts'
import { clock, Runner } from './runner.ts'
import { open_storage } from './storage.ts'
import { PhoneError, type Call, type CommandName, type PhoneEvent } from './types.ts'
import { Vault } from './vault.ts'
import { load_telephone, type Telephone } from './wasm.ts'

const LEVELS_MS = 100
const LEAVE_MS = 120 // for the last words: END leaves with the next cell

const post = (message: FromWorker) => self.postMessage(message)

interface Parts { relay: OwnRelay; telephone: Telephone; runner: Runner; vault: Vault; stop: () => void }

async function start(saving: boolean): Promise<Parts> {
  const relay = new OwnRelay()
  void relay.get()
  const storage = await open_storage()
  const telephone = await load_telephone(__ASSETS__.wasm, (which, bytes) => storage.write(which, bytes),
    text => console.info('telephone:', text))
  for (let which = 0; which < 2; which++) telephone.slot(which, storage.read(which))
  const vault = new Vault((name, args) => telephone.command(name, args, clock()), storage)
  const runner = new Runner(telephone, relay, event => {
    if (event.event === 'closed') vault.closed()
    heard(runner, event)
  }, broken)
  const levels = tell_levels(runner)
  runner.turn()
  void load_neural(telephone, __ASSETS__.weights, saving, () => runner.present().length > 0)
  return { relay, telephone, runner, vault, stop: () => {
    clearInterval(levels)
    runner.stop()
    storage.close()
  } }
}

function broken(error: unknown): void {
  const { code, detail } = problem_of(error)
  post({ kind: 'broken', code, detail })
}

const problem_of = (error: unknown): PhoneError =>
  error instanceof PhoneError ? error : new PhoneError('EINTERNAL', String(error))

function heard(runner: Runner, event: PhoneEvent): void {
  if (event.event === 'mic' && !event.open) runner.voice.set_microphone(null)
  post({ kind: 'event', event })
}

function tell_levels(runner: Runner): ReturnType<typeof setInterval> {
  return setInterval(() => {
    if (!runner.present().some(call => call.state === 'active')) return
    post({ kind: 'levels', mic: runner.voice.mic, speaker: runner.voice.speaker })
  }, LEVELS_MS)
}

// ---- commands -------------------------------------------------------------------------------------

const LINKS = ['text', 'link', 'invite'] as const // arguments that may be one

async function with_links(relay: OwnRelay, given: object): Promise<object> {
  const args: Partial<Record<typeof LINKS[number], unknown>> = { ...given }
  for (const key of LINKS) {
    const text = args[key]
    if (typeof text === 'string' && text.startsWith('http:')) args[key] = own_link(text, await relay.get(), location.origin)
  }
  return args
}

async function run({ relay, telephone, runner, vault }: Parts, message: ToWorker & { kind: 'do' }): Promise<void> {
  const { id, name, extra } = message
  try {
    const args = await with_links(relay, message.args)
    const result = await (vault.command(name, args, extra) ?? telephone.command(name, args, clock()))
    note(runner, name)
    post({ kind: 'done', id, result })
  } catch (error) {
    const { code, detail } = problem_of(error)
    post({ kind: 'failed', id, code, detail })
    if (error instanceof WebAssembly.RuntimeError) return broken(error)
  }
  runner.turn()
}

function note(runner: Runner, name: CommandName): void {
  if (name === 'exchange') runner.set_exchanging(true)
  if (name === 'exchange_cancel') runner.set_exchanging(false)
}

// The window is being closed: the other sides are told, in the cells of the next ticks.
function leave({ telephone, runner }: Parts, done: Int32Array | null): void {
  for (const call of runner.present()) {
    try {
      telephone.command(waits(call) ? 'decline' : 'hangup', { call: call.id }, clock())
    } catch { /* it has ended by itself */ }
  }
  runner.turn()
  const end = performance.now() + LEAVE_MS
  const finish = () => {
    if (runner.present().length > 0 && performance.now() < end) return void setTimeout(finish, 5)
    if (done !== null) {
      Atomics.store(done, 0, 1)
      Atomics.notify(done, 0)
    }
  }
  finish()
}

const waits = (call: Call) => call.incoming && call.state === 'ringing'

// ---- the page ---------------------------------------------------------------------------------------

let parts: Promise<Parts> | null = null
// In order, one after the other: a command may wait for the browser's storage in the middle.
let queue = Promise.resolve()

self.onmessage = (event: MessageEvent<ToWorker>) => {
  const message = event.data
  if (message.kind === 'start') {
    parts = start(message.saving)
    parts.catch(() => {}) // each command tells it
    return
  }
  if (parts === null) return
  const ready = parts
  if (message.kind === 'do') queue = queue.then(() => ready.then(p => run(p, message), (error: unknown) => {
    const { code, detail } = problem_of(error)
    post({ kind: 'failed', id: message.id, code, detail })
  }))
  else void ready.then(p => other(p, message), () => {
    if (message.kind === 'stop') post({ kind: 'stopped' })
  })
}

function other(p: Parts, message: Exclude<ToWorker, { kind: 'do' | 'start' }>): void {
  switch (message.kind) {
    case 'network': return p.runner.network_changed()
    case 'speaker': return p.runner.voice.set_speaker(message.port)
    case 'microphone': return p.runner.voice.set_microphone(message.port)
    case 'microphone_off': return p.runner.voice.set_microphone(null)
    case 'leave': return leave(p, message.done)
    case 'stop':
      p.stop()
      post({ kind: 'stopped' })
  }
}
