// SPDX-License-Identifier: Apache-2.0
// A relay with the page, a network in front of it, and people at the `sotto` program: what
// demo/stage.py is to the system tests. Everything is below one directory and ends with the stage.
import { execFile, spawn } from 'node:child_process';
import { X509Certificate, createHash } from 'node:crypto';
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { Network } from './network.mjs';

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
export const BUILD = process.env.SOTTO_BUILD ?? join(ROOT, 'build/release');
export const PAGE = process.env.SOTTO_PAGE ?? join(ROOT, 'build/page');
const SOTTO = join(BUILD, 'cli/sotto');
const SOTTOD = join(BUILD, 'relay/daemon/sottod');
const LIKENESS = join(BUILD, 'bench/likeness/likeness');
const SPEECH = '/usr/share/pocketsphinx/test/data/librivox';

// The relay listens on BEHIND; everybody knows it as FRONT, where the network is.
const BEHIND = '127.0.0.1';
const FRONT = '127.0.0.2';
const LIMITS = `[limits]
connections_per_address = 1000
dials_per_number_per_minute = 6000
dials_per_address_per_minute = 60000
meets_per_address_per_minute = 6000
registers_per_address_per_minute = 6000
logins_per_address_per_minute = 60000
`;

const run = promisify(execFile);

// A LibriVox recording (public domain) of Debian's pocketsphinx-testdata: another number, another voice.
export function speech(number) {
  const path = join(SPEECH, `sense_and_sensibility_01_austen_64kb-${number}.wav`);
  if (!existsSync(path)) throw new Error(`${path} is missing; run: make deps`);
  return path;
}

export async function until(what, happens, timeout = 15000, every = 50) {
  const deadline = Date.now() + timeout;
  for (;;) {
    const got = await happens();
    if (got) return got;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${timeout} ms`);
    await sleep(every);
  }
}

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

async function freePort(host) {
  const server = createServer();
  await new Promise((done) => server.listen(0, host, done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

// From here on it is that voice and can be understood; another voice has less than 0.1. How good it
// is is measured elsewhere: here the browser's noise suppression and gain control lie between, and a
// machine that runs two browsers and both recordings at once.
const SAME = 0.4;

// What bench/likeness says about two WAV files; `same` by the measure of this file.
export async function likeness(spoken, heard) {
  const { stdout } = await run(LIKENESS, [spoken, heard, '--json']).catch((error) => error);
  try {
    const found = JSON.parse(stdout);
    return { ...found, same: found.likeness >= SAME };
  } catch {
    throw new Error(`likeness ${spoken} ${heard} said: ${stdout}`);
  }
}

// A running program that writes one JSON object a line.
export class Program {
  constructor(name, path, args, { log, stdin = 'ignore', environment = {} } = {}) {
    this.name = name;
    this.seen = [];
    this.waiting = [];
    this.process = spawn(path, args, { stdio: [stdin, 'pipe', 'pipe'], env: { ...process.env, ...environment } });
    if (log) this.process.stderr.pipe(createWriteStream(log, { flags: 'a' }));
    else this.process.stderr.resume();
    this.ended = new Promise((done) => this.process.once('exit', (code) => {
      this.code = code ?? -1;
      done(this.code);
    }));
    createInterface({ input: this.process.stdout }).on('line', (line) => this.#said(line));
  }

  #said(line) {
    let event;
    try {
      event = JSON.parse(line);
    } catch {
      event = { event: 'text', text: line };
    }
    event.looked = false;
    this.seen.push(event);
    this.waiting.forEach((look) => look());
  }

  // The first event, not waited for before, of that name and with these fields.
  async waitFor(name, fields = {}, timeout = 20000) {
    const matches = (e) => !e.looked && e.event === name && Object.entries(fields).every(([k, v]) => e[k] === v);
    const found = await until(`${this.name}: ${name} ${JSON.stringify(fields)}`,
      () => this.seen.find(matches) ?? (this.code !== undefined && 'ended'), timeout)
      .catch((error) => { throw new Error(`${error.message}. It said: ${this.#last()}`); });
    if (found === 'ended') throw new Error(`${this.name} ended before ${name}. It said: ${this.#last()}`);
    found.looked = true;
    return found;
  }

  #last() {
    return JSON.stringify(this.seen.slice(-8));
  }

  async stop() {
    if (this.code === undefined) this.process.kill('SIGTERM');
    const timer = setTimeout(() => this.process.kill('SIGKILL'), 10000);
    await this.ended;
    clearTimeout(timer);
    return this.code;
  }
}

