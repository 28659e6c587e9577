// SPDX-License-Identifier: Apache-2.0
// A QR code as one SVG path. The encoder is loaded when the first code is wanted.
import { useEffect, useState } from 'preact/hooks'

const QUIET = 4 // modules of margin that a reader needs

async function modules(text: string): Promise<{ size: number; path: string } | null> {
  const { default: qrcode } = await import('qrcode-generator')
  try {
    const code = qrcode(0, 'L')
    code.addData(text, 'Byte')
    code.make()
    const size = code.getModuleCount()
    let path = ''
    for (let row = 0; row < size; row++) {
      for (let column = 0; column < size; column++) {
        let run = 0
        while (column + run < size && code.isDark(row, column + run)) run++
        if (run === 0) continue
        path += `M${column + QUIET} ${row + QUIET}h${run}v1h-${run}z`
        column += run
      }
    }
    return { size: size + 2 * QUIET, path }
  } catch {
    return null // longer than a QR code can be
  }
}

export function Qr({ text, label }: { text: string; label: string }) {
  const [code, setCode] = useState<{ size: number; path: string } | null | undefined>(undefined)
  useEffect(() => {
    let wanted = true
    modules(text).then(made => { if (wanted) setCode(made) }, () => { if (wanted) setCode(null) })
    return () => { wanted = false }
  }, [text])
  if (code === null) return null
  return (
    <div class="qr">
      {code && (
        <svg viewBox={`0 0 ${code.size} ${code.size}`} role="img" aria-label={label} shape-rendering="crispEdges">
          <path d={code.path} />
        </svg>
      )}
    </div>
  )
}
