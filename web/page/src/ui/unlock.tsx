// SPDX-License-Identifier: Apache-2.0
// The store is locked: a passphrase or a passkey opens it.
import { useState } from 'preact/hooks'
import { t } from '../i18n'
import { problemText } from './errors'
import { Mark } from './icons'
import { Button, Field, Notice, Screen, useModel } from './parts'

export function Unlock() {
  const model = useModel()
  const [passphrase, setPassphrase] = useState('')
  const [error, setError] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  const passkey = model.boot?.lock === 'passkey'
  const open = async (): Promise<void> => {
    setBusy(true)
    setError(null)
    try {
      await model.opened(await model.phone.do('open', passkey ? {} : { passphrase }))
    } catch (failure) {
      const code = (failure as { code?: string }).code
      setError(passkey && code === 'EPASSPHRASE' ? t('unlock.passkey_wrong') : problemText(failure))
      setPassphrase('')
    }
    setBusy(false)
  }
  return (
    <Screen narrow title={t('unlock.title')} lead={t(passkey ? 'unlock.passkey' : 'unlock.lead')}>
      <form class="fill" onSubmit={event => { event.preventDefault(); void open() }}>
        <div class="hero left"><Mark size={56} /></div>
        {passkey ? error && <Notice kind="alarm" live>{error}</Notice>
          : <Field label={t('passphrase')} type="password" autocomplete="current-password" value={passphrase} error={error}
            onInput={setPassphrase} autofocus />}
        <div class="actions">
          <Button kind="primary" big submit busy={busy} icon={passkey ? 'key' : 'lock'} disabled={!passkey && passphrase === ''}>
            {t(passkey ? 'unlock.use_passkey' : 'unlock.do')}
          </Button>
          <Button kind="quiet" onClick={() => model.go('/lost')}>{t('unlock.lost')}</Button>
        </div>
      </form>
    </Screen>
  )
}

/** The passphrase is lost, or the store is damaged. */
export function Lost({ damaged }: { damaged?: boolean }) {
  const model = useModel()
  const erase = async (): Promise<void> => {
    if (!await model.notices.ask(t('lost.erase.title'), t('lost.erase.text'), t('lost.erase'), true)) return
    await model.eraseAll()
  }
  return (
    <Screen narrow title={t(damaged ? 'lost.damaged' : 'lost.title')} lead={t(damaged ? 'lost.damaged.text' : 'lost.text')}
      {...(damaged ? {} : { onBack: () => model.go('/contacts') })}
      actions={<>
        <Button kind="primary" big icon="key" onClick={() => model.go('/restore')}>{t('lost.restore')}</Button>
        <Button kind="danger" big icon="trash" onClick={() => void erase()}>{t('lost.erase')}</Button>
      </>}>
      <Notice>{t('lost.note')}</Notice>
    </Screen>
  )
}
