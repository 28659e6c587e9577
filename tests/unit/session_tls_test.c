// SPDX-License-Identifier: Apache-2.0
// TLS alone, without seal and proofs. Peers that are not ours are in tests/interop.
#include "unit.h"

#include <string.h>

#include "session/tls.h"

static struct sotto_identity *id[2];
static struct session_tls tls[2]; // by role

struct judge {
    int verdict;
    int asked;
    uint8_t spki[IDENTITY_MLDSA_SPKI_BYTES];
};
static struct judge judges[2];

static int ask(void *arg, const uint8_t spki[IDENTITY_MLDSA_SPKI_BYTES])
{
    struct judge *j = arg;
    j->asked++;
    memcpy(j->spki, spki, sizeof j->spki);
    return j->verdict;
}

static int group_setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(sotto_identity_generate(&id[i], sotto_env_default()), 0);
    }
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    sotto_identity_free(id[0]);
    sotto_identity_free(id[1]);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    memset(judges, 0, sizeof judges);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(session_tls_init(&tls[i], (enum sotto_role)i, SOTTO_SUITE_HYBRID,
                                          identity_mldsa(id[i]), ask, &judges[i]),
                         0);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    session_tls_deinit(&tls[0]);
    session_tls_deinit(&tls[1]);
    return 0;
}

// What one side has for the other; the number of bytes.
static size_t carry(int from)
{
    static uint8_t buf[16384];
    size_t n, total = 0;
    while ((n = session_tls_take(&tls[from], buf, sizeof buf)) > 0) {
        assert_int_equal(session_tls_feed(&tls[1 - from], buf, n), 0);
        total += n;
    }
    return total;
}

static void shake(void)
{
    assert_int_equal(session_tls_handshake(&tls[0]), SOTTO_EAGAIN);
    assert_true(carry(0) > 0);
    assert_int_equal(session_tls_handshake(&tls[1]), SOTTO_EAGAIN);
    assert_true(carry(1) > 0);
    assert_int_equal(session_tls_handshake(&tls[0]), 0);
    assert_true(carry(0) > 0);
    assert_int_equal(session_tls_handshake(&tls[1]), 0);
    assert_int_equal(session_tls_pending(&tls[1]), 0); // no tickets
}

static void test_handshake(void **state)
{
    (void)state;
    uint8_t spki[IDENTITY_MLDSA_SPKI_BYTES];
    shake();
    for (int i = 0; i < 2; i++) {
        assert_true(tls[i].finished);
        assert_int_equal(judges[i].asked, 1);
        assert_int_equal(identity_mldsa_spki(identity_mldsa(id[1 - i]), spki), 0);
        assert_memory_equal(judges[i].spki, spki, sizeof spki);
        assert_memory_equal(tls[i].peer_spki, spki, sizeof spki);
        assert_string_equal(session_tls_group(&tls[i]), "SecP384r1MLKEM1024");
        assert_string_equal(session_tls_cipher(&tls[i]), "TLS_AES_256_GCM_SHA384");
    }
}

static void test_exporter(void **state)
{
    (void)state;
    uint8_t a[64], b[64];
    memset(a, 0x5a, sizeof a);
    // The server could know its exporter secret before the client has proven anything.
    assert_int_equal(session_tls_handshake(&tls[0]), SOTTO_EAGAIN);
    carry(0);
    assert_int_equal(session_tls_handshake(&tls[1]), SOTTO_EAGAIN);
    assert_int_equal(session_tls_export(&tls[1], "EXPORTER-x", NULL, 0, a, 64), SOTTO_ESTATE);
    assert_int_equal(session_tls_export(&tls[0], "EXPORTER-x", NULL, 0, a, 64), SOTTO_ESTATE);
    assert_int_equal(a[0], 0x5a);
    carry(1);
    assert_int_equal(session_tls_handshake(&tls[0]), 0);
    carry(0);
    assert_int_equal(session_tls_handshake(&tls[1]), 0);
    assert_int_equal(session_tls_export(&tls[0], "EXPORTER-x", NULL, 0, a, 64), 0);
    assert_int_equal(session_tls_export(&tls[1], "EXPORTER-x", NULL, 0, b, 64), 0);
    assert_memory_equal(a, b, 64);
    assert_int_equal(session_tls_export(&tls[1], "EXPORTER-y", NULL, 0, b, 64), 0);
    assert_memory_not_equal(a, b, 64);
    assert_int_equal(session_tls_export(&tls[1], "EXPORTER-x", (const uint8_t *)"c", 1, b, 64), 0);
    assert_memory_not_equal(a, b, 64);
}

