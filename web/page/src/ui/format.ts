// SPDX-License-Identifier: Apache-2.0
// Times, lengths of time and fingerprints, as the reader's language writes them.
import { currentLanguage } from '../i18n'

const DAY_S = 86400

const startOfDay = (unix_s: number): number => new Date(unix_s * 1000).setHours(0, 0, 0, 0)

/** Whole days from the day of `unix_s` to today, by the calendar; daylight saving does not matter. */
function daysAgo(unix_s: number, now_s: number): number {
  return Math.round((startOfDay(now_s) - startOfDay(unix_s)) / (DAY_S * 1000))
}

export const nowS = (): number => Date.now() / 1000

export function date(unix_s: number): string {
  return new Intl.DateTimeFormat(currentLanguage(), { dateStyle: 'long' }).format(unix_s * 1000)
}

/** On one line, also where "PM" follows. */
export function time(unix_s: number): string {
  return new Intl.DateTimeFormat(currentLanguage(), { timeStyle: 'short' }).format(unix_s * 1000).replaceAll(' ', '\u00a0')
}

export function dateTime(unix_s: number): string {
  return new Intl.DateTimeFormat(currentLanguage(), { dateStyle: 'medium', timeStyle: 'short' })
    .format(unix_s * 1000)
}

/** "14:05", "yesterday, 14:05", "3 March, 14:05", with the year if it is another one. */
export function when(unix_s: number, now_s = nowS()): string {
  const days = daysAgo(unix_s, now_s)
  if (days === 0) return time(unix_s)
  const lang = currentLanguage()
  if (days === 1) {
    return `${new Intl.RelativeTimeFormat(lang, { numeric: 'auto' }).format(-1, 'day')}, ${time(unix_s)}`
  }
  const sameYear = new Date(unix_s * 1000).getFullYear() === new Date(now_s * 1000).getFullYear()
  return new Intl.DateTimeFormat(lang, {
    day: 'numeric', month: 'short', hour: 'numeric', minute: '2-digit',
    ...(sameYear ? {} : { year: 'numeric' }),
  }).format(unix_s * 1000)
}

/** The timer of a call: 0:07, 12:30, 1:02:03. */
export function clock(ms: number): string {
  const total = Math.max(0, Math.floor(ms / 1000))
  const lang = currentLanguage()
  const two = new Intl.NumberFormat(lang, { minimumIntegerDigits: 2, useGrouping: false })
  const one = new Intl.NumberFormat(lang, { useGrouping: false })
  const [h, m, s] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60]
  return h > 0 ? `${one.format(h)}:${two.format(m)}:${two.format(s)}` : `${one.format(m)}:${two.format(s)}`
}

function unit(value: number, name: 'hour' | 'minute' | 'second'): string {
  return new Intl.NumberFormat(currentLanguage(), { style: 'unit', unit: name, unitDisplay: 'long' })
    .format(value)
}

/** How long a call was: "42 seconds", "12 minutes", "1 hour 5 minutes". */
export function length(seconds: number): string {
  const s = Math.max(0, Math.round(seconds))
  if (s < 60) return unit(s, 'second')
  const minutes = Math.round(s / 60)
  if (minutes < 60) return unit(minutes, 'minute')
  const rest = minutes % 60
  const hours = unit((minutes - rest) / 60, 'hour')
  return rest === 0 ? hours : `${hours} ${unit(rest, 'minute')}`
}

export function percent(share: number): string {
  return new Intl.NumberFormat(currentLanguage(), {
    style: 'percent', maximumFractionDigits: share > 0 && share < 0.1 ? 1 : 0,
  }).format(share)
}

export function milliseconds(ms: number): string {
  return new Intl.NumberFormat(currentLanguage(), { style: 'unit', unit: 'millisecond', unitDisplay: 'short' })
    .format(Math.round(ms))
}

/** The first letters for a round sign beside a name. */
export function initials(label: string): string {
  const words = label.trim().split(/\s+/).filter(word => /[\p{L}\p{N}]/u.test(word))
  const first = (word: string | undefined): string => [...(word ?? '')].find(c => /[\p{L}\p{N}]/u.test(c)) ?? ''
  if (words.length === 0) return '·'
  return (first(words[0]) + (words.length > 1 ? first(words.at(-1)) : '')).toLocaleUpperCase()
}

/** Local midnight at the end of the day in a date field ("2026-12-31"), or null. */
export function endOfDay(value: string): number | null {
  const parts = /^(\d{4})-(\d\d)-(\d\d)$/.exec(value)
  if (!parts) return null
  const [year, month, day] = parts.slice(1).map(Number) as [number, number, number]
  const at = new Date(year, month - 1, day, 23, 59, 59)
  return at.getMonth() === month - 1 && at.getDate() === day ? Math.floor(at.getTime() / 1000) : null
}

export function hexGroups(hex: string): string {
  return hex.replace(/(.{4})(?=.)/g, '$1 ')
}
