// SPDX-License-Identifier: Apache-2.0
// How much comes over the wire, and how long it takes, before somebody who opened a number can call.
import assert from 'node:assert';

import { Telephone } from './telephone.mjs';

const BUDGET_BYTES = 1_000_000;
const LAYOUT_SHIFT_MAX = 0.01; // cumulative; up to 0.1 counts as good

export function loadTests(scene) {
  scene.scenario('the first load', async () => {
    const ada = await scene.stage.person('Ada').init();
    const link = await ada.numberFor('Bob');
    const bob = await Telephone.open(scene, 'Bob', { voice: '0920' });
    const before = scene.stage.network.received;
    const started = Date.now();
    await bob.open(link);
    await bob.button('call').waitFor();
    const ms = Date.now() - started;
    const bytes = scene.stage.network.received - before;
    console.log(`  callable after ${ms} ms and ${bytes} bytes over the wire (at most ${BUDGET_BYTES})`);
    assert.ok(bytes > 10_000 && bytes <= BUDGET_BYTES, `${bytes} bytes`);
    const moved = await bob.page.evaluate(() => new Promise((done) => {
      let sum = 0;
      new PerformanceObserver((list) => list.getEntries().forEach((entry) => { sum += entry.value; }))
        .observe({ type: 'layout-shift', buffered: true });
      setTimeout(() => done(sum), 500);
    }));
    assert.ok(moved <= LAYOUT_SHIFT_MAX, `the layout has moved by ${moved}`);

    await bob.page.reload();
    const again = Date.now();
    await bob.button('call').waitFor();
    console.log(`  the second time after ${Date.now() - again} ms`);
  });

  scene.scenario('what the page is allowed to do', async () => {
    const bob = await Telephone.open(scene, 'Bob', { voice: '0920' });
    const response = await bob.page.goto(scene.stage.origin);
    const headers = response.headers();
    const policy = headers['content-security-policy'];
    assert.match(policy, /default-src 'none'/);
    assert.match(policy, /script-src 'self' 'wasm-unsafe-eval'/);
    assert.match(policy, /require-trusted-types-for 'script'/);
    assert.doesNotMatch(policy, /'unsafe-inline'|'unsafe-eval'/);
    assert.equal(headers['cross-origin-opener-policy'], 'same-origin');
    assert.equal(headers['cross-origin-embedder-policy'], 'require-corp');
    assert.ok(await bob.page.evaluate(() => crossOriginIsolated));
    // All that it loads comes from the relay.
    const others = [];
    bob.page.on('request', (request) => {
      const { origin, protocol } = new URL(request.url());
      if (origin !== scene.stage.origin && protocol !== 'blob:' && protocol !== 'data:') others.push(request.url());
    });
    await bob.page.reload({ waitUntil: 'networkidle' });
    assert.deepEqual(others, []);
  });
}
