// SPDX-License-Identifier: Apache-2.0
// Runs a WebAssembly program of ours, as meson does with every test of the wasm variant:
//
//     node run.mjs PROGRAM.wasm [ARGUMENTS...]
//
// The program sees its arguments and the environment, and of all files only those below the
// directories named here.
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { argv, env, exit } from 'node:process'
import { setFlagsFromString } from 'node:v8'
import { WASI } from 'node:wasi'

// Node 20's short cut into WASI keeps the address that a memory had before it grew, and crashes.
setFlagsFromString('--no-turbo-fast-api-calls')

// The last one has recorded speech, for tests of sound.
const directories = [env.SOTTO_VECTORS, env.SOTTO_WEIGHTS && dirname(env.SOTTO_WEIGHTS), '/usr/share/pocketsphinx/test/data']

const [program, ...args] = argv.slice(2)
const wasi = new WASI({
  version: 'preview1',
  args: [program, ...args],
  // There is no longjmp in WebAssembly: an assertion of cmocka that fails shows itself and aborts.
  env: { ...env, CMOCKA_TEST_ABORT: '1' },
  preopens: Object.fromEntries(directories.filter((d) => d && existsSync(d)).map((d) => [d, d])),
})
const module = await WebAssembly.compile(await readFile(program))
exit(wasi.start(await WebAssembly.instantiate(module, wasi.getImportObject())))
