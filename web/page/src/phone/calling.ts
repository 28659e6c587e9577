// SPDX-License-Identifier: Apache-2.0
// What the service worker shows when it was woken by a call. The page's own words are not loaded for it.
import { WAKE_UP_TAG } from './tag.ts'

const CALLING: Record<string, string> = {
  ar: 'هناك من يتصل بك',
  en: 'Somebody is calling',
  es: 'Alguien le está llamando',
  fr: 'Quelqu’un vous appelle',
  ru: 'Вам звонят',
  zh: '有人来电',
}
const CALLED_QUIETLY: Record<string, string> = {
  ar: 'اتصل بك أحد. عدم الإزعاج مفعّل.',
  en: 'Somebody called. Do not disturb is on.',
  es: 'Alguien le llamó. No molestar está activado.',
  fr: 'Quelqu’un vous a appelé. Ne pas déranger est activé.',
  ru: 'Вам звонили. Включено «Не беспокоить».',
  zh: '有人来过电话。勿扰已开启。',
}

/** Browsers demand that each push shows something: while nothing is to ring, that is one line without
 * sound or vibration, which does not insist and does not come up again for the next call. */
export function calling(language: string, quiet: boolean): NotificationOptions {
  const lang = Object.keys(CALLING).find(code => language.toLowerCase().startsWith(code)) ?? 'en'
  const common = { tag: WAKE_UP_TAG, lang, dir: lang === 'ar' ? 'rtl' : 'ltr' } as const
  if (quiet) return { ...common, body: CALLED_QUIETLY[lang]!, silent: true }
  return {
    ...common, body: CALLING[lang]!, requireInteraction: true,
    ...{ renotify: true, vibrate: [600, 250, 600, 250, 600] }, // the types do not know these
  }
}
