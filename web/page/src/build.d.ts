// SPDX-License-Identifier: Apache-2.0
// What build.mjs writes into the scripts: names with a hash of the content in them, and that
// content's digest, which every fetch() of it must pass on as `integrity`.

interface Asset {
  url: string // "/sotto-1a2b3c4d.wasm"
  integrity: string // "sha384-..."
}

/** In the page, the worker and the service worker alike. `worker` is null inside the worker itself;
 * `worklets` has one entry for each src/**\/NAME.worklet.ts. */
declare const __ASSETS__: {
  wasm: Asset
  weights: Asset | null // the neural part of the voice, to be loaded after the first call screen
  worker: Asset | null
  worklets: Record<string, Asset>
}

/** Of the whole page. Its hash is that of /release.json, which cannot be inside what it lists. */
declare const __VERSION__: string

/** Only in sw.ts: what a page needs offline, "/" included, without the weights and with one
 * string that changes with any of it (to name the cache). */
declare const __PRECACHE__: { id: string; files: Asset[] }

declare module '*.css'
