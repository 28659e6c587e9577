// SPDX-License-Identifier: Apache-2.0
// Whether this is a private window, which forgets everything when it is closed. No browser tells; this
// is how Chromium gives itself away. A wrong guess only makes the page warn, or fail to.

const PROBES = 9

/** What is used of a FileSystemSyncAccessHandle. */
export interface ProbeFile {
  getSize(): number
  write(bytes: Uint8Array, options: { at: number }): number
  truncate(size: number): void
  flush(): void
}

const middle = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1]!

/** A private window's file is in another process's memory, so that asking for its size takes longer than
 * making it durable; a file on a disk is the other way round. */
export function file_is_memory(file: ProbeFile, now: () => number = () => performance.now()): boolean {
  const size = file.getSize()
  const sizes: number[] = []
  const flushes: number[] = []
  for (let i = 0; i < PROBES; i++) {
    const byte = new Uint8Array([i])
    file.write(byte, { at: size })
    const start = now()
    file.flush()
    const flushed = now()
    file.getSize()
    flushes.push(flushed - start)
    sizes.push(now() - flushed)
  }
  file.truncate(size)
  return middle(flushes) < middle(sizes)
}
