// SPDX-License-Identifier: Apache-2.0
// The settings: quiet times, notifications, the look, the protection of the keys, backup, the end.
import { useEffect, useState } from 'preact/hooks'
import { LANGUAGES, currentLanguage, t, type Key, type Language } from '../i18n'
import { NAME_MAX } from './firstrun'
import { hexGroups, nowS, when } from './format'
import { Alerts } from './home'
import { FOREVER, type Theme } from './prefs'
import { Passphrase, Protect, type Protection } from './protect'
import { Button, Choice, Dialog, Field, Notice, Row, Screen, Switch, useModel } from './parts'
import { PASSPHRASE_MIN } from './strength'

const HOUR_S = 3600
const MORNING_HOUR = 8

const back = (model: { go: (path: string) => void }) => () => model.go('/settings')

// ---- do not disturb ----------------------------------------------------------------------------

function tomorrowMorning(): number {
  const at = new Date()
  at.setDate(at.getDate() + 1)
  at.setHours(MORNING_HOUR, 0, 0, 0)
  return Math.floor(at.getTime() / 1000)
}

function QuietDialog({ onClose }: { onClose: () => void }) {
  const model = useModel()
  const choose = (until: number): void => { void model.setQuiet(until); onClose() }
  return (
    <Dialog title={t('quiet.until')} onClose={onClose}>
      <div class="rows">
        <Row icon="clock" title={t('quiet.hour')} end={null} onClick={() => choose(Math.floor(nowS()) + HOUR_S)} />
        <Row icon="moon" title={t('quiet.morning', { time: when(tomorrowMorning(), tomorrowMorning()) })} end={null} onClick={() => choose(tomorrowMorning())} />
        <Row icon="bell" title={t('quiet.forever')} end={null} onClick={() => choose(FOREVER)} />
      </div>
      <div class="dialog-actions"><Button kind="plain" onClick={onClose}>{t('cancel')}</Button></div>
    </Dialog>
  )
}

function Quiet() {
  const model = useModel()
  const [asking, setAsking] = useState(false)
  const until = model.preferences.now.quiet_until
  const text = !model.preferences.quiet() ? t('quiet.text') : until === FOREVER ? t('quiet.on') : t('quiet.on_until', { time: when(until) })
  return (
    <>
      <Switch label={t('quiet.title')} text={text} on={model.preferences.quiet()} onChange={on => (on ? setAsking(true) : void model.setQuiet(0))} />
      {asking && <QuietDialog onClose={() => setAsking(false)} />}
    </>
  )
}

function Push() {
  const model = useModel()
  const [state, setState] = useState<'unsupported' | 'denied' | 'off' | 'on' | null>(null)
  const load = (): void => { model.phone.push_state().then(setState, () => setState('unsupported')) }
  useEffect(load, [])
  const text = state === 'unsupported' ? 'push.unsupported' : state === 'denied' ? 'push.denied' : 'push.text'
  const set = async (on: boolean): Promise<void> => {
    try {
      await model.phone.set_push(on)
    } catch (error) {
      model.notices.tell(error)
    }
    load()
  }
  return <Switch label={t('push.title')} text={t(text)} on={state === 'on'} disabled={state !== 'on' && state !== 'off'}
    onChange={on => void set(on)} />
}

// ---- all of them -----------------------------------------------------------------------------------

const LOCKS: Record<string, Key> = { none: 'lock.none', passphrase: 'lock.passphrase', passkey: 'lock.passkey' }

function NameDialog({ onClose }: { onClose: () => void }) {
  const model = useModel()
  const [name, setName] = useState(model.profile?.name ?? '')
  const save = async (): Promise<void> => {
    const profile = await model.try('set_name', { name: name.trim() })
    if (!profile) return
    model.profile = profile
    model.changed()
    onClose()
  }
  return (
    <Dialog title={t('settings.name')} onClose={onClose}>
      <form onSubmit={event => { event.preventDefault(); void save() }}>
        <Field label={t('firstrun.name')} hint={t('firstrun.name.hint')} value={name} onInput={setName} max={NAME_MAX} autofocus />
        <div class="dialog-actions"><Button kind="primary" submit>{t('save')}</Button><Button kind="plain" onClick={onClose}>{t('cancel')}</Button></div>
      </form>
    </Dialog>
  )
}

