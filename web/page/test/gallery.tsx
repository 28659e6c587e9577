// SPDX-License-Identifier: Apache-2.0
// Any screen by name: ?screen=NAME&lang=ar. Not shipped; tests/browser/screens.mjs serves and captures it.
import { render } from 'preact'
import type { LinkInfo } from '../src/phone/types'
import { App } from '../src/ui/app'
import { Model } from '../src/ui/model'
import { SAMPLES_MAX } from '../src/ui/model_calls'
import { FOREVER } from '../src/ui/prefs'
import '../src/ui/style.css'
import { CALLER, CONTACTS, DAY, FakePhone, NOW, NUMBERS, call, state, type State } from './fixtures'

type Scenario = {
  state?: Partial<State>
  hash?: string
  then?: (model: Model, phone: FakePhone) => void | Promise<void>
}

const NEW = { exists: false, lock: 'none', durable: true, damaged: false } as const
const INVITE: LinkInfo = { kind: 'invite', relay: { host: 'relay.example.org', port: 443 }, name: '', expired: false, ours: false }
const SETUP = '#AbCdEf&name=Washington&contact=Ottawa~https%3A%2F%2Frelay.example.org%2F%23x&contact=Echo~https%3A%2F%2Frelay.example.org%2F%23y'
const caller: Partial<State> = { profile: CALLER, line: { state: 'none' }, numbers: [], log: [], contacts: [] }

const press = (text: string | RegExp): void => {
  const found = [...document.querySelectorAll('button')].find(b => typeof text === 'string' ? b.className.includes(text) : text.test(b.textContent ?? ''))
  found?.click()
}
const soon = (ms = 120): Promise<void> => new Promise(done => setTimeout(done, ms))

function talking(more: Parameters<typeof call>[0] = {}): Scenario {
  return {
    state: { calls: [call(more)] },
    then: model => {
      model.calls.samples = Array.from({ length: SAMPLES_MAX }, (_, i) => ({
        delay_ms: 120 + 40 * Math.sin(i / 5) + (i % 17 === 0 ? 90 : 0), loss: i > 30 ? 0.2 : 0,
        restored: i > 30 ? 0.18 + 0.04 * Math.sin(i) : 0, concealed: i % 23 === 5 ? 0.06 : 0,
      }))
      model.changed()
    },
  }
}

const ended = (end: Parameters<typeof call>[0], more: Partial<State> = {}): Scenario => ({
  state: more, then: model => { model.calls.ended = call({ state: 'ended', verified: true, ...end }); model.changed() },
})

