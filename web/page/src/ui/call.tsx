// SPDX-License-Identifier: Apache-2.0
// The call: dialling, ringing, talking; who it is, how safe it is, the words to compare, the controls.
import { useEffect, useRef, useState } from 'preact/hooks'
import { t, type Key } from '../i18n'
import type { Call, Quality } from '../phone/types'
import { clock, hexGroups, milliseconds, percent } from './format'
import { Graph } from './graph'
import { Icon, type IconName } from './icons'
import { Avatar, Button, Dialog, Notice, RoundButton, useKeys, useModel } from './parts'
import type { Model } from './model'
import type { Sample } from './model_calls'

export const labelOf = (call: Call): string => call.label || t('call.unknown')

// ---- how it stands ------------------------------------------------------------------------------

function statusOf(call: Call): string {
  switch (call.state) {
    case 'dialling': return t(call.waking ? 'call.waking' : 'call.dialling')
    case 'checking': return t('call.securing')
    case 'ringing': return t(call.incoming ? 'call.incoming' : 'call.ringing')
    case 'ending': case 'ended': return t('call.ending')
    case 'active': break
  }
  if (call.reconnecting || call.quality === 'reconnecting') return t('call.reconnecting')
  if (!call.secure) return t('call.securing')
  if (call.held) return t('call.held')
  if (call.peer_held) return t('call.peer_held')
  return ''
}

export function SecurityChip({ call }: { call: Call }) {
  const [kind, icon, key]: [string, IconName, Key] = call.verified ? ['good', 'shieldcheck', 'security.verified']
    : call.secure ? ['plain', 'lock', 'security.encrypted'] : ['waiting', 'shield', 'security.checking']
  return <p class={`chip ${kind}`}><Icon name={icon} size={20} />{t(key)}</p>
}

const QUALITY: Record<Quality, Key> = {
  good: 'quality.good', fair: 'quality.fair', poor: 'quality.poor', reconnecting: 'quality.reconnecting',
}

function Bars({ quality }: { quality: Quality }) {
  return <span class={`bars ${quality}`} aria-hidden="true"><i /><i /><i /></span>
}

function Network({ call, samples }: { call: Call; samples: Sample[] }) {
  const stats = call.stats
  const delay = stats.delay_ms > 0 ? milliseconds(stats.delay_ms) : '–'
  const figures: [Key, string, string?][] = [
    ['quality.delay', delay, 'delay'], ['quality.lag', milliseconds(stats.lag_ms)], ['quality.loss', percent(stats.loss)],
    ['quality.restored', percent(stats.restored), 'restored'], ['quality.concealed', percent(stats.concealed), 'concealed'],
    ['quality.path', stats.transport || '–'], ['quality.keys', stats.group || '–'], ['quality.cipher', stats.cipher || '–'],
    ['quality.epoch', String(stats.epoch)], ['quality.peer', call.peer ? hexGroups(call.peer.replaceAll(' ', '')) : '–'],
  ]
  return (
    <details class="network">
      <summary>
        <Bars quality={call.quality} />
        <span class="glance">
          {t(QUALITY[call.quality])}
          {stats.delay_ms > 0 && <small>{t('quality.glance', { delay, loss: percent(stats.loss) })}</small>}
        </span>
      </summary>
      <Graph samples={samples} />
      {stats.neural === 'spared' && <p class="spared">{t('quality.spared')}</p>}
      <dl>
        {figures.map(([key, value, mark]) => (
          <div key={key}>
            <dt>{mark && <i class={`mark ${mark}`} aria-hidden="true" />}{t(key)}</dt>
            <dd dir="auto">{value}</dd>
          </div>
        ))}
      </dl>
    </details>
  )
}

// ---- the words ------------------------------------------------------------------------------------

function Words({ call }: { call: Call }) {
  const model = useModel()
  const [later, setLater] = useState(false)
  const words = call.words?.split(/[\s-]+/).filter(Boolean) ?? []
  if (words.length === 0) return <section class="words waiting" aria-hidden="true" />
  const list = <ol class="word-list" dir="ltr" lang="en" translate={false}>{words.map(word => <li key={word}>{word}</li>)}</ol>
  if (call.verified || later) {
    return (
      <details class="words folded">
        <summary><Icon name="words" size={20} /><span>{t(call.verified ? 'words.again' : 'words.show')}</span></summary>
        {list}
        {!call.verified && <Button kind="plain" onClick={() => setLater(false)}>{t('words.compare')}</Button>}
      </details>
    )
  }
  const differ = async (): Promise<void> => {
    if (await model.notices.ask(t('words.differ.title'), t('words.differ.text'), t('words.differ.confirm'), true)) {
      await model.calls.words(call, false)
    }
  }
  return (
    <section class="words" aria-labelledby="words-title">
      <div class="words-head">
        <h2 id="words-title">{t('words.title')}</h2>
        <button type="button" class="text-button" onClick={() => setLater(true)}>{t('words.later')}</button>
      </div>
      {list}
      <p>{t('words.text')}</p>
      <div class="pair">
        <Button kind="primary" onClick={() => void model.calls.words(call, true)}>{t('words.match')}</Button>
        <Button kind="plain" onClick={() => void differ()}>{t('words.differ')}</Button>
      </div>
    </section>
  )
}

