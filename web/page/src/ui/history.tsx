// SPDX-License-Identifier: Apache-2.0
// Past calls, and what happened to numbers, by day.
import { useEffect, useState } from 'preact/hooks'
import { t } from '../i18n'
import type { LogEntry } from '../phone/types'
import { endText } from './errors'
import { date, dateTime, hexGroups, length, milliseconds, percent, when } from './format'
import { Icon, type IconName } from './icons'
import { Button, Dialog, Screen, useModel } from './parts'
import { isMissed } from './model'

function look(entry: LogEntry): { icon: IconName; text: string; bad: boolean } {
  if (entry.kind === 'leak') return { icon: 'warning', text: t('history.leak'), bad: true }
  if (entry.kind === 'bound') return { icon: 'key', text: t('history.bound'), bad: false }
  if (isMissed(entry)) return { icon: 'missed', text: t('history.missed'), bad: true }
  const talked = entry.answered && entry.duration_s > 0 ? ` · ${length(entry.duration_s)}` : ''
  if (entry.incoming) return { icon: 'in', text: (entry.answered ? t('history.in') : t('history.declined')) + talked, bad: false }
  return { icon: 'out', text: (entry.answered ? t('history.out') : t('history.unanswered')) + talked, bad: false }
}

/** How a call was carried, in a line. */
function sound(quality: NonNullable<LogEntry['quality']>): string {
  return [
    quality.delay_ms > 0 ? `${t('quality.delay')} ${milliseconds(quality.delay_ms)}` : '',
    `${t('quality.loss')} ${percent(quality.loss)}`,
    `${t('quality.concealed')} ${percent(quality.concealed)}`,
  ].filter(Boolean).join(' · ')
}

function Details({ entry, onClose }: { entry: LogEntry; onClose: () => void }) {
  const model = useModel()
  const contact = model.contacts.find(c => c.id === entry.contact)
  return (
    <Dialog title={entry.label || t('call.unknown')} onClose={onClose}>
      <dl class="facts">
        <div><dt>{t('history.when')}</dt><dd>{dateTime(entry.started)}</dd></div>
        <div><dt>{t('history.what')}</dt><dd>{look(entry).text}</dd></div>
        {entry.kind === 'call' && <div><dt>{t('history.end')}</dt><dd>{t(endText(entry.end))}</dd></div>}
        {entry.kind === 'call' && entry.answered && <div><dt>{t('history.security')}</dt>
          <dd>{t(entry.verified ? 'security.verified' : entry.secure ? 'security.encrypted' : 'history.insecure')}</dd></div>}
        {entry.quality && <div><dt>{t('history.quality')}</dt><dd>{sound(entry.quality)}</dd></div>}
        {entry.peer && <div><dt>{t('fingerprint')}</dt><dd class="mono" dir="ltr">{hexGroups(entry.peer.replaceAll(' ', ''))}</dd></div>}
      </dl>
      <div class="dialog-actions">
        {contact?.has_link && <Button kind="primary" icon="phone"
          onClick={() => { onClose(); void model.calls.dial({ contact: contact.id, label: contact.label }) }}>{t('call')}</Button>}
        <Button kind="plain" onClick={onClose}>{t('close')}</Button>
      </div>
    </Dialog>
  )
}

export function History() {
  const model = useModel()
  const [open, setOpen] = useState<LogEntry | null>(null)
  useEffect(() => model.seenLog(), [])
  const clear = async (): Promise<void> => {
    if (await model.notices.ask(t('history.clear'), t('history.clear.text'), t('history.clear.do'), true)) await model.try('log_clear', {})
  }
  const days = new Map<string, LogEntry[]>()
  for (const entry of model.log) {
    const day = date(entry.started)
    days.set(day, [...(days.get(day) ?? []), entry])
  }
  return (
    <Screen title={t('tab.history')}>
      {model.log.length === 0 && <div class="empty"><Icon name="clock" size={44} /><p>{t('history.empty')}</p></div>}
      {[...days].map(([day, entries]) => (
        <section key={day} aria-label={day}>
          <h2 class="day">{day}</h2>
          <ul class="rows">
            {entries.map((entry, i) => {
              const { icon, text, bad } = look(entry)
              return (
                <li key={i}>
                  <button type="button" class={bad ? 'row bad' : 'row'} onClick={() => setOpen(entry)}>
                    <Icon name={icon} />
                    <span class="row-text">
                      <span class="row-title">{entry.label || t('call.unknown')}</span>
                      <span class="row-note">{text}</span>
                    </span>
                    <span class="row-time">{when(entry.started, entry.started)}</span>
                  </button>
                </li>
              )
            })}
          </ul>
        </section>
      ))}
      {model.log.length > 0 && <div class="rows"><Button kind="quiet" icon="trash" onClick={() => void clear()}>{t('history.clear')}</Button></div>}
      {open && <Details entry={open} onClose={() => setOpen(null)} />}
    </Screen>
  )
}