export const SCENARIOS: Record<string, Scenario> = {
  // somebody opened a number
  'caller': { state: { boot: NEW }, hash: '#AbCd' },
  'caller-private': { state: { boot: { ...NEW, durable: false } }, hash: '#AbCd' },
  'caller-private-ask': { state: { boot: { ...NEW, durable: false } }, hash: '#AbCd', then: async () => { await soon(); press('primary') } },
  'caller-known': { state: { ...caller, contacts: CONTACTS, link: { kind: 'number', relay: { host: 'r', port: 443 }, name: 'Ottawa', calls: 1, expired: false, ours: false, contact: 'c1' } }, hash: '#AbCd' },
  'caller-calls': { state: { boot: NEW, link: { kind: 'number', relay: { host: 'r', port: 443 }, name: 'Ottawa', expires: NOW + 30 * DAY, calls: 3, expired: false, ours: false } }, hash: '#AbCd' },
  'caller-owner': { hash: '#AbCd' },
  'caller-expired': { state: { boot: NEW, link: { kind: 'number', relay: { host: 'r', port: 443 }, name: 'Ottawa', expired: true, ours: false } }, hash: '#AbCd' },
  'caller-damaged': { state: { boot: NEW, link: 'ELINK_DAMAGED' }, hash: '#AbCd' },
  'caller-mic-refused': { state: { boot: NEW, fail: { ask_microphone: 'ENOMIC' } }, hash: '#AbCd', then: async () => { await soon(); press('primary') } },
  'caller-home': { state: { ...caller, contacts: [CONTACTS[0]!] } },
  // a call
  'dialling': { state: { calls: [call({ state: 'dialling', secure: false, talk_ms: 0 })] } },
  'ringing': { state: { calls: [call({ state: 'ringing', verified: true, talk_ms: 0 })] } },
  'talking': talking(),
  'talking-verified': talking({ verified: true, muted: true }),
  'talking-network': { ...talking({ verified: true, stats: { ...call().stats, loss: 0.2, restored: 0.19, concealed: 0.01, neural: 'spared' } }), then: async (model, phone) => { await talking().then?.(model, phone); await soon(); document.querySelector<HTMLElement>('.network summary')?.click() } },
  'talking-reconnecting': talking({ verified: true, reconnecting: true, quality: 'reconnecting' }),
  'talking-poor': talking({ verified: true, quality: 'poor', peer_held: true }),
  'talking-differ': { ...talking(), then: async (model, phone) => { await talking().then?.(model, phone); await soon(); document.querySelectorAll<HTMLElement>('.words .button')[1]?.click() } },
  'talking-sound': { ...talking({ verified: true }), then: async () => { await soon(); document.querySelectorAll<HTMLElement>('.rounds .round')[2]?.click() } },
  'incoming': { state: { calls: [call({ incoming: true, state: 'ringing', verified: true, talk_ms: 0 })] } },
  'incoming-first': { state: { calls: [call({ incoming: true, state: 'ringing', label: 'Prime Minister’s private office, Canberra', contact: undefined as never, talk_ms: 0 })] } },
  'waiting': { state: { calls: [call({ verified: true }), call({ id: 2, incoming: true, state: 'ringing', label: 'Brasília', waiting: true, talk_ms: 0 })] } },
  'held-other': { state: { calls: [call({ verified: true }), call({ id: 2, incoming: true, held: true, label: 'Brasília' })] } },
  'ended': ended({ end: 'peer_hangup' }),
  'ended-caller': ended({ end: 'peer_hangup' }, { ...caller, contacts: CONTACTS.slice(0, 1) }),
  'ended-dropped': ended({ end: 'dropped' }),
  'ended-certificate': { then: model => {
    model.linkProblem = 'certificate'
    model.calls.ended = call({ state: 'ended', end: 'link', secure: false, talk_ms: 0 }); model.changed()
  } },
  'ended-words': ended({ end: 'words', verified: false }),
  'ended-refused': ended({ end: 'refused', talk_ms: 0 }),
  'ended-offline': ended({ end: 'offline', talk_ms: 0 }),
  // first run
  'welcome': { state: { boot: NEW } },
  'firstrun': { state: { boot: NEW, link: INVITE }, hash: SETUP },
  'firstrun-protect': { state: { boot: NEW, link: INVITE }, hash: SETUP, then: async () => { await soon(); press('primary') } },
  'firstrun-none': { state: { boot: NEW, link: INVITE, passkeys: false }, hash: SETUP, then: async () => {
    await soon(); press('primary'); await soon(); document.querySelectorAll<HTMLInputElement>('input[type=radio]')[1]?.click()
  } },
  'kit-offer': { then: model => { model.kitDue = true; model.changed() } },
  'kit': { hash: '#/settings/kit', then: async () => { await soon(); press('primary') } },
  'restore': { state: { boot: NEW }, hash: '#/restore' },
  'restore-kit': { state: { boot: NEW }, hash: '#kit=AAAA' },
  'unlock': { state: { boot: { exists: true, lock: 'passphrase', durable: true, damaged: false } } },
  'unlock-wrong': { state: { boot: { exists: true, lock: 'passphrase', durable: true, damaged: false }, fail: { open: 'EPASSPHRASE' } }, then: async () => {
    await soon()
    const input = document.querySelector('input')!
    input.value = 'x'; input.dispatchEvent(new Event('input', { bubbles: true }))
    await soon(); press('primary')
  } },
  'unlock-passkey': { state: { boot: { exists: true, lock: 'passkey', durable: true, damaged: false } } },
  'lost': { state: { boot: { exists: true, lock: 'passphrase', durable: true, damaged: false } }, hash: '#/lost' },
  'damaged': { state: { boot: { exists: true, lock: 'none', durable: true, damaged: true } } },
  // the owner's telephone
  'contacts': {},
  'contacts-alerts': { state: { numbers: NUMBERS, line: { state: 'denied', code: 'invite', clock_offset_s: 90000 }, leader: false } },
  'contacts-empty': { state: { contacts: [] } },
  'contact': { hash: '#/contacts/c2' },
  'contact-remove': { hash: '#/contacts/c1', then: async () => { await soon(); document.querySelectorAll<HTMLElement>('.rows .row')[1]?.click() } },
  'contact-add': { hash: '#/contacts/add' },
  'numbers': { state: { numbers: NUMBERS }, hash: '#/numbers', then: model => model.seenLeak(NUMBERS[3]!) },
  'numbers-empty': { state: { numbers: [] }, hash: '#/numbers' },
  'number-new': { hash: '#/numbers/new' },
  'number-made': { hash: '#/numbers/new', then: async () => {
    await soon()
    const input = document.querySelector('input')!
    input.value = 'Mexico City'; input.dispatchEvent(new Event('input', { bubbles: true }))
    await soon(); press('primary')
  } },
  'number': { hash: '#/numbers/n1' },
  'number-leaked': { state: { numbers: NUMBERS }, hash: '#/numbers/n4' },
  'number-revoked': { hash: '#/numbers/n1', then: async () => { await soon(); const rows = document.querySelectorAll<HTMLElement>('.rows .row'); rows[rows.length - 1]?.click() } },
  'exchange': { hash: '#/exchange' },
  'exchange-waiting': { hash: '#/exchange', then: model => { model.exchange.now = { stage: 'waiting', code: '7-harbour-violet', label: 'Ottawa', made: true }; model.changed() } },
  'exchange-words': { hash: '#/exchange', then: model => {
    model.exchange.now = { stage: 'words', label: 'Ottawa', read_aloud: 'candle ribbon', choices: ['harbour violet', 'marble ocean', 'sudden lemon', 'copper winter'] }
    model.changed()
  } },
  'exchange-done': { hash: '#/exchange', then: model => { model.exchange.now = { stage: 'done', label: 'Ottawa', contact: CONTACTS[0]! }; model.changed() } },
  'exchange-failed': { hash: '#/exchange', then: model => { model.exchange.now = { stage: 'failed', label: 'Ottawa', code: 'EAUTH' }; model.changed() } },
  'history': { hash: '#/history' },
  'history-details': { hash: '#/history', then: async () => { await soon(); document.querySelectorAll<HTMLElement>('.rows .row')[2]?.click() } },
  'settings': { hash: '#/settings' },
  'settings-quiet': { hash: '#/settings', then: async model => { await soon(); model.setQuiet(FOREVER) } },
  'protection': { hash: '#/settings/protection' },
  'backup': { hash: '#/settings/backup' },
  'erase': { hash: '#/settings/erase' },
  'about': { hash: '#/settings/about' },
  // problems
  'unsupported': { then: model => { model.phase = 'unsupported'; model.missing = 'simd'; model.changed() } },
  'broken': { state: { fail: { boot: 'ESTORAGE' } } },
}

async function show(): Promise<void> {
  const query = new URLSearchParams(location.search)
  const scenario = SCENARIOS[query.get('screen') ?? 'contacts']
  if (!scenario) throw new Error(`no such screen; there are: ${Object.keys(SCENARIOS).join(' ')}`)
  localStorage.clear()
  if (scenario.hash) history.replaceState(null, '', location.pathname + location.search + scenario.hash)
  const phone = new FakePhone(state(structuredClone(scenario.state ?? {})))
  const model = new Model(phone)
  model.preferences.keep({ language: (query.get('lang') ?? 'en') as never, log_seen: NOW - 3000, uses: { c1: 9, c2: 4 } })
  render(<App model={model} />, document.getElementById('app')!)
  await model.start()
  await soon(60)
  await scenario.then?.(model, phone)
  await soon(250)
  Object.assign(globalThis, { model, phone, anyCall: call({ talk_ms: 0 }) })
  document.documentElement.dataset['ready'] = 'yes'
}

Object.assign(globalThis, { SCREENS: Object.keys(SCENARIOS) })
void show()