// ---- sound ------------------------------------------------------------------------------------------

type Device = { id: string; label: string; current: boolean }

function SoundDialog({ onClose }: { onClose: () => void }) {
  const model = useModel()
  const [outputs, setOutputs] = useState<Device[]>([])
  const [inputs, setInputs] = useState<Device[]>([])
  const load = (): void => {
    model.phone.outputs().then(setOutputs, () => undefined)
    model.phone.inputs().then(setInputs, () => undefined)
  }
  useEffect(load, [])
  const list = (title: Key, devices: Device[], choose: (id: string) => Promise<void>) => devices.length > 0 && (
    <fieldset class="choice cards">
      <legend>{t(title)}</legend>
      <div class="options">
        {devices.map(device => (
          <label class="option" key={device.id}>
            <input type="radio" name={title} checked={device.current}
              onChange={() => { choose(device.id).then(load, error => model.notices.tell(error)) }} />
            <span class="option-label">{device.label || t('sound.unnamed')}</span>
          </label>
        ))}
      </div>
    </fieldset>
  )
  return (
    <Dialog title={t('sound.title')} onClose={onClose}>
      {outputs.length === 0 && <p>{t('sound.nochoice')}</p>}
      {list('sound.output', outputs, id => model.phone.set_output(id))}
      {list('sound.input', inputs, id => model.phone.set_input(id))}
      <div class="dialog-actions"><Button kind="primary" onClick={onClose}>{t('done')}</Button></div>
    </Dialog>
  )
}

// ---- the screen ---------------------------------------------------------------------------------------

function Others({ model }: { model: Model }) {
  return <>{model.calls.others().map(other => (
    <div class="other-call" key={other.id}>
      <span>{t('call.other', { name: labelOf(other) })}</span>
      <Button kind="plain" icon="swap" onClick={() => void model.calls.swap(other)}>{t('call.swap')}</Button>
    </div>
  ))}</>
}

function Controls({ call, onSound }: { call: Call; onSound: () => void }) {
  const model = useModel()
  const active = call.state === 'active'
  return (
    <div class="call-controls">
      <div class="rounds">
        {active && <RoundButton icon={call.muted ? 'micoff' : 'mic'} label={t(call.muted ? 'call.unmute' : 'call.mute')}
          on={call.muted} shortcut="m" onClick={() => model.calls.mute(call)} />}
        {active && <RoundButton icon={call.held ? 'play' : 'pause'} label={t(call.held ? 'call.resume' : 'call.hold')}
          on={call.held} shortcut="o" onClick={() => model.calls.hold(call)} />}
        <RoundButton icon="speaker" label={t('call.sound')} onClick={onSound} />
      </div>
      <Button kind="end" big icon="hangup" shortcut="h" onClick={() => model.calls.hangup(call)}>
        {t(call.state === 'active' ? 'call.hangup' : 'call.cancel')}
      </Button>
    </div>
  )
}

/** Says changes of the state aloud, not every second of the timer. */
function status(call: Call): { text: string; aloud: string } {
  const text = statusOf(call)
  const muted = call.muted && call.state === 'active' ? t('call.muted') : ''
  return { text: [text, muted].filter(Boolean).join(' · '), aloud: [text, muted].filter(Boolean).join('. ') }
}

export function CallScreen({ call }: { call: Call }) {
  const model = useModel()
  const [sound, setSound] = useState(false)
  const heading = useRef<HTMLHeadingElement>(null)
  const name = labelOf(call)
  useEffect(() => { heading.current?.focus({ preventScroll: true }) }, [call.id])
  useEffect(() => { document.title = `${name} · sotto` }, [name])
  const active = call.state === 'active'
  useKeys({
    h: () => model.calls.hangup(call),
    m: () => { if (active) model.calls.mute(call) },
    o: () => { if (active) model.calls.hold(call) },
    ...(active ? {} : { Escape: () => model.calls.hangup(call) }),
  })
  const { text, aloud } = status(call)
  const poor = active && call.quality === 'poor' && !call.reconnecting
  return (
    <main class={`call ${call.state}`}>
      <div class="call-head">
        <SecurityChip call={call} />
        <Avatar label={name} />
        <h1 ref={heading} tabIndex={-1}>{name}</h1>
        <p class="call-status">
          {active && <span class="timer">{clock(call.talk_ms)}</span>}
          {text && <span class="state-text">{text}</span>}
        </p>
        <p class="unseen" role="status">{aloud}</p>
      </div>
      <div class="call-body">
        <Others model={model} />
        {call.reconnecting && <Notice kind="warning">
          {t('call.reconnecting.text')}{call.kept_s !== undefined && ' ' + t('call.reconnecting.kept', { n: call.kept_s })}
        </Notice>}
        {poor && <Notice kind="warning">{t('call.poor')}</Notice>}
        {call.peer_held && !call.held && <Notice>{t('call.peer_held.text')}</Notice>}
        {active && <Words call={call} />}
        {active && <Network call={call} samples={model.calls.samples} />}
      </div>
      <Controls call={call} onSound={() => setSound(true)} />
      {sound && <SoundDialog onClose={() => setSound(false)} />}
    </main>
  )
}