static void test_client_does_not_like_the_key(void **state)
{
    (void)state;
    judges[0].verdict = SOTTO_EPEER;
    (void)session_tls_handshake(&tls[0]);
    carry(0);
    (void)session_tls_handshake(&tls[1]);
    carry(1);
    assert_int_equal(session_tls_handshake(&tls[0]), SOTTO_EPEER);
    assert_false(tls[0].finished);
    assert_true(tls[0].broken);
    size_t sent = carry(0);
    assert_in_range(sent, 1, 64); // an alert, no certificate
    assert_int_equal(session_tls_handshake(&tls[1]), SOTTO_EREFUSED);
}

static void test_server_does_not_like_the_key(void **state)
{
    (void)state;
    judges[1].verdict = SOTTO_EPEER;
    (void)session_tls_handshake(&tls[0]);
    carry(0);
    (void)session_tls_handshake(&tls[1]);
    carry(1);
    assert_int_equal(session_tls_handshake(&tls[0]), 0); // it cannot know yet
    carry(0);
    assert_int_equal(session_tls_handshake(&tls[1]), SOTTO_EPEER);
    assert_false(tls[1].finished);
    carry(1);
    uint8_t buf[16];
    assert_int_equal(session_tls_recv(&tls[0], buf, sizeof buf), SOTTO_EREFUSED);
}

static void test_data_and_close(void **state)
{
    (void)state;
    uint8_t buf[16];
    shake();
    assert_int_equal(session_tls_recv(&tls[1], buf, sizeof buf), SOTTO_EAGAIN);
    assert_int_equal(session_tls_send(&tls[0], (const uint8_t *)"hello", 5), 0);
    carry(0);
    assert_int_equal(session_tls_recv(&tls[1], buf, 3), 3);
    assert_int_equal(session_tls_recv(&tls[1], buf + 3, 3), 2);
    assert_memory_equal(buf, "hello", 5);
    session_tls_close(&tls[0]);
    assert_true(carry(0) > 0);
    assert_int_equal(session_tls_recv(&tls[1], buf, sizeof buf), SOTTO_ECLOSED);
}

static void test_close_needs_a_handshake(void **state)
{
    (void)state;
    (void)session_tls_handshake(&tls[0]);
    carry(0);
    session_tls_close(&tls[0]);
    assert_int_equal(session_tls_pending(&tls[0]), 0);
}

// A key update is ordinary TLS, and not in our profile.
static void test_key_update_is_forbidden(void **state)
{
    (void)state;
    uint8_t buf[16];
    shake();
    assert_int_equal(SSL_key_update(tls[0].ssl, SSL_KEY_UPDATE_REQUESTED), 1);
    tls[0].forbidden = false;
    assert_int_equal(session_tls_send(&tls[0], (const uint8_t *)"x", 1), 0);
    carry(0);
    assert_int_equal(session_tls_recv(&tls[1], buf, sizeof buf), SOTTO_EPROTO);
    assert_int_equal(session_tls_pending(&tls[1]), 0);
}

static void test_take_in_pieces(void **state)
{
    (void)state;
    static uint8_t buf[8192];
    (void)session_tls_handshake(&tls[0]);
    size_t total = session_tls_pending(&tls[0]), got = 0;
    assert_int_equal(session_tls_take(&tls[0], buf, 100), 100);
    assert_int_equal(session_tls_pending(&tls[0]), total - 100);
    got = session_tls_take(&tls[0], buf, sizeof buf);
    assert_int_equal(got, total - 100);
    assert_int_equal(session_tls_take(&tls[0], buf, sizeof buf), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_handshake, setup, teardown),
        cmocka_unit_test_setup_teardown(test_exporter, setup, teardown),
        cmocka_unit_test_setup_teardown(test_client_does_not_like_the_key, setup, teardown),
        cmocka_unit_test_setup_teardown(test_server_does_not_like_the_key, setup, teardown),
        cmocka_unit_test_setup_teardown(test_data_and_close, setup, teardown),
        cmocka_unit_test_setup_teardown(test_close_needs_a_handshake, setup, teardown),
        cmocka_unit_test_setup_teardown(test_key_update_is_forbidden, setup, teardown),
        cmocka_unit_test_setup_teardown(test_take_in_pieces, setup, teardown),
    };
    return cmocka_run_group_tests_name("session_tls", tests, group_setup, group_teardown);
}
