// SPDX-License-Identifier: Apache-2.0
// Numbers handed out: making one, each one's state, showing it again, rebinding, revoking.
import { useState } from 'preact/hooks'
import { t, type Key } from '../i18n'
import type { PhoneNumber } from '../phone/types'
import { LABEL_MAX, RenameDialog } from './contact'
import { date, endOfDay, hexGroups, nowS, when } from './format'
import { Alerts } from './home'
import { Icon } from './icons'
import { Avatar, Button, Choice, Field, Notice, Row, Screen, useModel } from './parts'
import { Qr } from './qr'
import type { Model } from './model'

// ---- the list --------------------------------------------------------------------------------------

/** The state in a few words, and how loud it is. */
export function numberState(number: PhoneNumber): { kind: string; text: string } {
  if (number.state === 'revoked') return { kind: 'off', text: t('number.revoked') }
  if (number.leaks > 0) return { kind: 'bad', text: t('number.leaked', { n: number.leaks }) }
  if (number.state === 'expired') return { kind: 'off', text: t('number.expired') }
  if (number.state === 'used_up') return { kind: 'off', text: t('number.used_up') }
  if (number.state === 'fresh') return { kind: 'wait', text: t('number.fresh') }
  const used = number.last_used ? t('number.used', { time: when(number.last_used) }) : t('number.bound')
  return { kind: 'on', text: used }
}

export function Numbers() {
  const model = useModel()
  const numbers = [...model.numbers].sort((a, b) =>
    Number(a.state === 'revoked') - Number(b.state === 'revoked') || b.created - a.created)
  return (
    <Screen title={t('tab.numbers')}
      actions={<Button kind="primary" big icon="plus" onClick={() => model.go('/numbers/new')}>{t('number.new')}</Button>}>
      <Alerts />
      {numbers.length === 0 && <div class="empty"><Icon name="ticket" size={44} /><p>{t('numbers.empty')}</p></div>}
      <ul class="rows">
        {numbers.map(number => {
          const state = numberState(number)
          return (
            <li key={number.id}>
              <a class="row" href={`#/numbers/${number.id}`}>
                <Avatar label={number.label} />
                <span class="row-text">
                  <span class="row-title">{number.label}</span>
                  <span class={`row-note line-state ${state.kind}`}><span class="dot" aria-hidden="true" />{state.text}</span>
                </span>
                <Icon name="next" size={20} />
              </a>
            </li>
          )
        })}
      </ul>
    </Screen>
  )
}

// ---- terms ------------------------------------------------------------------------------------------

export interface Terms { expires_s?: number; calls?: number }
type Until = 'day' | 'month' | 'year' | 'never' | 'custom'
type Calls = 'any' | 'one' | 'five' | 'custom'
const SECONDS: Partial<Record<Until, number>> = { day: 86400, month: 30 * 86400, year: 365 * 86400 }
const COUNTS: Partial<Record<Calls, number>> = { one: 1, five: 5 }
const CALLS_MAX = 10000

