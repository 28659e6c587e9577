// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { own_link, target_of, type RelayInfo } from './relay.ts'

const own: RelayInfo = { host: 'relay.example', port: 4433, certificate_hashes: ['AQID'], aliases: ['Old.example:443'] }
const page = { protocol: 'https:', host: 'relay.example:4433' }

test('our own relay is reached with the hash of its certificate', () => {
  const target = target_of(own, { host: 'relay.example', port: 4433, pinned: true }, page)
  assert.equal(target.webtransport.url, 'https://relay.example:4433/sotto')
  assert.deepEqual(target.webtransport.hashes, [new Uint8Array([1, 2, 3])])
  assert.equal(target.websocket, 'wss://relay.example:4433/sotto')
  assert.equal(target.foreign_certificate, false)
})

test('another name of our relay leads to the same place', () => {
  const target = target_of(own, { host: 'old.EXAMPLE', port: 443, pinned: false }, page)
  assert.equal(target.webtransport.url, 'https://relay.example:4433/sotto')
  assert.equal(target.webtransport.hashes.length, 1)
})

test('a page on the plain listener takes its own address for WebSocket, WebTransport stays on TLS', () => {
  const target = target_of(own, { host: 'relay.example', port: 4433, pinned: true }, { protocol: 'http:', host: 'localhost:8080' })
  assert.equal(target.websocket, 'ws://localhost:8080/sotto')
  assert.equal(target.webtransport.url, 'https://relay.example:4433/sotto')
})

test('another office: its own name, no hash, never in the clear', () => {
  const target = target_of(own, { host: 'ottawa.example', port: 443, pinned: true }, { protocol: 'http:', host: 'localhost:8080' })
  assert.deepEqual(target, {
    webtransport: { url: 'https://ottawa.example:443/sotto', hashes: [] },
    websocket: 'wss://ottawa.example:443/sotto', foreign_certificate: true,
  })
})

test('an IPv6 address is in brackets', () => {
  assert.equal(target_of(null, { host: '::1', port: 443, pinned: false }, page).websocket, 'wss://[::1]:443/sotto')
})

test('a link that was opened on this machine is the relay\'s own', () => {
  const here = 'http://localhost:8080'
  assert.equal(own_link('http://localhost:8080/#AQID', own, here), 'https://relay.example:4433/#AQID')
  assert.equal(own_link('https://ottawa.example/#AQID', own, here), 'https://ottawa.example/#AQID')
  assert.equal(own_link('http://elsewhere:8080/#AQID', own, here), 'http://elsewhere:8080/#AQID')
  assert.equal(own_link('http://localhost:8080/#AQID', null, here), 'http://localhost:8080/#AQID')
  assert.equal(own_link('https://relay.example:4433/#AQID', own, 'https://relay.example:4433'), 'https://relay.example:4433/#AQID')
})
