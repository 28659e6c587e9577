// SPDX-License-Identifier: Apache-2.0
// What the engine asks of storage. One implementation on SQLite (relay/store), one in memory for
// tests and the simulator (relay/store/memory.c). Each call is atomic and durable when it returns.
#ifndef SOTTO_RELAY_STORE_H
#define SOTTO_RELAY_STORE_H

#include <sotto/base.h>

#include "wire/link.h"

struct relay_store_line {
    uint8_t line_id[LINK_LINE_ID_BYTES];
    uint8_t key[LINK_KEY_MAX_BYTES]; // SPKI DER
    size_t key_len;
    int64_t created_unix_s;
};

struct relay_store_number {
    uint8_t token_hash[LINK_TOKEN_HASH_BYTES];
    uint8_t line_id[LINK_LINE_ID_BYTES];
    int64_t expires_unix_s; // 0 never
    uint32_t calls_left;    // LINK_CALLS_UNLIMITED
};

#define RELAY_PUSH_PER_LINE_MAX 8 // one more takes the place of the oldest

// A Web Push subscription: how a line's device can be woken.
struct relay_store_push {
    uint8_t line_id[LINK_LINE_ID_BYTES];
    char endpoint[LINK_ENDPOINT_MAX_BYTES + 1];
    uint8_t p256dh[LINK_P256DH_BYTES];
    uint8_t auth[LINK_AUTH_BYTES];
};

// All return 0 or: SOTTO_ENOTFOUND, SOTTO_EEXIST, SOTTO_EFULL (disk full), SOTTO_EIO, SOTTO_ELIMIT.
//
// A write (line_register, number_put, number_remove, push_put, push_remove) may instead return
// SOTTO_EAGAIN: it is under way, its arguments were copied, and its result comes later through
// relay_engine_stored with the `job` that the engine set before the call. So a slow disk holds
// nobody's voice up.
struct relay_store {
    uint64_t job;
    // Consumes the invitation and makes the line in one transaction.
    // ENOTFOUND: invitation unknown, used or expired. EEXIST: the line is there already: if it is
    // the same key the engine treats it as done (a device that crashed before it heard the OK).
    int (*line_register)(struct relay_store *s, const uint8_t invite[LINK_INVITE_BYTES],
                         const struct relay_store_line *line, int64_t now_unix_s);
    int (*line_get)(struct relay_store *s, const uint8_t line_id[LINK_LINE_ID_BYTES],
                    struct relay_store_line *out);
    int (*invite_check)(struct relay_store *s, const uint8_t invite[LINK_INVITE_BYTES],
                        int64_t now_unix_s);
    // Makes or changes. EEXIST: the hash belongs to another line. ELIMIT: over numbers_max.
    int (*number_put)(struct relay_store *s, const struct relay_store_number *n,
                      uint32_t numbers_max);
    // Only the owner's; ENOTFOUND otherwise.
    int (*number_remove)(struct relay_store *s, const uint8_t token_hash[LINK_TOKEN_HASH_BYTES],
                         const uint8_t line_id[LINK_LINE_ID_BYTES]);
    int (*number_get)(struct relay_store *s, const uint8_t token_hash[LINK_TOKEN_HASH_BYTES],
                      struct relay_store_number *out);
    // Makes it the line's newest, in the place of one with the same endpoint. ENOTFOUND: no line.
    int (*push_put)(struct relay_store *s, const struct relay_store_push *p);
    // endpoint "": all of the line's. Idempotent.
    int (*push_remove)(struct relay_store *s, const uint8_t line_id[LINK_LINE_ID_BYTES],
                       const char *endpoint);
    // Oldest first.
    int (*push_list)(struct relay_store *s, const uint8_t line_id[LINK_LINE_ID_BYTES],
                     struct relay_store_push out[RELAY_PUSH_PER_LINE_MAX], size_t *count);
};

#endif
