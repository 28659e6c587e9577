// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "wire/cursor.h"

#include <limits.h>
#include <sotto/base.h>
#include <string.h>

static void integers_are_big_endian(void **state)
{
    (void)state;
    uint8_t buf[15];
    struct wire_writer w = wire_writer(buf, sizeof buf);
    wire_write_u8(&w, 0x01);
    wire_write_u16(&w, 0x0203);
    wire_write_u32(&w, 0x04050607);
    wire_write_u64(&w, UINT64_C(0x08090a0b0c0d0e0f));
    assert_int_equal(wire_writer_finish(&w), 15);
    for (uint8_t i = 0; i < 15; i++) {
        assert_int_equal(buf[i], i + 1);
    }
    struct wire_reader r = wire_reader(buf, sizeof buf);
    assert_int_equal(wire_read_u8(&r), 0x01);
    assert_int_equal(wire_read_u16(&r), 0x0203);
    assert_int_equal(wire_read_u32(&r), 0x04050607);
    assert_false(wire_reader_done(&r));
    assert_true(wire_read_u64(&r) == UINT64_C(0x08090a0b0c0d0e0f));
    assert_true(wire_reader_done(&r));
}

static void extreme_integers(void **state)
{
    (void)state;
    uint8_t buf[15];
    struct wire_writer w = wire_writer(buf, sizeof buf);
    wire_write_u8(&w, UINT8_MAX);
    wire_write_u16(&w, UINT16_MAX);
    wire_write_u32(&w, UINT32_MAX);
    wire_write_u64(&w, UINT64_MAX);
    struct wire_reader r = wire_reader(buf, w.len);
    assert_int_equal(wire_read_u8(&r), UINT8_MAX);
    assert_int_equal(wire_read_u16(&r), UINT16_MAX);
    assert_true(wire_read_u32(&r) == UINT32_MAX);
    assert_true(wire_read_u64(&r) == UINT64_MAX);
}

static void a_short_read_is_sticky(void **state)
{
    (void)state;
    const uint8_t data[] = {1, 2, 3};
    struct wire_reader r = wire_reader(data, sizeof data);
    assert_int_equal(wire_read_u32(&r), 0);
    assert_true(r.failed);
    // Bytes are there, but the decoder has lost its place.
    assert_int_equal(wire_read_u8(&r), 0);
    assert_null(wire_read_view(&r, 1));
    assert_null(wire_read_view(&r, 0));
    size_t len = 9;
    assert_null(wire_read_rest(&r, &len));
    assert_int_equal(len, 0);
    len = 9;
    assert_null(wire_read_vec8(&r, 255, &len));
    assert_int_equal(len, 0);
    assert_false(wire_reader_done(&r));
    uint8_t out[2] = {7, 7};
    wire_read_bytes(&r, out, sizeof out);
    assert_int_equal(out[0] | out[1], 0);
}

static void bytes_and_views(void **state)
{
    (void)state;
    const uint8_t data[] = "abcdef";
    struct wire_reader r = wire_reader(data, 6);
    char out[3] = "";
    wire_read_bytes(&r, out, 2);
    assert_string_equal(out, "ab");
    assert_ptr_equal(wire_read_view(&r, 2), data + 2);
    size_t len;
    assert_ptr_equal(wire_read_rest(&r, &len), data + 4);
    assert_int_equal(len, 2);
    assert_true(wire_reader_done(&r));
    wire_read_rest(&r, &len);
    assert_int_equal(len, 0);
    assert_true(wire_reader_done(&r));
    assert_null(wire_read_view(&r, 1));
    assert_false(wire_reader_done(&r));

    r = wire_reader(data, 6);
    assert_null(wire_read_view(&r, SIZE_MAX));
    assert_true(r.failed);
}

static void nothing_is_a_valid_input(void **state)
{
    (void)state;
    struct wire_reader r = wire_reader(NULL, 0);
    assert_true(wire_reader_done(&r));
    size_t len = 5;
    wire_read_rest(&r, &len);
    assert_int_equal(len, 0);
    wire_read_bytes(&r, NULL, 0);
    assert_true(wire_reader_done(&r));
    wire_read_u8(&r);
    assert_false(wire_reader_done(&r));
}

