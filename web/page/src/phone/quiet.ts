// SPDX-License-Identifier: Apache-2.0
// Until when nothing is to ring, kept where the service worker finds it when no page is open: it has
// no localStorage. A cache whose name is not one of the worker's own, which it clears.
const CACHE = 'quiet'
const ENTRY = '/quiet'

let writing = Promise.resolve()

/**
 * Unix seconds; 0 takes it away. Ends when it is kept, the last one asked for being the last one
 * written. Where the browser gives no such storage there is no worker to tell.
 */
export function keep_quiet(until: number): Promise<void> {
  return writing = writing.then(() => write(until))
}

async function write(until: number): Promise<void> {
  try {
    if (until <= 0) await caches.delete(CACHE)
    else await (await caches.open(CACHE)).put(ENTRY, new Response(String(until)))
  } catch {
    // Then a call shows and sounds, as it would without this.
  }
}

/** Whether nothing is to ring at `now` (Unix seconds). What cannot be read counts as no. */
export async function is_quiet(now: number): Promise<boolean> {
  try {
    const kept = await caches.match(ENTRY, { cacheName: CACHE })
    return kept !== undefined && Number(await kept.text()) > now
  } catch {
    return false
  }
}
