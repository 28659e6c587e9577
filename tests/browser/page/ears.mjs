// SPDX-License-Identifier: Apache-2.0
// What a browser's microphone gives the page and what the page plays, taken down by an init script of
// the test: it listens in where Web Audio has its source and its destination. The product knows nothing
// of it.
import { writeFileSync } from 'node:fs';

// Runs in each page before anything else. Not a module: no name of this file is visible in it.
export function listenIn() {
  const PIECE = 4096;
  const FROZEN_MS = 3000; // so much sound is missing
  const recordings = { mic: [], speaker: [] };
  const connect = AudioNode.prototype.connect;
  const wallOf = () => performance.timeOrigin + performance.now();

  function add(recording, piece) {
    recording.pieces.push(piece);
    recording.samples += piece.length;
  }

  function record(kind, context, node, output) {
    const recording = { rate: context.sampleRate, pieces: [], start: Infinity, samples: 0 };
    const recorder = context.createScriptProcessor(PIECE, 1, 1);
    recorder.onaudioprocess = (event) => {
      const samples = event.inputBuffer.getChannelData(0);
      const piece = new Int16Array(samples.length);
      for (let i = 0; i < samples.length; i++) {
        piece[i] = Math.max(-32768, Math.min(32767, Math.round(samples[i] * 32768)));
      }
      // When its first sample was: the least late of all pieces says it best.
      const start = wallOf() - (recording.samples + piece.length) * 1000 / recording.rate;
      const missing = start - recording.start;
      if (missing > FROZEN_MS) add(recording, new Int16Array(Math.round(missing * recording.rate / 1000)));
      recording.start = Math.min(recording.start, start);
      add(recording, piece);
    };
    recordings[kind].push(recording);
    connect.call(node, recorder, output ?? 0);
    connect.call(recorder, context.destination);
  }

  const heard = new WeakSet();
  AudioNode.prototype.connect = function (target, output, ...more) {
    const context = this.context;
    if (context instanceof AudioContext && target instanceof AudioNode && !heard.has(this)
        && (target === context.destination || target instanceof MediaStreamAudioDestinationNode)) {
      heard.add(this);
      record('speaker', context, this, output);
    }
    return connect.apply(this, output === undefined ? [target] : [target, output, ...more]);
  };
  const createSource = AudioContext.prototype.createMediaStreamSource;
  AudioContext.prototype.createMediaStreamSource = function (stream) {
    const node = createSource.call(this, stream);
    record('mic', this, node);
    return node;
  };
  const Source = globalThis.MediaStreamAudioSourceNode;
  globalThis.MediaStreamAudioSourceNode = class extends Source {
    constructor(context, options) {
      super(context, options);
      record('mic', context, this);
    }
  };

  // From and to in milliseconds of the wall clock: { rate, base64 } or null.
  Object.defineProperty(globalThis, '__heard', { value(kind, from, to) {
    const recording = recordings[kind].findLast((r) => r.samples > 0
      && r.start < to && r.start + r.samples * 1000 / r.rate > from);
    if (!recording) return null;
    const all = new Int16Array(recording.samples);
    let at = 0;
    for (const piece of recording.pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    const sample = (t) => Math.max(0, Math.round((t - recording.start) * recording.rate / 1000));
    const first = sample(from);
    const bytes = new Uint8Array(all.slice(first, sample(to)).buffer);
    let text = '';
    for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
    return { rate: recording.rate, start: recording.start + first * 1000 / recording.rate, base64: btoa(text) };
  } });
}

// The microphone ('mic') or loudspeaker ('speaker') of that page between two times, as a WAV file:
// { path, start }, start being the wall clock's milliseconds at its first sample.
export async function take(page, kind, from, to, path) {
  const got = await page.evaluate(([k, f, t]) => globalThis.__heard(k, f, t), [kind, from, to]);
  if (!got) throw new Error(`there is no ${kind} in that time`);
  writeWav(path, got.rate, Buffer.from(got.base64, 'base64'));
  return { path, start: got.start };
}

export function writeWav(path, rate, pcm) {
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + pcm.length, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(rate * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(pcm.length, 40);
  writeFileSync(path, Buffer.concat([header, pcm]));
}
