// SPDX-License-Identifier: Apache-2.0
// Where the telephone's store is kept: two files of this origin's private file system, which only a
// worker can write at once and durably. What is in them is sealed by the telephone.
import { file_is_memory } from './private.ts'
import { PhoneError } from './types.ts'

export const SLOTS = 2
const HANDLE_TRIES_MAX = 20 // another tab's worker has just ended: its files come free in a moment
const HANDLE_TRY_MS = 150
export const SLOT_MAX_BYTES = 16 * 1024 * 1024
const OK = 0
const BROKEN = -1
const FULL = -2

export interface Storage {
  /** False: it is forgotten when the window is closed. */
  readonly durable: boolean
  read(which: number): Uint8Array
  write(which: number, bytes: Uint8Array): number
  close(): void
}

/** Where the browser gives no files: as long as the worker lives. */
class MemoryStorage implements Storage {
  readonly durable = false
  private readonly slots: Uint8Array[] = Array.from({ length: SLOTS }, () => new Uint8Array(0))

  read(which: number): Uint8Array {
    return this.slots[which]!
  }

  write(which: number, bytes: Uint8Array): number {
    if (which < 0 || which >= SLOTS) return BROKEN
    this.slots[which] = bytes.slice()
    return OK
  }

  close(): void {}
}

class FileStorage implements Storage {
  constructor(private readonly files: FileSystemSyncAccessHandle[], readonly durable: boolean) {}

  read(which: number): Uint8Array {
    const file = this.files[which]!
    const bytes = new Uint8Array(Math.min(file.getSize(), SLOT_MAX_BYTES))
    return bytes.subarray(0, file.read(bytes, { at: 0 }))
  }

  write(which: number, bytes: Uint8Array): number {
    const file = this.files[which]
    if (file === undefined) return BROKEN
    try {
      // Not from WebAssembly's memory itself: some browsers refuse such views.
      const copy = bytes.slice()
      if (file.write(copy, { at: 0 }) !== copy.length) return FULL
      file.truncate(copy.length)
      file.flush()
      return OK
    } catch (error) {
      return (error as DOMException).name === 'QuotaExceededError' ? FULL : BROKEN
    }
  }

  close(): void {
    for (const file of this.files) file.close()
  }
}

async function open_handle(dir: FileSystemDirectoryHandle, name: string): Promise<FileSystemSyncAccessHandle> {
  const file = await dir.getFileHandle(name, { create: true })
  for (let tries = 1; ; tries++) {
    try {
      return await file.createSyncAccessHandle()
    } catch (error) {
      if ((error as DOMException).name !== 'NoModificationAllowedError') throw error
      if (tries === HANDLE_TRIES_MAX) throw new PhoneError('EBUSY')
      await new Promise(done => setTimeout(done, HANDLE_TRY_MS))
    }
  }
}

// The others give a private window no files at all.
const is_chromium = () => 'userAgentData' in navigator

export async function open_storage(): Promise<Storage> {
  const files: FileSystemSyncAccessHandle[] = []
  try {
    const dir = await navigator.storage.getDirectory()
    for (let i = 0; i < SLOTS; i++) files.push(await open_handle(dir, `sotto-slot-${i}`))
    return new FileStorage(files, !(is_chromium() && file_is_memory(files[0]!)))
  } catch (error) {
    for (const file of files) file.close()
    if (error instanceof PhoneError) throw error
    return new MemoryStorage()
  }
}
