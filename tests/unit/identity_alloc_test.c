// SPDX-License-Identifier: Apache-2.0
// Runs every public function of base, queue and identity with each allocation failing once: first
// those through the injected allocator, then those of OpenSSL. Nothing may crash, leak, change an
// out-parameter on failure, or report success with a wrong result.
#include "unit.h"

#include <openssl/crypto.h>
#include <sotto/identity.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/queue.h"
#include "test_env.h"

// ---- what is run ------------------------------------------------------------------------------

// Keys and texts made beforehand, when nothing fails.
static struct fixture {
    uint8_t identity[256], line[256], header[SOTTO_VAULT_HEADER_BYTES];
    int identity_len, line_len;
    uint8_t spki[SOTTO_LINE_PUBLIC_MAX_BYTES], signature[SOTTO_LINE_SIGNATURE_MAX_BYTES];
    int spki_len, signature_len;
    char code[SOTTO_CODE_TEXT_BYTES];
    uint8_t place[32];
    struct sotto_secret seal;
    struct sotto_number_link link;
    struct sotto_invite_link invite;
    char link_text[SOTTO_LINK_MAX_BYTES], invite_text[SOTTO_LINK_MAX_BYTES];
} fix;

static const struct sotto_vault_cost cheap = {SOTTO_VAULT_MEMORY_MIN_KIB, 1};

// OpenSSL's memory: the allocation of this number fails, 0: none.
static size_t ssl_calls, ssl_fail_at;
static bool ssl_paused;

// Each returns what the library returned first that was not success, and frees what it got.
typedef int (*scenario)(const struct sotto_env *env);

static int use_identity(struct sotto_identity *id)
{
    uint8_t out[256];
    struct sotto_identity *again = NULL;
    struct sotto_fingerprint fp;
    int rc = sotto_identity_export(id, out, sizeof out);
    sotto_identity_fingerprint(id, &fp);
    sotto_identity_free(id);
    if (rc < 0) {
        return rc;
    }
    ssl_paused = true; // what was made while memory failed is judged while it does not
    assert_int_equal(sotto_identity_import(&again, out, (size_t)rc, sotto_env_default()), 0);
    sotto_identity_free(again);
    ssl_paused = false;
    return 0;
}

static int identity_generate(const struct sotto_env *env)
{
    struct sotto_identity *id = NULL;
    int rc = sotto_identity_generate(&id, env);
    assert_int_equal(rc == 0, id != NULL);
    return rc == 0 ? use_identity(id) : rc;
}

static int identity_import(const struct sotto_env *env)
{
    struct sotto_identity *id = NULL;
    int rc = sotto_identity_import(&id, fix.identity, (size_t)fix.identity_len, env);
    assert_int_equal(rc == 0, id != NULL);
    return rc == 0 ? use_identity(id) : rc;
}

static int use_line_key(struct sotto_line_key *k)
{
    static uint8_t spki[SOTTO_LINE_PUBLIC_MAX_BYTES], signature[SOTTO_LINE_SIGNATURE_MAX_BYTES];
    uint8_t out[256], id[SOTTO_LINE_ID_BYTES];
    sotto_line_key_id(k, id);
    int spki_len = sotto_line_key_public(k, spki, sizeof spki);
    int rc = sotto_line_key_export(k, out, sizeof out);
    if (rc >= 0) {
        rc = sotto_line_key_sign(k, id, sizeof id, signature, sizeof signature);
    }
    sotto_line_key_free(k);
    if (rc < 0) {
        return rc;
    }
    ssl_paused = true;
    assert_int_equal(sotto_line_verify(spki, (size_t)spki_len, id, sizeof id, signature,
                                       (size_t)rc),
                     0);
    ssl_paused = false;
    return 0;
}

static int line_key_generate(const struct sotto_env *env)
{
    struct sotto_line_key *k = NULL;
    int rc = sotto_line_key_generate(&k, env);
    assert_int_equal(rc == 0, k != NULL);
    return rc == 0 ? use_line_key(k) : rc;
}