/** Tells null as long as a field does not make sense. */
export function TermsFields({ onChange }: { onChange: (terms: Terms | null) => void }) {
  const [until, setUntil] = useState<Until>('year')
  const [day, setDay] = useState('')
  const [calls, setCalls] = useState<Calls>('any')
  const [count, setCount] = useState('10')
  const tell = (u: Until, d: string, c: Calls, n: string): void => {
    const end = u === 'custom' ? endOfDay(d) : null
    const expires_s = u === 'custom' ? (end ? Math.round(end - nowS()) : 0) : SECONDS[u]
    const amount = c === 'custom' ? Number(n) : COUNTS[c]
    const bad = (u === 'custom' && !(expires_s && expires_s > 0)) ||
      (c === 'custom' && !(Number.isInteger(amount) && amount! > 0 && amount! <= CALLS_MAX))
    onChange(bad ? null : { ...(expires_s ? { expires_s } : {}), ...(amount ? { calls: amount } : {}) })
  }
  const untils: [Until, Key][] = [['day', 'until.day'], ['month', 'until.month'], ['year', 'until.year'], ['never', 'until.never'], ['custom', 'until.custom']]
  const counts: [Calls, string][] = [['any', t('calls.any')], ['one', t('calls.n', { n: 1 })], ['five', t('calls.n', { n: 5 })], ['custom', t('calls.custom')]]
  return (
    <>
      <Choice<Until> legend={t('until.legend')} value={until} options={untils.map(([value, key]) => ({ value, label: t(key) }))}
        onChange={value => { setUntil(value); tell(value, day, calls, count) }} />
      {until === 'custom' && <Field label={t('until.date')} type="date" value={day} ltr min={new Date().toISOString().slice(0, 10)}
        onInput={value => { setDay(value); tell(until, value, calls, count) }} />}
      <Choice<Calls> legend={t('calls.legend')} value={calls} options={counts.map(([value, label]) => ({ value, label }))}
        onChange={value => { setCalls(value); tell(until, day, value, count) }} />
      {calls === 'custom' && <Field label={t('calls.count')} type="number" value={count} ltr min="1"
        onInput={value => { setCount(value); tell(until, day, calls, value) }} />}
    </>
  )
}

export const TERMS_DEFAULT: Terms = { expires_s: SECONDS.year! }

// ---- one link ------------------------------------------------------------------------------------------

async function copy(model: Model, link: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(link)
    model.notices.say('toast.copied')
  } catch {
    model.notices.say('toast.not_copied')
  }
}

async function share(model: Model, number: PhoneNumber): Promise<void> {
  const name = model.profile?.name
  try {
    await navigator.share({ title: 'sotto', text: name ? t('share.text', { name }) : t('share.text.nameless'), url: number.link ?? '' })
  } catch {
    // Closed again: nothing was shared, nothing to say.
  }
}

export function LinkCard({ number }: { number: PhoneNumber }) {
  const model = useModel()
  const link = number.link
  if (!link) return null
  return (
    <section class="link-card" aria-label={t('number.link')}>
      <Qr text={link} label={t('number.qr', { name: number.label })} />
      <p class="link-text" dir="ltr" tabIndex={0}>{link}</p>
      <div class="pair">
        {'share' in navigator && <Button kind="primary" icon="share" onClick={() => void share(model, number)}>{t('share')}</Button>}
        <Button kind={'share' in navigator ? 'plain' : 'primary'} icon="copy" onClick={() => void copy(model, link)}>{t('copy')}</Button>
      </div>
    </section>
  )
}

export function NewNumber() {
  const model = useModel()
  const [label, setLabel] = useState('')
  const [terms, setTerms] = useState<Terms | null>(TERMS_DEFAULT)
  const [made, setMade] = useState<PhoneNumber | null>(null)
  const [busy, setBusy] = useState(false)
  const back = (): void => model.go('/numbers')
  const make = async (): Promise<void> => {
    if (!terms) return
    setBusy(true)
    setMade(await model.try('number_new', { label: label.trim(), ...terms }))
    setBusy(false)
  }
  if (made) {
    return (
      <Screen narrow title={t('number.made', { name: made.label })} lead={t('number.made.lead', { name: made.label })}
        actions={<Button kind="plain" big onClick={back}>{t('done')}</Button>}>
        <LinkCard number={made} />
        {made.pending && model.line.state !== 'ready' && <Notice kind="warning">{t('number.pending')}</Notice>}
      </Screen>
    )
  }
  return (
    <Screen narrow title={t('number.new')} lead={t('number.new.lead')} onBack={back}>
      <form class="fill" onSubmit={event => { event.preventDefault(); void make() }}>
        <Field label={t('number.for')} hint={t('number.for.hint')} value={label} onInput={setLabel} max={LABEL_MAX} required />
        <TermsFields onChange={setTerms} />
        <div class="actions"><Button kind="primary" big submit busy={busy} disabled={label.trim() === '' || !terms}>{t('number.make')}</Button></div>
      </form>
    </Screen>
  )
}

// ---- one number ----------------------------------------------------------------------------------------------

