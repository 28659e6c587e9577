// SPDX-License-Identifier: Apache-2.0
#include <sotto/identity.h>

#include <string.h>

#include "identity/digest.h"

void sotto_token_hash(const uint8_t token[SOTTO_TOKEN_BYTES], uint8_t out[SOTTO_TOKEN_HASH_BYTES])
{
    digest_sha256_or_abort(token, SOTTO_TOKEN_BYTES, out);
}

int sotto_number_init(struct sotto_number *out, const char *label, int64_t now_unix_s,
                      const struct sotto_env *env)
{
    int rc = sotto_name_check(label);
    if (rc < 0) {
        return rc;
    }
    struct sotto_number n = {
        .state = SOTTO_NUMBER_FRESH,
        .created_unix_s = now_unix_s,
        .calls_max = SOTTO_CALLS_UNLIMITED,
    };
    env->random(n.token, sizeof n.token, env->user);
    env->random(n.secret.bytes, sizeof n.secret.bytes, env->user);
    sotto_token_hash(n.token, n.token_hash);
    memcpy(n.label, label, strlen(label) + 1);
    *out = n;
    sotto_wipe(&n, sizeof n);
    return 0;
}

int sotto_number_check(const struct sotto_number *n, int64_t now_unix_s)
{
    if (n->state == SOTTO_NUMBER_REVOKED) {
        return SOTTO_EREVOKED;
    }
    if (n->expires_unix_s != 0 && now_unix_s >= n->expires_unix_s) {
        return SOTTO_EEXPIRED;
    }
    if (n->calls_max != SOTTO_CALLS_UNLIMITED && n->calls_used >= n->calls_max) {
        return SOTTO_EUSEDUP;
    }
    return 0;
}
