// SPDX-License-Identifier: Apache-2.0
// From an invitation to one's own line: a name, a protection, the recovery kit.
import { useState } from 'preact/hooks'
import { t } from '../i18n'
import type { LinkInfo } from '../phone/types'
import { problemText } from './errors'
import { base64FromUrl, readPasted } from './fragment'
import { Icon, Mark } from './icons'
import { Protect, type Protection } from './protect'
import { Button, Field, Notice, Row, Screen, Working, useModel } from './parts'

export const NAME_MAX = 64

/** An address from the clipboard or by hand: becomes this page's own address, which then decides. */
export function PasteLink({ autofocus }: { autofocus?: boolean }) {
  const model = useModel()
  const [text, setText] = useState('')
  const [error, setError] = useState<string | null>(null)
  const open = async (): Promise<void> => {
    const pasted = readPasted(text, location.origin)
    if (pasted.kind === 'none' || pasted.kind === 'route') return setError(t('error.link_malformed'))
    try {
      if (pasted.kind !== 'kit') await model.phone.do('link', { text: pasted.text })
      await model.openLink(pasted)
    } catch (failure) {
      setError(problemText(failure))
    }
  }
  return (
    <form class="paste" onSubmit={event => { event.preventDefault(); void open() }}>
      <Field label={t('paste.label')} hint={t('paste.hint')} value={text} error={error} ltr rows={3} autofocus={autofocus ?? false}
        onInput={value => { setText(value); setError(null) }} />
      <Button kind="primary" big submit disabled={text.trim() === ''}>{t('continue')}</Button>
    </form>
  )
}

export function Welcome() {
  const model = useModel()
  return (
    <Screen narrow title={t('welcome.title')} lead={t('welcome.lead')}>
      <div class="hero left"><Mark size={56} /></div>
      <p>{t('welcome.invitation')}</p>
      <PasteLink />
      <div class="rows">
        <Row icon="key" title={t('welcome.restore')} text={t('welcome.restore.text')} onClick={() => model.go('/restore')} />
      </div>
    </Screen>
  )
}

/** For a caller who already has an identity here. */
export function JoinPaste() {
  const model = useModel()
  return (
    <Screen narrow title={t('join.title')} lead={t('join.lead')} onBack={() => model.go('/contacts')}>
      <PasteLink />
    </Screen>
  )
}

type Step = 'name' | 'protect' | 'working'

export function FirstRun({ link }: { link: LinkInfo }) {
  const model = useModel()
  const setup = model.fragment.kind === 'setup' ? model.fragment : null
  const [step, setStep] = useState<Step>('name')
  const [name, setName] = useState(setup?.name ?? model.profile?.name ?? '')
  const [protection, setProtection] = useState<Protection | null>(null)
  const [error, setError] = useState<string | null>(null)

  const finish = async (chosen: Protection | null): Promise<void> => {
    if (!chosen) return
    setStep('working')
    setError(null)
    try {
      await model.begin(name.trim(), chosen, setup?.contacts ?? [])
    } catch (failure) {
      setError(problemText(failure))
      setStep(kept ? 'name' : 'protect')
    }
  }
  // Who has called from here before, and has protected that, is not asked again.
  const kept: Protection | null = model.profile && model.profile.lock !== 'none' ? { lock: model.profile.lock } : null

  if (link.expired) {
    return <Screen narrow title={t('invite.expired')}><p class="lead">{t('invite.expired.text')}</p><PasteLink /></Screen>
  }
  if (step === 'working') {
    return <Screen narrow title={t('firstrun.working')} lead={t('firstrun.working.text')}><Working text={t('firstrun.keys')} /></Screen>
  }
  if (step === 'name') {
    return (
      <Screen narrow title={t('firstrun.title')} lead={t('firstrun.lead', { host: link.relay.host })}>
        <form class="fill" onSubmit={event => { event.preventDefault(); if (kept) void finish(kept); else setStep('protect') }}>
          {error && <Notice kind="alarm" live>{error}</Notice>}
          <Field label={t('firstrun.name')} hint={t('firstrun.name.hint')} value={name} onInput={setName} max={NAME_MAX} autocomplete="name" />
          {setup && setup.contacts.length > 0 && (
            <Notice title={t('firstrun.contacts', { n: setup.contacts.length })}>
              {new Intl.ListFormat(document.documentElement.lang, { type: 'conjunction' }).format(setup.contacts.map(c => c.label))}
            </Notice>
          )}
          {model.boot?.durable === false && <Notice kind="warning" title={t('forgets.title')}>{t('forgets.line')}</Notice>}
          <div class="actions"><Button kind="primary" big submit>{t('continue')}</Button></div>
        </form>
      </Screen>
    )
  }
  return (
    <Screen narrow title={t('protect.title')} lead={t('protect.lead')} onBack={() => { setError(null); setStep('name') }}>
      <form class="fill" onSubmit={event => { event.preventDefault(); void finish(protection) }}>
        {error && <Notice kind="alarm" live>{error}</Notice>}
        <Protect initial="passphrase" onChange={setProtection} />
        <div class="actions"><Button kind="primary" big submit disabled={!protection}>{t('firstrun.finish')}</Button></div>
      </form>
    </Screen>
  )
}

