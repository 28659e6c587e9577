// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "failing_env.h"
#include "media/cell_crypt.h"

#define SECOND SOTTO_NS_PER_S

static struct sotto_secret base(uint8_t fill)
{
    struct sotto_secret s;
    memset(s.bytes, fill, sizeof s.bytes);
    return s;
}

struct pair {
    struct cell_sealer *s;
    struct cell_opener *o;
};

static void set_epoch(struct pair *p, uint32_t epoch)
{
    struct sotto_secret b = base((uint8_t)(epoch + 1));
    assert_int_equal(cell_opener_add_key(p->o, epoch, &b), 0);
    assert_int_equal(cell_sealer_set_key(p->s, epoch, &b), 0);
}

static struct pair make_pair(void)
{
    struct pair p;
    assert_int_equal(cell_sealer_new(&p.s, sotto_env_default()), 0);
    assert_int_equal(cell_opener_new(&p.o, sotto_env_default()), 0);
    set_epoch(&p, 0);
    return p;
}

static void free_pair(struct pair *p)
{
    cell_sealer_free(p->s);
    cell_opener_free(p->o);
}

static const uint8_t voice[60] = {1, 2, 3};

static void seal(struct pair *p, uint8_t cell[CELL_BYTES])
{
    struct cell_content c = {.voice = voice, .voice_len = sizeof voice};
    assert_int_equal(cell_seal(p->s, &c, cell), 0);
}

static int open_at(struct pair *p, const uint8_t cell[CELL_BYTES], sotto_ns now, uint64_t *ctr)
{
    uint8_t plain[CELL_PLAINTEXT_MAX_BYTES];
    struct cell_content c;
    uint64_t got = 0;
    int err = cell_open(p->o, cell, now, plain, &c, &got);
    if (err == 0) {
        assert_int_equal(c.voice_len, sizeof voice);
        assert_memory_equal(c.voice, voice, sizeof voice);
        *ctr = got;
    }
    return err;
}

static int open_now(struct pair *p, const uint8_t cell[CELL_BYTES])
{
    uint64_t ctr;
    return open_at(p, cell, 0, &ctr);
}

static void seal_many(struct pair *p, uint64_t until)
{
    uint8_t cell[CELL_BYTES];
    while (cell_sealer_next_ctr(p->s) < until) {
        seal(p, cell);
    }
}

// ---- sizes and counters -----------------------------------------------------------------------

// The header grows, the plaintext shrinks.
static void one_size_at_any_counter(void **state)
{
    (void)state;
    struct pair p = make_pair();
    static const struct {
        uint64_t ctr;
        size_t room;
    } want[] = {{0, 119}, {7, 119}, {8, 118}, {255, 118}, {256, 117}, {65535, 117}, {65536, 116}};
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        seal_many(&p, want[i].ctr);
        assert_int_equal(cell_sealer_next_ctr(p.s), want[i].ctr);
        assert_int_equal(cell_sealer_room(p.s), want[i].room);
        uint8_t cell[CELL_BYTES + 8], full[CELL_PLAINTEXT_MAX_BYTES] = {0};
        memset(cell, 0xaa, sizeof cell);
        struct cell_content c = {.voice = full, .voice_len = want[i].room - 1};
        assert_int_equal(cell_seal(p.s, &c, cell), SOTTO_ESPACE);
        assert_int_equal(cell_sealer_next_ctr(p.s), want[i].ctr);
        c.voice_len = want[i].room - CELL_ITEM_OVERHEAD;
        assert_int_equal(cell_seal(p.s, &c, cell), 0);
        for (size_t k = CELL_BYTES; k < sizeof cell; k++) {
            assert_int_equal(cell[k], 0xaa);
        }
        uint8_t plain[CELL_PLAINTEXT_MAX_BYTES];
        struct cell_content got;
        uint64_t ctr;
        assert_int_equal(cell_open(p.o, cell, 0, plain, &got, &ctr), 0);
        assert_true(ctr == want[i].ctr);
        assert_int_equal(got.voice_len, c.voice_len);
    }
    free_pair(&p);
}

