// SPDX-License-Identifier: Apache-2.0
// How this browser's keys are protected: chosen at the first run, and changed in the settings.
import { useEffect, useState } from 'preact/hooks'
import { t, type Key } from '../i18n'
import type { Lock } from '../phone/types'
import { Choice, Field, Notice, useModel } from './parts'
import { PASSPHRASE_MIN, strength, type Strength } from './strength'

export interface Protection { lock: Lock; passphrase?: string }

const STRENGTHS: Record<Strength, Key> = {
  short: 'strength.short', weak: 'strength.weak', fair: 'strength.fair', strong: 'strength.strong',
}

export function Passphrase(p: { value: string; onInput: (value: string) => void; label: string }) {
  const level = strength(p.value)
  return (
    <>
      <Field label={p.label} hint={t('passphrase.hint')} type="password" autocomplete="new-password" max={1024}
        value={p.value} onInput={p.onInput} />
      <p class={`strength ${p.value === '' ? '' : level}`} role="status">
        <span class="strength-bar" aria-hidden="true" />
        <span>{p.value === '' ? '' : t(STRENGTHS[level], { n: PASSPHRASE_MIN })}</span>
      </p>
    </>
  )
}

/** Tells null as long as the choice is not complete. */
export function Protect({ initial, onChange }: { initial: Lock; onChange: (protection: Protection | null) => void }) {
  const model = useModel()
  const [passkeys, setPasskeys] = useState(false)
  const [lock, setLock] = useState<Lock>(initial)
  const [first, setFirst] = useState('')
  const [second, setSecond] = useState('')
  useEffect(() => { model.phone.passkeys().then(setPasskeys, () => undefined) }, [])
  useEffect(() => {
    if (lock !== 'passphrase') onChange({ lock })
    else onChange([...first].length >= PASSPHRASE_MIN && first === second ? { lock, passphrase: first } : null)
  }, [lock, first, second])
  const differ = second !== '' && !first.startsWith(second) ? t('passphrase.differ') : null
  return (
    <>
      <Choice<Lock> legend={t('protect.legend')} hideLegend value={lock} onChange={setLock} options={[
        ...(passkeys ? [{ value: 'passkey' as const, label: t('protect.passkey'), text: t('protect.passkey.text') }] : []),
        { value: 'passphrase', label: t('protect.passphrase'), text: t('protect.passphrase.text') },
        { value: 'none', label: t('protect.none'), text: t('protect.none.text') },
      ]} />
      {lock === 'passphrase' && (
        <div class="fields">
          <Passphrase label={t('passphrase.new')} value={first} onInput={setFirst} />
          <Field label={t('passphrase.again')} type="password" autocomplete="new-password" max={1024} error={differ}
            value={second} onInput={setSecond} />
        </div>
      )}
      {lock === 'none' && <Notice kind="warning">{t('protect.none.warning')}</Notice>}
    </>
  )
}
