// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "wire/cell.h"

#include <sotto/base.h>
#include <string.h>

#define SIZE CELL_PLAINTEXT_MAX_BYTES

static const uint8_t bytes[256] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

static struct cell_content everything(void)
{
    return (struct cell_content){
        .voice = bytes,
        .voice_len = 40,
        .earlier = {{.distance = 1, .packet = bytes + 3, .len = 10},
                    {.distance = CELL_DISTANCE_MAX, .packet = bytes + 5, .len = 1}},
        .earlier_count = 2,
        .stream = bytes + 7,
        .stream_len = 9,
        .stream_offset = 0x01020304,
        .has_ack = true,
        .ack = 0xfffffffe,
        .blocks = {{0x0506, 0x0708}, {1, 0xffff}},
        .block_count = 2,
        .has_report = true,
        .report = {.highest_ctr = UINT64_C(0x1122334455667788),
                   .held_ms = 0x99aa,
                   .received = 0xbbccddee,
                   .loss = 0x12,
                   .burst = 0x13,
                   .history = true,
                   .wish = 2,
                   .span = 3,
                   .playout_ms = 0x415},
    };
}

static void assert_reports_equal(const struct cell_report *a, const struct cell_report *b)
{
    assert_true(a->highest_ctr == b->highest_ctr);
    assert_int_equal(a->held_ms, b->held_ms);
    assert_int_equal(a->received, b->received);
    assert_int_equal(a->loss, b->loss);
    assert_int_equal(a->burst, b->burst);
    assert_int_equal(a->history, b->history);
    assert_int_equal(a->wish, b->wish);
    assert_int_equal(a->span, b->span);
    assert_int_equal(a->playout_ms, b->playout_ms);
}

static void everything_comes_back(void **state)
{
    (void)state;
    struct cell_content sent = everything(), got;
    uint8_t cell[SIZE];
    assert_int_equal(cell_encode(&sent, cell, SIZE), SIZE);
    assert_int_equal(cell_decode(&got, cell, SIZE), 0);
    assert_int_equal(got.voice_len, 40);
    assert_memory_equal(got.voice, bytes, 40);
    assert_int_equal(got.earlier_count, 2);
    assert_int_equal(got.earlier[0].distance, 1);
    assert_int_equal(got.earlier[0].len, 10);
    assert_memory_equal(got.earlier[0].packet, bytes + 3, 10);
    assert_int_equal(got.earlier[1].distance, CELL_DISTANCE_MAX);
    assert_int_equal(got.earlier[1].len, 1);
    assert_int_equal(got.stream_len, 9);
    assert_memory_equal(got.stream, bytes + 7, 9);
    assert_true(got.stream_offset == 0x01020304);
    assert_true(got.has_ack && got.ack == 0xfffffffe);
    assert_int_equal(got.block_count, 2);
    assert_memory_equal(got.blocks, sent.blocks, sizeof got.blocks);
    assert_true(got.has_report);
    assert_reports_equal(&got.report, &sent.report);
}

static void exact_bytes(void **state)
{
    (void)state;
    uint8_t cell[40];
    struct cell_content c = everything();
    c.voice_len = 2;
    c.earlier_count = 1;
    c.earlier[0].len = 1;
    c.has_report = false;
    c.stream_len = 1;
    c.block_count = 1;
    assert_int_equal(cell_encode(&c, cell, sizeof cell), 40);
    static const uint8_t expected[40] = {
        1, 2, 1,    2,                            // voice
        2, 2, 1,    4,                            // earlier, one tick ago
        3, 5, 1,    2,    3,    4,    8,          // stream at 0x01020304
        4, 8, 0xff, 0xff, 0xff, 0xfe, 5, 6, 7, 8, // and a block beyond it
    };
    assert_memory_equal(cell, expected, sizeof expected);
    assert_int_equal(cell_control_bytes(&c), 7 + 10); // of these

    c = (struct cell_content){.has_report = true, .report = everything().report};
    assert_int_equal(cell_encode(&c, cell, 20), 20);
    assert_memory_equal(cell,
                        "\x05\x12\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee"
                        "\x12\x13\xdc\x15", // 1, 10, 11, then the delay
                        20);
}

