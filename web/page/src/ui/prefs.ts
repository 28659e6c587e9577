// SPDX-License-Identifier: Apache-2.0
// What this browser remembers about the page itself: nothing secret. Where there is no storage, it
// is forgotten with the window.
import { LANGUAGES, type Language } from '../i18n'

export type Theme = 'auto' | 'light' | 'dark'

export interface Prefs {
  language?: Language
  theme: Theme
  keys: boolean // single letters as shortcuts
  quiet_until: number // do not disturb: 0 off, Unix seconds, or FOREVER
  log_seen: number // missed calls before this are not counted
  leaks_seen: Record<string, number> // number id -> refusals already shown to the owner
  uses: Record<string, number> // contact id -> calls made: for the order
}

export const FOREVER = Number.MAX_SAFE_INTEGER
const KEY = 'sotto.page'
const DEFAULTS: Prefs = { theme: 'auto', keys: true, quiet_until: 0, log_seen: 0, leaks_seen: {}, uses: {} }

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function counts(value: unknown): Record<string, number> {
  if (!isRecord(value)) return {}
  return Object.fromEntries(Object.entries(value)
    .filter((entry): entry is [string, number] => typeof entry[1] === 'number'))
}

/** Takes only what has the right shape: the store may hold anything. */
export function readPrefs(text: string | null): Prefs {
  let raw: unknown = null
  try {
    raw = JSON.parse(text ?? 'null')
  } catch {
    // Not ours, or damaged: begin anew.
  }
  if (!isRecord(raw)) return { ...DEFAULTS, leaks_seen: {}, uses: {} }
  const number = (value: unknown): number => (typeof value === 'number' && value >= 0 ? value : 0)
  const language = raw['language']
  return {
    ...(typeof language === 'string' && Object.hasOwn(LANGUAGES, language) ? { language: language as Language } : {}),
    theme: raw['theme'] === 'light' || raw['theme'] === 'dark' ? raw['theme'] : 'auto',
    keys: raw['keys'] !== false,
    quiet_until: number(raw['quiet_until']),
    log_seen: number(raw['log_seen']),
    leaks_seen: counts(raw['leaks_seen']),
    uses: counts(raw['uses']),
  }
}

export function loadPrefs(): Prefs {
  try {
    return readPrefs(localStorage.getItem(KEY))
  } catch {
    return readPrefs(null)
  }
}

export function savePrefs(prefs: Prefs): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(prefs))
  } catch {
    // Remembered until the window is closed.
  }
}

export function forgetPrefs(): void {
  try {
    localStorage.removeItem(KEY)
  } catch {
    // There was nothing.
  }
}
