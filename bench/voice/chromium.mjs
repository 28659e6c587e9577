// SPDX-License-Identifier: Apache-2.0
// node chromium.mjs BROWSER_TESTS SPOKEN.wav LEFT_PORT RIGHT_PORT plain|red OUT
//
// Two tabs of one Chromium call each other by WebRTC, their media through two UDP ports of a proxy.
// Each speaks SPOKEN.wav and writes down what its microphone gave and what it heard, with when that
// began. Prints JSON lines: {"event":"talking"} when both speak; after a line on standard input
// {"event":"end", ...}. For systems.py.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

import { writeWav } from '../../tests/browser/page/ears.mjs';

const [browserTests, spoken, leftPort, rightPort, mode, out] = process.argv.slice(2);
const { chromium } = createRequire(`${browserTests}/`)('playwright-core');
const CONNECT_TIMEOUT_MS = 30000;

// ---- in the tab -----------------------------------------------------------------------------------

// Gives the page its input, with the clock's word on when it came.
const TAP = `
registerProcessor('tap', class extends AudioWorkletProcessor {
  constructor() { super(); this.pcm = new Int16Array(4800); this.used = 0; this.began = Infinity; }
  process(inputs) {
    const from = inputs[0]?.[0];
    this.began = Math.min(this.began, Date.now() - (currentFrame + 128) / sampleRate * 1000);
    for (let i = 0; i < 128; i++) {
      this.pcm[this.used++] = from ? Math.max(-1, Math.min(1, from[i])) * 32767 : 0;
      if (this.used === this.pcm.length) {
        this.port.postMessage({ pcm: this.pcm.slice(), end: currentFrame + i + 1, began: this.began });
        this.used = 0;
      }
    }
    return true;
  }
});`;

function prepareTab(tap) {
  const peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  const sound = new AudioContext({ sampleRate: 48000, latencyHint: 'interactive' });
  window.records = {};
  const module = sound.audioWorklet.addModule(URL.createObjectURL(new Blob([tap], { type: 'text/javascript' })));

  async function record(name, stream) {
    await module;
    const node = new AudioWorkletNode(sound, 'tap', { channelCount: 1, channelCountMode: 'explicit' });
    const kept = { pieces: [], first: null, began: 0 };
    node.port.onmessage = ({ data }) => {
      kept.first ??= data.end - data.pcm.length;
      kept.began = data.began + kept.first / 48; // of the first piece, by the clock
      kept.pieces.push(data.pcm);
    };
    sound.createMediaStreamSource(stream).connect(node).connect(sound.destination);
    window.records[name] = kept;
  }

  window.heard = new Promise((done) => {
    peer.ontrack = ({ streams, track }) => {
      const stream = streams[0] ?? new MediaStream([track]);
      const player = new Audio(); // without one, Chromium decodes nothing
      player.muted = true;
      player.srcObject = stream;
      player.play();
      record('heard', stream).then(done);
    };
  });
  window.connected = new Promise((done) => {
    peer.onconnectionstatechange = () => peer.connectionState === 'connected' && done();
  });
  window.speak = async () => {
    await sound.resume();
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    });
    await record('spoken', stream);
    await peer.getSenders()[0].replaceTrack(stream.getAudioTracks()[0]);
  };
  window.stats = async () => {
    for (const s of (await peer.getStats()).values()) {
      if (s.type === 'inbound-rtp') {
        return { concealed_samples: s.concealedSamples, samples: s.totalSamplesReceived };
      }
    }
    return { concealed_samples: 0, samples: 0 };
  };
  window.bring = async (name) => {
    const reader = new FileReader();
    await new Promise((done) => {
      reader.onload = done;
      reader.readAsDataURL(new Blob(window.records[name].pieces));
    });
    return { base64: reader.result.split(',')[1], began: window.records[name].began };
  };
  window.tab = { peer };
}

// ---- here -----------------------------------------------------------------------------------------

