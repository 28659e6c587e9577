// SPDX-License-Identifier: Apache-2.0
// What relay/engine/store.h promises, for any implementation of it.
#ifndef SOTTO_TESTS_RELAY_STORE_CONTRACT_H
#define SOTTO_TESTS_RELAY_STORE_CONTRACT_H

#include <string.h>

#include "engine/store.h"

// Supplied by the test: makes an invitation known.
typedef int add_invite(void *user, const uint8_t invite[LINK_INVITE_BYTES], int64_t expires);

static inline struct relay_store_line contract_line(uint8_t n)
{
    struct relay_store_line line = {.line_id = {n, 1}, .key_len = 2600u + n, .created_unix_s = n};
    memset(line.key, n, line.key_len);
    return line;
}

static inline struct relay_store_number contract_number(uint8_t n, uint8_t line)
{
    return (struct relay_store_number){.token_hash = {n, 2},
                                       .line_id = {line, 1},
                                       .expires_unix_s = 1000 + n,
                                       .calls_left = LINK_CALLS_UNLIMITED - n};
}

static inline void contract_invites_and_lines(struct relay_store *s, add_invite *add, void *user)
{
    const uint8_t a[LINK_INVITE_BYTES] = {1}, b[LINK_INVITE_BYTES] = {2},
                  c[LINK_INVITE_BYTES] = {3};
    struct relay_store_line one = contract_line(1), two = contract_line(2), got;
    assert_int_equal(add(user, a, 100), 0);
    assert_int_equal(add(user, b, 0), 0);
    assert_int_equal(add(user, a, 100), SOTTO_EEXIST);
    assert_int_equal(s->invite_check(s, a, 99), 0);
    assert_int_equal(s->invite_check(s, a, 100), SOTTO_ENOTFOUND);
    assert_int_equal(s->invite_check(s, b, INT64_MAX), 0);
    assert_int_equal(s->invite_check(s, c, 0), SOTTO_ENOTFOUND);
    assert_int_equal(s->line_get(s, one.line_id, &got), SOTTO_ENOTFOUND);
    assert_int_equal(s->line_register(s, c, &one, 50), SOTTO_ENOTFOUND);
    assert_int_equal(s->line_register(s, a, &one, 100), SOTTO_ENOTFOUND); // expired
    assert_int_equal(s->line_get(s, one.line_id, &got), SOTTO_ENOTFOUND);
    assert_int_equal(s->line_register(s, a, &one, 99), 0);
    assert_int_equal(s->line_get(s, one.line_id, &got), 0);
    assert_int_equal(got.key_len, one.key_len);
    assert_memory_equal(got.key, one.key, one.key_len);
    assert_memory_equal(got.line_id, one.line_id, LINK_LINE_ID_BYTES);
    assert_int_equal(got.created_unix_s, 1);
    assert_int_equal(s->invite_check(s, a, 50), SOTTO_ENOTFOUND); // used
    assert_int_equal(s->line_register(s, a, &two, 50), SOTTO_ENOTFOUND);
    assert_int_equal(s->line_get(s, two.line_id, &got), SOTTO_ENOTFOUND);
    assert_int_equal(s->line_register(s, b, &one, 50), SOTTO_EEXIST);
    assert_int_equal(s->invite_check(s, b, 50), 0); // that did not use it up
    assert_int_equal(s->line_register(s, b, &two, 50), 0);
}

static inline void expect_number(struct relay_store *s, const struct relay_store_number *n)
{
    struct relay_store_number got;
    assert_int_equal(s->number_get(s, n->token_hash, &got), 0);
    assert_memory_equal(got.token_hash, n->token_hash, sizeof got.token_hash);
    assert_memory_equal(got.line_id, n->line_id, sizeof got.line_id);
    assert_int_equal(got.expires_unix_s, n->expires_unix_s);
    assert_int_equal(got.calls_left, n->calls_left);
}

// After contract_invites_and_lines: lines 1 and 2 are there.
static inline void contract_numbers(struct relay_store *s)
{
    struct relay_store_number a = contract_number(1, 1), b = contract_number(2, 1),
                              c = contract_number(3, 1), got = contract_number(9, 9);
    struct relay_store_number stolen = contract_number(1, 2), lost = contract_number(4, 3);
    assert_int_equal(s->number_get(s, a.token_hash, &got), SOTTO_ENOTFOUND);
    assert_int_equal(got.token_hash[0], 9); // untouched
    assert_int_equal(s->number_put(s, &a, 2), 0);
    expect_number(s, &a);
    assert_int_equal(s->number_put(s, &a, 2), 0); // the same again
    a.calls_left = 0;
    a.expires_unix_s = INT64_MAX;
    assert_int_equal(s->number_put(s, &a, 2), 0);
    expect_number(s, &a);
    assert_int_equal(s->number_put(s, &stolen, 2), SOTTO_EEXIST);
    expect_number(s, &a);
    assert_int_equal(s->number_put(s, &lost, 2), SOTTO_ENOTFOUND); // no such line
    assert_int_equal(s->number_put(s, &b, 2), 0);
    assert_int_equal(s->number_put(s, &c, 2), SOTTO_ELIMIT);
    assert_int_equal(s->number_put(s, &b, 1), 0); // changing what is there is no new number
    assert_int_equal(s->number_remove(s, a.token_hash, stolen.line_id), SOTTO_ENOTFOUND);
    expect_number(s, &a);
    assert_int_equal(s->number_remove(s, a.token_hash, a.line_id), 0);
    assert_int_equal(s->number_remove(s, a.token_hash, a.line_id), SOTTO_ENOTFOUND);
    assert_int_equal(s->number_get(s, a.token_hash, &got), SOTTO_ENOTFOUND);
    assert_int_equal(s->number_put(s, &c, 2), 0);
    assert_int_equal(s->number_put(s, &stolen, 2), 0); // free again
    expect_number(s, &stolen);
}

