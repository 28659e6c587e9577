// SPDX-License-Identifier: Apache-2.0
// What the page and the worker say to each other by postMessage.
import type { CommandName, PhoneEvent } from './types.ts'

/** What the page adds to a command. `credential`: of the passkey that is to be the lock from now on;
 * its PRF output is the command's passphrase. */
export interface Extra { credential?: Uint8Array<ArrayBuffer> }

export type ToWorker =
  | { kind: 'start'; saving: boolean } // first, once
  | { kind: 'do'; id: number; name: CommandName; args: object; extra: Extra }
  | { kind: 'network' } // has changed, or is back
  | { kind: 'speaker' | 'microphone'; port: MessagePort } // to the worklet; the one before is forgotten
  | { kind: 'microphone_off' }
  // End all calls; `done` (shared memory, if there is any) becomes 1 once the other sides were told.
  | { kind: 'leave'; done: Int32Array | null }
  | { kind: 'stop' } // closes the files; answered by `stopped`

export type FromWorker =
  | { kind: 'done'; id: number; result: unknown }
  | { kind: 'failed'; id: number; code: string; detail: string }
  | { kind: 'event'; event: PhoneEvent }
  | { kind: 'levels'; mic: number; speaker: number }
  | { kind: 'broken'; code: string; detail: string } // it has stopped: this worker is of no more use
  | { kind: 'stopped' }

// ---- worklets ---------------------------------------------------------------------------------

/** Page to worklet, through the node's own port. */
export type ToWorklet = { port: MessagePort } | { run: boolean }
/** Playback worklet to worker: pieces wanted. Worker to worklet: Int16Array of one
 * piece. Capture worklet to worker: Int16Array of any length. */
export interface Want { want: number }