static int line_key_import(const struct sotto_env *env)
{
    struct sotto_line_key *k = NULL;
    int rc = sotto_line_key_import(&k, fix.line, (size_t)fix.line_len, env);
    assert_int_equal(rc == 0, k != NULL);
    return rc == 0 ? use_line_key(k) : rc;
}

static int line_verify(const struct sotto_env *env)
{
    (void)env;
    uint8_t altered[SOTTO_LINE_SIGNATURE_MAX_BYTES];
    memcpy(altered, fix.signature, sizeof altered);
    altered[1000] ^= 1;
    int rc = sotto_line_verify(fix.spki, (size_t)fix.spki_len, fix.line, 8, fix.signature,
                               (size_t)fix.signature_len);
    int bad = sotto_line_verify(fix.spki, (size_t)fix.spki_len, fix.line, 8, altered,
                                (size_t)fix.signature_len);
    // OpenSSL 3.5 accepts this one if an allocation fails right after the good one was verified.
    assert_true(bad == SOTTO_EAUTH || bad == SOTTO_ECRYPTO);
    // A signature that cannot be checked may be called wrong, never the reverse.
    return rc == SOTTO_EAUTH ? SOTTO_ECRYPTO : rc;
}

static void assert_opens(const char *passphrase, const uint8_t header[SOTTO_VAULT_HEADER_BYTES])
{
    struct sotto_vault *v = NULL;
    ssl_paused = true;
    assert_int_equal(sotto_vault_open(&v, passphrase, header, sotto_env_default()), 0);
    sotto_vault_free(v);
    ssl_paused = false;
}

static int use_vault(struct sotto_vault *v)
{
    uint8_t header[SOTTO_VAULT_HEADER_BYTES], sealed[64], out[64];
    int rc = sotto_vault_seal(v, "n", 1, (const uint8_t *)"blob", 4, sealed, sizeof sealed);
    if (rc >= 0) {
        rc = sotto_vault_open_blob(v, "n", 1, sealed, (size_t)rc, out, sizeof out);
        assert_true(rc < 0 || memcmp(out, "blob", 4) == 0);
    }
    if (rc >= 0) {
        memset(header, 0x5d, sizeof header);
        rc = sotto_vault_rewrap(v, "other", &cheap, header);
        assert_int_equal(rc == 0, header[0] == 's');
    }
    sotto_vault_free(v);
    if (rc == 0) {
        assert_opens("other", header);
    }
    return rc;
}

static int vault_create(const struct sotto_env *env)
{
    struct sotto_vault *v = NULL;
    uint8_t header[SOTTO_VAULT_HEADER_BYTES] = {0};
    int rc = sotto_vault_create(&v, "passphrase", &cheap, header, env);
    assert_int_equal(rc == 0, v != NULL);
    assert_int_equal(rc == 0, header[0] == 's');
    if (rc < 0) {
        return rc;
    }
    sotto_vault_free(v);
    assert_opens("passphrase", header);
    return 0;
}

static int vault_open(const struct sotto_env *env)
{
    struct sotto_vault *v = NULL;
    int rc = sotto_vault_open(&v, "passphrase", fix.header, env);
    assert_int_equal(rc == 0, v != NULL);
    return rc == 0 ? use_vault(v) : rc;
}

static int links(const struct sotto_env *env)
{
    (void)env;
    char text[SOTTO_LINK_MAX_BYTES] = "";
    struct sotto_number_link l;
    struct sotto_invite_link i;
    int rc = sotto_number_link_format(&fix.link, text, sizeof text);
    assert_int_equal(rc >= 0, strcmp(text, fix.link_text) == 0);
    if (rc >= 0) {
        rc = sotto_number_link_parse(&l, fix.link_text);
    }
    if (rc >= 0) {
        rc = sotto_invite_link_format(&fix.invite, text, sizeof text);
        assert_int_equal(rc >= 0, strcmp(text, fix.invite_text) == 0);
    }
    if (rc >= 0) {
        rc = sotto_invite_link_parse(&i, fix.invite_text);
    }
    return rc < 0 ? rc : 0;
}

