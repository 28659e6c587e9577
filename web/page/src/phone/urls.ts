// SPDX-License-Identifier: Apache-2.0
// The only scripts that this page starts, for the browser's Trusted Types.

interface Policy { createScriptURL(url: string): unknown }
interface Factory { createPolicy(name: string, rules: { createScriptURL: (url: string) => string }): Policy }

export const SERVICE_WORKER = '/sw.js'

let policy: Policy | null = null

function trusted(url: string): string {
  const { trustedTypes } = globalThis as { trustedTypes?: Factory }
  if (!trustedTypes) return url
  policy ??= trustedTypes.createPolicy('sotto', { createScriptURL: wanted => {
    if (wanted !== __ASSETS__.worker?.url && wanted !== SERVICE_WORKER) throw new TypeError('not a script of ours')
    return wanted
  } })
  return policy.createScriptURL(url) as string
}

export const worker_url = () => trusted(__ASSETS__.worker!.url)
export const service_worker_url = () => trusted(SERVICE_WORKER)
