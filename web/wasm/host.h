// SPDX-License-Identifier: Apache-2.0
// What the module imports (module "host"): the worker's part (web/page/src/phone/wasm.ts).
#ifndef SOTTO_WASM_HOST_H
#define SOTTO_WASM_HOST_H

#include <stddef.h>
#include <stdint.h>

#define HOST_IMPORT(name) __attribute__((import_module("host"), import_name(#name)))

// Fills with unpredictable bytes.
HOST_IMPORT(random) void host_random(void *buf, size_t len);
// As slots_host.write: 0, -1 (it failed), -2 (no room). Durable when it returns.
HOST_IMPORT(slot_write) int host_slot_write(unsigned which, const uint8_t *data, size_t len);
// A line for the developer's console; never anything secret.
HOST_IMPORT(log) void host_log(const char *text, size_t len);

#endif