static int codes(const struct sotto_env *env)
{
    char code[SOTTO_CODE_TEXT_BYTES];
    uint8_t place[32] = {0};
    struct sotto_secret seal = {{0}};
    sotto_code_generate(code, env);
    int rc = sotto_code_derive(fix.code, place, &seal);
    assert_int_equal(rc == 0, memcmp(place, fix.place, sizeof place) == 0);
    assert_int_equal(rc == 0, memcmp(&seal, &fix.seal, sizeof seal) == 0);
    return rc;
}

static int words(const struct sotto_env *env)
{
    struct sotto_words right = {{1, 2, 3, 4}}, choices[6];
    int rc = sotto_words_choices(&right, choices, 6, env);
    return rc < 0 ? rc : 0;
}

// These give identifiers out and have no way to fail but aborting, so that OpenSSL's memory may not
// fail under them.
static int numbers(const struct sotto_env *env)
{
    struct sotto_number n;
    uint8_t id[SOTTO_LINE_ID_BYTES];
    sotto_line_id_from_public(fix.line, (size_t)fix.line_len, id);
    return sotto_number_init(&n, "Angela", 0, env);
}

static int memory(const struct sotto_env *env)
{
    void *blocks[3] = {mem_alloc(env, 8), mem_alloc_array(env, 2, 4), mem_dup(env, "12345678", 8)};
    int rc = 0;
    for (size_t i = 0; i < 3; i++) {
        rc = blocks[i] == NULL ? SOTTO_ENOMEM : rc;
        mem_free_secret(env, blocks[i], 8);
    }
    return rc;
}

static int queues(const struct sotto_env *env)
{
    static const uint8_t block[700];
    struct queue q;
    int rc = 0;
    queue_init(&q, 3000, env);
    for (int i = 0; i < 10 && rc >= 0; i++) {
        size_t before = queue_count(&q);
        rc = i < 4 ? queue_push(&q, block, sizeof block) : queue_push_dropping(&q, block, 500);
        assert_true(rc >= 0 || queue_count(&q) <= before);
    }
    queue_clear(&q);
    return rc < 0 ? rc : 0;
}

static const struct {
    const char *name;
    scenario run;
    bool openssl; // its memory may fail
} scenarios[] = {
    {"identity_generate", identity_generate, true},
    {"identity_import", identity_import, true},
    {"line_key_generate", line_key_generate, true},
    {"line_key_import", line_key_import, true},
    {"line_verify", line_verify, true},
    {"vault_create", vault_create, true},
    {"vault_open", vault_open, true},
    {"links", links, true},
    {"codes", codes, true},
    {"words", words, true},
    {"numbers", numbers, false},
    {"memory", memory, false},
    {"queues", queues, false},
};
#define SCENARIOS (sizeof scenarios / sizeof scenarios[0])
// More than any of them asks for.
#define SWEEP_MAX 5000

// ---- the injected allocator -------------------------------------------------------------------

static void each_allocation_of_ours(void **state)
{
    (void)state;
    size_t failures = 0;
    for (size_t s = 0; s < SCENARIOS; s++) {
        for (size_t n = 1;; n++) {
            struct test_env t;
            test_env_init(&t, 77);
            t.fail_at = n;
            int rc = scenarios[s].run(&t.env);
            assert_int_equal(t.live, 0);
            if (t.calls < n) {
                assert_int_equal(rc, 0);
                break;
            }
            assert_int_equal(rc, SOTTO_ENOMEM);
            failures++;
            assert_true(n < SWEEP_MAX);
        }
    }
    // One for each object, three blocks, and the queue's growth.
    assert_in_range(failures, 12, SWEEP_MAX);
}

// ---- OpenSSL's --------------------------------------------------------------------------------