static inline struct relay_store_push contract_push(uint8_t n, uint8_t line)
{
    struct relay_store_push p = {.line_id = {line, 1}, .p256dh = {4, n}, .auth = {n}};
    memset(p.endpoint, 'a' + n % 26, n == 0 ? LINK_ENDPOINT_MAX_BYTES : n);
    return p;
}

// The line has just these, in this order.
static inline void expect_pushes(struct relay_store *s, uint8_t line, const uint8_t *n,
                                 size_t expected)
{
    struct relay_store_push got[RELAY_PUSH_PER_LINE_MAX], want = contract_push(1, line);
    size_t count = 99;
    assert_int_equal(s->push_list(s, want.line_id, got, &count), 0);
    assert_int_equal(count, expected);
    for (size_t i = 0; i < count; i++) {
        want = contract_push(n[i], line);
        assert_memory_equal(got[i].line_id, want.line_id, sizeof want.line_id);
        assert_string_equal(got[i].endpoint, want.endpoint);
        assert_memory_equal(got[i].p256dh, want.p256dh, sizeof want.p256dh);
        assert_memory_equal(got[i].auth, want.auth, sizeof want.auth);
    }
}

// After contract_invites_and_lines; leaves line 1 and 2 with one each.
static inline void contract_pushes(struct relay_store *s)
{
    struct relay_store_push p = contract_push(1, 1), lost = contract_push(1, 3);
    expect_pushes(s, 1, NULL, 0);
    assert_int_equal(s->push_put(s, &lost), SOTTO_ENOTFOUND); // no such line
    expect_pushes(s, 3, NULL, 0);
    assert_int_equal(s->push_put(s, &p), 0);
    assert_int_equal(s->push_put(s, &p), 0);
    expect_pushes(s, 1, (uint8_t[]){1}, 1);
    // The ninth pushes the oldest out; one that is renewed is the newest.
    for (uint8_t n = 2; n <= RELAY_PUSH_PER_LINE_MAX; n++) {
        p = contract_push(n, 1);
        assert_int_equal(s->push_put(s, &p), 0);
    }
    p = contract_push(1, 1);
    assert_int_equal(s->push_put(s, &p), 0);
    expect_pushes(s, 1, (uint8_t[]){2, 3, 4, 5, 6, 7, 8, 1}, 8);
    p = contract_push(0, 1); // the longest endpoint
    assert_int_equal(s->push_put(s, &p), 0);
    expect_pushes(s, 1, (uint8_t[]){3, 4, 5, 6, 7, 8, 1, 0}, 8);
    // Another line's are its own, at the same endpoint too.
    p = contract_push(5, 2);
    assert_int_equal(s->push_put(s, &p), 0);
    assert_int_equal(s->push_remove(s, p.line_id, contract_push(6, 1).endpoint), 0);
    assert_int_equal(s->push_remove(s, contract_push(5, 1).line_id, p.endpoint), 0);
    expect_pushes(s, 1, (uint8_t[]){3, 4, 6, 7, 8, 1, 0}, 7);
    expect_pushes(s, 2, (uint8_t[]){5}, 1);
    assert_int_equal(s->push_remove(s, contract_push(1, 1).line_id, ""), 0);
    assert_int_equal(s->push_remove(s, contract_push(1, 1).line_id, ""), 0);
    expect_pushes(s, 1, NULL, 0);
    expect_pushes(s, 2, (uint8_t[]){5}, 1);
    p = contract_push(7, 1);
    assert_int_equal(s->push_put(s, &p), 0);
}

// After contract_numbers and contract_pushes: line 1 was withdrawn.
static inline void contract_withdrawn(struct relay_store *s)
{
    struct relay_store_number b = contract_number(2, 1), other = contract_number(1, 2), got;
    struct relay_store_line line = contract_line(1);
    assert_int_equal(s->line_get(s, line.line_id, &line), SOTTO_ENOTFOUND);
    assert_int_equal(s->number_get(s, b.token_hash, &got), SOTTO_ENOTFOUND);
    assert_int_equal(s->number_put(s, &b, 10), SOTTO_ENOTFOUND);
    expect_number(s, &other);
    expect_pushes(s, 1, NULL, 0);
    expect_pushes(s, 2, (uint8_t[]){5}, 1);
}

#endif
