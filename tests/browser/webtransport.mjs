// SPDX-License-Identifier: Apache-2.0
// A real Chromium opens the WebTransport session, and the WebSocket, to the echo server, and
// exchanges messages and datagrams: node webtransport.mjs ECHO_SERVER
import assert from 'node:assert';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import readline from 'node:readline';

import { withPage } from './browser.mjs';

const DATAGRAMS = 200;
const DATAGRAM_BYTES = 160;
// Runs in the page. Returns what happened, as plain data.
async function exchange({ port, hash, count, bytes }) {
  const result = { received: 0, rtts: [] };
  const certificate = new Uint8Array(hash.match(/../g).map((h) => parseInt(h, 16)));
  const transport = new WebTransport(`https://127.0.0.1:${port}/sotto`, {
    serverCertificateHashes: [{ algorithm: 'sha-256', value: certificate }],
  });
  await transport.ready;
  const stream = await transport.createBidirectionalStream();
  const writer = stream.writable.getWriter();
  const reader = stream.readable.getReader();

  // Messages: 16 bits of length, then the bytes; cut as the browser likes.
  const message = new Uint8Array(20480).map((_, i) => i * 7);
  const framed = new Uint8Array(2 + message.length);
  framed.set([message.length >> 8, message.length & 255]);
  framed.set(message, 2);
  await writer.write(framed.subarray(0, 1));
  await writer.write(framed.subarray(1, 5000));
  await writer.write(framed.subarray(5000));
  const got = [];
  let have = 0;
  while (have < framed.length) {
    const { value, done } = await reader.read();
    if (done) break;
    got.push(value);
    have += value.length;
  }
  const back = new Uint8Array(have);
  let at = 0;
  for (const piece of got) {
    back.set(piece, at);
    at += piece.length;
  }
  result.messageEqual = have === framed.length && back.every((b, i) => b === framed[i]);
  result.maxDatagramSize = transport.datagrams.maxDatagramSize;

  // Datagrams, one each 20 ms, echoed.
  const datagramReader = transport.datagrams.readable.getReader();
  const sent = new Map();
  const receiving = (async () => {
    for (;;) {
      const { value, done } = await datagramReader.read();
      if (done) return;
      const number = new DataView(value.buffer, value.byteOffset).getUint32(0);
      if (value.length === bytes && sent.has(number)) {
        result.rtts.push(performance.now() - sent.get(number));
        sent.delete(number);
        result.received++;
      }
    }
  })();
  const datagramWriter = (transport.datagrams.createWritable?.() ?? transport.datagrams.writable).getWriter();
  for (let i = 0; i < count; i++) {
    const datagram = new Uint8Array(bytes);
    new DataView(datagram.buffer).setUint32(0, i);
    sent.set(i, performance.now());
    await datagramWriter.write(datagram);
    await new Promise((done) => setTimeout(done, 20));
  }
  await new Promise((done) => setTimeout(done, 300));
  transport.close({ closeCode: 0, reason: 'done' });
  await transport.closed;
  await receiving.catch(() => {});
  result.rtts.sort((a, b) => a - b);
  return result;
}

// A second page's session ends when the server goes away, in good order.
async function waitForClose({ port, hash }) {
  const certificate = new Uint8Array(hash.match(/../g).map((h) => parseInt(h, 16)));
  const transport = new WebTransport(`https://127.0.0.1:${port}/sotto`, {
    serverCertificateHashes: [{ algorithm: 'sha-256', value: certificate }],
  });
  await transport.ready;
  await transport.createBidirectionalStream().then((s) => s.writable.getWriter().write(new Uint8Array([0, 1, 9])));
  globalThis.sessionOpen = true;
  return transport.closed.then(
    (info) => ({ closed: true, code: info.closeCode }),
    (error) => ({ closed: false, error: String(error) }),
  );
}