// The media section's own candidates give way to one: the proxy.
function through(sdp, port) {
  const lines = sdp.split('\r\n').filter((l) => !/^a=(candidate|end-of-candidates)/.test(l));
  const at = lines.findIndex((l) => l.startsWith('a=mid:'));
  lines.splice(at + 1, 0, `a=candidate:1 1 udp 2122260223 127.0.0.1 ${port} typ host generation 0`,
    'a=end-of-candidates');
  return lines.join('\r\n').replace(/(a=fmtp:\d+ minptime=10;useinbandfec=1)/, '$1;maxaveragebitrate=24000');
}

async function connect(a, b) {
  const offer = await a.evaluate(async (red) => {
    const { peer } = window.tab;
    const transceiver = peer.addTransceiver('audio', { direction: 'sendrecv', streams: [new MediaStream()] });
    const codecs = RTCRtpReceiver.getCapabilities('audio').codecs;
    const named = (name) => codecs.filter((c) => c.mimeType === name);
    transceiver.setCodecPreferences(red ? [...named('audio/red'), ...named('audio/opus')] : named('audio/opus'));
    await peer.setLocalDescription();
    return peer.localDescription.sdp;
  }, mode === 'red');
  const answer = await b.evaluate(async ([sdp, red]) => {
    const { peer } = window.tab;
    await peer.setRemoteDescription({ type: 'offer', sdp });
    const [transceiver] = peer.getTransceivers();
    transceiver.direction = 'sendrecv';
    const codecs = RTCRtpReceiver.getCapabilities('audio').codecs;
    const named = (name) => codecs.filter((c) => c.mimeType === name);
    transceiver.setCodecPreferences(red ? [...named('audio/red'), ...named('audio/opus')] : named('audio/opus'));
    await peer.setLocalDescription();
    return peer.localDescription.sdp;
  }, [through(offer, rightPort), mode === 'red']);
  await a.evaluate((sdp) => window.tab.peer.setRemoteDescription({ type: 'answer', sdp }),
    through(answer, leftPort));
  const guard = new Promise((_, fail) => setTimeout(() => fail(new Error('no connection')), CONNECT_TIMEOUT_MS).unref());
  await Promise.race([Promise.all([a, b].map((p) => p.evaluate(() => window.connected))), guard]);
}

async function save(page, name, file) {
  const { base64, began } = await page.evaluate((n) => window.bring(n), name);
  writeWav(file, 48000, Buffer.from(base64, 'base64'));
  return began;
}

async function tab(page, side) {
  const now = await page.evaluate(() => window.stats());
  const before = page.statsBefore;
  const spokenFile = `${out}-${side}-mic.wav`;
  const heardFile = `${out}-${side === 'a' ? 'ba' : 'ab'}.wav`;
  const spokenBegan = await save(page, 'spoken', spokenFile);
  const heardBegan = await save(page, 'heard', heardFile);
  return {
    spoken: spokenFile, spoken_began_ms: spokenBegan, heard: heardFile, began_ms: heardBegan,
    concealed_samples: now.concealed_samples - before.concealed_samples,
    samples: now.samples - before.samples,
  };
}

const say = (event) => console.log(JSON.stringify(event));
const server = createServer((_, response) => {
  response.setHeader('Content-Type', 'text/html');
  response.end('<!doctype html><title>call</title>');
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  headless: true,
  args: [
    '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--use-fake-ui-for-media-stream',
    '--use-fake-device-for-media-stream', `--use-file-for-fake-audio-capture=${spoken}%noloop`,
    '--autoplay-policy=no-user-gesture-required', '--allow-loopback-in-peer-connection',
    '--disable-background-timer-throttling', '--disable-renderer-backgrounding',
    '--disable-backgrounding-occluded-windows',
  ],
});
try {
  const pages = [];
  for (let i = 0; i < 2; i++) {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    await page.evaluate(prepareTab, TAP);
    pages.push(page);
  }
  await connect(...pages);
  await Promise.all(pages.map((p) => p.evaluate(() => window.heard)));
  await Promise.all(pages.map((p) => p.evaluate(() => window.speak())));
  for (const page of pages) {
    page.statsBefore = await page.evaluate(() => window.stats());
  }
  say({ event: 'talking' });
  await new Promise((done) => process.stdin.once('data', done));
  say({ event: 'end', tabs: [await tab(pages[0], 'a'), await tab(pages[1], 'b')] });
} finally {
  await browser.close();
  server.close();
  process.stdin.destroy();
}
