// SPDX-License-Identifier: Apache-2.0
// Whether each side hears what the other says, and how late. A side is a page (what its microphone
// gave and its loudspeaker got is taken down, see ears.mjs) or the sotto program with WAV files.
import assert from 'node:assert';
import { uptime } from 'node:os';

import { take } from './ears.mjs';
import { likeness, sleep } from './stage.mjs';

export const TALK_MS = 8500; // longer than each of the recordings
const DELAY_MAX_MS = 600; // that it works; how well is measured elsewhere
const TAIL_MS = 1000; // what was said last arrives a little later
const SETTLE_MS = 500; // until both microphones are open

// CLOCK_BOOTTIME, in which the program tells times, to the wall clock's milliseconds; to a hundredth of a second.
function wallOf(nanoseconds) {
  return Date.now() - (uptime() * 1e3 - nanoseconds / 1e6);
}

export class TabSide {
  constructor(name, page, wav) {
    Object.assign(this, { name, page, wav });
  }

  spoken(from, to, path) {
    return take(this.page, 'mic', from, to, path);
  }

  heard(from, to, path) {
    return take(this.page, 'speaker', from, to, path);
  }
}

export class ProgramSide {
  // speaker: the WAV file that it writes.
  constructor(name, program, wav, speaker) {
    Object.assign(this, { name, program, wav, speaker });
  }

  #when(event) {
    return wallOf(this.program.seen.find((e) => e.event === event).at_ns);
  }

  spoken() {
    return { path: this.wav, start: this.#when('mic_started') };
  }

  heard() {
    return { path: this.speaker, start: this.#when('speaker_started') };
  }
}

// Lets both sides, whose call has just begun, talk until everything was said; then hangUp() ends
// the call (files are complete then) and the two are compared. Tells the delays.
export async function compare(scene, what, sides, began, hangUp) {
  const from = began + SETTLE_MS;
  await sleep(Math.max(0, from + TALK_MS - Date.now()));
  const to = Date.now();
  const sounds = [];
  for (const [i, side] of sides.entries()) {
    if (side instanceof TabSide) sounds[i] = await tab(scene, what, side, from, to);
  }
  await hangUp();
  for (const [i, side] of sides.entries()) {
    if (!(side instanceof TabSide)) sounds[i] = { spoken: side.spoken(), heard: side.heard() };
  }
  const found = [];
  for (const [i, side] of sides.entries()) {
    const [spoken, heard] = [sounds[1 - i].spoken, sounds[i].heard];
    const got = await likeness(spoken.path, heard.path);
    const own = await likeness(sounds[i].spoken.path, heard.path);
    found.push({ name: side.name, got, own, delay: got.delay_ms + heard.start - spoken.start });
  }
  console.log(`  ${what}: ${found.map(({ name, got, delay }) =>
    `${name} hears ${(100 * got.likeness).toFixed(0)} %, ${delay.toFixed(0)} ms late`).join('; ')}`);
  for (const { name, got, own, delay } of found) {
    assert.ok(got.same, `${name} hears what is said: ${JSON.stringify(got)}`);
    assert.ok(delay > 0 && delay < DELAY_MAX_MS, `${name} hears it ${delay} ms later`);
    assert.ok(!own.same, `${name} does not hear itself: ${JSON.stringify(own)}`);
  }
}

async function tab(scene, what, side, from, to) {
  const name = `${what}-${side.name}`.replace(/\W+/g, '-');
  return {
    spoken: await side.spoken(from, to - TAIL_MS, scene.stage.path(`${name}-spoken.wav`)),
    heard: await side.heard(from, to, scene.stage.path(`${name}-heard.wav`)),
  };
}

let files = 0; // several pages may be asked about the same time

// How alike what the listener's page plays is to what the speaker's microphone hears, between two times.
export async function alike(scene, listener, speaker, from, to) {
  const file = (what) => scene.stage.path(`${from}-${listener.name}-${what}.wav`.replaceAll(/[ ()]/g, '-'));
  const spoken = await take(speaker.page, 'mic', from, to - TAIL_MS, file('spoken'));
  const heard = await take(listener.page, 'speaker', from, to, file('heard'));
  return likeness(spoken.path, heard.path);
}
