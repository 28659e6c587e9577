// SPDX-License-Identifier: Apache-2.0
// Every error of the telephone as a sentence with the next step.
import { t, type Key } from '../i18n'
import { PhoneError } from '../phone/types'
import type { CallEnd } from '../phone/types'

const SENTENCES: Record<string, Key> = {
  EPARSE: 'error.input', EINVAL: 'error.input', EREPLAY: 'error.state', ESTATE: 'error.state',
  ESPACE: 'error.internal', EINTERNAL: 'error.internal', ECRYPTO: 'error.internal', EAGAIN: 'error.busy',
  EAUTH: 'error.auth', ELIMIT: 'error.limit', ENOTFOUND: 'error.notfound', EEXIST: 'error.exists',
  ELINK_MALFORMED: 'error.link_malformed', ELINK_DAMAGED: 'error.link_damaged', ELINK_VERSION: 'error.link_version',
  EEXPIRED: 'error.expired', EUSEDUP: 'error.usedup', EREVOKED: 'error.revoked',
  EPASSPHRASE: 'error.passphrase', EPROTO: 'error.proto', EPEER: 'error.peer', EPROOF: 'error.peer',
  ESUITE: 'error.suite', ETIMEOUT: 'error.timeout', EREFUSED: 'error.refused', ECLOSED: 'error.closed',
  ENOMEM: 'error.memory', EIO: 'error.storage', EFULL: 'error.full', ENOMIC: 'error.nomic',
  ENODEVICE: 'error.nodevice', ESTORAGE: 'error.nostorage', EBUSY: 'error.busy', EUNSUPPORTED: 'error.unsupported',
}

export const errorKey = (code: string): Key => SENTENCES[code] ?? 'error.other'
export const KNOWN_CODES = Object.keys(SENTENCES)

export function problemText(error: unknown): string {
  const code = error instanceof PhoneError ? error.code
    // A PhoneError that came through another copy of the module, or out of a worker.
    : typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : ''
  return t(errorKey(code), { code: code || 'unknown' })
}

const EXCHANGE: Record<string, Key> = {
  ETIMEOUT: 'exchange.failed.nobody', EAUTH: 'exchange.failed.words', EEXIST: 'exchange.failed.used',
  EREFUSED: 'exchange.failed.other', EPEER: 'exchange.failed.words', EPARSE: 'exchange.failed.code',
}
export const exchangeFailure = (code: string): Key => EXCHANGE[code] ?? 'exchange.failed.other'

/** The title and the sentence for each way a call ends. */
export const endTitle = (end: CallEnd): Key => ENDS[end][0]
export const endText = (end: CallEnd): Key => ENDS[end][1]
export const endIsAlarm = (end: CallEnd): boolean => end === 'words' || end === 'wrong_peer'

const ENDS: Record<CallEnd, [Key, Key]> = {
  none: ['end.over', 'end.text.over'],
  hangup: ['end.over', 'end.text.hangup'],
  peer_hangup: ['end.over', 'end.text.peer_hangup'],
  declined: ['end.declined', 'end.text.declined'],
  we_declined: ['end.declined', 'end.text.we_declined'],
  busy: ['end.busy', 'end.text.busy'],
  no_answer: ['end.no_answer', 'end.text.no_answer'],
  cancelled: ['end.over', 'end.text.cancelled'],
  unavailable: ['end.unavailable', 'end.text.unavailable'],
  offline: ['end.offline', 'end.text.offline'],
  refused: ['end.refused', 'end.text.refused'],
  wrong_peer: ['end.wrong_peer', 'end.text.wrong_peer'],
  suite: ['end.failed', 'end.text.suite'],
  protocol: ['end.safety', 'end.text.protocol'],
  words: ['end.words', 'end.text.words'],
  rekey: ['end.safety', 'end.text.rekey'],
  lost: ['end.lost', 'end.text.lost'],
  dropped: ['end.lost', 'end.text.dropped'],
  timeout: ['end.no_answer', 'end.text.timeout'],
  limit: ['end.limit', 'end.text.limit'],
  link: ['end.link', 'end.text.link'],
  storage: ['end.failed', 'end.text.storage'],
  glare: ['end.over', 'end.text.glare'],
  internal: ['end.failed', 'end.text.internal'],
}
