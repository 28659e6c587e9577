// SPDX-License-Identifier: Apache-2.0
// The last minute of the call's network as one small picture: the line is the delay, the marks below
// it are lost packets.
import { t } from '../i18n'
import { milliseconds, percent } from './format'
import { SAMPLES_MAX, type Sample } from './model_calls'

const HEIGHT = 40
const DELAY_TOP_MS = 400
const LOSS_TOP = 0.2
const STEP = 4

const y = (delay_ms: number): number => HEIGHT - 4 - Math.min(1, delay_ms / DELAY_TOP_MS) * (HEIGHT - 8)

export function Graph({ samples }: { samples: Sample[] }) {
  const last = samples.at(-1)
  if (!last) return <div class="graph" />
  const left = SAMPLES_MAX - samples.length
  const line = samples.map((sample, i) => `${(left + i) * STEP + STEP / 2},${y(sample.delay_ms).toFixed(1)}`).join(' ')
  const label = t('quality.graph', { delay: milliseconds(last.delay_ms), loss: percent(last.loss) })
  return (
    <svg class="graph" viewBox={`0 0 ${SAMPLES_MAX * STEP} ${HEIGHT}`} role="img" aria-label={label} preserveAspectRatio="none">
      {samples.map((sample, i) => sample.loss > 0 && (
        <rect key={i} class="loss" x={(left + i) * STEP} width={STEP - 1}
          y={HEIGHT - 2 - Math.min(1, sample.loss / LOSS_TOP) * HEIGHT / 2} height={HEIGHT} />
      ))}
      <polyline points={line} />
    </svg>
  )
}
