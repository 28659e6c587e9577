// SPDX-License-Identifier: Apache-2.0
// Links with connections that the test opens, feeds and breaks; time passes as the test says.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, mock, test } from 'node:test'
import type { Connection, ConnectionEvents, Target, Transport } from './connection.ts'
import { ANSWER_CALL_MS, HEAD_START_MS, Link, SILENT_CALL_MS, type LinkOwner } from './link.ts'

const TARGET: Target = { webtransport: { url: '', hashes: [] }, websocket: '', foreign_certificate: false }
const STEP_MS = 5
let now = 0

beforeEach(() => {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
  mock.method(performance, 'now', () => now)
})
afterEach(() => {
  mock.timers.reset()
  mock.restoreAll()
})

async function pause(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += STEP_MS) {
    now += STEP_MS
    mock.timers.tick(STEP_MS)
    await new Promise<void>(done => setImmediate(done))
  }
}

class Fake implements Connection {
  on: ConnectionEvents | null = null
  heard = performance.now()
  dropped = 0
  messages: number[][] = []
  datagrams = 0
  closed = false
  answers = true // PING is answered
  constructor(readonly transport: Transport) {}
  send_message(bytes: Uint8Array): void {
    this.messages.push([...bytes])
    if (bytes[0] === 0x0a && this.answers) setTimeout(() => this.hear(), 5)
  }
  send_datagram(): void { this.datagrams++ }
  close(): void { this.closed = true; this.on = null }
  hear(): void { this.heard = performance.now() }
  lose(): void { const on = this.on; this.close(); on?.closed() }
}

/** How an attempt goes: opens after so many ms, or fails. */
type Plan = { open_ms: number } | { fail_ms: number }

function rig(plans: { webtransport: Plan[] | null; websocket: Plan[] }, forever = true) {
  const made: Fake[] = []
  const told: string[] = []
  const started = performance.now()
  const tries: { transport: Transport; at: number }[] = []
  let online = true
  const connector = (transport: Transport, list: Plan[]) => (_: Target, abort: AbortSignal) =>
    new Promise<Connection>((resolve, reject) => {
      tries.push({ transport, at: performance.now() - started })
      const plan = list.length > 1 ? list.shift()! : list[0]!
      abort.addEventListener('abort', () => reject(new Error('aborted')))
      setTimeout(() => {
        if (!('open_ms' in plan)) return reject(new Error('failed'))
        const fake = new Fake(transport)
        if (!abort.aborted) made.push(fake)
        resolve(fake)
      }, 'open_ms' in plan ? plan.open_ms : plan.fail_ms)
    })
  const owner: LinkOwner = {
    target: async () => TARGET,
    online: () => online,
    up: (transport, reason) => told.push(`up ${transport}${reason ? ' ' + reason : ''}`),
    down: (reason, again) => told.push(`down ${reason}${again ? '' : ' for good'}`),
    message: () => {},
    datagram: () => {},
  }
  const link = new Link(owner, {
    webtransport: plans.webtransport && connector('webtransport', plans.webtransport),
    websocket: connector('websocket', plans.websocket),
  }, forever)
  return { link, made, told, tries, set_online: (on: boolean) => { online = on } }
}

const never: Plan = { open_ms: 1e6 }

