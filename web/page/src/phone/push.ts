// SPDX-License-Identifier: Apache-2.0
// Being woken while the page is closed: the service worker, and this browser's push subscription. What
// a push carries is nothing but that somebody calls.
import { fetch_relay } from './relay.ts'
import { WAKE_UP_TAG } from './tag.ts'
import { PhoneError } from './types.ts'
import { service_worker_url } from './urls.ts'

export interface Subscription { endpoint: string; p256dh: string; auth: string }

export async function register_service_worker(): Promise<void> {
  if (!('serviceWorker' in navigator)) return
  await navigator.serviceWorker.register(service_worker_url(), { updateViaCache: 'none' }).catch(() => {})
}

const supported = () => 'serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window

const base64url = (bytes: ArrayBuffer | null) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes ?? new ArrayBuffer(0))))
    .replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')

function from_base64url(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), c => c.charCodeAt(0))
}

async function present(): Promise<PushSubscription | null> {
  const registration = await navigator.serviceWorker.getRegistration()
  return await registration?.pushManager.getSubscription() ?? null
}

const told = (subscription: PushSubscription): Subscription => ({
  endpoint: subscription.endpoint,
  p256dh: base64url(subscription.getKey('p256dh')),
  auth: base64url(subscription.getKey('auth')),
})

export async function push_now(): Promise<'unsupported' | 'denied' | 'off' | 'on'> {
  if (!supported()) return 'unsupported'
  if (Notification.permission === 'denied') return 'denied'
  if (await present().catch(() => null)) return 'on'
  // A relay that wakes nobody.
  return (await fetch_relay())?.vapid ? 'off' : 'unsupported'
}

/** From a tap: asks the user if need be. */
export async function push_on(): Promise<Subscription> {
  if (!supported()) throw new PhoneError('EUNSUPPORTED', 'push')
  if (await Notification.requestPermission() !== 'granted') throw new PhoneError('EREFUSED', 'notifications')
  const vapid = (await fetch_relay())?.vapid
  if (!vapid) throw new PhoneError('EUNSUPPORTED', 'push')
  const registration = await navigator.serviceWorker.ready
  try {
    return told(await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: from_base64url(vapid) }))
  } catch (error) {
    throw new PhoneError('EUNSUPPORTED', String(error))
  }
}

export async function push_off(): Promise<{ off: true }> {
  await (await present().catch(() => null))?.unsubscribe()
  return { off: true }
}

/** The page is in front of the user: that somebody called a while ago is no news any more. */
export async function forget_wake_up(): Promise<void> {
  if (!supported()) return
  const registration = await navigator.serviceWorker.getRegistration()
  for (const notification of await registration?.getNotifications({ tag: WAKE_UP_TAG }) ?? []) notification.close()
}

export async function push_renew(): Promise<Subscription | null> {
  if (!supported() || Notification.permission !== 'granted') return null
  const subscription = await present().catch(() => null)
  return subscription && told(subscription)
}
