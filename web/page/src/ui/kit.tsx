// SPDX-License-Identifier: Apache-2.0
// The recovery kit: 24 words and a code, to be printed and put away.
import { useState } from 'preact/hooks'
import { t } from '../i18n'
import type { Commands } from '../phone/types'
import { date, nowS } from './format'
import { base64ToUrl } from './fragment'
import { Mark } from './icons'
import { Button, Notice, Screen, useModel } from './parts'
import { Qr } from './qr'

type Kit = Commands['kit'][1]

function Sheet({ kit, name }: { kit: Kit; name: string }) {
  const link = `${location.origin}/#kit=${base64ToUrl(kit.data)}`
  return (
    <article class="kit" aria-label={t('kit.title')}>
      <header class="kit-head"><Mark size={32} /><span>{t('kit.sheet', { name: name || location.host })}</span><span>{date(nowS())}</span></header>
      <ol class="kit-words" dir="ltr" lang="en" translate={false}>{kit.words.split(/\s+/).map((word, i) => <li key={i}>{word}</li>)}</ol>
      <div class="kit-code">
        <Qr text={link} label={t('kit.qr')} />
        <p>{t('kit.how', { host: location.host })}</p>
      </div>
      <p class="kit-link only-print" dir="ltr">{link}</p>
    </article>
  )
}

export function KitScreen({ onDone, first }: { onDone: () => void; first?: boolean }) {
  const model = useModel()
  const [kit, setKit] = useState<Kit | null>(null)
  const [busy, setBusy] = useState(false)
  const make = async (): Promise<void> => {
    setBusy(true)
    setKit(await model.try('kit', {}))
    setBusy(false)
  }
  if (!kit) {
    return (
      <Screen narrow title={t('kit.title')} lead={t('kit.lead')} {...(first ? {} : { onBack: onDone })}
        actions={<>
          <Button kind="primary" big icon="key" busy={busy} onClick={() => void make()}>{t('kit.make')}</Button>
          <Button kind="quiet" onClick={onDone}>{t(first ? 'kit.later' : 'cancel')}</Button>
        </>}>
        <Notice kind="warning">{t('kit.warning')}</Notice>
      </Screen>
    )
  }
  return (
    <Screen narrow title={t('kit.ready')} lead={t('kit.ready.lead')}
      actions={<>
        <Button kind="primary" big icon="print" onClick={() => window.print()}>{t('kit.print')}</Button>
        <Button kind="plain" big onClick={onDone}>{t('kit.done')}</Button>
      </>}>
      <Sheet kit={kit} name={model.profile?.name ?? ''} />
    </Screen>
  )
}
