// SPDX-License-Identifier: Apache-2.0
// The commands that open, make or destroy the store: the device secret is added here, and how the
// user unlocks is kept beside it.
import { forget_secret, make_secret, read_lock, read_secret, set_lock, type Lockinfo } from './keys.ts'
import type { Extra } from './protocol.ts'
import type { Storage } from './storage.ts'
import { PhoneError, type Boot, type CommandName, type Commands, type Lock, type Profile } from './types.ts'

/** Runs one command of the telephone. */
export type Run = (name: CommandName, args: object) => unknown

export class Vault {
  private open = false

  constructor(private readonly run: Run, private readonly storage: Storage) {}

  /** The telephone has locked itself or was erased. */
  closed(): void {
    this.open = false
  }

  /** Undefined: not a command of this kind. */
  command(name: CommandName, args: object, extra: Extra): Promise<unknown> | undefined {
    switch (name) {
      case 'boot': return this.boot()
      case 'create': return this.create(args as Commands['create'][0], extra)
      case 'open': return this.unlock(args as Commands['open'][0])
      case 'set_lock': return this.relock(args as Commands['set_lock'][0], extra)
      case 'restore': return this.restore(args as Commands['restore'][0], extra)
      case 'erase': return this.erase()
      default: return undefined
    }
  }

  private async boot(): Promise<Boot> {
    const told = this.run('boot', {}) as Partial<Boot>
    const kept = await read_lock()
    return {
      exists: told.exists === true,
      // Another window has unlocked it: nothing more stands before it.
      lock: this.open ? 'none' : told.lock ?? 'none',
      durable: this.storage.durable,
      // Without the device secret nothing of it can be opened.
      damaged: told.damaged === true || (told.exists === true && kept === undefined && this.storage.durable),
    }
  }

  private async secret(info: Lockinfo): Promise<string> {
    // Files without their key are of no use to anybody: a new store takes their place.
    const { exists } = this.run('boot', {}) as Boot
    return exists ? await read_secret().catch(() => make_secret(info)) : await make_secret(info)
  }

  private async create(args: Commands['create'][0], extra: Extra): Promise<Profile> {
    const secret = await this.secret(lockinfo(args.lock, extra))
    const profile = this.run('create', { ...args, secret }) as Profile
    this.open = true
    return profile
  }

  private async unlock(args: Commands['open'][0]): Promise<Profile> {
    if (this.open) return this.run('profile', {}) as Profile
    const profile = this.run('open', { ...args, secret: await read_secret() }) as Profile
    this.open = true
    return profile
  }

  private async relock(args: Commands['set_lock'][0], extra: Extra): Promise<Profile> {
    const info = lockinfo(args.lock, extra)
    // A new passkey's name is kept before it is needed, an old one's until it is not.
    if (info.credential) await set_lock(info)
    const profile = this.run('set_lock', { ...args, secret: await read_secret() }) as Profile
    await set_lock(info)
    return profile
  }

  private async restore(args: Commands['restore'][0], extra: Extra): Promise<Profile> {
    const info = lockinfo(args.lock, extra)
    const profile = this.run('restore', { ...args, secret: await this.secret(info) }) as Profile
    await set_lock(info)
    this.open = true
    return profile
  }

  private async erase(): Promise<unknown> {
    const result = this.run('erase', {})
    this.open = false
    await forget_secret()
    return result
  }
}

function lockinfo(lock: Lock, extra: Extra): Lockinfo {
  if (lock !== 'passkey') return { lock }
  if (!extra.credential) throw new PhoneError('EINVAL', 'passkey')
  return { lock, credential: extra.credential }
}