// As from a peer that has sent for years: cells of large counters are made by SFrame directly.
static void large_counters_open(void **state)
{
    (void)state;
    const uint64_t ctrs[] = {UINT64_C(1) << 32, UINT64_C(1) << 40, UINT64_C(1) << 62};
    struct pair p = make_pair();
    struct sotto_secret b = base(1);
    struct sotto_sframe_key *k;
    assert_int_equal(sotto_sframe_key_new(&k, b.bytes, 32, 0, sotto_env_default()), 0);
    for (size_t i = 0; i < sizeof ctrs / sizeof ctrs[0]; i++) {
        uint8_t header[SOTTO_SFRAME_HEADER_MAX_BYTES];
        int header_len = sotto_sframe_header_encode(header, sizeof header, 0, ctrs[i]);
        size_t room = CELL_BYTES - SOTTO_SFRAME_TAG_BYTES - (size_t)header_len;
        uint8_t plain[CELL_PLAINTEXT_MAX_BYTES], cell[CELL_BYTES];
        struct cell_content c = {.voice = voice, .voice_len = sizeof voice};
        assert_int_equal(cell_encode(&c, plain, room), room);
        assert_int_equal(sotto_sframe_seal(k, ctrs[i], (const uint8_t *)CELL_METADATA,
                                           strlen(CELL_METADATA), plain, room, cell, CELL_BYTES),
                         CELL_BYTES);
        uint64_t ctr = 0;
        assert_int_equal(open_at(&p, cell, 0, &ctr), 0);
        assert_true(ctr == ctrs[i]);
    }
    sotto_sframe_key_free(k);
    free_pair(&p);
}

// Over epochs too, and after refused content.
static void counters_never_repeat(void **state)
{
    (void)state;
    struct pair p = make_pair();
    uint8_t cell[CELL_BYTES];
    uint64_t expected = 0;
    for (uint32_t epoch = 0; epoch < 20; epoch++) {
        if (epoch > 0) {
            set_epoch(&p, epoch);
        }
        for (int i = 0; i < 30; i++) {
            uint64_t kid, ctr;
            seal(&p, cell);
            assert_true(sotto_sframe_header_decode(cell, sizeof cell, &kid, &ctr) > 0);
            assert_true(kid == epoch);
            assert_true(ctr == expected);
            expected++;
            struct cell_content bad = {.earlier_count = CELL_EARLIER_MAX + 1};
            assert_true(cell_seal(p.s, &bad, cell) < 0);
        }
    }
    free_pair(&p);
}

static void without_a_key(void **state)
{
    (void)state;
    struct pair p;
    assert_int_equal(cell_sealer_new(&p.s, sotto_env_default()), 0);
    assert_int_equal(cell_opener_new(&p.o, sotto_env_default()), 0);
    uint8_t cell[CELL_BYTES] = {0};
    struct cell_content c = {0};
    assert_int_equal(cell_seal(p.s, &c, cell), SOTTO_ESTATE);
    assert_int_equal(cell_sealer_room(p.s), 0);
    assert_int_equal(open_now(&p, cell), SOTTO_EAUTH);
    assert_true(cell_opener_epoch(p.o) == -1);
    free_pair(&p);
}

// ---- replay and tampering ---------------------------------------------------------------------

static void replay_and_reorder(void **state)
{
    (void)state;
    struct pair p = make_pair();
    enum {
        N = CELL_REPLAY_WINDOW + 10
    };
    static uint8_t cells[N][CELL_BYTES];
    for (int i = 0; i < N; i++) {
        seal(&p, cells[i]);
    }
    assert_int_equal(open_now(&p, cells[500]), 0);
    assert_int_equal(open_now(&p, cells[500]), SOTTO_EREPLAY);
    assert_int_equal(open_now(&p, cells[400]), 0);
    assert_int_equal(open_now(&p, cells[400]), SOTTO_EREPLAY);
    assert_int_equal(open_now(&p, cells[N - 1]), 0);
    assert_int_equal(open_now(&p, cells[N - 1 - CELL_REPLAY_WINDOW]), SOTTO_EREPLAY); // too old
    assert_int_equal(open_now(&p, cells[N - CELL_REPLAY_WINDOW]), 0);
    assert_int_equal(open_now(&p, cells[500]), SOTTO_EREPLAY);
    free_pair(&p);
}

