// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LANGUAGES, chooseLanguage, currentLanguage, direction, keyOr, setLanguage, t, type Key, type Language, type Message } from '.'
import { messages as ar } from './ar'
import { en } from './en'
import { messages as es } from './es'
import { messages as fr } from './fr'
import { messages as ru } from './ru'
import { messages as zh } from './zh'

const OTHERS = { fr, es, ru, zh, ar }
const forms = (message: Message): Record<string, string> => (typeof message === 'string' ? { other: message } : message as Record<string, string>)
const holes = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map(m => m[1]!).sort()

for (const [lang, messages] of Object.entries(OTHERS)) {
  test(`${lang} has every key and no other`, () => {
    assert.deepEqual(Object.keys(messages).sort(), Object.keys(en).sort())
  })

  test(`${lang} has the placeholders of English`, () => {
    for (const [key, message] of Object.entries(messages)) {
      const wanted = holes(forms(en[key as Key]).other!)
      for (const [form, text] of Object.entries(forms(message))) {
        // "one call", "two calls" may be said without the figure.
        const may = ['zero', 'one', 'two'].includes(form) ? wanted.filter(hole => hole !== 'n') : wanted
        const has = holes(text)
        assert.ok(may.every(hole => has.includes(hole)) && has.every(hole => wanted.includes(hole)), `${key}.${form}: ${text}`)
      }
    }
  })

  test(`${lang} has the plural forms of its language`, () => {
    const needed = new Intl.PluralRules(lang).resolvedOptions().pluralCategories
    for (const [key, message] of Object.entries(messages)) {
      if (typeof en[key as Key] === 'string') {
        assert.equal(typeof message, 'string', key)
        continue
      }
      // French and Spanish say "de" only with a million and more.
      const used = needed.filter(form => form !== 'many' || lang === 'ru' || lang === 'ar')
      for (const form of used) assert.ok(form in forms(message), `${key} lacks ${form}`)
    }
  })

  test(`${lang} says nothing in English and nothing twice empty`, () => {
    const same = Object.keys(en).filter(key => JSON.stringify(messages[key as Key]) === JSON.stringify(en[key as Key]))
    assert.ok(same.length <= 8, `the same as English: ${same.join(' ')}`)
    for (const message of Object.values(messages)) for (const text of Object.values(forms(message))) assert.notEqual(text.trim(), '')
  })
}

test('a language is chosen by what the reader prefers', () => {
  assert.equal(chooseLanguage(['de-DE', 'fr-CA', 'en']), 'fr')
  assert.equal(chooseLanguage(['zh-Hant-TW']), 'zh')
  assert.equal(chooseLanguage(['de', 'it']), 'en')
  assert.equal(chooseLanguage([]), 'en')
  assert.equal(chooseLanguage(['constructor']), 'en')
})

test('each language loads, plurals follow it, and names cannot turn a sentence', async () => {
  for (const lang of Object.keys(LANGUAGES) as Language[]) {
    await setLanguage(lang)
    assert.equal(currentLanguage(), lang)
    assert.ok(t('incoming.calls', { name: 'Ottawa' }).includes('\u2068Ottawa\u2069'))
  }
  assert.equal(direction('ar'), 'rtl')
  await setLanguage('ru')
  assert.equal(t('calls.n', { n: 1 }), '1 звонок')
  assert.equal(t('calls.n', { n: 3 }), '3 звонка')
  assert.equal(t('calls.n', { n: 5 }), '5 звонков')
  await setLanguage('en')
  assert.equal(t('calls.n', { n: 1 }), '1 call')
  assert.equal(t('calls.n', { n: 1000 }), '1,000 calls')
})

test('a placeholder without a value stays to be seen, and is not read twice', () => {
  assert.equal(t('caller.terms.until'), 'It works until {date}.')
  assert.equal(t('incoming.calls', { name: '{date}' }), '\u2068{date}\u2069 is calling')
})

test('an unknown key falls back', () => {
  assert.equal(keyOr('end.busy', 'end.over'), 'end.busy')
  assert.equal(keyOr('end.nonsense', 'end.over'), 'end.over')
})
