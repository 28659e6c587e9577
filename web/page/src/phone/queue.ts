// SPDX-License-Identifier: Apache-2.0
// A queue with a limit. An old cell is worth less than a new one: at the limit the oldest goes.

export class DropOldest<T> {
  private items: T[] = []
  dropped = 0

  constructor(private readonly max: number) {}

  push(item: T): void {
    if (this.items.length === this.max) {
      this.items.shift()
      this.dropped++
    }
    this.items.push(item)
  }

  shift(): T | undefined {
    return this.items.shift()
  }

  clear(): void {
    this.items.length = 0
  }

  get length(): number {
    return this.items.length
  }
}