static void tampering_at_every_byte(void **state)
{
    (void)state;
    struct pair p = make_pair();
    uint8_t cell[CELL_BYTES];
    seal_many(&p, 1000); // a header of three bytes
    seal(&p, cell);
    for (size_t i = 0; i < CELL_BYTES; i++) {
        for (int bit = 0; bit < 8; bit++) {
            cell[i] ^= (uint8_t)(1 << bit);
            int err = open_now(&p, cell);
            assert_true(err == SOTTO_EAUTH || err == SOTTO_EPARSE);
            cell[i] ^= (uint8_t)(1 << bit);
        }
    }
    assert_true(cell_opener_epoch(p.o) == -1);
    assert_int_equal(open_now(&p, cell), 0); // none of it counted as seen
    free_pair(&p);
}

// A forged cell with a far counter must not push the window on.
static void forgery_moves_no_window(void **state)
{
    (void)state;
    struct pair p = make_pair();
    uint8_t cell[CELL_BYTES], forged[CELL_BYTES] = {0};
    seal(&p, cell);
    assert_true(sotto_sframe_header_encode(forged, sizeof forged, 0, UINT64_MAX) > 0);
    assert_int_equal(open_now(&p, forged), SOTTO_EAUTH);
    assert_int_equal(open_now(&p, cell), 0);
    free_pair(&p);
}

// What one side sends does not open for itself: each direction has its own base key.
static void reflection(void **state)
{
    (void)state;
    struct pair a = make_pair();
    struct cell_opener *own;
    struct sotto_secret other = base(99);
    assert_int_equal(cell_opener_new(&own, sotto_env_default()), 0);
    assert_int_equal(cell_opener_add_key(own, 0, &other), 0);
    struct pair back = {.s = a.s, .o = own};
    uint8_t cell[CELL_BYTES];
    seal(&a, cell);
    assert_int_equal(open_now(&back, cell), SOTTO_EAUTH);
    cell_opener_free(own);
    free_pair(&a);
}

static void malformed_but_authentic(void **state)
{
    (void)state;
    struct pair p = make_pair();
    struct sotto_secret b = base(1);
    struct sotto_sframe_key *k;
    assert_int_equal(sotto_sframe_key_new(&k, b.bytes, 32, 0, sotto_env_default()), 0);
    uint8_t junk[CELL_PLAINTEXT_MAX_BYTES], plain[CELL_PLAINTEXT_MAX_BYTES], cell[CELL_BYTES];
    memset(junk, 0x77, sizeof junk);
    assert_int_equal(sotto_sframe_seal(k, 0, (const uint8_t *)CELL_METADATA, strlen(CELL_METADATA),
                                       junk, sizeof junk, cell, CELL_BYTES),
                     CELL_BYTES);
    struct cell_content c = {.voice_len = 1234};
    uint64_t ctr = 55;
    assert_int_equal(cell_open(p.o, cell, 0, plain, &c, &ctr), SOTTO_EPARSE);
    assert_true(c.voice_len == 1234 && ctr == 55);
    assert_int_equal(open_now(&p, cell), SOTTO_EREPLAY);
    sotto_sframe_key_free(k);
    free_pair(&p);
}

// ---- epochs -----------------------------------------------------------------------------------

static void epochs_go_up_by_one(void **state)
{
    (void)state;
    struct pair p;
    struct sotto_secret b = base(1);
    assert_int_equal(cell_sealer_new(&p.s, sotto_env_default()), 0);
    assert_int_equal(cell_opener_new(&p.o, sotto_env_default()), 0);
    assert_int_equal(cell_sealer_set_key(p.s, 1, &b), SOTTO_EINVAL);
    assert_int_equal(cell_opener_add_key(p.o, 1, &b), SOTTO_EINVAL);
    set_epoch(&p, 0);
    const uint32_t refused[] = {0, 2, UINT32_MAX};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(cell_sealer_set_key(p.s, refused[i], &b), SOTTO_EINVAL);
        assert_int_equal(cell_opener_add_key(p.o, refused[i], &b), SOTTO_EINVAL);
    }
    uint8_t cell[CELL_BYTES];
    seal(&p, cell);
    assert_int_equal(open_now(&p, cell), 0); // the refusals changed nothing
    set_epoch(&p, 1);
    seal(&p, cell);
    assert_int_equal(open_now(&p, cell), 0);
    free_pair(&p);
}

