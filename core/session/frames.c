// SPDX-License-Identifier: Apache-2.0
#include "session/frames.h"

#include <assert.h>
#include <string.h>

#include "wire/cursor.h"

int session_frame_write(uint8_t *out, size_t cap, enum session_frame_type type, const uint8_t *body,
                        size_t len)
{
    if (len == 0 || len > SOTTO_SESSION_MESSAGE_MAX_BYTES) {
        return SOTTO_EINVAL;
    }
    struct wire_writer w = wire_writer(out, cap);
    wire_write_u8(&w, (uint8_t)type);
    wire_write_vec16(&w, body, len);
    return wire_writer_finish(&w);
}

uint8_t *session_frames_space(struct session_frames *q, size_t *cap)
{
    *cap = sizeof q->buf - q->len;
    return q->buf + q->len;
}

void session_frames_filled(struct session_frames *q, size_t len)
{
    assert(len <= sizeof q->buf - q->len);
    q->len += len;
}

// The message that starts at `at`.
static int frame_at(const struct session_frames *q, size_t at, size_t end, struct session_frame *f)
{
    struct wire_reader r = wire_reader(q->buf + at, end - at);
    uint8_t type = wire_read_u8(&r);
    uint16_t len = wire_read_u16(&r);
    if (r.failed) {
        return 0;
    }
    if (len == 0 || len > SOTTO_SESSION_MESSAGE_MAX_BYTES) {
        return SOTTO_EPROTO;
    }
    const uint8_t *body = wire_read_view(&r, len);
    if (body == NULL) {
        return 0;
    }
    *f = (struct session_frame){
        .type = type,
        .body = body,
        .len = len,
        .whole = q->buf + at,
        .whole_len = (size_t)SESSION_FRAME_HEADER_BYTES + len,
    };
    return 1;
}

int session_frames_next(const struct session_frames *q, struct session_frame *f)
{
    return frame_at(q, q->kept, q->len, f);
}

static void cut(struct session_frames *q, size_t at, size_t len)
{
    memmove(q->buf + at, q->buf + at + len, q->len - at - len);
    sotto_wipe(q->buf + q->len - len, len);
    q->len -= len;
}

void session_frames_drop(struct session_frames *q, const struct session_frame *f)
{
    assert(f->whole == q->buf + q->kept && f->whole_len <= q->len - q->kept);
    cut(q, q->kept, f->whole_len);
}

void session_frames_keep(struct session_frames *q, const struct session_frame *f)
{
    assert(f->whole == q->buf + q->kept && f->whole_len <= q->len - q->kept);
    q->kept += f->whole_len;
}

int session_frames_kept(const struct session_frames *q, struct session_frame *f)
{
    return frame_at(q, 0, q->kept, f) == 1;
}

void session_frames_pop(struct session_frames *q, const struct session_frame *f)
{
    assert(f->whole == q->buf && f->whole_len <= q->kept);
    size_t len = f->whole_len;
    cut(q, 0, len);
    q->kept -= len;
}