describe('a link', () => {
  test('takes WebTransport and does not even try WebSocket when it opens in time', async () => {
    const r = rig({ webtransport: [{ open_ms: 50 }], websocket: [{ open_ms: 1 }] })
    r.link.start()
    await pause(HEAD_START_MS + 200)
    assert.deepEqual(r.told, ['up webtransport'])
    assert.deepEqual(r.tries.map(t => t.transport), ['webtransport'])
    r.link.stop()
    assert.ok(r.made[0]!.closed)
  })

  test('tries WebSocket beside it after its head start, and says that UDP is blocked', async () => {
    const r = rig({ webtransport: [never], websocket: [{ open_ms: 20 }] })
    r.link.start()
    await pause(HEAD_START_MS - 150)
    assert.equal(r.tries.length, 1)
    await pause(400)
    assert.deepEqual(r.told, ['up websocket udp_blocked'])
    r.link.stop()
  })

  test('takes WebSocket at once where there is no WebTransport, or where it fails', async () => {
    const none = rig({ webtransport: null, websocket: [{ open_ms: 20 }] })
    const fails = rig({ webtransport: [{ fail_ms: 5 }], websocket: [{ open_ms: 20 }] })
    none.link.start()
    fails.link.start()
    await pause(200)
    assert.deepEqual(none.told, ['up websocket'])
    assert.deepEqual(fails.told, ['up websocket udp_blocked'])
    none.link.stop()
    fails.link.stop()
  })

  test('a relay that was never reached is given up, a line that rings is not', async () => {
    const once = rig({ webtransport: [{ fail_ms: 5 }], websocket: [{ fail_ms: 5 }] }, false)
    const ever = rig({ webtransport: [{ fail_ms: 5 }], websocket: [{ fail_ms: 5 }] }, true)
    once.link.start()
    ever.link.start()
    await pause(1500)
    assert.deepEqual(once.told, ['down unreachable for good'])
    assert.equal(once.tries.length, 2)
    assert.ok(ever.tries.length >= 6, `${ever.tries.length} attempts`)
    assert.ok(ever.told.every(text => text === 'down unreachable'))
    ever.link.stop()
    const after = ever.tries.length
    await pause(1200)
    assert.equal(ever.tries.length, after, 'nothing after stop')
  })

  test('a link that breaks comes back by itself', async () => {
    const r = rig({ webtransport: [{ open_ms: 5 }], websocket: [never] }, false)
    r.link.start()
    await pause(100)
    r.made[0]!.lose()
    await pause(600)
    assert.deepEqual(r.told, ['up webtransport', 'down lost', 'up webtransport'])
    r.link.stop()
  })

  test('offline is said to be offline', async () => {
    const r = rig({ webtransport: [{ fail_ms: 5 }], websocket: [{ fail_ms: 5 }] }, false)
    r.set_online(false)
    r.link.start()
    await pause(100)
    assert.deepEqual(r.told, ['down offline for good'])
  })

  test('in a call a silent connection that does not answer is replaced', async () => {
    const r = rig({ webtransport: [{ open_ms: 5 }], websocket: [never] })
    r.link.start()
    await pause(100)
    r.made[0]!.answers = false
    r.link.set_use('call')
    const cells = setInterval(() => r.link.send_datagram(new Uint8Array(137)), 20)
    await pause(SILENT_CALL_MS + ANSWER_CALL_MS + 700)
    clearInterval(cells)
    assert.deepEqual(r.told, ['up webtransport', 'up webtransport'])
    assert.ok(r.made[0]!.closed)
    assert.deepEqual(r.made[0]!.messages, [[0x0a, 0, 0, 0, 0, 0, 0, 0, 0]])
    r.link.stop()
  })

  test('in a call a connection that answers is kept, however silent the other side is', async () => {
    const r = rig({ webtransport: [{ open_ms: 5 }], websocket: [never] })
    r.link.start()
    await pause(100)
    r.link.set_use('call')
    const cells = setInterval(() => r.link.send_datagram(new Uint8Array(137)), 20)
    await pause(SILENT_CALL_MS + ANSWER_CALL_MS + 700)
    clearInterval(cells)
    assert.deepEqual(r.told, ['up webtransport'])
    assert.ok(r.made[0]!.messages.length >= 1)
    r.link.stop()
  })

  test('when the network changes a dead connection is replaced in a second', async () => {
    const r = rig({ webtransport: [{ open_ms: 5 }], websocket: [never] })
    r.link.start()
    await pause(100)
    r.made[0]!.answers = false
    r.link.check()
    await pause(ANSWER_CALL_MS + 500)
    assert.deepEqual(r.told, ['up webtransport', 'up webtransport'])
    r.link.stop()
  })

  test('on WebSocket, WebTransport is tried again and moved to, but not in the middle of a handshake', async () => {
    const r = rig({ webtransport: [{ fail_ms: 5 }, { open_ms: 5 }], websocket: [{ open_ms: 5 }] })
    r.link.start()
    await pause(50)
    r.link.set_use('handshake')
    await pause(5500)
    assert.deepEqual(r.told, ['up websocket udp_blocked'])
    r.link.set_use('call')
    await pause(600)
    assert.deepEqual(r.told, ['up websocket udp_blocked', 'up webtransport'])
    assert.ok(r.made[0]!.closed)
    r.link.stop()
  })
})
