// SPDX-License-Identifier: Apache-2.0
// The service worker: keeps the page's own files so that it opens without a network, and shows that
// somebody is calling when the page is closed. It sees no keys and no calls.
import { calling } from './calling.ts'
import { is_quiet } from './quiet.ts'

// The types of a worker and of a service worker exclude each other; this names what is used.
declare const self: ServiceWorkerGlobalScope

const CACHE_PREFIX = 'sotto-'
const CACHE = CACHE_PREFIX + __PRECACHE__.id
const SHELL = '/'
const RELAY = '/relay.json'
const NAVIGATION_MS = 4000 // then the page that is here is shown

const kept = new Map(__PRECACHE__.files.map(file => [file.url, file]))

self.addEventListener('install', event => event.waitUntil(keep_all()))

async function keep_all(): Promise<void> {
  const cache = await caches.open(CACHE)
  await Promise.all(__PRECACHE__.files.map(async ({ url, integrity }) => {
    const response = await fetch(new Request(url, { integrity, cache: 'no-cache' }))
    if (!response.ok) throw new TypeError(`${url}: ${response.status}`)
    await cache.put(url, response)
  }))
}

// A new version waits until the last window of the old one is closed: nothing changes under a call.
self.addEventListener('activate', event => event.waitUntil(forget_old()))

async function forget_old(): Promise<void> {
  for (const name of await caches.keys())
    if (name.startsWith(CACHE_PREFIX) && name !== CACHE) await caches.delete(name)
}

self.addEventListener('fetch', event => {
  const url = new URL(event.request.url)
  if (event.request.method !== 'GET' || url.origin !== self.location.origin) return
  if (event.request.mode === 'navigate' && url.pathname === SHELL) event.respondWith(shell(event.request))
  else if (url.pathname === RELAY) event.respondWith(relay(event.request))
  else if (url.pathname !== SHELL && kept.has(url.pathname)) event.respondWith(file(event.request, url.pathname))
})

/** The newest page that can be had in a moment; else the one that is here. */
async function shell(request: Request): Promise<Response> {
  const here = await caches.match(SHELL, { cacheName: CACHE })
  if (!here) return await fetch(request)
  const timeout = new AbortController()
  const timer = setTimeout(() => timeout.abort(), NAVIGATION_MS)
  try {
    const response = await fetch(SHELL, { cache: 'no-cache', signal: timeout.signal })
    return response.ok ? response : here
  } catch {
    return here
  } finally {
    clearTimeout(timer)
  }
}

/** Where the relay is: as told last, when it does not answer. */
async function relay(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE)
  try {
    const response = await fetch(request)
    if (response.ok) await cache.put(RELAY, response.clone())
    return response
  } catch {
    return await cache.match(RELAY) ?? Response.error()
  }
}

// Their names hold a hash of what is in them.
async function file(request: Request, path: string): Promise<Response> {
  return await caches.match(path, { cacheName: CACHE }) ?? await fetch(request)
}

// ---- push ---------------------------------------------------------------------------------------

self.addEventListener('push', event => event.waitUntil(ring()))

async function ring(): Promise<void> {
  const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true })
  // The page is in front of the user and rings by itself.
  if (windows.some(window => window.visibilityState === 'visible')) return
  const quiet = await is_quiet(Date.now() / 1000)
  await self.registration.showNotification('sotto', calling(self.navigator.language, quiet))
}

self.addEventListener('notificationclick', event => {
  event.notification.close()
  event.waitUntil(open_page())
})

async function open_page(): Promise<void> {
  const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true })
  const window = windows.find(one => new URL(one.url).origin === self.location.origin)
  if (window) await window.focus()
  else await self.clients.openWindow(SHELL)
}
