// SPDX-License-Identifier: Apache-2.0
// Messages of a call's control stream, inside cells (docs/PROTOCOL.md, "Control messages").
// Only the two ends of a call ever see them. None of them can open a microphone.
#ifndef SOTTO_WIRE_CONTROL_H
#define SOTTO_WIRE_CONTROL_H

#include "wire/cursor.h"

#define CONTROL_FLIGHT_MAX_BYTES  16384
#define CONTROL_MESSAGE_MAX_BYTES (1 + CONTROL_FLIGHT_MAX_BYTES)

enum control_type {
    CONTROL_RINGING = 1,      // callee -> caller: the user is being told
    CONTROL_ACCEPT = 2,       // callee -> caller: the user has accepted
    CONTROL_ACTIVE = 3,       // caller -> callee: heard the accept, voice from here on
    CONTROL_END = 4,          // reason: enum control_end
    CONTROL_HOLD = 5,         // flag
    CONTROL_REKEY_ASK = 6,    // callee -> caller: please start a re-key
    CONTROL_REKEY_FLIGHT = 7, // flight of the new session
};

enum control_end {
    CONTROL_END_HANGUP = 0,
    CONTROL_END_DECLINED = 1,
    CONTROL_END_BUSY = 2,
    CONTROL_END_NO_ANSWER = 3,
    CONTROL_END_CANCELLED = 4,
    CONTROL_END_WORDS = 5, // the user says the words differ
    CONTROL_END_GLARE = 6,
    CONTROL_END_ERROR = 7,
};

struct control_message {
    enum control_type type;
    uint8_t reason;        // END
    bool flag;             // HOLD
    const uint8_t *flight; // REKEY_FLIGHT, borrowed
    size_t flight_len;
};

// Bytes written, or SOTTO_ESPACE, SOTTO_EINVAL.
int control_encode(const struct control_message *m, uint8_t *out, size_t cap);
// 0 or SOTTO_EPARSE; `m` is unchanged on failure.
int control_decode(struct control_message *m, const uint8_t *data, size_t len);

#endif
