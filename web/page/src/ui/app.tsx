// SPDX-License-Identifier: Apache-2.0
// Which screen there is: a call comes first, then what the address asks for, then the telephone.
import { useState } from 'preact/hooks'
import { LANGUAGES, currentLanguage, t, type Key, type Language } from '../i18n'
import { CallScreen } from './call'
import { Caller, LinkProblem } from './caller'
import { AddContact, ContactScreen } from './contact'
import { EndedScreen } from './ended'
import { problemText } from './errors'
import { ExchangeScreen } from './exchange'
import { FirstRun, JoinPaste, Restore, Welcome } from './firstrun'
import { History } from './history'
import { Contacts, Home } from './home'
import { Icon, Mark } from './icons'
import { IncomingScreen, QuietCall, WaitingCall } from './incoming'
import { KitScreen } from './kit'
import type { Model } from './model'
import { NewNumber, NumberScreen, Numbers } from './numbers'
import { Button, Dialog, ModelContext, Question, Screen, Toasts, useModel } from './parts'
import { About, Backup, Erase, Protection_, Settings } from './settings'
import { Lost, Unlock } from './unlock'

// ---- when nothing goes --------------------------------------------------------------------------

function Unsupported() {
  const model = useModel()
  const key: Key = model.missing === 'secure' ? 'unsupported.secure' : 'error.unsupported'
  return (
    <Screen narrow title={t('unsupported.title')} lead={t(key)}>
      <div class="hero"><span class="sign"><Icon name="warning" size={44} /></span></div>
      <p class="fine">{t('unsupported.detail', { what: model.missing ?? '' })}</p>
    </Screen>
  )
}

function Broken() {
  const model = useModel()
  return (
    <Screen narrow title={t('broken.title')} lead={problemText(model.broken)}
      actions={<Button kind="primary" big onClick={() => location.reload()}>{t('broken.reload')}</Button>}>
      <div class="hero"><span class="sign"><Icon name="warning" size={44} /></span></div>
      <p class="fine" dir="ltr">{model.broken?.message}</p>
    </Screen>
  )
}

function MicHelp() {
  const model = useModel()
  const problem = model.calls.micProblem
  if (!problem) return null
  const close = (): void => { model.calls.micProblem = null; model.changed() }
  const refused = problem.code === 'ENOMIC'
  return (
    <Dialog title={t(refused ? 'mic.refused' : 'mic.none')} onClose={close}>
      <p>{t(refused ? 'error.nomic' : 'error.nodevice')}</p>
      {refused && <ol class="steps"><li>{t('mic.step1')}</li><li>{t('mic.step2')}</li><li>{t('mic.step3')}</li></ol>}
      <div class="dialog-actions"><Button kind="primary" onClick={close}>{t('understood')}</Button></div>
    </Dialog>
  )
}

/** Whoever cannot read the page can still change its language. */
function LanguageCorner() {
  const model = useModel()
  return (
    <nav class="language-corner" aria-label={t('settings.language')}>
      <Icon name="globe" size={20} />
      <select aria-label={t('settings.language')} value={currentLanguage()} onChange={event => model.preferences.setLanguage(event.currentTarget.value as Language)}>
        {Object.entries(LANGUAGES).map(([code, name]) => <option key={code} value={code} lang={code}>{name}</option>)}
      </select>
    </nav>
  )
}

// ---- where one is -------------------------------------------------------------------------------------

function Route({ model }: { model: Model }) {
  const [, place = '', id = ''] = model.path.split('/')
  switch (place) {
    case 'numbers': return id === 'new' ? <NewNumber /> : id ? <NumberScreen key={id} id={id} /> : <Home><Numbers /></Home>
    case 'history': return <Home><History /></Home>
    case 'exchange': return <ExchangeScreen />
    case 'join': return <JoinPaste />
    case 'restore': return <Restore />
    case 'settings': return id === '' ? <Home><Settings /></Home> : <SettingsPage id={id} model={model} />
    case 'contacts': if (id) return id === 'add' ? <AddContact /> : <ContactScreen key={id} id={id} />
  }
  return <Home><Contacts /></Home>
}

function SettingsPage({ id, model }: { id: string; model: Model }) {
  switch (id) {
    case 'protection': return <Protection_ />
    case 'kit': return <KitScreen onDone={() => model.go('/settings')} />
    case 'backup': return <Backup />
    case 'erase': return <Erase />
    case 'about': return <About />
    default: return <Home><Settings /></Home>
  }
}

/** A link, an invitation or a kit in the address; null if there is none. */
function Addressed({ model }: { model: Model }) {
  if (model.fragment.kind === 'kit') return <Restore kitData={model.fragment.data} />
  if (model.linkError) return <LinkProblem code={model.linkError} />
  if (!model.link) return null
  if (model.link.kind === 'number') return <Caller link={model.link} />
  return <FirstRun link={model.link} />
}

function Locked({ model }: { model: Model }) {
  if (model.fragment.kind === 'kit') return <Restore kitData={model.fragment.data} />
  if (model.path === '/restore') return <Restore />
  if (model.boot?.damaged) return <Lost damaged />
  return model.path === '/lost' ? <Lost /> : <Unlock />
}

function Place({ model }: { model: Model }) {
  switch (model.phase) {
    case 'starting': return <main class="starting" aria-busy="true"><Mark size={64} /><p class="unseen" role="status">{t('starting')}</p></main>
    case 'unsupported': return <Unsupported />
    case 'broken': return <Broken />
    case 'locked': return <Locked model={model} />
    case 'new':
      if (model.fragment.kind === 'kit') return <Restore kitData={model.fragment.data} />
      if (model.link || model.linkError) return <Addressed model={model} />
      return model.path === '/restore' ? <Restore /> : <Welcome />
    case 'open': break
  }
  const call = model.calls.current()
  const ringing = model.calls.ringing()
  if (call) return <><CallScreen key={call.id} call={call} />{ringing && !model.preferences.quiet() && <WaitingCall call={ringing} />}</>
  if (ringing && !model.preferences.quiet()) return <IncomingScreen key={ringing.id} call={ringing} />
  if (model.calls.ended) return <EndedScreen key={model.calls.ended.id} call={model.calls.ended} />
  if (model.kitDue) return <KitScreen first onDone={() => { model.kitDue = false; model.go('/contacts') }} />
  return <>
    {ringing && <QuietCall call={ringing} />}
    {model.link || model.linkError || model.fragment.kind === 'kit' ? <Addressed model={model} /> : <Route model={model} />}
  </>
}

function Shell() {
  const model = useModel()
  const alone = ['new', 'locked', 'unsupported', 'broken'].includes(model.phase)
  return (
    <>
      {alone && <LanguageCorner />}
      <Place model={model} />
      <MicHelp />
      <Question />
      <Toasts />
    </>
  )
}

export function App({ model }: { model: Model }) {
  const [shown] = useState(model)
  return <ModelContext.Provider value={shown}><Shell /></ModelContext.Provider>
}
