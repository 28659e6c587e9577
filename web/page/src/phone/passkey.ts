// SPDX-License-Identifier: Apache-2.0
// A passkey as the lock: WebAuthn with the PRF extension gives 32 bytes that only this passkey gives
// again, after the user's finger or face. In the page, since it wants the user's gesture.
import { hex } from './keys.ts'
import { PhoneError } from './types.ts'

const PRF_INPUT = new TextEncoder().encode('sotto store v1')
const PRF_BYTES = 32
const ES256 = -7
const EDDSA = -8
const RS256 = -257

interface PrfResults { enabled?: boolean; results?: { first?: BufferSource } }

function prf_of(credential: PublicKeyCredential): string | null {
  const prf = (credential.getClientExtensionResults() as { prf?: PrfResults }).prf
  const first = prf?.results?.first
  if (!first) return null
  const bytes = ArrayBuffer.isView(first) ? new Uint8Array(first.buffer, first.byteOffset, first.byteLength) : new Uint8Array(first)
  return bytes.length === PRF_BYTES ? hex(bytes) : null
}

const extensions = { prf: { eval: { first: PRF_INPUT } } } as AuthenticationExtensionsClientInputs

export async function passkeys_offered(): Promise<boolean> {
  // A passkey belongs to a name; an address has none.
  if (typeof PublicKeyCredential !== 'function' || /^[\d.]+$|:/.test(location.hostname)) return false
  const capabilities = await (PublicKeyCredential as { getClientCapabilities?: () => Promise<Record<string, boolean>> })
    .getClientCapabilities?.().catch(() => undefined)
  if (capabilities?.['extension:prf'] === false) return false
  return await PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable().catch(() => false)
}

/** The user's finger opens it: what the passkey gives, in hex. EPASSPHRASE: it gave nothing. */
export async function use_passkey(credential: Uint8Array<ArrayBuffer>): Promise<string> {
  const got = await navigator.credentials.get({
    publicKey: {
      challenge: crypto.getRandomValues(new Uint8Array(32)),
      allowCredentials: [{ type: 'public-key', id: credential }],
      userVerification: 'required',
      extensions,
    },
  }).catch(() => null)
  const prf = got && prf_of(got as PublicKeyCredential)
  if (!prf) throw new PhoneError('EPASSPHRASE', 'passkey')
  return prf
}

/** EUNSUPPORTED: this one cannot do it. */
export async function make_passkey(name: string): Promise<{ credential: Uint8Array<ArrayBuffer>; prf: string }> {
  const made = await navigator.credentials.create({
    publicKey: {
      rp: { name: 'sotto' },
      user: { id: crypto.getRandomValues(new Uint8Array(16)), name: name || 'sotto', displayName: name || 'sotto' },
      challenge: crypto.getRandomValues(new Uint8Array(32)),
      pubKeyCredParams: [ES256, EDDSA, RS256].map(alg => ({ type: 'public-key', alg })),
      authenticatorSelection: { userVerification: 'required', residentKey: 'preferred' },
      extensions,
    },
  }).catch(() => null) as PublicKeyCredential | null
  if (!made) throw new PhoneError('EPASSPHRASE', 'passkey')
  const credential = new Uint8Array(made.rawId)
  const { prf } = made.getClientExtensionResults() as { prf?: PrfResults }
  const now = prf_of(made)
  if (!now && !prf?.enabled) throw new PhoneError('EUNSUPPORTED', 'passkey')
  return { credential, prf: now ?? await use_passkey(credential) }
}
