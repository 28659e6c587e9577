// SPDX-License-Identifier: Apache-2.0
// Randomness for OpenSSL in a WebAssembly module, and compiled only for one. Its library is built
// without a source of its own (packaging/deps.sh): whatever draws randomness before the method
// below is in place fails. The method hands every drawing to getentropy, which WASI answers with
// random_get, and a page with crypto.getRandomValues: the same source that sotto_env_default has.
// A whole provider would be the modern way to the same three functions.
#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/rand.h>
#include <sotto/base.h>
#include <stdlib.h>

static int random_bytes(unsigned char *buf, int len)
{
    if (len < 0) {
        return 0;
    }
    const struct sotto_env *env = sotto_env_default();
    env->random(buf, (size_t)len, env->user); // aborts rather than fail
    return 1;
}

static int random_status(void)
{
    return 1;
}

static const RAND_METHOD method = {.bytes = random_bytes,
                                   .pseudorand = random_bytes,
                                   .status = random_status};

// Nothing calls it, so meson.build asks the linker for its name, and "used" keeps it.
__attribute__((constructor, used)) void ossl_wasm_randomness(void);

void ossl_wasm_randomness(void)
{
    if (RAND_set_rand_method(&method) != 1) {
        abort();
    }
}
