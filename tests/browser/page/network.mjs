// SPDX-License-Identifier: Apache-2.0
// The network between everybody and the relay: a forwarder on an address of its own, through which
// every link, program and page goes. It can lose everything for a while, or some datagrams, block UDP, cut
// what runs, and counts the bytes it hands out.
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';

const UDP_IDLE_MS = 60000;

export class Network {
  // from: where it is reached; to: where the relay listens; the same port for TCP and UDP.
  constructor(from, to, port) {
    Object.assign(this, { from, to, port, lost: false, keeps: 1, udp: true, received: 0, datagrams: 0 });
    this.pairs = new Set();
    this.flows = new Map();
  }

  async open() {
    this.server = createServer({ noDelay: true, pauseOnConnect: true }, (near) => this.#connected(near));
    await new Promise((done, fail) => this.server.once('error', fail).listen(this.port, this.from, done));
    this.socket = createSocket('udp4');
    this.socket.on('message', (data, source) => this.#datagram(data, source));
    await new Promise((done, fail) => this.socket.once('error', fail).bind(this.port, this.from, done));
  }

  // ---- what can happen to a network

  // Nothing comes through any more, and nobody is told.
  lose() {
    this.lost = true;
    for (const pair of this.pairs) pair.forEach((s) => s.pause());
  }

  find() {
    this.lost = false;
    for (const pair of this.pairs) pair.forEach((s) => s.resume());
  }

  // That share of what goes from one side of a call to the other by UDP: each cell comes by here twice, to
  // the relay and from it. The same datagrams each time, as far as a seed can do that.
  drop(share, seed = 1) {
    this.keeps = Math.sqrt(1 - share);
    this.chance = seed >>> 0;
  }

  // xorshift32
  #drops() {
    if (this.keeps === 1) return false;
    this.chance ^= this.chance << 13;
    this.chance ^= this.chance >>> 17;
    this.chance = (this.chance ^ (this.chance << 5)) >>> 0;
    return this.chance / 2 ** 32 >= this.keeps;
  }

  blockUdp() {
    this.udp = false;
  }

  allowUdp() {
    this.udp = true;
  }

  // All connections end, as when a router restarts.
  cut() {
    for (const pair of this.pairs) pair.forEach((s) => s.destroy());
    this.#forget();
  }

  restore() {
    this.find();
    this.drop(0);
    this.allowUdp();
  }

  async close() {
    this.cut();
    this.socket?.close();
    await new Promise((done) => (this.server ? this.server.close(done) : done()));
  }

  // ---- TCP

  #connected(near) {
    const far = connect({ host: this.to, port: this.port, noDelay: true });
    const pair = [near, far];
    this.pairs.add(pair);
    const end = () => {
      this.pairs.delete(pair);
      pair.forEach((s) => s.destroy());
    };
    for (const [one, other] of [pair, [far, near]]) {
      one.on('data', (data) => {
        if (one === far) this.received += data.length;
        if (!other.write(data)) one.pause();
      });
      one.on('drain', () => this.lost || other.resume());
      one.on('end', () => other.end());
      one.on('error', end);
      one.on('close', end);
    }
    if (this.lost) pair.forEach((s) => s.pause());
    else near.resume();
  }

  // ---- UDP: a socket of its own towards the relay for each source

  #datagram(data, source) {
    if (this.lost || !this.udp || this.#drops()) return;
    const key = `${source.address}:${source.port}`;
    let flow = this.flows.get(key);
    if (!flow) {
      flow = { socket: createSocket('udp4'), timer: undefined };
      flow.socket.on('message', (answer) => {
        if (this.lost || !this.udp || this.#drops()) return;
        this.datagrams++;
        this.received += answer.length;
        this.socket.send(answer, source.port, source.address);
      });
      flow.socket.on('error', () => {}); // the relay is away
      this.flows.set(key, flow);
    }
    clearTimeout(flow.timer);
    flow.timer = setTimeout(() => this.#drop(key), UDP_IDLE_MS);
    flow.timer.unref();
    flow.socket.send(data, this.port, this.to);
  }

  #drop(key) {
    const flow = this.flows.get(key);
    clearTimeout(flow.timer);
    flow.socket.close();
    this.flows.delete(key);
  }

  #forget() {
    for (const key of [...this.flows.keys()]) this.#drop(key);
  }
}
