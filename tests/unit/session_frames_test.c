// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include <string.h>

#include "session/frames.h"

static struct session_frames q;

static int reset(void **state)
{
    (void)state;
    memset(&q, 0, sizeof q);
    return 0;
}

static void put(const void *bytes, size_t len)
{
    size_t cap;
    uint8_t *space = session_frames_space(&q, &cap);
    assert_true(len <= cap);
    memcpy(space, bytes, len);
    session_frames_filled(&q, len);
}

static void assert_body(const struct session_frame *f, uint8_t type, const char *body)
{
    assert_int_equal(f->type, type);
    assert_int_equal(f->len, strlen(body));
    assert_memory_equal(f->body, body, f->len);
    assert_int_equal(f->whole_len, f->len + SESSION_FRAME_HEADER_BYTES);
}

static void test_write(void **state)
{
    (void)state;
    static const uint8_t body[SOTTO_SESSION_MESSAGE_MAX_BYTES + 1];
    uint8_t out[SESSION_FRAME_MAX_BYTES];
    assert_int_equal(session_frame_write(out, 5, SESSION_FRAME_DATA, (const uint8_t *)"ab", 2), 5);
    assert_memory_equal(out, "\3\0\2ab", 5);
    assert_int_equal(session_frame_write(out, 4, SESSION_FRAME_DATA, body, 2), SOTTO_ESPACE);
    assert_int_equal(session_frame_write(out, sizeof out, SESSION_FRAME_DATA, body, 0),
                     SOTTO_EINVAL);
    assert_int_equal(session_frame_write(out, sizeof out, SESSION_FRAME_DATA, body, sizeof body),
                     SOTTO_EINVAL);
    assert_int_equal(session_frame_write(out, sizeof out, SESSION_FRAME_DATA, body,
                                         sizeof body - 1),
                     sizeof out);
}

static void test_byte_by_byte(void **state)
{
    (void)state;
    static const char bytes[] = "\1\0\3abc";
    struct session_frame f;
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(session_frames_next(&q, &f), 0);
        put(bytes + i, 1);
    }
    assert_int_equal(session_frames_next(&q, &f), 1);
    assert_body(&f, 1, "abc");
    session_frames_drop(&q, &f);
    assert_int_equal(q.len, 0);
    assert_int_equal(session_frames_next(&q, &f), 0);
}

static void test_keep_and_drop(void **state)
{
    (void)state;
    struct session_frame f;
    put("\1\0\1a"
        "\3\0\2bb"
        "\3\0\1c"
        "\3\0",
        4 + 5 + 4 + 2);
    assert_int_equal(session_frames_kept(&q, &f), 0);
    assert_int_equal(session_frames_next(&q, &f), 1);
    assert_body(&f, 1, "a");
    session_frames_drop(&q, &f);
    assert_int_equal(session_frames_next(&q, &f), 1);
    assert_body(&f, 3, "bb");
    session_frames_keep(&q, &f);
    assert_int_equal(session_frames_next(&q, &f), 1);
    assert_body(&f, 3, "c");
    session_frames_keep(&q, &f);
    assert_int_equal(session_frames_next(&q, &f), 0);

    assert_int_equal(session_frames_kept(&q, &f), 1);
    assert_body(&f, 3, "bb");
    session_frames_pop(&q, &f);
    put("\1d", 2); // the unfinished one goes on
    assert_int_equal(session_frames_next(&q, &f), 1);
    assert_body(&f, 3, "d");
    session_frames_drop(&q, &f); // behind a kept one
    assert_int_equal(session_frames_kept(&q, &f), 1);
    assert_body(&f, 3, "c");
    session_frames_pop(&q, &f);
    assert_int_equal(session_frames_kept(&q, &f), 0);
    assert_int_equal(q.len, 0);
}

static void test_bad_lengths(void **state)
{
    (void)state;
    struct session_frame f;
    put("\1\0\0", 3); // empty
    assert_int_equal(session_frames_next(&q, &f), SOTTO_EPROTO);
    reset(NULL);
    put("\3\x10\x01", 3); // 4097
    assert_int_equal(session_frames_next(&q, &f), SOTTO_EPROTO);
    reset(NULL);
    put("\3\x10\x00", 3); // 4096: wait for it
    assert_int_equal(session_frames_next(&q, &f), 0);
}

static void test_dropped_bytes_are_wiped(void **state)
{
    (void)state;
    static const uint8_t zeros[16];
    struct session_frame f;
    put("\1\0\6secret", 9);
    assert_int_equal(session_frames_next(&q, &f), 1);
    session_frames_drop(&q, &f);
    assert_memory_equal(q.buf, zeros, sizeof zeros);
}

static void test_space(void **state)
{
    (void)state;
    size_t cap;
    (void)session_frames_space(&q, &cap);
    assert_int_equal(cap, SESSION_FRAMES_MAX_BYTES);
    session_frames_filled(&q, cap);
    (void)session_frames_space(&q, &cap);
    assert_int_equal(cap, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_write, reset),
        cmocka_unit_test_setup(test_byte_by_byte, reset),
        cmocka_unit_test_setup(test_keep_and_drop, reset),
        cmocka_unit_test_setup(test_bad_lengths, reset),
        cmocka_unit_test_setup(test_dropped_bytes_are_wiped, reset),
        cmocka_unit_test_setup(test_space, reset),
    };
    return cmocka_run_group_tests_name("session_frames", tests, NULL, NULL);
}
