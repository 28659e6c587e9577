// SPDX-License-Identifier: Apache-2.0
// Whether this is a private window, which forgets everything when it is closed. No browser tells; each
// gives itself away differently. Wrong guesses only make the page warn, or fail to.

/** Chromium gives a private window storage in proportion to memory instead of the disk. */
const QUOTA_PER_HEAP = 2

export function quota_is_private(quota: number, heap_limit: number): boolean {
  return heap_limit > 0 && quota < QUOTA_PER_HEAP * heap_limit
}

export async function private_window(): Promise<boolean> {
  const heap = (performance as { memory?: { jsHeapSizeLimit: number } }).memory?.jsHeapSizeLimit ?? 0
  const quota = await temporary_quota() ?? (await navigator.storage?.estimate?.().catch(() => undefined))?.quota
  return quota !== undefined && quota_is_private(quota, heap)
}

interface OldQuota { queryUsageAndQuota(told: (used: number, quota: number) => void, failed: () => void): void }

function temporary_quota(): Promise<number | undefined> {
  const old = (navigator as { webkitTemporaryStorage?: OldQuota }).webkitTemporaryStorage
  return new Promise(resolve => old ? old.queryUsageAndQuota((_, quota) => resolve(quota), () => resolve(undefined))
    : resolve(undefined))
}
