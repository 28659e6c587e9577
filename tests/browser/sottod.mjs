// SPDX-License-Identifier: Apache-2.0
// A real Chromium is two devices at a real sottod: it opens two WebTransport sessions, greets, meets
// itself at a place, and exchanges cells both ways over the circuit: node sottod.mjs SOTTOD
import assert from 'node:assert';
import { spawn } from 'node:child_process';
import { X509Certificate, createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import readline from 'node:readline';

import { withPage } from './browser.mjs';

const CELLS = 100;

// Runs in the page.
async function meet({ port, hash, cells }) {
  const HELLO = 0x01, MEET = 0x07, WELCOME = 0x81, MET = 0x85, TICKET = 0x87;
  const certificate = new Uint8Array(hash);
  const place = crypto.getRandomValues(new Uint8Array(32));

  async function device() {
    const transport = new WebTransport(`https://127.0.0.1:${port}/sotto`, {
      serverCertificateHashes: [{ algorithm: 'sha-256', value: certificate }],
    });
    await transport.ready;
    const stream = await transport.createBidirectionalStream();
    const writer = stream.writable.getWriter();
    const reader = stream.readable.getReader();
    let buffer = new Uint8Array(0);
    const send = (message) => writer.write(new Uint8Array([message.length >> 8, message.length & 255, ...message]));
    const receive = async () => {
      while (buffer.length < 2 || buffer.length < 2 + (buffer[0] << 8 | buffer[1])) {
        const { value, done } = await reader.read();
        if (done) throw new Error('the relay closed');
        const joined = new Uint8Array(buffer.length + value.length);
        joined.set(buffer);
        joined.set(value, buffer.length);
        buffer = joined;
      }
      const end = 2 + (buffer[0] << 8 | buffer[1]);
      const message = buffer.slice(2, end);
      buffer = buffer.slice(end);
      return message;
    };
    await send([HELLO, 1]);
    const welcome = await receive();
    if (welcome[0] !== WELCOME || welcome.length !== 42) throw new Error('no WELCOME');
    await send([MEET, 2, ...place]);
    return { transport, receive };
  }

  const devices = [await device(), await device()];
  const roles = [];
  for (const { receive } of devices) {
    const ticket = await receive();
    const met = await receive();
    if (ticket[0] !== TICKET || met[0] !== MET) throw new Error(`${ticket[0]} and ${met[0]} came`);
    roles.push(met[2]);
  }

  const received = [0, 0];
  devices.forEach(async ({ transport }, i) => {
    const reader = transport.datagrams.readable.getReader();
    for (;;) {
      const { value, done } = await reader.read().catch(() => ({ done: true }));
      if (done) return;
      if (value.length === 137 && value[0] === 2 && value[136] === 1 - i) received[i]++;
    }
  });
  const writers = devices.map(({ transport: t }) => (t.datagrams.createWritable?.() ?? t.datagrams.writable).getWriter());
  for (let n = 0; n < cells; n++) {
    for (const [i, writer] of writers.entries()) {
      const datagram = new Uint8Array(137);
      datagram[0] = 2;
      datagram[136] = i;
      await writer.write(datagram);
    }
    await new Promise((done) => setTimeout(done, 20));
  }
  await new Promise((done) => setTimeout(done, 300));
  for (const { transport } of devices) transport.close();
  return { roles, received };
}

const directory = mkdtempSync(join(tmpdir(), 'sotto-browser.'));
writeFileSync(join(directory, 'sottod.conf'),
  `[relay]\nname = 127.0.0.1\nbind = 127.0.0.1\nport = 0\ndata = ${directory}\n`);
const sottod = spawn(process.argv[2], ['run', '--config', join(directory, 'sottod.conf')], {
  stdio: ['ignore', 'ignore', 'pipe'],
});
try {
  const log = readline.createInterface({ input: sottod.stderr });
  const port = await new Promise((done, fail) => {
    log.on('line', (line) => {
      const found = /listening on \S+:(\d+),/.exec(line);
      if (found) done(Number(found[1]));
    });
    sottod.once('exit', () => fail(new Error('sottod ended')));
  });
  const certificate = new X509Certificate(readFileSync(join(directory, 'relay.crt')));
  const hash = createHash('sha256').update(certificate.raw).digest();
  await withPage(async (page) => {
    const r = await page.evaluate(meet, { port, hash: [...hash], cells: CELLS });
    console.log(`sottod: roles ${r.roles}, ${r.received} of ${CELLS} cells each way`);
    assert.deepEqual([...r.roles].sort(), [0, 1]);
    assert.ok(r.received.every((n) => n >= CELLS - 2), 'the cells came across');
  }, () => sottod.kill('SIGKILL'));
  console.log('1 passed, 0 failed');
} finally {
  if (sottod.exitCode === null) sottod.kill('SIGTERM');
  await new Promise((done) => (sottod.exitCode !== null ? done() : sottod.once('exit', done)));
  rmSync(directory, { recursive: true, force: true });
}
