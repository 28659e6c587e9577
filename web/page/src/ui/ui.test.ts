// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { en } from '../i18n/en'
import { setLanguage } from '../i18n'
import { PhoneError, type CallEnd } from '../phone/types'
import { KNOWN_CODES, endText, endTitle, errorKey, exchangeFailure, problemText } from './errors'
import { clock, endOfDay, hexGroups, initials, length, percent, when } from './format'
import { base64FromUrl, base64ToUrl, readFragment, readPasted, SETUP_CONTACTS_MAX } from './fragment'
import { FOREVER, readPrefs } from './prefs'
import { strength } from './strength'
import { missing } from './support'

const ORIGIN = 'https://relay.example'

test('fragments: what the address asks for', () => {
  assert.deepEqual(readFragment('', ORIGIN), { kind: 'none' })
  assert.deepEqual(readFragment('#', ORIGIN), { kind: 'none' })
  assert.deepEqual(readFragment('#/numbers/n1', ORIGIN), { kind: 'route', path: '/numbers/n1' })
  assert.deepEqual(readFragment('#AbC-_1', ORIGIN), { kind: 'link', text: 'https://relay.example/#AbC-_1' })
  assert.deepEqual(readFragment('#kit=-_8', ORIGIN), { kind: 'kit', data: '+/8=' })
  assert.deepEqual(readFragment('#kit=%%', ORIGIN), { kind: 'none' })
  assert.deepEqual(readFragment('#' + 'a'.repeat(70000), ORIGIN), { kind: 'none' })
})

test('a setup link brings a name and contacts; what is broken in it is left out', () => {
  const link = encodeURIComponent('https://r/#xy&z')
  assert.deepEqual(readFragment(`#PAY&name=Mr%20W&contact=Otta%C3%B9~${link}&contact=~x&contact=%E0%A4~y&other=1`, ORIGIN), {
    kind: 'setup', text: 'https://relay.example/#PAY', name: 'Mr W', contacts: [{ label: 'Ottaù', link: 'https://r/#xy&z' }],
  })
  const many = readFragment('#P' + '&contact=a~b'.repeat(100), ORIGIN)
  assert.equal(many.kind === 'setup' && many.contacts.length, SETUP_CONTACTS_MAX)
})

test('a pasted link may be broken over lines and keeps its own relay', () => {
  assert.deepEqual(readPasted('  https://other.example/#Ab\n Cd ', ORIGIN), { kind: 'link', text: 'https://other.example/#AbCd' })
  assert.deepEqual(readPasted('', ORIGIN), { kind: 'none' })
  assert.deepEqual(readPasted('hello', ORIGIN), { kind: 'link', text: 'hello' })
})

test('base64 goes into a link and back', () => {
  assert.equal(base64ToUrl('+/8='), '-_8')
  assert.equal(base64FromUrl('-_8'), '+/8=')
  assert.equal(base64FromUrl('a b'), null)
  assert.equal(base64FromUrl(''), null)
})

test('times and lengths', async () => {
  await setLanguage('en')
  assert.equal(clock(0), '0:00')
  assert.equal(clock(65_000), '1:05')
  assert.equal(clock(3_723_000), '1:02:03')
  assert.equal(clock(-5), '0:00')
  assert.equal(length(42), '42 seconds')
  assert.equal(length(754), '13 minutes')
  assert.equal(length(3900), '1 hour 5 minutes')
  assert.equal(length(3600), '1 hour')
  assert.equal(percent(0.004), '0.4%')
  assert.equal(percent(0), '0%')
  const noon = new Date(2026, 5, 15, 12).getTime() / 1000
  assert.match(when(noon - 3600, noon), /^11:00/)
  assert.match(when(noon - 86400, noon), /^yesterday, 12:00/)
  assert.match(when(noon - 10 * 86400, noon), /^Jun 5/)
  assert.match(when(noon - 400 * 86400, noon), /2025/)
})