function Look() {
  const model = useModel()
  return (
    <>
      <Choice<Theme> legend={t('settings.theme')} value={model.preferences.now.theme} onChange={theme => model.preferences.setTheme(theme)}
        options={[{ value: 'auto', label: t('theme.auto') }, { value: 'light', label: t('theme.light') }, { value: 'dark', label: t('theme.dark') }]} />
      <div class="field">
        <label for="language">{t('settings.language')}</label>
        <select id="language" value={currentLanguage()} onChange={event => model.preferences.setLanguage(event.currentTarget.value as Language)}>
          {Object.entries(LANGUAGES).map(([code, name]) => <option key={code} value={code} lang={code}>{name}</option>)}
        </select>
      </div>
      <Switch label={t('settings.keys')} text={t('settings.keys.text')} on={model.preferences.now.keys} onChange={keys => model.preferences.keep({ keys })} />
    </>
  )
}

export function Settings() {
  const model = useModel()
  const [naming, setNaming] = useState(false)
  const profile = model.profile
  const locked = profile?.lock !== 'none'
  const lock = async (): Promise<void> => { if (await model.try('lock', {})) model.closed() }
  return (
    <Screen title={t('tab.settings')}>
      <Alerts />
      {profile?.has_line && <section class="group"><Quiet /><Push /></section>}
      <section class="group" aria-labelledby="you">
        <h2 id="you">{t('settings.you')}</h2>
        <div class="rows">
          <Row icon="people" title={t('settings.name')} text={profile?.name || t('settings.noname')} onClick={() => setNaming(true)} />
          {!profile?.has_line && <Row icon="bell" title={t('ended.line')} text={t('ended.line.text')} onClick={() => model.go('/join')} />}
        </div>
      </section>
      <section class="group" aria-labelledby="safety">
        <h2 id="safety">{t('settings.safety')}</h2>
        <div class="rows">
          <Row icon="lock" title={t('settings.protection')} text={t(LOCKS[profile?.lock ?? 'none'] ?? 'lock.none')} onClick={() => model.go('/settings/protection')} />
          <Row icon="key" title={t('kit.title')} text={t(profile?.kit ? 'settings.kit.made' : 'settings.kit.missing')} onClick={() => model.go('/settings/kit')} />
          <Row icon="download" title={t('backup.title')} text={t('backup.row')} onClick={() => model.go('/settings/backup')} />
          {locked && <Row icon="lock" title={t('settings.lock')} text={t('settings.lock.text')} end={null} onClick={() => void lock()} />}
        </div>
      </section>
      <section class="group" aria-labelledby="look">
        <h2 id="look">{t('settings.look')}</h2>
        <Look />
      </section>
      <section class="group rows" aria-label={t('settings.more')}>
        <Row icon="info" title={t('about.title')} onClick={() => model.go('/settings/about')} />
        <Row icon="trash" title={t('erase.title')} onClick={() => model.go('/settings/erase')} />
      </section>
      {naming && <NameDialog onClose={() => setNaming(false)} />}
    </Screen>
  )
}

// ---- protection -----------------------------------------------------------------------------------------

export function Protection_() {
  const model = useModel()
  const [old, setOld] = useState('')
  const [next, setNext] = useState<Protection | null>(null)
  const [busy, setBusy] = useState(false)
  const now = model.profile?.lock ?? 'none'
  const save = async (): Promise<void> => {
    if (!next) return
    setBusy(true)
    const profile = await model.try('set_lock', { ...next, ...(now === 'passphrase' ? { old_passphrase: old } : {}) })
    setBusy(false)
    if (!profile) return
    model.profile = profile
    model.notices.say('protect.changed')
    model.go('/settings')
  }
  return (
    <Screen narrow title={t('settings.protection')} lead={t('protect.lead')} onBack={back(model)}>
      <form class="fill" onSubmit={event => { event.preventDefault(); void save() }}>
        {now === 'passphrase' && <Field label={t('passphrase.old')} type="password" autocomplete="current-password" value={old} onInput={setOld} />}
        <Protect initial={now} onChange={setNext} />
        <div class="actions"><Button kind="primary" big submit busy={busy} disabled={!next || (now === 'passphrase' && old === '')}>{t('save')}</Button></div>
      </form>
    </Screen>
  )
}

