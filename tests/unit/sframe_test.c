// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "failing_env.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <sotto/media.h>
#include <stdio.h>

#define BYTES_MAX 256
#define TAG       SOTTO_SFRAME_TAG_BYTES

struct bytes {
    uint8_t at[BYTES_MAX];
    size_t len;
};

static json_t *vectors(void)
{
    char path[4096];
    const char *dir = getenv("SOTTO_VECTORS");
    assert_non_null(dir);
    snprintf(path, sizeof path, "%s/sframe/rfc9605.json", dir);
    json_error_t error;
    json_t *v = json_load_file(path, 0, &error);
    assert_non_null(v);
    return v;
}

static const char *text(const json_t *v, const char *name)
{
    const char *s = json_string_value(json_object_get(v, name));
    assert_non_null(s);
    return s;
}

static uint64_t number(const json_t *v, const char *name)
{
    char *end;
    uint64_t n = strtoull(text(v, name), &end, 16);
    assert_int_equal(*end, 0);
    return n;
}

static struct bytes unhex(const json_t *v, const char *name)
{
    struct bytes b = {.len = 0};
    const char *s = text(v, name);
    assert_true(strlen(s) % 2 == 0 && strlen(s) / 2 <= sizeof b.at);
    for (; *s != 0; s += 2) {
        unsigned byte;
        assert_int_equal(sscanf(s, "%2x", &byte), 1);
        b.at[b.len++] = (uint8_t)byte;
    }
    return b;
}

// ---- header -----------------------------------------------------------------------------------

static void header_vectors(void **state)
{
    (void)state;
    json_t *all = vectors();
    json_t *list = json_object_get(all, "header");
    assert_int_equal(json_array_size(list), 289);
    size_t i;
    json_t *v;
    json_array_foreach(list, i, v)
    {
        struct bytes want = unhex(v, "encoded");
        uint8_t got[SOTTO_SFRAME_HEADER_MAX_BYTES];
        int n = sotto_sframe_header_encode(got, sizeof got, number(v, "kid"), number(v, "ctr"));
        assert_int_equal(n, want.len);
        assert_memory_equal(got, want.at, want.len);
        uint64_t kid = 1, ctr = 1;
        assert_int_equal(sotto_sframe_header_decode(want.at, want.len, &kid, &ctr), want.len);
        assert_true(kid == number(v, "kid") && ctr == number(v, "ctr"));
        for (size_t cut = 0; cut < want.len; cut++) {
            assert_int_equal(sotto_sframe_header_decode(want.at, cut, &kid, &ctr), SOTTO_EPARSE);
            assert_int_equal(sotto_sframe_header_encode(got, cut, kid, ctr), SOTTO_ESPACE);
        }
    }
    json_decref(all);
}

static void header_not_minimal(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[4];
        size_t len;
    } bad[] = {
        {{0x08, 0x07}, 2},             // ctr 7 fits the config byte
        {{0x08, 0x00}, 2},             // ctr 0
        {{0x80, 0x07}, 2},             // kid 7
        {{0x09, 0x00, 0xff}, 3},       // ctr 255 in two bytes
        {{0x90, 0x00, 0x08}, 3},       // kid 8 in two bytes
        {{0x0a, 0x00, 0x01, 0x00}, 4}, // ctr 256 in three bytes
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t kid = 77, ctr = 78;
        assert_int_equal(sotto_sframe_header_decode(bad[i].bytes, bad[i].len, &kid, &ctr),
                         SOTTO_EPARSE);
        assert_true(kid == 77 && ctr == 78);
    }
}

// Whatever decodes encodes to the same bytes: there is one header for a pair, and one pair for it.
static void header_is_canonical(void **state)
{
    (void)state;
    for (unsigned config = 0; config < 256; config++) {
        for (unsigned fill = 0; fill < 256; fill++) {
            uint8_t in[SOTTO_SFRAME_HEADER_MAX_BYTES], out[SOTTO_SFRAME_HEADER_MAX_BYTES];
            memset(in, (int)fill, sizeof in);
            in[0] = (uint8_t)config;
            uint64_t kid, ctr;
            int n = sotto_sframe_header_decode(in, sizeof in, &kid, &ctr);
            if (n > 0) {
                assert_int_equal(sotto_sframe_header_encode(out, sizeof out, kid, ctr), n);
                assert_memory_equal(in, out, (size_t)n);
            } else {
                assert_int_equal(n, SOTTO_EPARSE);
            }
        }
    }
}

// ---- encryption -------------------------------------------------------------------------------

