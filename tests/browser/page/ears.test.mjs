// SPDX-License-Identifier: Apache-2.0
// That the tests can hear: a page that plays its microphone is recorded at both ends, and what was
// heard is told from what was not.
import assert from 'node:assert';
import { createServer } from 'node:http';

import { take } from './ears.mjs';
import { sleep, speech, likeness } from './stage.mjs';

const PAGE = `<!doctype html><title>ears</title><button>Play</button><script>
document.querySelector('button').onclick = async () => {
  const context = new AudioContext();
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  context.createMediaStreamSource(stream).connect(context.destination);
}
</script>`;

export function earsTests(scene) {
  scene.scenario('the tests can hear', async () => {
    const server = createServer((_, response) => response.setHeader('Content-Type', 'text/html').end(PAGE));
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    try {
      const context = await scene.browsers.context({ wav: speech('0870') });
      const page = await context.newPage();
      await page.goto(`http://127.0.0.1:${server.address().port}/`);
      await page.getByRole('button', { name: 'Play' }).click();
      const from = Date.now();
      await sleep(6000);
      const mic = await take(page, 'mic', from, Date.now(), scene.stage.path('ears-mic.wav'));
      const speaker = await take(page, 'speaker', from, Date.now(), scene.stage.path('ears-speaker.wav'));
      const same = await likeness(mic.path, speaker.path);
      const voice = await likeness(speech('0870'), speaker.path);
      const other = await likeness(speech('0920'), speaker.path);
      const delay = same.delay_ms + speaker.start - mic.start;
      console.log(`ears: ${same.likeness.toFixed(2)} like the microphone ${delay.toFixed(0)} ms ago, ` +
        `${voice.likeness.toFixed(2)} like its file, ${other.likeness.toFixed(2)} like another voice`);
      assert.ok(same.same && Math.abs(delay) < 100);
      assert.ok(voice.same);
      assert.ok(!other.same);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });
}