static void old_epoch_ends(void **state)
{
    (void)state;
    struct pair p = make_pair();
    uint8_t old[5][CELL_BYTES], first[CELL_BYTES];
    uint64_t ctr;
    for (int i = 0; i < 5; i++) {
        seal(&p, old[i]);
    }
    assert_int_equal(open_at(&p, old[0], 0, &ctr), 0);
    assert_true(cell_opener_epoch(p.o) == 0);
    set_epoch(&p, 1);
    seal(&p, first);
    // The new key alone ends nothing, however long the peer takes.
    assert_int_equal(open_at(&p, old[1], 60 * SECOND, &ctr), 0);
    assert_true(cell_opener_epoch(p.o) == 0);
    assert_int_equal(open_at(&p, first, 100 * SECOND, &ctr), 0);
    assert_true(cell_opener_epoch(p.o) == 1);
    // Late cells of the old epoch still come, and do not turn the epoch back.
    assert_int_equal(open_at(&p, old[2], 100 * SECOND + CELL_OLD_EPOCH_NS - 1, &ctr), 0);
    assert_true(ctr == 2);
    assert_true(cell_opener_epoch(p.o) == 1);
    assert_int_equal(open_at(&p, old[3], 100 * SECOND + CELL_OLD_EPOCH_NS, &ctr), SOTTO_EAUTH);
    assert_int_equal(open_at(&p, old[4], 100 * SECOND, &ctr), SOTTO_EAUTH); // it is gone for good
    free_pair(&p);
}

static void two_epochs_are_held(void **state)
{
    (void)state;
    struct pair p = make_pair();
    uint8_t cells[3][CELL_BYTES];
    seal(&p, cells[0]);
    set_epoch(&p, 1);
    seal(&p, cells[1]);
    set_epoch(&p, 2);
    seal(&p, cells[2]);
    assert_int_equal(open_now(&p, cells[0]), SOTTO_EAUTH);
    assert_int_equal(open_now(&p, cells[1]), 0);
    assert_true(cell_opener_epoch(p.o) == 1);
    assert_int_equal(open_now(&p, cells[2]), 0);
    assert_true(cell_opener_epoch(p.o) == 2);
    free_pair(&p);
}

static void unknown_epoch(void **state)
{
    (void)state;
    struct pair p = make_pair();
    struct sotto_secret b = base(2);
    uint8_t cell[CELL_BYTES];
    assert_int_equal(cell_sealer_set_key(p.s, 1, &b), 0); // the opener does not know it yet
    seal(&p, cell);
    assert_int_equal(open_now(&p, cell), SOTTO_EAUTH);
    assert_int_equal(cell_opener_add_key(p.o, 1, &b), 0);
    assert_int_equal(open_now(&p, cell), 0);
    free_pair(&p);
}

// A cell of one epoch is no cell of the next, though the counter would be new.
static void one_window_for_all_epochs(void **state)
{
    (void)state;
    struct pair p = make_pair();
    uint8_t cell[CELL_BYTES], copy[CELL_BYTES];
    seal(&p, cell);
    assert_int_equal(open_now(&p, cell), 0);
    set_epoch(&p, 1);
    memcpy(copy, cell, sizeof copy);
    copy[0] = (uint8_t)(1 << 4 | (cell[0] & 0x0f));
    assert_int_equal(open_now(&p, copy), SOTTO_EREPLAY);
    assert_int_equal(open_now(&p, cell), SOTTO_EREPLAY);
    free_pair(&p);
}

static void end_of_time(void **state)
{
    (void)state;
    struct pair p = make_pair();
    uint8_t cell[CELL_BYTES];
    uint64_t ctr;
    seal(&p, cell);
    assert_int_equal(open_at(&p, cell, SOTTO_NEVER - 2, &ctr), 0);
    set_epoch(&p, 1);
    seal(&p, cell);
    assert_int_equal(open_at(&p, cell, SOTTO_NEVER - 2, &ctr), 0);
    free_pair(&p);
}

