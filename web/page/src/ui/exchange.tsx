// SPDX-License-Identifier: Apache-2.0
// Two people swap numbers at the end of an ordinary phone call: a short code, then words.
import { useState } from 'preact/hooks'
import { t } from '../i18n'
import { LABEL_MAX } from './contact'
import { exchangeFailure } from './errors'
import { Icon } from './icons'
import { TERMS_DEFAULT, TermsFields, type Terms } from './numbers'
import { Button, Choice, Field, Notice, Screen, Working, useModel } from './parts'
import type { Exchange } from './model_exchange'

function Begin() {
  const model = useModel()
  const [side, setSide] = useState<'make' | 'enter'>('make')
  const [label, setLabel] = useState('')
  const [code, setCode] = useState('')
  const [terms, setTerms] = useState<Terms | null>(TERMS_DEFAULT)
  const [busy, setBusy] = useState(false)
  const ready = label.trim() !== '' && terms !== null && (side === 'make' || code.trim() !== '')
  const start = async (): Promise<void> => {
    setBusy(true)
    await model.exchange.start(label.trim(), side === 'enter' ? code.trim().toLowerCase().replace(/[\s–—]+/g, '-') : undefined, terms ?? {})
    setBusy(false)
  }
  return (
    <Screen narrow title={t('exchange.title')} lead={t('exchange.lead')} onBack={() => model.go('/contacts/add')}>
      <form class="fill" onSubmit={event => { event.preventDefault(); void start() }}>
        <Choice legend={t('exchange.side')} value={side} onChange={setSide} options={[
          { value: 'make', label: t('exchange.make'), text: t('exchange.make.text') },
          { value: 'enter', label: t('exchange.enter'), text: t('exchange.enter.text') },
        ]} />
        {side === 'enter' && <Field label={t('exchange.code')} hint={t('exchange.code.hint')} value={code} onInput={setCode} ltr max={64} />}
        <Field label={t('exchange.who')} hint={t('number.for.hint')} value={label} onInput={setLabel} max={LABEL_MAX} required />
        <details class="more"><summary>{t('exchange.terms')}</summary><TermsFields onChange={setTerms} /></details>
        <div class="actions"><Button kind="primary" big submit busy={busy} disabled={!ready}>{t('continue')}</Button></div>
      </form>
    </Screen>
  )
}

function Words({ state }: { state: Exchange & { stage: 'words' } }) {
  const model = useModel()
  return (
    <Screen narrow title={t('exchange.words')}>
      <section class="words">
        <h2>{t('exchange.say')}</h2>
        <ol class="word-list two" dir="ltr" lang="en" translate={false}>{state.read_aloud.split(/[\s-]+/).map(word => <li key={word}>{word}</li>)}</ol>
      </section>
      <section aria-labelledby="heard">
        <h2 id="heard">{t('exchange.heard', { name: state.label })}</h2>
        <div class="heard" dir="ltr" lang="en" translate={false}>
          {state.choices.map((choice, i) => <Button key={choice} big onClick={() => model.exchange.pick(i)}>{choice.replaceAll('-', ' ')}</Button>)}
        </div>
      </section>
      <Button kind="danger" big icon="warning" onClick={() => model.exchange.cancel()}>{t('exchange.none')}</Button>
      <Notice>{t('exchange.words.text')}</Notice>
    </Screen>
  )
}

export function ExchangeScreen() {
  const model = useModel()
  const state = model.exchange.now
  const cancel = <Button kind="plain" big onClick={() => model.exchange.cancel()}>{t('cancel')}</Button>
  const leave = (path: string): void => { model.exchange.now = null; model.go(path) }
  switch (state?.stage) {
    case undefined: return <Begin />
    case 'waiting': return (
      <Screen narrow title={t(state.made ? 'exchange.read_code' : 'exchange.waiting')} actions={cancel}
        lead={t(state.made ? 'exchange.read_code.text' : 'exchange.waiting.text', { name: state.label })}>
        <p class="code" dir="ltr" lang="en" translate={false}>{state.code}</p>
        <Working text={t('exchange.wait', { name: state.label })} />
        {state.made && <Notice>{t('exchange.once')}</Notice>}
      </Screen>
    )
    case 'met': return <Screen narrow title={t('exchange.met')} actions={cancel}><Working text={t('exchange.securing')} /></Screen>
    case 'words': return <Words state={state} />
    case 'checking': return <Screen narrow title={t('exchange.checking')} actions={cancel}>
      <Working text={t('exchange.checking.text', { name: state.label })} /></Screen>
    case 'done': return (
      <Screen narrow title={t('exchange.done')} lead={t('exchange.done.text', { name: state.contact.label })}
        actions={<>
          <Button kind="primary" big icon="phone" onClick={() => { leave('/contacts'); void model.calls.dial({ contact: state.contact.id, label: state.contact.label }) }}>
            {t('contact.call', { name: state.contact.label })}</Button>
          <Button kind="plain" big onClick={() => leave('/contacts')}>{t('done')}</Button>
        </>}>
        <div class="hero"><span class="sign good"><Icon name="shieldcheck" size={44} /></span></div>
      </Screen>
    )
    case 'failed': return (
      <Screen narrow title={t('exchange.failed')}
        actions={<>
          <Button kind="primary" big onClick={() => { model.exchange.now = null; model.changed() }}>{t('exchange.retry')}</Button>
          <Button kind="plain" big onClick={() => leave('/contacts')}>{t('done')}</Button>
        </>}>
        <div class="hero"><span class="sign alarm"><Icon name="warning" size={44} /></span></div>
        <Notice kind={state.code === 'EAUTH' ? 'alarm' : 'warning'} live>{t(exchangeFailure(state.code))}</Notice>
      </Screen>
    )
  }
}