static void silence_is_a_cell_too(void **state)
{
    (void)state;
    struct cell_content empty = {0}, got = everything();
    uint8_t cell[SIZE];
    memset(cell, 0xff, sizeof cell);
    assert_int_equal(cell_encode(&empty, cell, SIZE), SIZE);
    for (size_t i = 0; i < SIZE; i++) {
        assert_int_equal(cell[i], 0);
    }
    assert_int_equal(cell_decode(&got, cell, SIZE), 0);
    assert_null(got.voice);
    assert_null(got.stream);
    assert_false(got.has_ack || got.has_report);
    assert_int_equal(got.earlier_count, 0);
    assert_int_equal(cell_decode(&got, NULL, 0), 0);
}

static void it_fits_to_the_byte(void **state)
{
    (void)state;
    struct cell_content c = {.voice = bytes, .voice_len = SIZE - CELL_ITEM_OVERHEAD}, got;
    uint8_t cell[SIZE + 1];
    cell[SIZE] = 0xee;
    assert_int_equal(cell_encode(&c, cell, SIZE), SIZE);
    assert_int_equal(cell_decode(&got, cell, SIZE), 0);
    assert_int_equal(got.voice_len, c.voice_len);
    c.voice_len++;
    assert_int_equal(cell_encode(&c, cell, SIZE), SOTTO_ESPACE);
    assert_int_equal(cell[SIZE], 0xee);

    c = (struct cell_content){.stream = bytes, .stream_len = SIZE - CELL_STREAM_OVERHEAD};
    assert_int_equal(cell_encode(&c, cell, SIZE), SIZE);
    c.stream_len++;
    assert_int_equal(cell_encode(&c, cell, SIZE), SOTTO_ESPACE);

    // An item's length is one byte, however large the cell.
    uint8_t large[600];
    c = (struct cell_content){.voice = bytes, .voice_len = 255};
    assert_int_equal(cell_encode(&c, large, sizeof large), 600);
    c.voice_len = 256;
    assert_int_equal(cell_encode(&c, large, sizeof large), SOTTO_ESPACE);
}

static void nonsense_is_not_sent(void **state)
{
    (void)state;
    uint8_t cell[SIZE];
    struct cell_content c = everything();
    c.voice_len = 0;
    assert_int_equal(cell_encode(&c, cell, SIZE), SOTTO_EINVAL);
    c = everything();
    c.stream_len = 0;
    assert_int_equal(cell_encode(&c, cell, SIZE), SOTTO_EINVAL);
    c = everything();
    c.stream_offset = UINT32_MAX - 8;
    assert_int_equal(cell_encode(&c, cell, SIZE), SOTTO_EINVAL);
    c.stream_offset = UINT32_MAX - 9;
    assert_int_equal(cell_encode(&c, cell, SIZE), SIZE);
    c = everything();
    c.earlier[0].distance = 0;
    assert_int_equal(cell_encode(&c, cell, SIZE), SOTTO_EINVAL);
    c = everything();
    c.earlier[1].distance = c.earlier[0].distance;
    assert_int_equal(cell_encode(&c, cell, SIZE), SOTTO_EINVAL);
    c = everything();
    c.earlier[1].len = 0;
    assert_int_equal(cell_encode(&c, cell, SIZE), SOTTO_EINVAL);
    c = everything();
    c.earlier_count = CELL_EARLIER_MAX + 1;
    assert_int_equal(cell_encode(&c, cell, SIZE), SOTTO_EINVAL);
    c = everything();
    c.earlier[1].distance = CELL_DISTANCE_MAX + 1;
    assert_int_equal(cell_encode(&c, cell, SIZE), SOTTO_EINVAL);
    c = everything();
    c.earlier[1].own = true; // without the one between
    assert_int_equal(cell_encode(&c, cell, SIZE), SOTTO_EINVAL);
    c = everything();
    c.blocks[0].after = 0; // that would be no gap
    assert_int_equal(cell_encode(&c, cell, SIZE), SOTTO_EINVAL);
    c = everything();
    c.blocks[1].len = 0;
    assert_int_equal(cell_encode(&c, cell, SIZE), SOTTO_EINVAL);
    c = everything();
    c.block_count = CELL_BLOCKS_MAX + 1;
    assert_int_equal(cell_encode(&c, cell, SIZE), SOTTO_EINVAL);
    c = everything();
    c.has_ack = false;
    assert_int_equal(cell_encode(&c, cell, SIZE), SOTTO_EINVAL);
    c = everything();
    c.report.wish = CELL_SPAN_MAX + 1;
    assert_int_equal(cell_encode(&c, cell, SIZE), SOTTO_EINVAL);
    c = everything();
    c.report.span = CELL_SPAN_MAX + 1;
    assert_int_equal(cell_encode(&c, cell, SIZE), SOTTO_EINVAL);
    c = everything();
    c.report.playout_ms = CELL_PLAYOUT_MAX_MS + 1;
    assert_int_equal(cell_encode(&c, cell, SIZE), SOTTO_EINVAL);
}

