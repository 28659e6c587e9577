// SPDX-License-Identifier: Apache-2.0
// After the call: why it ended, and what one can do now.
import { t } from '../i18n'
import type { Call } from '../phone/types'
import { labelOf } from './call'
import { endIsAlarm, endText, endTitle } from './errors'
import { length } from './format'
import { LINK_PROBLEMS } from './home'
import { Icon } from './icons'
import { Avatar, Button, Notice, Row, Screen, useKeys, useModel } from './parts'
import { isApple, isInstalled } from './support'
import type { Model } from './model'

/** Whom to dial again: the contact, or the link that is still in the address. */
function target(model: Model, call: Call): { contact?: string; link?: string; label: string } | null {
  const contact = model.contacts.find(c => c.id === call.contact || (call.peer !== undefined && c.fingerprint === call.peer))
  if (contact?.has_link) return { contact: contact.id, label: contact.label }
  return !call.incoming && model.linkText && model.link?.kind === 'number' ? { link: model.linkText, label: call.label } : null
}

const again = (end: Call['end']): boolean => end !== 'wrong_peer' && end !== 'words' && end !== 'unavailable' && end !== 'refused'

function Install({ model }: { model: Model }) {
  if (isInstalled()) return null
  if (model.install) {
    return <Row icon="download" title={t('ended.install')} text={t('ended.install.text')}
      onClick={() => void model.install?.prompt()} />
  }
  return isApple() ? <Notice title={t('ended.install')}>{t('ended.install.apple')}</Notice> : null
}

export function EndedScreen({ call }: { call: Call }) {
  const model = useModel()
  const to = target(model, call)
  const alarm = endIsAlarm(call.end)
  const problem = call.end === 'link' ? model.linkProblem : null
  // The browser would refuse that relay again.
  const repeat = to && again(call.end) && problem !== 'certificate'
  const leave = (): void => {
    model.calls.dismissEnded()
    if (model.profile?.has_line || !model.link) model.go('/contacts')
  }
  useKeys({ Escape: leave, ...(repeat ? { Enter: () => void model.calls.dial(to) } : {}) })
  const caller = model.profile?.has_line === false
  const talked = call.talk_ms > 0
  const why = problem ? LINK_PROBLEMS[problem] : undefined
  return (
    <Screen narrow title={t(endTitle(call.end))}
      actions={<>
        {repeat && <Button kind="primary" big icon="phone" onClick={() => void model.calls.dial(to)}>{t('ended.again')}</Button>}
        <Button kind={repeat ? 'plain' : 'primary'} big onClick={leave}>{t('done')}</Button>
      </>}>
      <div class="hero">
        {alarm ? <span class="sign alarm"><Icon name="warning" size={44} /></span> : <Avatar label={labelOf(call)} />}
        <p class="hero-name">{labelOf(call)}</p>
        {talked && <p class="hero-note">{t('ended.talked', { time: length(call.talk_ms / 1000) })}</p>}
      </div>
      {alarm ? <Notice kind="alarm" live>{t(endText(call.end))}</Notice> : <p class="lead centred" role="status">{t(why ?? endText(call.end))}</p>}
      {caller && talked && (
        <div class="rows">
          <Notice kind="good">{t(model.boot?.durable === false ? 'ended.forgets' : 'ended.kept', { name: labelOf(call) })}</Notice>
          <Install model={model} />
          <Row icon="bell" title={t('ended.line')} text={t('ended.line.text')} onClick={() => { model.calls.dismissEnded(); model.go('/join') }} />
        </div>
      )}
    </Screen>
  )
}