async function refused({ port, hash }) {
  const certificate = new Uint8Array(hash.match(/../g).map((h) => parseInt(h, 16)));
  const transport = new WebTransport(`https://127.0.0.1:${port}/elsewhere`, {
    serverCertificateHashes: [{ algorithm: 'sha-256', value: certificate }],
  });
  return transport.ready.then(() => 'ready', () => 'refused');
}

async function websocket({ port }) {
  const socket = new WebSocket(`wss://127.0.0.1:${port}/sotto`);
  socket.binaryType = 'arraybuffer';
  await new Promise((done, fail) => {
    socket.onopen = done;
    socket.onerror = () => fail(new Error('the WebSocket did not open'));
  });
  let messages = 0;
  let datagrams = 0;
  socket.onmessage = (event) => {
    const bytes = new Uint8Array(event.data);
    if (bytes[0] === 0 && bytes.length === 20481) messages++;
    if (bytes[0] === 1 && bytes.length === 161) datagrams++;
  };
  const message = new Uint8Array(20481);
  const datagram = new Uint8Array(161);
  datagram[0] = 1;
  for (let i = 0; i < 20; i++) {
    socket.send(message);
    socket.send(datagram);
    await new Promise((done) => setTimeout(done, 5));
  }
  await new Promise((done) => setTimeout(done, 300));
  const closed = new Promise((done) => (socket.onclose = (event) => done(event.wasClean)));
  socket.close(1000);
  return { messages, datagrams, clean: await closed };
}

const directory = mkdtempSync(join(tmpdir(), 'sotto-browser.'));
const echo = spawn(process.argv[2], [join(directory, 'c.pem'), join(directory, 'c.key')], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
try {
  const told = {};
  const lines = readline.createInterface({ input: echo.stdout });
  await new Promise((done, fail) => {
    lines.on('line', (line) => {
      const [key, value] = line.split(' ');
      told[key] = value;
      if (key === 'PORT') done();
    });
    echo.once('exit', () => fail(new Error('the echo server ended')));
  });
  const target = { port: Number(told.PORT), hash: told.HASH, count: DATAGRAMS, bytes: DATAGRAM_BYTES };
  await withPage(async (page, context) => {
    const r = await page.evaluate(exchange, target);
    const middle = r.rtts[Math.floor(r.rtts.length / 2)];
    console.log(`WebTransport: message ${r.messageEqual ? 'equal' : 'DIFFERENT'}, ${r.received} of ${DATAGRAMS} ` +
      `datagrams back, p50 ${middle?.toFixed(2)} ms, maxDatagramSize ${r.maxDatagramSize}`);
    assert.ok(r.messageEqual, 'the message came back as it was');
    assert.ok(r.received >= DATAGRAMS - 2, 'the datagrams came back');

    assert.equal(await page.evaluate(refused, target), 'refused');

    const w = await page.evaluate(websocket, target);
    console.log(`WebSocket: ${w.messages} of 20 messages, ${w.datagrams} of 20 datagrams back`);
    assert.deepEqual(w, { messages: 20, datagrams: 20, clean: true });

    // Plain pages on the same port.
    const got = await context.request.get(`https://127.0.0.1:${target.port}/page?x`);
    assert.equal(got.status(), 200);
    assert.equal((await got.body()).length, 1000000);
    assert.equal((await context.request.get(`https://127.0.0.1:${target.port}/other`)).status(), 404);

    const closing = page.evaluate(waitForClose, target);
    await page.waitForFunction(() => globalThis.sessionOpen);
    echo.kill('SIGTERM');
    const c = await closing;
    console.log(`server stop: ${JSON.stringify(c)}`);
    assert.ok(c.closed, 'the session was closed in good order');
    await new Promise((done) => (echo.exitCode !== null ? done() : echo.once('exit', done)));
    assert.equal(echo.exitCode, 0);
    console.log('5 passed, 0 failed');
  }, () => echo.kill('SIGKILL'));
} finally {
  if (echo.exitCode === null) echo.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
}