// ---- from a kit or a backup -------------------------------------------------------------------------

export function Restore({ kitData }: { kitData?: string }) {
  const model = useModel()
  const [data, setData] = useState(kitData ?? '')
  const [file, setFile] = useState('') // its name
  const [secret, setSecret] = useState('')
  const [protection, setProtection] = useState<Protection | null>(null)
  const [error, setError] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  const isKit = file === ''

  const readFile = async (chosen: File | undefined): Promise<void> => {
    if (!chosen) return
    setData((await chosen.text()).trim())
    setFile(chosen.name)
  }
  const restore = async (): Promise<void> => {
    const pasted = readPasted(data, location.origin)
    const plain = pasted.kind === 'kit' ? pasted.data : kitData ?? (file ? data : base64FromUrl(data.trim()))
    if (!plain || !protection) return setError(t('restore.unreadable'))
    setBusy(true)
    setError(null)
    try {
      await model.restore(plain, isKit ? secret.trim().toLowerCase().split(/\s+/).join(' ') : secret, protection)
    } catch (failure) {
      const code = (failure as { code?: string }).code
      setError(code === 'EPASSPHRASE' || code === 'EAUTH' ? t(isKit ? 'restore.words_wrong' : 'error.passphrase') : problemText(failure))
    }
    setBusy(false)
  }
  return (
    <Screen narrow title={t('restore.title')} lead={t('restore.lead')} onBack={() => { model.clearAddress(); model.go('/contacts'); void model.boot_() }}>
      <form class="fill" onSubmit={event => { event.preventDefault(); void restore() }}>
        {!kitData && <>
          <label class="button plain file">
            <Icon name="download" />
            <span>{file || t('restore.file')}</span>
            <input type="file" class="unseen" accept=".sotto,text/plain,application/octet-stream"
              onChange={event => void readFile(event.currentTarget.files?.[0])} />
          </label>
          {!file && <Field label={t('restore.kit')} hint={t('restore.kit.hint')} value={data} onInput={setData} ltr rows={2} />}
        </>}
        {isKit
          ? <Field label={t('restore.words')} hint={t('restore.words.hint')} value={secret} onInput={setSecret} ltr rows={4} />
          : <Field label={t('restore.passphrase')} type="password" autocomplete="current-password" value={secret} onInput={setSecret} />}
        <h2>{t('protect.title')}</h2>
        <Protect initial="passphrase" onChange={setProtection} />
        {error && <Notice kind="alarm" live>{error}</Notice>}
        <div class="actions"><Button kind="primary" big submit busy={busy} disabled={!protection || data === '' || secret === ''}>{t('restore.do')}</Button></div>
      </form>
    </Screen>
  )
}
