// SPDX-License-Identifier: Apache-2.0
// What the part of the address after # asks for. It never leaves the browser.

export const FRAGMENT_MAX = 65536
export const SETUP_CONTACTS_MAX = 32

export type Fragment =
  | { kind: 'none' }
  | { kind: 'route'; path: string } // one of our own screens
  | { kind: 'link'; text: string } // a number or an invitation; the telephone reads it
  | { kind: 'setup'; text: string; name: string; contacts: { label: string; link: string }[] }
  | { kind: 'kit'; data: string } // base64

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return null
  }
}

export function base64FromUrl(text: string): string | null {
  if (!/^[A-Za-z0-9_-]+={0,2}$/.test(text)) return null
  const plain = text.replace(/=+$/, '').replaceAll('-', '+').replaceAll('_', '/')
  return plain + '='.repeat((4 - plain.length % 4) % 4)
}

export const base64ToUrl = (text: string): string =>
  text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')

function contactFrom(value: string): { label: string; link: string } | null {
  const at = value.indexOf('~')
  if (at < 1) return null
  const label = decode(value.slice(0, at))
  const link = decode(value.slice(at + 1))
  return label && link ? { label, link } : null
}

/** `hash` with or without its "#". `origin` as in location.origin. */
export function readFragment(hash: string, origin: string): Fragment {
  const body = hash.replace(/^#/, '')
  if (body === '' || body.length > FRAGMENT_MAX) return { kind: 'none' }
  if (body.startsWith('/')) return { kind: 'route', path: body }
  if (body.startsWith('kit=')) {
    const data = base64FromUrl(body.slice(4))
    return data ? { kind: 'kit', data } : { kind: 'none' }
  }
  const [payload = '', ...parts] = body.split('&')
  const text = `${origin}/#${payload}`
  if (parts.length === 0) return { kind: 'link', text }
  let name = ''
  const contacts: { label: string; link: string }[] = []
  for (const part of parts) {
    if (part.startsWith('name=')) name = decode(part.slice(5)) ?? ''
    const contact = part.startsWith('contact=') ? contactFrom(part.slice(8)) : null
    if (contact && contacts.length < SETUP_CONTACTS_MAX) contacts.push(contact)
  }
  return { kind: 'setup', text, name, contacts }
}

/** What somebody pasted: a whole address, or only what is behind the #. */
export function readPasted(text: string, origin: string): Fragment {
  const trimmed = text.trim().replace(/\s+/g, '')
  if (trimmed === '') return { kind: 'none' }
  const at = trimmed.indexOf('#')
  if (at < 0) return { kind: 'link', text: trimmed }
  const host = /^https?:\/\/[^/#]+/i.exec(trimmed)?.[0] ?? origin
  return readFragment(trimmed.slice(at), host)
}
