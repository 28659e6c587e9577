// SPDX-License-Identifier: Apache-2.0
// The last minute of the call as one small picture: the line is the delay; the bars below it are sound that
// was restored from redundancy and, in the warning colour, sound that was lost and filled in.
import { t } from '../i18n'
import { milliseconds, percent } from './format'
import { SAMPLES_MAX, type Sample } from './model_calls'

const HEIGHT = 40
const DELAY_TOP_MS = 500
const SHARE_TOP = 0.4 // is half the height
const STEP = 4

const y = (delay_ms: number): number => HEIGHT - 4 - Math.min(1, delay_ms / DELAY_TOP_MS) * (HEIGHT - 8)
const tall = (share: number): number => Math.min(1, share / SHARE_TOP) * HEIGHT / 2 + (share > 0 ? 1 : 0)

function Bars({ sample, x }: { sample: Sample; x: number }) {
  const concealed = tall(sample.concealed), restored = tall(sample.restored)
  return <>
    {restored > 0 && <rect class="restored" x={x} width={STEP - 1} y={HEIGHT - concealed - restored} height={restored} />}
    {concealed > 0 && <rect class="concealed" x={x} width={STEP - 1} y={HEIGHT - concealed} height={concealed} />}
  </>
}

export function Graph({ samples }: { samples: Sample[] }) {
  const last = samples.at(-1)
  if (!last) return <div class="graph" />
  const left = SAMPLES_MAX - samples.length
  const line = samples.map((sample, i) => `${(left + i) * STEP + STEP / 2},${y(sample.delay_ms).toFixed(1)}`).join(' ')
  const label = t('quality.graph', {
    delay: milliseconds(last.delay_ms), loss: percent(last.loss), restored: percent(last.restored), concealed: percent(last.concealed),
  })
  return (
    <svg class="graph" viewBox={`0 0 ${SAMPLES_MAX * STEP} ${HEIGHT}`} role="img" aria-label={label} preserveAspectRatio="none">
      {samples.map((sample, i) => <Bars key={i} sample={sample} x={(left + i) * STEP} />)}
      <polyline points={line} />
    </svg>
  )
}
