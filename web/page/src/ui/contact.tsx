// SPDX-License-Identifier: Apache-2.0
// One contact, and adding one.
import { useState } from 'preact/hooks'
import { t } from '../i18n'
import type { Contact } from '../phone/types'
import { date, hexGroups, when } from './format'
import { PasteLink } from './firstrun'
import { lastCall } from './home'
import { Avatar, Button, Dialog, Field, Notice, Row, Screen, useModel } from './parts'

export const LABEL_MAX = 64

export function RenameDialog(p: { title: string; label: string; onClose: () => void; onSave: (label: string) => Promise<unknown> }) {
  const [label, setLabel] = useState(p.label)
  const [busy, setBusy] = useState(false)
  const save = async (): Promise<void> => {
    setBusy(true)
    if (await p.onSave(label.trim())) p.onClose()
    setBusy(false)
  }
  return (
    <Dialog title={p.title} onClose={p.onClose}>
      <form onSubmit={event => { event.preventDefault(); void save() }}>
        <Field label={t('label')} value={label} onInput={setLabel} max={LABEL_MAX} autofocus required />
        <div class="dialog-actions">
          <Button kind="primary" submit busy={busy} disabled={label.trim() === ''}>{t('save')}</Button>
          <Button kind="plain" onClick={p.onClose}>{t('cancel')}</Button>
        </div>
      </form>
    </Dialog>
  )
}

function Facts({ contact, last }: { contact: Contact; last: number | null }) {
  return (
    <dl class="facts">
      <div><dt>{t('contact.compared')}</dt><dd>{contact.verified_at ? date(contact.verified_at) : t('contact.never')}</dd></div>
      {last && <div><dt>{t('contact.last')}</dt><dd>{when(last)}</dd></div>}
      {contact.expires && <div><dt>{t('contact.expires')}</dt><dd>{date(contact.expires)}</dd></div>}
      {contact.calls && <div><dt>{t('contact.calls')}</dt><dd>{t('calls.n', { n: contact.calls })}</dd></div>}
      {contact.relay && <div><dt>{t('contact.relay')}</dt><dd dir="ltr">{contact.relay.host}</dd></div>}
      <div><dt>{t('fingerprint')}</dt><dd class="mono" dir="ltr">{hexGroups(contact.fingerprint.replaceAll(' ', ''))}</dd></div>
    </dl>
  )
}

export function ContactScreen({ id }: { id: string }) {
  const model = useModel()
  const [rename, setRename] = useState(false)
  const contact = model.contacts.find(c => c.id === id)
  const back = (): void => model.go('/contacts')
  if (!contact) return <Screen title={t('tab.contacts')} onBack={back}><p class="lead">{t('error.notfound')}</p></Screen>
  const remove = async (): Promise<void> => {
    if (!await model.notices.ask(t('contact.remove.title', { name: contact.label }), t('contact.remove.text'), t('contact.remove'), true)) return
    if (await model.try('contact_remove', { id })) back()
  }
  return (
    <Screen title={contact.label} onBack={back}
      actions={contact.has_link && <Button kind="primary" big icon="phone"
        onClick={() => void model.calls.dial({ contact: id, label: contact.label })}>{t('call')}</Button>}>
      <div class="hero"><Avatar label={contact.label} /></div>
      {contact.verified ? <Notice kind="good">{t('contact.verified.text')}</Notice> : <Notice>{t('contact.unverified.text')}</Notice>}
      {!contact.has_link && <Notice>{t('contact.nolink')}</Notice>}
      <Facts contact={contact} last={lastCall(model, contact)} />
      <div class="rows">
        <Row icon="words" title={t('rename')} onClick={() => setRename(true)} />
        <Row icon="trash" title={t('contact.remove')} onClick={() => void remove()} />
      </div>
      {rename && <RenameDialog title={t('rename')} label={contact.label} onClose={() => setRename(false)}
        onSave={label => model.try('contact_rename', { id, label })} />}
    </Screen>
  )
}

export function AddContact() {
  const model = useModel()
  return (
    <Screen narrow title={t('contact.add')} lead={t('contact.add.lead')} onBack={() => model.go('/contacts')}>
      <div class="rows">
        {model.profile?.has_line && <Row icon="words" title={t('exchange.title')} text={t('exchange.row')} onClick={() => model.go('/exchange')} />}
      </div>
      <h2>{t('contact.paste')}</h2>
      <PasteLink />
    </Screen>
  )
}
