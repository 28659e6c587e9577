// SPDX-License-Identifier: Apache-2.0
// A small push service (RFC 8030) with one browser behind it, for the tests: it opens what it is
// sent with Node's own cryptography and says what was in it, one JSON object a line.
//   node push_service.mjs KEY.pem CERTIFICATE.pem
// What it answers depends on the path: /sent/..., /gone, /redirect, /busy (503 once), /failing
// (503 always), /denied, /silent (never), /endless.
import { createServer } from 'node:https'
import { readFileSync } from 'node:fs'
import { createHmac, createDecipheriv, createECDH, createPublicKey, randomBytes, verify } from 'node:crypto'

const say = (object) => process.stdout.write(JSON.stringify(object) + '\n')
const browser = createECDH('prime256v1')
browser.generateKeys()
const auth = randomBytes(16)
const seen = new Map()

const hkdf = (salt, ikm, info, length) => {
  const prk = createHmac('sha256', salt).update(ikm).digest()
  return createHmac('sha256', prk).update(Buffer.concat([Buffer.from(info), Buffer.from([1])])).digest().subarray(0, length)
}

// RFC 8291, then RFC 8188.
function open(body) {
  const salt = body.subarray(0, 16)
  const size = body.readUInt32BE(16)
  const theirs = body.subarray(21, 21 + body[20])
  const info = Buffer.concat([Buffer.from('WebPush: info\0'), browser.getPublicKey(), theirs])
  const ikm = hkdf(auth, browser.computeSecret(theirs), info, 32)
  const key = hkdf(salt, ikm, 'Content-Encoding: aes128gcm\0', 16)
  const nonce = hkdf(salt, ikm, 'Content-Encoding: nonce\0', 12)
  const sealed = body.subarray(21 + body[20])
  if (sealed.length > size) throw new Error('more than one record')
  const decipher = createDecipheriv('aes-128-gcm', key, nonce)
  decipher.setAuthTag(sealed.subarray(-16))
  const plain = Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()])
  const end = plain.lastIndexOf(2)
  if (end < 0 || plain.subarray(end + 1).some((b) => b !== 0)) throw new Error('no delimiter')
  return plain.subarray(0, end).toString('latin1')
}

// RFC 8292.
function vapid(header) {
  const [, token, k] = /^vapid t=([^,]+), k=(.+)$/.exec(header ?? '') ?? []
  if (token === undefined) return null
  const [head, claims, signature] = token.split('.')
  const point = Buffer.from(k, 'base64url')
  const key = createPublicKey({ format: 'jwk', key: { kty: 'EC', crv: 'P-256',
    x: point.subarray(1, 33).toString('base64url'), y: point.subarray(33).toString('base64url') } })
  const valid = verify('sha256', Buffer.from(`${head}.${claims}`), { key, dsaEncoding: 'ieee-p1363' },
    Buffer.from(signature, 'base64url'))
  return { valid, k, head: JSON.parse(Buffer.from(head, 'base64url')), claims: JSON.parse(Buffer.from(claims, 'base64url')) }
}

function answer(path, response) {
  const times = seen.get(path)
  if (path.startsWith('/gone')) return response.writeHead(410).end()
  if (path.startsWith('/denied')) return response.writeHead(403).end()
  if (path.startsWith('/redirect')) return response.writeHead(307, { location: '/sent/redirected' }).end()
  if (path.startsWith('/failing') || (path.startsWith('/busy') && times === 1)) return response.writeHead(503).end()
  if (path.startsWith('/silent')) return undefined
  if (path.startsWith('/endless')) {
    response.writeHead(201)
    const more = () => { while (!response.destroyed && response.write(Buffer.alloc(65536))); }
    response.on('drain', more)
    response.on('error', () => {})
    return more()
  }
  return response.writeHead(201).end()
}

const server = createServer({ key: readFileSync(process.argv[2]), cert: readFileSync(process.argv[3]) }, (request, response) => {
  const parts = []
  request.on('data', (part) => parts.push(part))
  request.on('end', () => {
    const body = Buffer.concat(parts)
    seen.set(request.url, (seen.get(request.url) ?? 0) + 1)
    const event = { event: 'push', method: request.method, path: request.url, bytes: body.length, at: Date.now(),
      ttl: request.headers.ttl, urgency: request.headers.urgency, encoding: request.headers['content-encoding'],
      headers: Object.keys(request.headers).sort() }
    try {
      event.plain = open(body)
      event.vapid = vapid(request.headers.authorization)
    } catch (error) {
      event.error = String(error)
    }
    say(event)
    answer(request.url, response)
  })
})
server.listen(0, '127.0.0.1', () => say({ event: 'ready', port: server.address().port,
  p256dh: browser.getPublicKey('hex'), auth: auth.toString('hex') }))