test('the end of a day in a date field', () => {
  assert.equal(endOfDay('2026-02-30'), null)
  assert.equal(endOfDay('tomorrow'), null)
  assert.equal(new Date(endOfDay('2026-03-01')! * 1000).getDate(), 1)
})

test('initials of any name', () => {
  assert.equal(initials('Ottawa'), 'O')
  assert.equal(initials('  prime minister of canada '), 'PC')
  assert.equal(initials('« Élysée »'), 'É')
  assert.equal(initials('北京'), '北')
  assert.equal(initials('—'), '·')
})

test('fingerprints in groups', () => {
  assert.equal(hexGroups('aaaabbbbcc'), 'aaaa bbbb cc')
})

test('every end of a call has a title and a sentence with a next step', () => {
  const ends: CallEnd[] = ['none', 'hangup', 'peer_hangup', 'declined', 'we_declined', 'busy', 'no_answer', 'cancelled', 'unavailable', 'offline',
    'refused', 'wrong_peer', 'suite', 'protocol', 'words', 'rekey', 'lost', 'dropped', 'timeout', 'limit', 'link', 'storage', 'glare', 'internal']
  for (const end of ends) {
    assert.ok(endTitle(end) in en, end)
    assert.ok(endText(end) in en, end)
  }
  assert.equal(new Set(ends.map(endText)).size, ends.length)
})

test('every error has a sentence; one that nobody knows names itself', () => {
  for (const code of KNOWN_CODES) assert.notEqual(errorKey(code), 'error.other', code)
  assert.equal(problemText(new PhoneError('ENOMIC')), en['error.nomic'])
  assert.equal(problemText({ code: 'EFULL' }), en['error.full'])
  assert.match(problemText(new PhoneError('ESURPRISE')), /ESURPRISE/)
  assert.match(problemText('x'), /unknown/)
  assert.equal(exchangeFailure('EAUTH'), 'exchange.failed.words')
  assert.equal(exchangeFailure('whatever'), 'exchange.failed.other')
})

test('preferences: only what has the right shape is taken', () => {
  assert.equal(readPrefs(null).theme, 'auto')
  assert.equal(readPrefs('{"theme":"dark","language":"fr","quiet_until":5,"keys":false}').language, 'fr')
  assert.equal(readPrefs('{"theme":"pink","language":"xx","quiet_until":"no"}').quiet_until, 0)
  assert.equal(readPrefs('{"theme":"pink"}').theme, 'auto')
  assert.equal('language' in readPrefs('{"language":"toString"}'), false)
  assert.deepEqual(readPrefs('{"uses":{"a":1,"b":"2"}}').uses, { a: 1 })
  assert.equal(readPrefs('[').keys, true)
  assert.equal(readPrefs(JSON.stringify({ quiet_until: FOREVER })).quiet_until, FOREVER)
})

test('a passphrase is judged roughly right', () => {
  assert.equal(strength('abc'), 'short')
  assert.equal(strength('aaaaaaaaaaaaaaaa'), 'weak')
  assert.equal(strength('abcdefghijkl'), 'weak')
  assert.equal(strength('password'), 'weak')
  assert.equal(strength('harbour violet ribbon'), 'fair')
  assert.equal(strength('harbour violet ribbon candle'), 'strong')
  assert.equal(strength('one one one one'), 'weak')
})

test('a browser without what a call needs is told apart', () => {
  const whole = { isSecureContext: true, WebAssembly, AudioWorkletNode: class {}, crypto: { subtle: {} }, Worker: class {} } as unknown as typeof globalThis
  assert.equal(missing(whole), null)
  assert.equal(missing({ ...whole, isSecureContext: false } as typeof globalThis), 'secure')
  assert.equal(missing({ ...whole, WebAssembly: undefined } as unknown as typeof globalThis), 'wasm')
  assert.equal(missing({ ...whole, WebAssembly: { validate: () => false } } as unknown as typeof globalThis), 'simd')
  assert.equal(missing({ ...whole, AudioWorkletNode: undefined } as unknown as typeof globalThis), 'worklet')
})
