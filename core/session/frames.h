// SPDX-License-Identifier: Apache-2.0
// Messages inside the TLS stream: u8 type, u16 length, body. A bounded buffer takes the stream's
// bytes as they come and gives whole messages.
#ifndef SOTTO_SESSION_FRAMES_H
#define SOTTO_SESSION_FRAMES_H

#include <sotto/session.h>

enum session_frame_type {
    SESSION_FRAME_PROOF = 1,
    SESSION_FRAME_REVEAL = 2,
    SESSION_FRAME_DATA = 3,
};

#define SESSION_FRAME_HEADER_BYTES 3
#define SESSION_FRAME_MAX_BYTES    (SESSION_FRAME_HEADER_BYTES + SOTTO_SESSION_MESSAGE_MAX_BYTES)
// All that one flight can bring, behind an unfinished message.
#define SESSION_FRAMES_MAX_BYTES   (SESSION_FRAME_MAX_BYTES + SOTTO_FLIGHT_MAX_BYTES)

struct session_frame {
    uint8_t type;
    const uint8_t *body; // borrowed, until the next call that changes the buffer
    size_t len;
    const uint8_t *whole; // with its header
    size_t whole_len;
};

struct session_frames {
    uint8_t buf[SESSION_FRAMES_MAX_BYTES];
    size_t len;
    size_t kept; // the first so many bytes are whole messages for the application
};

// Bytes written, or SOTTO_ESPACE, SOTTO_EINVAL (longer than SOTTO_SESSION_MESSAGE_MAX_BYTES).
int session_frame_write(uint8_t *out, size_t cap, enum session_frame_type type, const uint8_t *body,
                        size_t len);

// Where the next bytes of the stream go; *cap may be 0. Say how many with _filled.
uint8_t *session_frames_space(struct session_frames *q, size_t *cap);
void session_frames_filled(struct session_frames *q, size_t len);

// The first message that was neither kept nor dropped: 1, 0 if it is not whole yet, SOTTO_EPROTO
// (longer than any message, or empty).
int session_frames_next(const struct session_frames *q, struct session_frame *f);
void session_frames_drop(struct session_frames *q, const struct session_frame *f);
// Leaves it for _kept.
void session_frames_keep(struct session_frames *q, const struct session_frame *f);
// The oldest kept message: 1 or 0. It is removed by _pop.
int session_frames_kept(const struct session_frames *q, struct session_frame *f);
void session_frames_pop(struct session_frames *q, const struct session_frame *f);

#endif