static struct sotto_sframe_key *vector_key(const json_t *v)
{
    struct bytes base = unhex(v, "base_key");
    struct sotto_sframe_key *k;
    assert_int_equal(sotto_sframe_key_new(&k, base.at, base.len, number(v, "kid"),
                                          sotto_env_default()),
                     0);
    assert_true(sotto_sframe_key_kid(k) == number(v, "kid"));
    return k;
}

static void suite_vector(void **state)
{
    (void)state;
    json_t *all = vectors();
    json_t *list = json_object_get(all, "sframe");
    assert_int_equal(json_array_size(list), 1);
    json_t *v = json_array_get(list, 0);
    struct sotto_sframe_key *k = vector_key(v);
    struct bytes meta = unhex(v, "metadata"), pt = unhex(v, "pt"), ct = unhex(v, "ct");
    uint8_t out[BYTES_MAX];
    assert_int_equal(sotto_sframe_seal(k, number(v, "ctr"), meta.at, meta.len, pt.at, pt.len, out,
                                       sizeof out),
                     ct.len);
    assert_memory_equal(out, ct.at, ct.len);
    uint64_t ctr = 0;
    assert_int_equal(sotto_sframe_open(k, meta.at, meta.len, ct.at, ct.len, out, sizeof out, &ctr),
                     pt.len);
    assert_memory_equal(out, pt.at, pt.len);
    assert_true(ctr == number(v, "ctr"));
    sotto_sframe_key_free(k);
    json_decref(all);
}

// The vector's sframe_key and sframe_salt, used directly, open what our derivation sealed under
// another counter.
static void derived_key_and_salt(void **state)
{
    (void)state;
    json_t *all = vectors();
    json_t *v = json_array_get(json_object_get(all, "sframe"), 0);
    struct sotto_sframe_key *k = vector_key(v);
    struct bytes key = unhex(v, "sframe_key"), nonce = unhex(v, "sframe_salt");
    const uint8_t plain[5] = "tacet";
    uint8_t sealed[64], opened[64];
    int n = sotto_sframe_seal(k, 3, NULL, 0, plain, sizeof plain, sealed, sizeof sealed);
    const int header_len = 3; // kid 0x123 in two bytes, ctr 3 in the config byte
    assert_int_equal(n, header_len + 5 + TAG);
    nonce.at[11] ^= 3;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int len;
    assert_int_equal(EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key.at, nonce.at), 1);
    assert_int_equal(EVP_DecryptUpdate(c, NULL, &len, sealed, header_len), 1);
    assert_int_equal(EVP_DecryptUpdate(c, opened, &len, sealed + header_len, 5), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG, sealed + header_len + 5),
                     1);
    assert_int_equal(EVP_DecryptFinal_ex(c, opened + len, &len), 1);
    assert_memory_equal(opened, plain, sizeof plain);
    EVP_CIPHER_CTX_free(c);
    sotto_sframe_key_free(k);
    json_decref(all);
}

static struct sotto_sframe_key *make_key(uint8_t fill, uint64_t kid)
{
    uint8_t base[32];
    memset(base, fill, sizeof base);
    struct sotto_sframe_key *k;
    assert_int_equal(sotto_sframe_key_new(&k, base, sizeof base, kid, sotto_env_default()), 0);
    return k;
}

static void tampering(void **state)
{
    (void)state;
    struct sotto_sframe_key *k = make_key(1, 9);
    const uint8_t meta[] = "meta", plain[] = "sotto voce";
    uint8_t sealed[64], out[64], untouched[64];
    memset(untouched, 0xee, sizeof untouched);
    int n = sotto_sframe_seal(k, 300, meta, 4, plain, sizeof plain, sealed, sizeof sealed);
    assert_true(n > 0);
    for (int i = 0; i < n; i++) {
        for (int bit = 0; bit < 8; bit++) {
            uint64_t ctr = 5;
            memcpy(out, untouched, sizeof out);
            sealed[i] ^= (uint8_t)(1 << bit);
            int err = sotto_sframe_open(k, meta, 4, sealed, (size_t)n, out, sizeof out, &ctr);
            assert_true(err == SOTTO_EAUTH || err == SOTTO_EPARSE);
            assert_memory_equal(out, untouched, sizeof out);
            assert_true(ctr == 5);
            sealed[i] ^= (uint8_t)(1 << bit);
        }
    }
    for (int cut = 0; cut < n; cut++) {
        uint64_t ctr;
        assert_true(sotto_sframe_open(k, meta, 4, sealed, (size_t)cut, out, sizeof out, &ctr) < 0);
    }
    uint64_t ctr;
    assert_int_equal(sotto_sframe_open(k, meta, 3, sealed, (size_t)n, out, sizeof out, &ctr),
                     SOTTO_EAUTH);
    assert_int_equal(sotto_sframe_open(k, meta, 4, sealed, (size_t)n, out, sizeof out, &ctr),
                     sizeof plain);
    sotto_sframe_key_free(k);
}