// ---- backup -----------------------------------------------------------------------------------------------

function download(name: string, text: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([text + '\n'], { type: 'application/octet-stream' }))
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10000)
}

export function Backup() {
  const model = useModel()
  const [passphrase, setPassphrase] = useState('')
  const [busy, setBusy] = useState(false)
  const make = async (): Promise<void> => {
    setBusy(true)
    const backup = await model.try('backup', { passphrase })
    setBusy(false)
    if (!backup) return
    download(`sotto-${new Date().toISOString().slice(0, 10)}.sotto`, backup.data)
    model.notices.say('backup.made')
  }
  return (
    <Screen narrow title={t('backup.title')} lead={t('backup.lead')} onBack={back(model)}>
      <form class="fill" onSubmit={event => { event.preventDefault(); void make() }}>
        <Passphrase label={t('backup.passphrase')} value={passphrase} onInput={setPassphrase} />
        <Notice>{t('backup.restore')}</Notice>
        <div class="actions"><Button kind="primary" big submit icon="download" busy={busy}
          disabled={[...passphrase].length < PASSPHRASE_MIN}>{t('backup.make')}</Button></div>
      </form>
    </Screen>
  )
}

// ---- the end ------------------------------------------------------------------------------------------------

export function Erase() {
  const model = useModel()
  const [typed, setTyped] = useState('')
  const word = t('erase.word')
  const ready = typed.trim().toLocaleLowerCase() === word.toLocaleLowerCase()
  return (
    <Screen narrow title={t('erase.title')} lead={t('erase.lead')} onBack={back(model)}>
      <form class="fill" onSubmit={event => { event.preventDefault(); if (ready) void model.eraseAll() }}>
        <Notice kind="alarm">{t('erase.text')}</Notice>
        <Field label={t('erase.type', { word })} value={typed} onInput={setTyped} />
        <div class="actions"><Button kind="danger" big submit icon="trash" disabled={!ready}>{t('erase.do')}</Button></div>
      </form>
    </Screen>
  )
}

// ---- about ---------------------------------------------------------------------------------------------------

/** SHA-256 of the list of everything this page is made of; `sotto verify-page` prints the same. */
async function pageHash(): Promise<string> {
  const answer = await fetch('/release.json', { cache: 'no-cache' })
  if (!answer.ok) throw new Error(String(answer.status))
  const hash = await crypto.subtle.digest('SHA-256', await answer.arrayBuffer())
  return [...new Uint8Array(hash)].map(byte => byte.toString(16).padStart(2, '0')).join('')
}

export function About() {
  const model = useModel()
  const [hash, setHash] = useState('')
  useEffect(() => { pageHash().then(setHash, () => setHash('–')) }, [])
  return (
    <Screen narrow title={t('about.title')} lead={t('about.lead')} onBack={back(model)}>
      <dl class="facts">
        <div><dt>{t('about.version')}</dt><dd dir="ltr">{__VERSION__}</dd></div>
        <div><dt>{t('about.page')}</dt><dd dir="ltr">{location.host}</dd></div>
        <div><dt>{t('about.hash')}</dt><dd class="mono" dir="ltr">{hash === '' ? '…' : hexGroups(hash)}</dd></div>
        {model.profile && <div><dt>{t('about.fingerprint')}</dt><dd class="mono" dir="ltr">{hexGroups(model.profile.fingerprint.replaceAll(' ', ''))}</dd></div>}
      </dl>
      <h2>{t('about.proves')}</h2>
      <p>{t('about.proves.text')}</p>
      <h2>{t('about.verify')}</h2>
      <p>{t('about.verify.text')}</p>
      <p class="command" dir="ltr" tabIndex={0}><code>sotto verify-page {location.origin}</code></p>
      <h2>{t('about.made')}</h2>
      <p>{t('about.made.text')}</p>
    </Screen>
  )
}