// Somebody at the sotto program, with a store of their own.
export class Person {
  constructor(stage, name) {
    Object.assign(this, { stage, name, store: join(stage.directory, `${name}-${stage.people++}`) });
  }

  args(...words) {
    return ['--store', this.store, '--json', ...words.map(String)];
  }

  async sotto(...words) {
    const { stdout } = await run(SOTTO, this.args(...words), { timeout: 60000 });
    return stdout.trim() === '' ? null : JSON.parse(stdout);
  }

  async init() {
    await this.sotto('init', await this.stage.invite(), '--name', this.name, '--no-passphrase');
    return this;
  }

  async numberFor(label, ...options) {
    return (await this.sotto('number', 'new', label, '--no-qr', ...options)).link;
  }

  start(...words) {
    const program = new Program(this.name, SOTTO, this.args(...words), { log: `${this.store}.log` });
    this.stage.running.push(program);
    return program;
  }
}

export class Stage {
  constructor() {
    this.directory = mkdtempSync(join(tmpdir(), 'sotto-page.'));
    Object.assign(this, { running: [], people: 0, log: join(this.directory, 'relay.log') });
  }

  // config: more lines for the section [relay], and sections after it.
  async open(config = '') {
    this.port = await freePort(BEHIND);
    this.plainPort = await freePort(BEHIND);
    this.network = new Network(FRONT, BEHIND, this.port);
    await this.network.open();
    this.host = `${FRONT}:${this.port}`;
    this.origin = `https://${this.host}`;
    this.plainOrigin = `http://localhost:${this.plainPort}`;
    this.configuration = join(this.directory, 'sottod.conf');
    mkdirSync(join(this.directory, 'relay'));
    writeFileSync(this.configuration, `[relay]\nname = ${FRONT}\nbind = ${BEHIND}\nport = ${this.port}\n` +
      `data = ${this.directory}/relay\npage = ${PAGE}\nplain = ${this.plainPort}\n${config}${LIMITS}`);
    await this.startRelay();
  }

  async startRelay() {
    const before = existsSync(this.log) ? readFileSync(this.log, 'utf8').length : 0;
    this.relay = spawn(SOTTOD, ['run', '--config', this.configuration], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.relay.stderr.pipe(createWriteStream(this.log, { flags: 'a' }));
    const relay = this.relay;
    relay.ended = new Promise((done) => relay.once('exit', done));
    await until('the relay listens', () => {
      if (relay.exitCode !== null) throw new Error(`sottod ended:\n${readFileSync(this.log, 'utf8').slice(-2000)}`);
      return existsSync(this.log) && readFileSync(this.log, 'utf8').slice(before).includes('listening on');
    });
  }

  async stopRelay(signal = 'SIGTERM') {
    if (this.relay.exitCode === null && this.relay.signalCode === null) this.relay.kill(signal);
    await this.relay.ended;
  }

  // Also if a scenario broke off while it was stopped.
  async relayRuns() {
    if (this.relay.exitCode !== null || this.relay.signalCode !== null) await this.startRelay();
  }

  async invite() {
    const { stdout } = await run(SOTTOD, ['invite', '--config', this.configuration, '--json']);
    return JSON.parse(stdout)[0].link;
  }

  async stats() {
    const { stdout } = await run(SOTTOD, ['stats', '--config', this.configuration, '--json']);
    return JSON.parse(stdout);
  }

  // For Chromium: base64 of the SHA-256 of the self-made certificate's key.
  keyHash() {
    const certificate = new X509Certificate(readFileSync(join(this.directory, 'relay/relay.crt')));
    const key = certificate.publicKey.export({ type: 'spki', format: 'der' });
    return createHash('sha256').update(key).digest('base64');
  }

  person(name) {
    return new Person(this, name);
  }

  path(name) {
    return join(this.directory, name);
  }

  async stopPrograms() {
    await Promise.all(this.running.splice(0).map((program) => program.stop()));
  }

  async close() {
    await this.stopPrograms();
    if (this.relay) await this.stopRelay();
    await this.network?.close();
    if (process.env.SOTTO_KEEP) console.log(`kept: ${this.directory}`);
    else rmSync(this.directory, { recursive: true, force: true });
  }
}