#define BAD(...)                                                  \
    {                                                             \
        sizeof((const uint8_t[]){__VA_ARGS__}), (const uint8_t[]) \
        {                                                         \
            __VA_ARGS__                                           \
        }                                                         \
    }

static void anything_else_is_refused(void **state)
{
    (void)state;
    static const uint8_t report[] = {5, 18, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    struct {
        size_t len;
        const uint8_t *data;
    } bad[] = {
        BAD(1),                      // no length
        BAD(1, 0),                   // empty voice
        BAD(1, 2, 9),                // item longer than the cell
        BAD(1, 1, 9, 1, 1, 9),       // voice twice
        BAD(2, 0),                   // no distance
        BAD(2, 1, 1),                // no packet
        BAD(2, 2, 0, 9),             // distance 0
        BAD(2, 2, 1, 9, 2, 2, 1, 9), // the same distance twice
        BAD(2, 2, 1, 9, 2, 2, 2, 9, 2, 2, 3, 9, 2, 2, 4, 9, 2, 2, 5, 9), // five
        BAD(2, 2, 0x80, 9),                                              // distance 0, own
        BAD(2, 2, 0x82, 9),                                              // own, the one before not
        BAD(2, 2, 0x81, 9, 2, 2, 1, 9),                                  // one tick twice
        BAD(2, 2, 2, 9, 2, 2, 0x81, 9, 2, 2, 0x83, 9),                   // a hole in what is own
        BAD(2, 2, 0x81, 9, 2, 2, 0x82, 9, 2, 2, 0x83, 9),                // four ticks
        BAD(3, 3, 0, 0, 0),                                              // short offset
        BAD(3, 4, 0, 0, 0, 0),                                           // nothing in the stream
        BAD(3, 5, 0xff, 0xff, 0xff, 0xff, 1),                            // stream beyond 2^32
        BAD(3, 5, 0, 0, 0, 0, 1, 3, 5, 0, 0, 0, 1, 1),                   // stream twice
        BAD(4, 3, 0, 0, 0),                                              // short
        BAD(4, 5, 0, 0, 0, 0, 0),                                        // long
        BAD(4, 4, 0, 0, 0, 1, 4, 4, 0, 0, 0, 1),                         // twice
        BAD(4, 7, 0, 0, 0, 1, 0, 1, 0),                                  // half a block
        BAD(4, 8, 0, 0, 0, 1, 0, 0, 0, 1),                               // without a gap
        BAD(4, 8, 0, 0, 0, 1, 0, 1, 0, 0),                               // of nothing
        BAD(4, 16, 0, 0, 0, 1, 0, 1, 0, 1, 0, 3, 0, 1, 0, 5, 0, 1),      // three blocks
        BAD(5, 1, 0),                                                    // short
        BAD(6, 1, 0),                                                    // unknown
        BAD(255, 0),                                                     // unknown
        BAD(0, 1),                                                       // padding that is not zero
        BAD(0, 0, 0, 0, 0, 0, 0, 0, 128),
        BAD(1, 1, 9, 0, 4, 4, 0, 0, 0, 1), // an item behind the padding
    };
    struct cell_content untouched, got;
    memset(&untouched, 0x5a, sizeof untouched);
    memcpy(&got, &untouched, sizeof got);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(cell_decode(&got, bad[i].data, bad[i].len), SOTTO_EPARSE);
    }
    uint8_t twice[2 * sizeof report];
    memcpy(twice, report, sizeof report);
    memcpy(twice + sizeof report, report, sizeof report);
    assert_int_equal(cell_decode(&got, twice, sizeof twice), SOTTO_EPARSE);
    assert_int_equal(cell_decode(&got, report, sizeof report - 1), SOTTO_EPARSE);
    assert_memory_equal(&got, &untouched, sizeof got);
    assert_int_equal(cell_decode(&got, report, sizeof report), 0);
    assert_true(got.report.highest_ctr == 1);
}

