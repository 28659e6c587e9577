// SPDX-License-Identifier: Apache-2.0
// Runs a WebAssembly program of ours, as meson does with every test of the wasm variant:
//
//     node run.mjs PROGRAM.wasm [ARGUMENTS...]
//
// The program sees its arguments and the environment, and can read, of all files, only those below the
// directories that $SOTTO_VECTORS and $SOTTO_WEIGHTS name.
import { readFile } from 'node:fs/promises'
import { argv, env, exit } from 'node:process'
import { WASI } from 'node:wasi'

const [program, ...rest] = argv.slice(2)
const preopens = {}
for (const dir of [env.SOTTO_VECTORS, env.SOTTO_WEIGHTS]) {
  if (dir) preopens[dir] = dir
}
// There is no longjmp in WebAssembly: an assertion of cmocka that fails shows itself and aborts.
const testEnv = { ...env, CMOCKA_TEST_ABORT: '1' }
const wasi = new WASI({ version: 'preview1', args: [program, ...rest], env: testEnv, preopens })
const module = await WebAssembly.compile(await readFile(program))
exit(wasi.start(await WebAssembly.instantiate(module, wasi.getImportObject())))
