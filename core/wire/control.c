// SPDX-License-Identifier: Apache-2.0
#include "wire/control.h"

#include <sotto/base.h>

int control_encode(const struct control_message *m, uint8_t *out, size_t cap)
{
    struct wire_writer w = wire_writer(out, cap);
    wire_write_u8(&w, (uint8_t)m->type);
    switch (m->type) {
    case CONTROL_RINGING:
    case CONTROL_ACCEPT:
    case CONTROL_ACTIVE:
    case CONTROL_REKEY_ASK:
        break;
    case CONTROL_END:
        wire_write_u8(&w, m->reason);
        break;
    case CONTROL_HOLD:
        wire_write_u8(&w, m->flag ? 1 : 0);
        break;
    case CONTROL_REKEY_FLIGHT:
        if (m->flight_len == 0 || m->flight_len > CONTROL_FLIGHT_MAX_BYTES)
            return SOTTO_EINVAL;
        wire_write_bytes(&w, m->flight, m->flight_len);
        break;
    default:
        return SOTTO_EINVAL;
    }
    return wire_writer_finish(&w);
}

int control_decode(struct control_message *m, const uint8_t *data, size_t len)
{
    struct wire_reader r = wire_reader(data, len);
    struct control_message got = {.type = (enum control_type)wire_read_u8(&r)};
    uint8_t flag = 0;
    switch (got.type) {
    case CONTROL_RINGING:
    case CONTROL_ACCEPT:
    case CONTROL_ACTIVE:
    case CONTROL_REKEY_ASK:
        break;
    case CONTROL_END:
        got.reason = wire_read_u8(&r);
        break;
    case CONTROL_HOLD:
        flag = wire_read_u8(&r);
        got.flag = flag == 1;
        break;
    case CONTROL_REKEY_FLIGHT:
        got.flight = wire_read_rest(&r, &got.flight_len);
        if (got.flight_len == 0 || got.flight_len > CONTROL_FLIGHT_MAX_BYTES)
            return SOTTO_EPARSE;
        break;
    default:
        return SOTTO_EPARSE;
    }
    if (!wire_reader_done(&r) || flag > 1 || got.reason > CONTROL_END_ERROR)
        return SOTTO_EPARSE;
    *m = got;
    return SOTTO_OK;
}
