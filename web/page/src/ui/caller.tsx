// SPDX-License-Identifier: Apache-2.0
// Somebody opened a number: whom it calls, on which terms, and one button.
import { useState } from 'preact/hooks'
import { t } from '../i18n'
import type { LinkInfo } from '../phone/types'
import { RenameDialog } from './contact'
import { errorKey } from './errors'
import { date } from './format'
import { Icon, type IconName } from './icons'
import { Avatar, Button, Notice, Screen, useKeys, useModel } from './parts'
import type { Model } from './model'

/** What the link is called until the words were compared: our own label, else what the link says. */
function nameOf(model: Model, link: LinkInfo): { name: string; known: boolean; verified: boolean } {
  const contact = model.contacts.find(c => c.id === link.contact)
  if (contact) return { name: contact.label, known: true, verified: contact.verified }
  return { name: link.name || link.relay.host, known: false, verified: false }
}

function Term({ icon, children }: { icon: IconName; children: string }) {
  return <li><Icon name={icon} /><span>{children}</span></li>
}

function Terms({ link, known }: { link: LinkInfo; known: boolean }) {
  return (
    <ul class="terms">
      <Term icon="key">{t(known ? 'caller.terms.yours' : 'caller.terms.bind')}</Term>
      <Term icon="clock">{link.expires ? t('caller.terms.until', { date: date(link.expires) }) : t('caller.terms.always')}</Term>
      {link.calls !== undefined && <Term icon="phone">{t('caller.terms.calls', { n: link.calls })}</Term>}
      <Term icon="lock">{t('caller.terms.private')}</Term>
      <Term icon="mic">{t('caller.terms.mic')}</Term>
    </ul>
  )
}

/** The caller's identity is made on the spot: nothing is asked. */
async function call(model: Model, link: LinkInfo, label: string): Promise<void> {
  if (model.phase === 'new') {
    await model.phone.ask_microphone()
    model.profile = await model.phone.do('create', { name: '', lock: 'none' })
    model.phase = 'open'
  }
  await model.calls.dial(link.contact ? { contact: link.contact, label } : { link: model.linkText, label })
}

/** Keeps a number that is not to be called now. */
function Keep({ name }: { name: string }) {
  const model = useModel()
  const [asking, setAsking] = useState(false)
  const keep = async (label: string): Promise<boolean> => {
    if (!await model.try('contact_add', { label, link: model.linkText })) return false
    model.notices.say('caller.kept', { name: label })
    model.go('/contacts')
    return true
  }
  return <>
    <Button kind="quiet" onClick={() => setAsking(true)}>{t('caller.keep')}</Button>
    {asking && <RenameDialog title={t('caller.keep')} label={name} onClose={() => setAsking(false)} onSave={keep} />}
  </>
}

export function Caller({ link }: { link: LinkInfo }) {
  const model = useModel()
  const [busy, setBusy] = useState(false)
  const { name, known, verified } = nameOf(model, link)
  const forgets = model.boot?.durable === false && !known
  const start = async (): Promise<void> => {
    if (busy) return
    if (forgets && !await model.notices.ask(t('forgets.title'), t('forgets.text'), t('forgets.call'))) return
    setBusy(true)
    try {
      await call(model, link, name)
    } catch (error) {
      model.calls.failed(error)
    } finally {
      setBusy(false)
    }
  }
  useKeys({ Enter: () => void start() })
  if (link.expired) return <DeadLink title={t('caller.expired')} text={t('error.expired')} />
  if (link.ours) return <OwnLink />
  return (
    <Screen narrow title={name} above={<Avatar label={name} />}
      lead={verified ? t('caller.verified') : known ? t('caller.known') : t('caller.says')}
      actions={<>
        <Button kind="primary" big icon="phone" busy={busy} onClick={() => void start()}>{t('call')}</Button>
        {model.profile && (
          <div class="pair tight">
            {!known && <Keep name={link.name} />}
            <Button kind="quiet" onClick={() => model.go('/contacts')}>{t('caller.home')}</Button>
          </div>
        )}
      </>}>
      {forgets && <Notice kind="warning" title={t('forgets.title')}>{t('forgets.short')}</Notice>}
      <Terms link={link} known={known} />
    </Screen>
  )
}

function OwnLink() {
  const model = useModel()
  return (
    <Screen narrow title={t('caller.own')}
      actions={<Button kind="primary" big onClick={() => model.go('/numbers')}>{t('caller.own.go')}</Button>}>
      <p class="lead">{t('caller.own.text')}</p>
    </Screen>
  )
}

export function DeadLink({ title, text }: { title: string; text: string }) {
  const model = useModel()
  return (
    <Screen narrow title={title}
      actions={<Button kind={model.profile ? 'primary' : 'plain'} big onClick={() => model.go('/contacts')}>
        {t(model.profile ? 'caller.home' : 'start.over')}
      </Button>}>
      <div class="hero"><span class="sign"><Icon name="warning" size={44} /></span></div>
      <p class="lead">{text}</p>
    </Screen>
  )
}

export function LinkProblem({ code }: { code: string }) {
  const title = code === 'EEXPIRED' ? 'caller.expired' : 'caller.unreadable'
  return <DeadLink title={t(title)} text={t(errorKey(code))} />
}
