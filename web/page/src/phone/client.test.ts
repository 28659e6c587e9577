// SPDX-License-Identifier: Apache-2.0
// Several tabs of one browser, whose locks, channels and workers are stood in for: what becomes of a command
// when the telephone starts late, or moves to another tab.
import assert from 'node:assert/strict'
import { after, before, beforeEach, mock, test } from 'node:test'
import { Client } from './client.ts'
import type { ToWorker } from './protocol.ts'
import type { CommandName } from './types.ts'

type Do = ToWorker & { kind: 'do' }

// The browser's queue for the lock: the first holds it once the test lets it.
let queue: (() => void)[]
let channels: Channel[]
let workers: FakeWorker[]

class Channel {
  onmessage: ((event: { data: unknown }) => void) | null = null
  gone = false
  constructor() {
    channels.push(this)
  }
  postMessage(data: unknown): void {
    const others = channels.filter(channel => channel !== this)
    if (!this.gone) queueMicrotask(() => { for (const other of others) if (!other.gone) other.onmessage?.({ data }) })
  }
}

class FakeWorker {
  onmessage: ((event: { data: unknown }) => void) | null = null
  readonly given: Do[] = []
  constructor() {
    workers.push(this)
  }
  postMessage(message: ToWorker): void {
    if (message.kind === 'do') this.given.push(message)
  }
  terminate(): void {}
  names(): CommandName[] {
    return this.given.map(message => message.name)
  }
  answer(name: CommandName, result: object): void {
    const { id } = this.given.find(message => message.name === name)!
    this.onmessage!({ data: { kind: 'done', id, result } })
  }
}

const put = (name: string, value: unknown) =>
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
const REPLACED = ['navigator', 'document', 'addEventListener', 'BroadcastChannel', 'Worker', '__ASSETS__']
const kept = REPLACED.map(name => [name, (globalThis as Record<string, unknown>)[name]] as const)

before(() => {
  put('navigator', { locks: { request: (_name: string, hold: () => Promise<void>) => new Promise(() => queue.push(hold)) } })
  put('document', { visibilityState: 'hidden', addEventListener: () => {} })
  put('addEventListener', () => {})
  put('BroadcastChannel', Channel)
  put('Worker', FakeWorker)
  put('__ASSETS__', { worker: { url: '/worker.js', integrity: '' } })
})
after(() => {
  for (const [name, value] of kept) put(name, value)
})
beforeEach(() => {
  mock.timers.reset()
  mock.timers.enable({ apis: ['setTimeout'] })
  queue = []
  channels = []
  workers = []
})

const settled = () => new Promise<void>(done => setImmediate(done)) // whatever is under way between the tabs
const lock = () => {
  queue.shift()!()
  return settled()
}
// It was closed, or has crashed: nothing is heard of it any more.
const close = (tab: number) => { channels[tab]!.gone = true }

const BOOT = { exists: true, lock: 'none', durable: true, damaged: false }
const busy = (answer: Promise<unknown>) => assert.rejects(answer, { code: 'EBUSY' })

test('what is asked long before any tab leads is asked once of the worker, when it is started', async () => {
  const client = new Client()
  const boot = client.do('boot', {})
  const made = client.do('number_new', { label: 'Bob' })
  await settled()
  mock.timers.tick(20000)
  await lock()
  assert.deepEqual(workers.map(worker => worker.names()), [['boot', 'number_new']])
  workers[0]!.answer('boot', BOOT)
  workers[0]!.answer('number_new', { id: '1' })
  assert.deepEqual(await boot, BOOT)
  assert.deepEqual(await made, { id: '1' })
  mock.timers.tick(60000) // and no command of its own worker is given up
})

test('or of another tab, should that one lead first; nobody carries it out twice', async () => {
  const first = new Client(), second = new Client()
  const made = second.do('number_new', { label: 'Bob' })
  await settled()
  mock.timers.tick(20000)
  await lock()
  assert.ok(first.leader)
  assert.deepEqual(workers.map(worker => worker.names()), [['number_new']])
  workers[0]!.answer('number_new', { id: '1' })
  assert.deepEqual(await made, { id: '1' })
})

test('when the leader is gone, reads are asked again, and nothing else is', async () => {
  new Client()
  await lock()
  const second = new Client()
  await settled()
  const boot = second.do('boot', {})
  const made = second.do('number_new', { label: 'Bob' })
  const failed = busy(made)
  await settled()
  assert.deepEqual(workers[0]!.names(), ['boot', 'number_new'])
  close(0)
  await lock()
  await failed
  assert.deepEqual(workers[1]!.names(), ['boot'])
  workers[1]!.answer('boot', BOOT)
  assert.deepEqual(await boot, BOOT)
})

test('the same when a third tab leads then', async () => {
  new Client()
  await lock()
  new Client()
  const third = new Client()
  await settled()
  const boot = third.do('boot', {})
  const failed = busy(third.do('hangup', { call: 1 }))
  await settled()
  close(0)
  await lock()
  await failed
  assert.deepEqual(workers.map(worker => worker.names()), [['boot', 'hangup'], ['boot']])
  workers[1]!.answer('boot', BOOT)
  assert.deepEqual(await boot, BOOT)
})

test('nobody ever leads: it is given up', async () => {
  const client = new Client()
  const failed = busy(client.do('boot', {}))
  await settled()
  mock.timers.tick(30000)
  await failed
})