static void items_in_any_order(void **state)
{
    (void)state;
    static const uint8_t cell[] = {4, 4, 0, 0, 0, 7, 2, 2, 3, 9, 1, 1, 8, 2, 2, 1, 6};
    struct cell_content got;
    assert_int_equal(cell_decode(&got, cell, sizeof cell), 0);
    assert_int_equal(got.ack, 7);
    assert_int_equal(got.voice[0], 8);
    assert_int_equal(got.earlier_count, 2);
    assert_int_equal(got.earlier[0].distance, 3);
    assert_int_equal(got.earlier[1].packet[0], 6);
}

static void four_earlier_frames(void **state)
{
    (void)state;
    static const uint8_t cell[] = {2, 2, 1, 9, 2, 2, 2, 9, 2, 2, 3, 9, 2, 2, 4, 9, 0};
    struct cell_content got;
    assert_int_equal(cell_decode(&got, cell, sizeof cell), 0);
    assert_int_equal(got.earlier_count, CELL_EARLIER_MAX);
}

static void a_cell_for_several_ticks(void **state)
{
    (void)state;
    static const uint8_t two[] = {1, 1, 8, 2, 2, 0x81, 7, 2, 2, 2, 6, 2, 2, 3, 5};
    static const uint8_t three[] = {2, 2, 0x82, 6, 1, 1, 8, 2, 2, 4, 5, 2, 2, 0x81, 7};
    struct cell_content got;
    assert_int_equal(cell_decode(&got, two, sizeof two), 0);
    assert_int_equal(cell_span(&got), 2);
    assert_true(got.earlier[0].own && got.earlier[0].distance == 1);
    assert_false(got.earlier[1].own || got.earlier[2].own);
    uint8_t again[sizeof two];
    assert_int_equal(cell_encode(&got, again, sizeof again), sizeof two);
    assert_memory_equal(again, two, sizeof two);
    assert_int_equal(cell_decode(&got, three, sizeof three), 0);
    assert_int_equal(cell_span(&got), 3);
    assert_true(got.earlier[0].own && got.earlier[0].distance == 2 && !got.earlier[1].own);
    got = (struct cell_content){0};
    assert_int_equal(cell_span(&got), 1);
}

// What version 0.1 wrote there is read as a delay, and as no wish.
static void a_report_without_wish(void **state)
{
    (void)state;
    uint8_t cell[20] = {5, 18};
    struct cell_content got;
    cell[18] = 0x81;
    cell[19] = 0x90;
    assert_int_equal(cell_decode(&got, cell, sizeof cell), 0);
    assert_true(got.report.history);
    assert_int_equal(got.report.wish, 0);
    assert_int_equal(got.report.span, 0);
    assert_int_equal(got.report.playout_ms, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_comes_back),    cmocka_unit_test(exact_bytes),
        cmocka_unit_test(silence_is_a_cell_too),    cmocka_unit_test(it_fits_to_the_byte),
        cmocka_unit_test(nonsense_is_not_sent),     cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(items_in_any_order),       cmocka_unit_test(four_earlier_frames),
        cmocka_unit_test(a_cell_for_several_ticks), cmocka_unit_test(a_report_without_wish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
