#include "unit.h"

#include "frame.h"
#include "net.h"
#include "varint.h"

#include <stdlib.h>
#include <string.h>

#include <sotto/base.h>

struct got {
    size_t lens[16];
    uint8_t first[16], last[16];
    unsigned count, stop_after;
};

static bool take(void *user, const uint8_t *msg, size_t len)
{
    struct got *g = user;
    assert_true(g->count < 16);
    g->lens[g->count] = len;
    g->first[g->count] = len > 0 ? msg[0] : 0;
    g->last[g->count] = len > 0 ? msg[len - 1] : 0;
    g->count++;
    return g->count != g->stop_after;
}

static size_t put(uint8_t *out, size_t len, uint8_t first, uint8_t last)
{
    frame_header_put(out, len);
    memset(out + FRAME_HEADER_BYTES, 0x55, len);
    if (len > 0) {
        out[FRAME_HEADER_BYTES] = first;
        out[FRAME_HEADER_BYTES + len - 1] = last;
    }
    return FRAME_HEADER_BYTES + len;
}

static void test_any_cut(void **state)
{
    (void)state;
    static uint8_t stream[70000];
    static const size_t lens[] = {0, 1, 2, 300, 0, NET_MESSAGE_MAX_BYTES, 255, 256};
    size_t n = 0;
    for (size_t i = 0; i < 8; i++) {
        n += put(stream + n, lens[i], (uint8_t)(i + 1), (uint8_t)(i + 101));
    }
    static const size_t cuts[] = {1, 2, 3, 7, 100, 1200, 20482, 69999};
    for (size_t c = 0; c < 8; c++) {
        struct frame_decoder d = {0};
        struct got g = {0};
        for (size_t at = 0; at < n; at += cuts[c]) {
            size_t piece = n - at < cuts[c] ? n - at : cuts[c];
            // Its own block, so that a sanitizer sees a read beyond it.
            uint8_t *copy = malloc(piece);
            memcpy(copy, stream + at, piece);
            assert_int_equal(frame_decoder_push(&d, copy, piece, take, &g), 0);
            free(copy);
        }
        assert_int_equal(g.count, 8);
        for (size_t i = 0; i < 8; i++) {
            assert_int_equal(g.lens[i], lens[i]);
            if (lens[i] > 1) {
                assert_int_equal(g.first[i], i + 1);
                assert_int_equal(g.last[i], i + 101);
            }
        }
        assert_null(d.partial); // nothing is kept between messages
        frame_decoder_deinit(&d);
    }
}

static void test_too_long(void **state)
{
    (void)state;
    struct frame_decoder d = {0};
    struct got g = {0};
    uint8_t bytes[4] = {0, 0, (NET_MESSAGE_MAX_BYTES + 1) >> 8, (NET_MESSAGE_MAX_BYTES + 1) & 255};
    assert_int_equal(frame_decoder_push(&d, bytes, 4, take, &g), SOTTO_EPARSE);
    assert_int_equal(g.count, 1);
    // And nothing is decoded any more.
    assert_int_equal(frame_decoder_push(&d, bytes, 2, take, &g), 0);
    assert_int_equal(g.count, 1);
    frame_decoder_deinit(&d);
}

static void test_stop(void **state)
{
    (void)state;
    struct frame_decoder d = {0};
    struct got g = {.stop_after = 2};
    static const uint8_t bytes[] = {0, 1, 'a', 0, 1, 'b', 0, 1, 'c'};
    assert_int_equal(frame_decoder_push(&d, bytes, sizeof bytes, take, &g), 0);
    assert_int_equal(g.count, 2);
    frame_decoder_deinit(&d);
}

static void test_abandoned(void **state)
{
    (void)state;
    struct frame_decoder d = {0};
    struct got g = {0};
    static const uint8_t bytes[] = {1, 0, 'a'};
    assert_int_equal(frame_decoder_push(&d, bytes, sizeof bytes, take, &g), 0);
    assert_non_null(d.partial);
    frame_decoder_deinit(&d);
    assert_int_equal(g.count, 0);
}

static void test_varint(void **state)
{
    (void)state;
    // RFC 9000 Appendix A.1.
    static const struct {
        uint8_t bytes[8];
        size_t len;
        uint64_t value;
    } cases[] = {
        {{0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c}, 8, 151288809941952652},
        {{0x9d, 0x7f, 0x3e, 0x7d}, 4, 494878333},
        {{0x7b, 0xbd}, 2, 15293},
        {{0x25}, 1, 37},
    };
    for (size_t i = 0; i < 4; i++) {
        uint64_t value = 0;
        uint8_t out[VARINT_MAX_BYTES];
        assert_int_equal(varint_get(cases[i].bytes, cases[i].len, &value), cases[i].len);
        assert_int_equal(value, cases[i].value);
        assert_int_equal(varint_get(cases[i].bytes, cases[i].len - 1, &value), 0);
        assert_int_equal(varint_put(out, value), cases[i].len);
        assert_memory_equal(out, cases[i].bytes, cases[i].len);
        struct varint_reader r = {0};
        for (size_t at = 0; at < cases[i].len; at++) {
            const uint8_t *p = cases[i].bytes + at;
            assert_int_equal(varint_read(&r, &p, p + 1, &value), at + 1 == cases[i].len);
        }
        assert_int_equal(value, cases[i].value);
    }
    // A longer form than needed is allowed.
    static const uint8_t longer[] = {0x40, 0x25};
    uint64_t value = 0;
    assert_int_equal(varint_get(longer, 2, &value), 2);
    assert_int_equal(value, 37);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_cut), cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_stop),    cmocka_unit_test(test_abandoned),
        cmocka_unit_test(test_varint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