// ---- memory -----------------------------------------------------------------------------------

static int whole_life(const struct sotto_env *env)
{
    struct pair p = {0};
    uint8_t cell[CELL_BYTES];
    struct sotto_secret b = base(1);
    struct cell_content c = {.voice = voice, .voice_len = sizeof voice};
    int err = cell_sealer_new(&p.s, env);
    err = err != 0 ? err : cell_opener_new(&p.o, env);
    for (uint32_t epoch = 0; err == 0 && epoch < 3; epoch++) {
        err = cell_sealer_set_key(p.s, epoch, &b);
        err = err != 0 ? err : cell_opener_add_key(p.o, epoch, &b);
        err = err != 0 ? err : cell_seal(p.s, &c, cell);
        err = err != 0 ? err : open_now(&p, cell);
    }
    free_pair(&p);
    return err;
}

static void allocation_failures(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        struct failing_env f;
        failing_env_init(&f, n);
        int err = whole_life(&f.env);
        assert_int_equal(f.live, 0);
        if (!f.failed) {
            assert_int_equal(err, 0);
            assert_int_equal(n, 9); // eight allocations: two objects, three keys on each side
            break;
        }
        assert_int_equal(err, SOTTO_ENOMEM);
    }
}

// A failed change of epoch leaves the old one in use.
static void failed_epoch_changes_nothing(void **state)
{
    (void)state;
    struct failing_env f;
    failing_env_init(&f, 0);
    struct pair p;
    assert_int_equal(cell_sealer_new(&p.s, &f.env), 0);
    assert_int_equal(cell_opener_new(&p.o, &f.env), 0);
    set_epoch(&p, 0);
    f.fail_at = f.calls + 1;
    struct sotto_secret b = base(2);
    assert_int_equal(cell_sealer_set_key(p.s, 1, &b), SOTTO_ENOMEM);
    assert_int_equal(cell_opener_add_key(p.o, 1, &b), SOTTO_ENOMEM);
    uint8_t cell[CELL_BYTES];
    seal(&p, cell);
    assert_int_equal(open_now(&p, cell), 0);
    f.fail_at = 0;
    set_epoch(&p, 1);
    seal(&p, cell);
    assert_int_equal(open_now(&p, cell), 0);
    free_pair(&p);
    assert_int_equal(f.live, 0);
}

// Counters that are skipped are spent; the peer takes them for lost.
static void ticks_without_a_cell(void **state)
{
    (void)state;
    struct pair p = make_pair();
    uint8_t cell[CELL_BYTES], plain[CELL_PLAINTEXT_MAX_BYTES];
    struct cell_content c = {0}, got;
    uint64_t ctr;
    for (uint64_t k = 0; k < 300; k++) {
        cell_sealer_skip(p.s, 2);
        assert_int_equal(cell_sealer_next_ctr(p.s), 3 * k + 2);
        assert_int_equal(cell_seal(p.s, &c, cell), 0);
        assert_int_equal(cell_open(p.o, cell, 0, plain, &got, &ctr), 0);
        assert_true(ctr == 3 * k + 2);
    }
    cell_sealer_skip(p.s, UINT32_MAX);
    assert_true(cell_sealer_next_ctr(p.s) == 900 + (uint64_t)UINT32_MAX);
    free_pair(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_size_at_any_counter),
        cmocka_unit_test(large_counters_open),
        cmocka_unit_test(counters_never_repeat),
        cmocka_unit_test(without_a_key),
        cmocka_unit_test(replay_and_reorder),
        cmocka_unit_test(tampering_at_every_byte),
        cmocka_unit_test(forgery_moves_no_window),
        cmocka_unit_test(reflection),
        cmocka_unit_test(malformed_but_authentic),
        cmocka_unit_test(epochs_go_up_by_one),
        cmocka_unit_test(old_epoch_ends),
        cmocka_unit_test(two_epochs_are_held),
        cmocka_unit_test(unknown_epoch),
        cmocka_unit_test(one_window_for_all_epochs),
        cmocka_unit_test(end_of_time),
        cmocka_unit_test(allocation_failures),
        cmocka_unit_test(failed_epoch_changes_nothing),
        cmocka_unit_test(ticks_without_a_cell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
