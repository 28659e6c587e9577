// SPDX-License-Identifier: Apache-2.0
// Makes the icons in static/ (node icons.mjs): a straight line between two points. The PNGs are
// drawn here, four times finer than they are stored, so that they look the same on every machine.
import { writeFileSync } from 'node:fs'
import { crc32, deflateSync } from 'node:zlib'

const GROUND = [11, 94, 82]
const SIGN = [255, 255, 255]
const FINE = 4 // sub-samples per pixel and direction

// All in units of the icon's edge.
const POINT = 0.115
const LINE = 0.03
const ENDS = [0.285, 0.715]

const inside = {
  round: (x, y) => corner(x, y, 0.26),
  full: () => true,
}

function corner(x, y, radius) {
  const dx = Math.max(radius - x, x - (1 - radius), 0)
  const dy = Math.max(radius - y, y - (1 - radius), 0)
  return Math.hypot(dx, dy) <= radius
}

function sign(x, y, scale) {
  const [u, v] = [(x - 0.5) / scale + 0.5, (y - 0.5) / scale + 0.5]
  if (ENDS.some(end => Math.hypot(u - end, v - 0.5) <= POINT)) return true
  return u > ENDS[0] && u < ENDS[1] && Math.abs(v - 0.5) <= LINE
}

function pixels(size, shape, scale) {
  const rows = Buffer.alloc(size * (size * 4 + 1))
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const sum = [0, 0, 0]
      let covered = 0
      for (let i = 0; i < FINE * FINE; i++) {
        const u = (x + (i % FINE + 0.5) / FINE) / size
        const v = (y + (Math.floor(i / FINE) + 0.5) / FINE) / size
        if (!inside[shape](u, v)) continue
        covered++
        const colour = sign(u, v, scale) ? SIGN : GROUND
        colour.forEach((value, channel) => { sum[channel] += value })
      }
      const at = y * (size * 4 + 1) + 1 + x * 4
      sum.forEach((value, channel) => { rows[at + channel] = covered ? Math.round(value / covered) : 0 })
      rows[at + 3] = Math.round(255 * covered / (FINE * FINE))
    }
  }
  return rows
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type), data])
  const out = Buffer.alloc(body.length + 8)
  out.writeUInt32BE(data.length)
  body.copy(out, 4)
  out.writeUInt32BE(crc32(body), body.length + 4)
  return out
}

function png(size, shape, scale) {
  const head = Buffer.alloc(13)
  head.writeUInt32BE(size)
  head.writeUInt32BE(size, 4)
  head.set([8, 6, 0, 0, 0], 8) // 8 bits, red green blue alpha
  return Buffer.concat([
    Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]), chunk('IHDR', head),
    chunk('IDAT', deflateSync(pixels(size, shape, scale), { level: 9 })), chunk('IEND', Buffer.alloc(0)),
  ])
}

const hex = '#' + GROUND.map(value => value.toString(16).padStart(2, '0')).join('')
const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 1000"><rect width="1000" height="1000" rx="260" fill="${hex}"/>` +
  `<path d="M${ENDS[0] * 1000} 500H${ENDS[1] * 1000}" stroke="#fff" stroke-width="${LINE * 2000}"/>` +
  ENDS.map(end => `<circle cx="${end * 1000}" cy="500" r="${POINT * 1000}" fill="#fff"/>`).join('') + '</svg>\n'

const here = new URL('static/', import.meta.url)
writeFileSync(new URL('icon.svg', here), svg)
writeFileSync(new URL('icon-180.png', here), png(180, 'full', 1))
writeFileSync(new URL('icon-192.png', here), png(192, 'round', 1))
writeFileSync(new URL('icon-512.png', here), png(512, 'round', 1))
writeFileSync(new URL('icon-maskable-512.png', here), png(512, 'full', 0.8))
