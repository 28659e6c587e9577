// SPDX-License-Identifier: Apache-2.0
// The owner's telephone at rest: four places, the line's state above them.
import type { ComponentChildren } from 'preact'
import { t, type Key } from '../i18n'
import type { Contact, Line } from '../phone/types'
import { when } from './format'
import { Icon, Mark, type IconName } from './icons'
import { Avatar, Button, Notice, Screen, useModel } from './parts'
import type { Model } from './model'

// ---- the frame ------------------------------------------------------------------------------------

const TABS: { path: string; icon: IconName; label: Key }[] = [
  { path: '/contacts', icon: 'people', label: 'tab.contacts' },
  { path: '/numbers', icon: 'ticket', label: 'tab.numbers' },
  { path: '/history', icon: 'clock', label: 'tab.history' },
  { path: '/settings', icon: 'gear', label: 'tab.settings' },
]

export function Tabs() {
  const model = useModel()
  const badge = (path: string): number => path === '/history' ? model.missed() : path === '/numbers' ? model.leaks().length : 0
  return (
    <nav class="tabs" aria-label={t('tab.all')}>
      <span class="tabs-mark"><Mark size={36} /></span>
      {TABS.map(tab => {
        const n = badge(tab.path)
        return (
          <a key={tab.path} href={'#' + tab.path} class="tab" aria-current={model.path.startsWith(tab.path) ? 'page' : undefined}>
            <span class="tab-icon"><Icon name={tab.icon} />{n > 0 && <span class="badge" aria-hidden="true">{n}</span>}</span>
            <span>{t(tab.label)}</span>
            {n > 0 && <span class="unseen">{t(tab.path === '/history' ? 'tab.missed' : 'tab.refused', { n })}</span>}
          </a>
        )
      })}
    </nav>
  )
}

/** Lists, with room for the tabs. */
export function Home({ children }: { children: ComponentChildren }) {
  return <div class="home"><Tabs />{children}</div>
}

// ---- the line ----------------------------------------------------------------------------------------

const LINE: Record<Line['state'], [string, Key]> = {
  none: ['off', 'line.none'], connecting: ['wait', 'line.connecting'], ready: ['on', 'line.ready'],
  down: ['wait', 'line.down'], denied: ['bad', 'line.denied'], replaced: ['bad', 'line.replaced'],
}

export function LineState() {
  const model = useModel()
  if (!model.profile?.has_line) return null
  const [kind, key] = model.preferences.quiet() && model.line.state === 'ready' ? ['off', 'line.quiet'] as const : LINE[model.line.state]
  return <p class={`line-state ${kind}`} role="status"><span class="dot" aria-hidden="true" />{t(key)}</p>
}

function denied(code: string | undefined): Key {
  return code === 'invite' ? 'line.denied.invite' : code === 'no_line' || code === 'revoked' ? 'line.denied.withdrawn'
    : code === 'version' ? 'line.denied.version' : 'line.denied.text'
}

export const LINK_PROBLEMS: Record<string, Key> = {
  unreachable: 'problem.unreachable', certificate: 'problem.certificate', udp_blocked: 'problem.udp_blocked',
  lost: 'problem.lost', offline: 'problem.offline',
}

/** What the owner should know now, most urgent first. */
export function Alerts() {
  const model = useModel()
  return (
    <div class="alerts">
      {model.leaks().map(number => (
        <Notice key={number.id} kind="alarm" title={t('leak.title')} live>
          <p>{t('leak.text', { label: number.label })}</p>
          <div class="notice-actions">
            <Button kind="plain" onClick={() => { model.seenLeak(number); model.go(`/numbers/${number.id}`) }}>{t('leak.look')}</Button>
            <Button kind="quiet" onClick={() => model.seenLeak(number)}>{t('leak.seen')}</Button>
          </div>
        </Notice>
      ))}
      {model.line.state === 'denied' && (
        <Notice kind="alarm" title={t('line.denied')}>{t(denied(model.line.code))}</Notice>
      )}
      {model.line.state === 'replaced' && <Notice kind="warning">{t('line.replaced.text')}</Notice>}
      {model.line.clock_offset_s !== undefined && <Notice kind="warning" title={t('clock.title')}>{t('clock.text')}</Notice>}
      {model.linkProblem && model.line.state !== 'ready' && (
        <Notice kind="warning">{t(LINK_PROBLEMS[model.linkProblem] ?? 'problem.unreachable')}</Notice>
      )}
      {!model.phone.leader && <Notice>{t('follower')}</Notice>}
    </div>
  )
}

// ---- contacts -------------------------------------------------------------------------------------------

/** Most used first, then by name. */
export function byUse(contacts: Contact[], uses: Record<string, number>, lang?: string): Contact[] {
  const order = new Intl.Collator(lang)
  return [...contacts].sort((a, b) => (uses[b.id] ?? 0) - (uses[a.id] ?? 0) || order.compare(a.label, b.label))
}

export function lastCall(model: Model, contact: Contact): number | null {
  return model.log.find(entry => entry.contact === contact.id)?.started ?? null
}

function ContactRow({ contact }: { contact: Contact }) {
  const model = useModel()
  const last = lastCall(model, contact)
  const note = contact.verified ? t('contact.verified') : t('contact.unverified')
  return (
    <li class="contact">
      <a class="contact-open" href={`#/contacts/${contact.id}`}>
        <Avatar label={contact.label} />
        <span class="row-text">
          <span class="row-title">{contact.label}</span>
          <span class="row-note">
            {contact.verified && <Icon name="shieldcheck" size={16} />}
            {last ? `${note} · ${when(last)}` : note}
          </span>
        </span>
      </a>
      {contact.has_link && (
        <button type="button" class="call-button" aria-label={t('contact.call', { name: contact.label })}
          onClick={() => void model.calls.dial({ contact: contact.id, label: contact.label })}>
          <Icon name="phone" />
        </button>
      )}
    </li>
  )
}

function QuietChip() {
  const model = useModel()
  if (!model.preferences.quiet()) return null
  return <button type="button" class="chip plain tappable" onClick={() => void model.setQuiet(0)}><Icon name="moon" size={20} />{t('quiet.end')}</button>
}

export function Contacts() {
  const model = useModel()
  const contacts = byUse(model.contacts, model.preferences.now.uses, document.documentElement.lang)
  const line = model.profile?.has_line === true
  return (
    <Screen title={t('tab.contacts')} tools={<LineState />}
      actions={line
        ? <div class="act-row">
          <Button kind="primary" big icon="ticket" onClick={() => model.go('/numbers/new')}>{t('number.new')}</Button>
          <button type="button" class="add-button" aria-label={t('contact.add')} title={t('contact.add')}
            onClick={() => model.go('/contacts/add')}><Icon name="plus" /></button>
        </div>
        : <Button kind="plain" big icon="plus" onClick={() => model.go('/contacts/add')}>{t('contact.add')}</Button>}>
      <Alerts />
      <QuietChip />
      {contacts.length === 0
        ? <div class="empty"><Icon name="people" size={44} /><p>{t(line ? 'contacts.empty' : 'contacts.empty.caller')}</p></div>
        : <ul class="contacts">{contacts.map(contact => <ContactRow key={contact.id} contact={contact} />)}</ul>}
      {!line && <Notice title={t('ended.line')}><p>{t('join.lead')}</p>
        <div class="notice-actions"><Button kind="plain" onClick={() => model.go('/join')}>{t('join.do')}</Button></div></Notice>}
    </Screen>
  )
}
