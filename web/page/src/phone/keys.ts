// SPDX-License-Identifier: Apache-2.0
// The device secret: 32 random bytes that are part of what opens the store. They are kept encrypted
// under an AES-GCM key that this browser keeps and gives to no script, so that a copy of the store's
// files alone opens nothing. Beside it, how the user unlocks.
import { PhoneError, type Lock } from './types.ts'

const DATABASE = 'sotto'
const TABLE = 'keys'
const RECORD = 'device'
const SECRET_BYTES = 32
const NONCE_BYTES = 12

export interface Lockinfo { lock: Lock; credential?: Uint8Array<ArrayBuffer> }
interface Kept extends Lockinfo { key: CryptoKey; nonce: Uint8Array<ArrayBuffer>; sealed: ArrayBuffer }

export const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

async function with_table<T>(mode: IDBTransactionMode, use: (table: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const opening = indexedDB.open(DATABASE, 1)
  opening.onupgradeneeded = () => opening.result.createObjectStore(TABLE)
  const database = await settled(opening)
  try {
    const transaction = database.transaction(TABLE, mode, { durability: 'strict' })
    const done = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve()
      transaction.onabort = transaction.onerror = () => reject(transaction.error)
    })
    const result = await settled(use(transaction.objectStore(TABLE)))
    await done
    return result
  } finally {
    database.close()
  }
}

async function load(): Promise<Kept | undefined> {
  return await with_table<Kept | undefined>('readonly', table => table.get(RECORD))
}

/** How it is unlocked; undefined if there is nothing, or nothing can be kept here. */
export async function read_lock(): Promise<Lockinfo | undefined> {
  const kept = await load().catch(() => undefined)
  return kept && { lock: kept.lock, ...kept.credential && { credential: kept.credential } }
}

/** For a browser that keeps nothing: the secret lives as long as the worker. */
let passing: { secret: Uint8Array<ArrayBuffer>; info: Lockinfo } | undefined

/** Makes a new secret. Replaces what was there, so only once there is nothing left to open. */
export async function make_secret(info: Lockinfo): Promise<string> {
  const secret = crypto.getRandomValues(new Uint8Array(SECRET_BYTES))
  const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt'])
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES))
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv: nonce }, key, secret)
  const kept: Kept = { ...info, key, nonce, sealed }
  passing = undefined
  await with_table('readwrite', table => table.put(kept, RECORD)).catch(() => {
    passing = { secret: secret.slice(), info }
  })
  const text = hex(secret)
  secret.fill(0)
  return text
}

/** Rejects with ESTORAGE if it is not there, or cannot be opened by this browser's key any more. */
export async function read_secret(): Promise<string> {
  if (passing) return hex(passing.secret)
  const kept = await load().catch(() => undefined)
  if (!kept) throw new PhoneError('ESTORAGE', 'this browser has lost its key')
  try {
    const secret = new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv: kept.nonce }, kept.key, kept.sealed))
    const text = hex(secret)
    secret.fill(0)
    return text
  } catch {
    throw new PhoneError('ESTORAGE', 'this browser has lost its key')
  }
}

export async function set_lock(info: Lockinfo): Promise<void> {
  if (passing) {
    passing.info = info
    return
  }
  const kept = await load()
  if (!kept) throw new PhoneError('ESTORAGE')
  const { credential: _, ...rest } = kept
  await with_table('readwrite', table => table.put({ ...rest, ...info }, RECORD))
}

export async function forget_secret(): Promise<void> {
  passing = undefined
  await with_table('readwrite', table => table.delete(RECORD)).catch(() => {})
}