static void other_keys(void **state)
{
    (void)state;
    struct sotto_sframe_key *k = make_key(1, 1), *other_base = make_key(2, 1),
                            *other_kid = make_key(1, 2);
    uint8_t sealed[64], out[64];
    uint64_t ctr;
    int n = sotto_sframe_seal(k, 0, NULL, 0, (const uint8_t *)"x", 1, sealed, sizeof sealed);
    size_t len = (size_t)n;
    assert_int_equal(sotto_sframe_open(other_base, NULL, 0, sealed, len, out, 64, &ctr),
                     SOTTO_EAUTH);
    assert_int_equal(sotto_sframe_open(other_kid, NULL, 0, sealed, len, out, 64, &ctr),
                     SOTTO_EAUTH);
    sealed[0] = 2 << 4; // claims the other kid: derived keys differ too
    assert_int_equal(sotto_sframe_open(other_kid, NULL, 0, sealed, len, out, 64, &ctr),
                     SOTTO_EAUTH);
    sotto_sframe_key_free(k);
    sotto_sframe_key_free(other_base);
    sotto_sframe_key_free(other_kid);
}

static void sizes(void **state)
{
    (void)state;
    struct sotto_sframe_key *k = make_key(3, 0);
    static uint8_t plain[SOTTO_SFRAME_PLAIN_MAX_BYTES + 1], back[sizeof plain],
        sealed[sizeof plain + 64];
    uint64_t ctr;
    for (size_t len = 0; len <= SOTTO_SFRAME_PLAIN_MAX_BYTES; len += 64) {
        int n = sotto_sframe_seal(k, len, NULL, 0, plain, len, sealed, sizeof sealed);
        assert_true(n > (int)len);
        assert_int_equal(sotto_sframe_seal(k, len, NULL, 0, plain, len, sealed, (size_t)n - 1),
                         SOTTO_ESPACE);
        assert_int_equal(sotto_sframe_open(k, NULL, 0, sealed, (size_t)n, back, sizeof back, &ctr),
                         len);
        if (len > 0) {
            assert_int_equal(sotto_sframe_open(k, NULL, 0, sealed, (size_t)n, back, len - 1, &ctr),
                             SOTTO_ESPACE);
        }
    }
    assert_int_equal(sotto_sframe_seal(k, 0, NULL, 0, plain, sizeof plain, sealed, sizeof sealed),
                     SOTTO_EINVAL);
    assert_int_equal(sotto_sframe_seal(k, 0, plain, sizeof plain, plain, 1, sealed, sizeof sealed),
                     SOTTO_EINVAL);
    memset(sealed, 0, sizeof sealed);
    assert_int_equal(sotto_sframe_open(k, NULL, 0, sealed, sizeof sealed, back, sizeof back, &ctr),
                     SOTTO_EPARSE);
    sotto_sframe_key_free(k);
}

static void bad_keys_and_memory(void **state)
{
    (void)state;
    uint8_t base[SOTTO_SFRAME_BASE_KEY_MAX_BYTES + 1] = {0};
    struct sotto_sframe_key *k = NULL;
    assert_int_equal(sotto_sframe_key_new(&k, base, 0, 0, sotto_env_default()), SOTTO_EINVAL);
    assert_int_equal(sotto_sframe_key_new(&k, base, sizeof base, 0, sotto_env_default()),
                     SOTTO_EINVAL);
    struct failing_env f;
    failing_env_init(&f, 1);
    assert_int_equal(sotto_sframe_key_new(&k, base, 32, 0, &f.env), SOTTO_ENOMEM);
    assert_null(k);
    assert_int_equal(f.live, 0);
    failing_env_init(&f, 0);
    assert_int_equal(sotto_sframe_key_new(&k, base, 32, 0, &f.env), 0);
    sotto_sframe_key_free(k);
    assert_int_equal(f.live, 0);
    sotto_sframe_key_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_vectors),       cmocka_unit_test(header_not_minimal),
        cmocka_unit_test(header_is_canonical),  cmocka_unit_test(suite_vector),
        cmocka_unit_test(derived_key_and_salt), cmocka_unit_test(tampering),
        cmocka_unit_test(other_keys),           cmocka_unit_test(sizes),
        cmocka_unit_test(bad_keys_and_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