static void vectors(void **state)
{
    (void)state;
    uint8_t buf[400];
    uint8_t long_data[256];
    memset(long_data, 0xab, sizeof long_data);
    struct wire_writer w = wire_writer(buf, sizeof buf);
    wire_write_vec8(&w, "xyz", 3);
    wire_write_vec8(&w, NULL, 0);
    wire_write_vec16(&w, long_data, 256);
    assert_int_equal(wire_writer_finish(&w), 4 + 1 + 258);
    assert_int_equal(buf[0], 3);
    assert_int_equal(buf[5], 1);
    assert_int_equal(buf[6], 0);

    struct wire_reader r = wire_reader(buf, w.len);
    size_t len;
    assert_memory_equal(wire_read_vec8(&r, 3, &len), "xyz", 3);
    assert_int_equal(len, 3);
    assert_non_null(wire_read_vec8(&r, 3, &len));
    assert_int_equal(len, 0);
    assert_memory_equal(wire_read_vec16(&r, 256, &len), long_data, 256);
    assert_int_equal(len, 256);
    assert_true(wire_reader_done(&r));
}

static void a_vector_above_its_maximum_fails(void **state)
{
    (void)state;
    const uint8_t data[] = {3, 'x', 'y', 'z'};
    struct wire_reader r = wire_reader(data, sizeof data);
    size_t len = 9;
    assert_null(wire_read_vec8(&r, 2, &len));
    assert_int_equal(len, 0);
    assert_true(r.failed);

    const uint8_t short16[] = {0, 3, 'x', 'y'};
    r = wire_reader(short16, sizeof short16);
    len = 9;
    assert_null(wire_read_vec16(&r, 100, &len));
    assert_int_equal(len, 0);
    assert_true(r.failed);
}

static void a_full_writer_is_sticky(void **state)
{
    (void)state;
    uint8_t buf[4] = {9, 9, 9, 9};
    struct wire_writer w = wire_writer(buf, 3);
    wire_write_u16(&w, 0x0102);
    wire_write_u16(&w, 0x0304);
    assert_true(w.failed);
    wire_write_u8(&w, 5); // would fit, but something before it is missing
    assert_int_equal(wire_writer_finish(&w), SOTTO_ESPACE);
    assert_int_equal(buf[2], 9);
    assert_int_equal(buf[3], 9);

    w = wire_writer(buf, 3);
    wire_write_bytes(&w, "abcd", 4);
    assert_int_equal(wire_writer_finish(&w), SOTTO_ESPACE);
    w = wire_writer(buf, 3);
    wire_write_zeros(&w, SIZE_MAX);
    assert_int_equal(wire_writer_finish(&w), SOTTO_ESPACE);
    w = wire_writer(buf, 3);
    wire_write_vec8(&w, "abc", 3);
    assert_int_equal(wire_writer_finish(&w), SOTTO_ESPACE);
    assert_int_equal(buf[3], 9);
}

static void a_vector_longer_than_its_prefix_fails(void **state)
{
    (void)state;
    static uint8_t buf[70000], data[65536];
    struct wire_writer w = wire_writer(buf, sizeof buf);
    wire_write_vec8(&w, data, 255);
    assert_false(w.failed);
    wire_write_vec8(&w, data, 256);
    assert_true(w.failed);
    w = wire_writer(buf, sizeof buf);
    wire_write_vec16(&w, data, 65535);
    assert_int_equal(wire_writer_finish(&w), 65537);
    w = wire_writer(buf, sizeof buf);
    wire_write_vec16(&w, data, 65536);
    assert_true(w.failed);
}

static void zeros_are_written(void **state)
{
    (void)state;
    uint8_t buf[4] = {9, 9, 9, 9};
    struct wire_writer w = wire_writer(buf, sizeof buf);
    wire_write_zeros(&w, 3);
    wire_write_zeros(&w, 0);
    assert_int_equal(wire_writer_finish(&w), 3);
    assert_memory_equal(buf, ((uint8_t[]){0, 0, 0, 9}), 4);
    w = wire_writer(NULL, 0);
    wire_write_bytes(&w, NULL, 0);
    assert_int_equal(wire_writer_finish(&w), 0);
}

static void a_length_that_int_cannot_tell(void **state)
{
    (void)state;
    struct wire_writer w = {.len = (size_t)INT_MAX + 1, .cap = SIZE_MAX};
    assert_int_equal(wire_writer_finish(&w), SOTTO_ESPACE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_big_endian),
        cmocka_unit_test(extreme_integers),
        cmocka_unit_test(a_short_read_is_sticky),
        cmocka_unit_test(bytes_and_views),
        cmocka_unit_test(nothing_is_a_valid_input),
        cmocka_unit_test(vectors),
        cmocka_unit_test(a_vector_above_its_maximum_fails),
        cmocka_unit_test(a_full_writer_is_sticky),
        cmocka_unit_test(a_vector_longer_than_its_prefix_fails),
        cmocka_unit_test(zeros_are_written),
        cmocka_unit_test(a_length_that_int_cannot_tell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