static bool ssl_fails(void)
{
    return !ssl_paused && ++ssl_calls == ssl_fail_at;
}

static void *ssl_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return size == 0 || ssl_fails() ? NULL : malloc(size);
}

static void *ssl_realloc(void *ptr, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return ssl_fails() ? NULL : realloc(ptr, size);
}

static void ssl_free(void *ptr, const char *file, int line)
{
    (void)file;
    (void)line;
    free(ptr);
}

// What OpenSSL does after it overlooked a failed allocation is for valgrind an error of its own.
static bool under_valgrind(void)
{
    const char *preload = getenv("LD_PRELOAD");
    return preload != NULL && strstr(preload, "vgpreload") != NULL;
}

static void each_allocation_of_openssl(void **state)
{
    (void)state;
    if (under_valgrind()) {
        skip();
    }
    size_t failures = 0;
    for (size_t s = 0; s < SCENARIOS; s++) {
        if (!scenarios[s].openssl) {
            continue;
        }
        for (size_t n = 1;; n++) {
            struct test_env t;
            test_env_init(&t, 77);
            ssl_calls = 0;
            ssl_fail_at = n;
            int rc = scenarios[s].run(&t.env);
            bool reached = ssl_calls >= n;
            ssl_fail_at = 0;
            assert_int_equal(t.live, 0);
            if (!reached) {
                assert_int_equal(rc, 0);
                break;
            }
            // 0: OpenSSL did without.
            if (rc != 0 && rc != SOTTO_ENOMEM && rc != SOTTO_ECRYPTO) {
                fail_msg("%s, allocation %zu: %s", scenarios[s].name, n, sotto_strerror(rc));
            }
            failures += rc != 0;
            assert_true(n < SWEEP_MAX);
        }
        // And it is not broken afterwards.
        struct test_env t;
        test_env_init(&t, 78);
        assert_int_equal(scenarios[s].run(&t.env), 0);
    }
    assert_in_range(failures, 50, SIZE_MAX);
}

// ---- set-up -----------------------------------------------------------------------------------

static int make_fixture(void **state)
{
    (void)state;
    const struct sotto_env *env = sotto_env_default();
    struct sotto_identity *id = NULL;
    struct sotto_line_key *k = NULL;
    struct sotto_vault *v = NULL;
    fix.link.relay = (struct sotto_relay_address){.host = "relay.example", .port = 443};
    fix.invite.relay = fix.link.relay;
    int rc = sotto_identity_generate(&id, env) | sotto_line_key_generate(&k, env) |
             sotto_vault_create(&v, "passphrase", &cheap, fix.header, env);
    if (rc != 0) {
        return rc;
    }
    fix.identity_len = sotto_identity_export(id, fix.identity, sizeof fix.identity);
    fix.line_len = sotto_line_key_export(k, fix.line, sizeof fix.line);
    fix.spki_len = sotto_line_key_public(k, fix.spki, sizeof fix.spki);
    fix.signature_len = sotto_line_key_sign(k, fix.line, 8, fix.signature, sizeof fix.signature);
    sotto_code_generate(fix.code, env);
    rc |= sotto_code_derive(fix.code, fix.place, &fix.seal);
    sotto_number_link_format(&fix.link, fix.link_text, sizeof fix.link_text);
    sotto_invite_link_format(&fix.invite, fix.invite_text, sizeof fix.invite_text);
    sotto_identity_free(id);
    sotto_line_key_free(k);
    sotto_vault_free(v);
    // What OpenSSL fetches once and keeps is fetched now.
    for (size_t s = 0; s < SCENARIOS; s++) {
        rc |= scenarios[s].run(env);
    }
    return rc;
}

int main(void)
{
    if (CRYPTO_set_mem_functions(ssl_malloc, ssl_realloc, ssl_free) != 1) {
        return EXIT_FAILURE; // something has allocated before
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_of_ours),
        cmocka_unit_test(each_allocation_of_openssl),
    };
    return cmocka_run_group_tests(tests, make_fixture, NULL);
}
