// SPDX-License-Identifier: Apache-2.0
// Somebody calls: our own word for them, and two buttons far apart.
import { useEffect, useRef } from 'preact/hooks'
import { t } from '../i18n'
import type { Call } from '../phone/types'
import { labelOf } from './call'
import { Icon } from './icons'
import { Avatar, Button, RoundButton, useKeys, useModel } from './parts'

function Known({ call }: { call: Call }) {
  const [kind, icon, text] = call.verified ? ['good', 'shieldcheck', 'incoming.verified'] as const
    : call.contact ? ['plain', 'lock', 'incoming.known'] as const : ['plain', 'lock', 'incoming.first'] as const
  return <p class={`chip ${kind}`}><Icon name={icon} size={20} />{t(text)}</p>
}

export function IncomingScreen({ call }: { call: Call }) {
  const model = useModel()
  const heading = useRef<HTMLHeadingElement>(null)
  const name = labelOf(call)
  useEffect(() => {
    heading.current?.focus({ preventScroll: true })
    const before = document.title
    document.title = t('incoming.calls', { name })
    return () => { document.title = before }
  }, [call.id])
  useKeys({ a: () => void model.calls.accept(call), d: () => model.calls.decline(call), Escape: () => model.calls.decline(call) })
  return (
    <main class="call incoming" aria-describedby="incoming-text">
      <div class="call-head">
        <Known call={call} />
        <Avatar label={name} />
        <h1 ref={heading} tabIndex={-1}>{name}</h1>
        <p class="call-status" id="incoming-text" role="alert">{t('incoming.text')}</p>
      </div>
      <div class="call-body" />
      <div class="answer">
        <RoundButton icon="hangup" tone="end" label={t('decline')} shortcut="d" onClick={() => model.calls.decline(call)} />
        <RoundButton icon="phone" tone="answer" label={t('answer')} shortcut="a" onClick={() => void model.calls.accept(call)} />
      </div>
    </main>
  )
}

/** A second call while one is going on: a sheet over the talk, which stays audible. */
export function WaitingCall({ call }: { call: Call }) {
  const model = useModel()
  const name = labelOf(call)
  useKeys({ a: () => void model.calls.accept(call), d: () => model.calls.decline(call) })
  return (
    <section class="waiting-call" aria-labelledby="waiting-title">
      <div role="alert">
        <h2 id="waiting-title">{t('incoming.calls', { name })}</h2>
        <p>{t(call.verified ? 'incoming.verified' : call.contact ? 'incoming.known' : 'incoming.first')}</p>
      </div>
      <div class="pair">
        <Button kind="danger" icon="hangup" shortcut="d" onClick={() => model.calls.decline(call)}>{t('decline')}</Button>
        <Button kind="primary" icon="phone" shortcut="a" onClick={() => void model.calls.accept(call)}>{t('incoming.hold_answer')}</Button>
      </div>
    </section>
  )
}

/** Do not disturb: nothing rings, but who looks sees it. */
export function QuietCall({ call }: { call: Call }) {
  const model = useModel()
  return (
    <section class="quiet-call" aria-label={t('quiet.title')}>
      <p>{t('quiet.calling', { name: labelOf(call) })}</p>
      <Button kind="plain" icon="phone" onClick={() => void model.calls.accept(call)}>{t('answer')}</Button>
    </section>
  )
}
