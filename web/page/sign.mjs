// SPDX-License-Identifier: Apache-2.0
// Signs a release: a C2SP signed note (https://c2sp.org/signed-note) whose text names the page and the
// SHA-256 of release.json.
//
//   sotto page 0.1.0
//   sha256 <base64>
//
//   — NAME <base64(key id || signature)>
import { createHash, createPrivateKey, createPublicKey, sign as ed25519 } from 'node:crypto'

/** Who signs, in the signature's line and in the key. */
export const SIGNER = 'sotto-page'
const ALGORITHM_ED25519 = Buffer.from([1])

/** The 32 bytes of an Ed25519 public key: the end of its SubjectPublicKeyInfo (RFC 8410). */
const rawPublic = key => createPublicKey(key).export({ type: 'spki', format: 'der' }).subarray(-32)

const keyId = raw => createHash('sha256').update(SIGNER + '\n').update(ALGORITHM_ED25519).update(raw).digest().subarray(0, 4)

/** The key as it is handed to those who verify: NAME+ID+BASE64 (a "verifier key" of the specification). */
export function verifierKey(pem) {
  const raw = rawPublic(createPrivateKey(pem))
  return `${SIGNER}+${keyId(raw).toString('hex')}+${Buffer.concat([ALGORITHM_ED25519, raw]).toString('base64')}`
}

export function noteText(release) {
  const { version } = JSON.parse(release.toString())
  return `sotto page ${version}\nsha256 ${createHash('sha256').update(release).digest('base64')}\n`
}

export function sign(release, pem) {
  const key = createPrivateKey(pem)
  if (key.asymmetricKeyType !== 'ed25519') throw new Error('the key that signs must be Ed25519')
  const text = noteText(release)
  const signature = Buffer.concat([keyId(rawPublic(key)), ed25519(null, Buffer.from(text), key)])
  return Buffer.from(`${text}\n\u2014 ${SIGNER} ${signature.toString('base64')}\n`)
}