export async function revoke(model: Model, number: PhoneNumber): Promise<void> {
  if (!await model.try('number_revoke', { id: number.id })) return
  model.notices.toast(t('toast.revoked', { label: number.label }), {
    label: t('undo'), run: () => { void model.try('number_restore', { id: number.id }) },
  })
}

function Facts({ number }: { number: PhoneNumber }) {
  const calls = number.calls_max === undefined ? t('number.calls', { n: number.calls_used })
    : t('number.calls_of', { n: number.calls_used, max: number.calls_max })
  return (
    <dl class="facts">
      <div><dt>{t('number.created')}</dt><dd>{date(number.created)}</dd></div>
      <div><dt>{t('number.until')}</dt><dd>{number.expires ? date(number.expires) : t('number.unlimited')}</dd></div>
      <div><dt>{t('calls.legend')}</dt><dd>{calls}</dd></div>
      <div><dt>{t('number.last')}</dt><dd>{number.last_used ? when(number.last_used) : t('contact.never')}</dd></div>
      {number.bound && <div><dt>{t('number.bound_to')}</dt><dd class="mono" dir="ltr">{hexGroups(number.bound.replaceAll(' ', ''))}</dd></div>}
      {number.leaked_to && <div><dt>{t('number.refused_key')}</dt><dd class="mono" dir="ltr">{hexGroups(number.leaked_to.replaceAll(' ', ''))}</dd></div>}
    </dl>
  )
}

export function NumberScreen({ id }: { id: string }) {
  const model = useModel()
  const [rename, setRename] = useState(false)
  const [shown, setShown] = useState<PhoneNumber | null>(null)
  const number = model.numbers.find(n => n.id === id)
  const back = (): void => model.go('/numbers')
  if (!number) return <Screen title={t('tab.numbers')} onBack={back}><p class="lead">{t('error.notfound')}</p></Screen>
  const live = number.state === 'fresh' || number.state === 'bound'
  const state = numberState(number)
  const rebind = async (): Promise<void> => {
    if (!await model.notices.ask(t('rebind.title', { name: number.label }), t('rebind.text'), t('rebind'))) return
    const fresh = await model.try('number_rebind', { id })
    if (fresh) setShown(fresh)
  }
  const show = async (): Promise<void> => setShown(shown ? null : await model.try('number_link', { id }))
  return (
    <Screen title={number.label} onBack={back}>
      <p class={`line-state big ${state.kind}`}><span class="dot" aria-hidden="true" />{state.text}</p>
      {number.leaks > 0 && (
        <Notice kind="alarm" title={t('leak.title')}>
          <p>{t('leak.text', { label: number.label })}</p>
          {number.leaked && <p>{t('leak.when', { time: when(number.leaked) })}</p>}
          <p>{t('leak.next', { label: number.label })}</p>
        </Notice>
      )}
      {number.state === 'fresh' && <Notice>{t('number.fresh.text')}</Notice>}
      {number.state === 'bound' && <Notice kind={number.verified ? 'good' : 'info'}>
        {t(number.verified ? 'number.bound.verified' : 'number.bound.text', { name: number.label })}</Notice>}
      {number.pending && <Notice kind="warning">{t('number.pending')}</Notice>}
      {shown?.link && live && <LinkCard number={shown} />}
      <Facts number={number} />
      <div class="rows">
        {live && <Row icon="share" title={t(shown ? 'number.hide' : 'number.show')} onClick={() => void show()} />}
        <Row icon="words" title={t('rename')} onClick={() => setRename(true)} />
        {number.state === 'bound' && <Row icon="swap" title={t('rebind')} text={t('rebind.row')} onClick={() => void rebind()} />}
        {live && <Row icon="trash" title={t('revoke')} text={t('revoke.row')} onClick={() => void revoke(model, number)} />}
        {number.state === 'revoked' && <Row icon="check" title={t('number.restore')} text={t('number.restore.row')}
          onClick={() => void model.try('number_restore', { id })} />}
      </div>
      {rename && <RenameDialog title={t('rename')} label={number.label} onClose={() => setRename(false)}
        onSave={label => model.try('number_label', { id, label })} />}
    </Screen>
  )
}
