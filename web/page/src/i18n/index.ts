// SPDX-License-Identifier: Apache-2.0
// The page's words in the six languages of the United Nations. English is always there (it is what
// a missing key falls back to, and the source of the keys' types); the others are loaded when wanted.
import { en } from './en'

export type Key = keyof typeof en
export type Plural = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string }
export type Message = string | Plural
export type Messages = Record<Key, Message>
export type Params = Record<string, string | number>

export const LANGUAGES = {
  en: 'English', fr: 'Français', es: 'Español', ru: 'Русский', zh: '中文', ar: 'العربية',
} as const
export type Language = keyof typeof LANGUAGES

const LOADERS: Record<Exclude<Language, 'en'>, () => Promise<{ messages: Messages }>> = {
  fr: () => import('./fr'), es: () => import('./es'), ru: () => import('./ru'),
  zh: () => import('./zh'), ar: () => import('./ar'),
}

let language: Language = 'en'
let messages: Messages = en
let plurals = new Intl.PluralRules('en')
let numbers = new Intl.NumberFormat('en')

export const currentLanguage = (): Language => language
export const direction = (lang: Language = language): 'ltr' | 'rtl' => (lang === 'ar' ? 'rtl' : 'ltr')

/** The first of the reader's languages that we have. */
export function chooseLanguage(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const base = tag.toLowerCase().split('-')[0]
    if (base && Object.hasOwn(LANGUAGES, base)) return base as Language
  }
  return 'en'
}

/** Keeps the present language if the other one cannot be loaded. */
export async function setLanguage(lang: Language): Promise<void> {
  const loaded = lang === 'en' ? { messages: en as Messages } : await LOADERS[lang]()
  messages = loaded.messages
  language = lang
  plurals = new Intl.PluralRules(lang)
  numbers = new Intl.NumberFormat(lang)
}

// What others chose (names, hosts) must not turn the sentence around it: FSI … PDI.
const isolate = (text: string): string => `\u2068${text}\u2069`

/** `{n}` chooses the plural form. */
export function t(key: Key, params: Params = {}): string {
  const message: Message = messages[key] ?? en[key]
  const form = typeof message === 'string' ? message
    : message[plurals.select(Number(params['n'] ?? 0))] ?? message.other
  return form.replace(/\{(\w+)\}/g, (all, name: string) => {
    const value = params[name]
    if (value === undefined) return all
    return typeof value === 'number' ? numbers.format(value) : isolate(value)
  })
}

/** A key made at run time ("end.hangup"), or the other one if there is no such key. */
export const keyOr = (key: string, otherwise: Key): Key => (Object.hasOwn(en, key) ? key as Key : otherwise)
