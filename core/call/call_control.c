// SPDX-License-Identifier: Apache-2.0
// Control messages of a call. What does not fit the role or the state changes nothing.
#include "impl.h"

int call_control_send(struct sotto_device *d, struct call *c, const struct control_message *m)
{
    if (!c->media)
        return SOTTO_ESTATE;
    int len = control_encode(m, d->scratch, sizeof d->scratch);
    return len < 0 ? len : ctl_stream_send(c->ctl, d->scratch, (size_t)len);
}

static enum sotto_end end_of_control(const struct call *c, uint8_t reason)
{
    switch (reason) {
    case CONTROL_END_DECLINED:
        return c->incoming ? SOTTO_END_CANCELLED : SOTTO_END_DECLINED;
    case CONTROL_END_BUSY:
        return c->incoming ? SOTTO_END_CANCELLED : SOTTO_END_BUSY;
    case CONTROL_END_NO_ANSWER:
        return SOTTO_END_NO_ANSWER;
    case CONTROL_END_CANCELLED:
        return SOTTO_END_CANCELLED;
    case CONTROL_END_WORDS:
        return SOTTO_END_WORDS;
    case CONTROL_END_GLARE:
        return SOTTO_END_GLARE;
    case CONTROL_END_ERROR:
        return SOTTO_END_PROTOCOL;
    default:
        return c->state == SOTTO_CALL_ACTIVE ? SOTTO_END_PEER_HANGUP : SOTTO_END_CANCELLED;
    }
}

static void peer_ended(struct sotto_device *d, struct call *c, uint8_t reason)
{
    if (c->state == SOTTO_CALL_ENDING)
        call_finish(d, c); // both hung up
    else
        call_end(d, c, end_of_control(c, reason), false, 0);
}

static void peer_holds(struct sotto_device *d, struct call *c, bool on)
{
    if (c->state != SOTTO_CALL_ACTIVE || c->peer_held == on)
        return;
    c->peer_held = on;
    struct sotto_event *e = event_add(d, SOTTO_EVENT_CALL_HOLD);
    e->call = c->id;
    e->flag = on;
    mic_update(d);
}

static void handle(struct sotto_device *d, struct call *c, const struct control_message *m)
{
    switch (m->type) {
    case CONTROL_RINGING:
        if (!c->incoming && c->state == SOTTO_CALL_DIALLING)
            call_ring(d, c);
        break;
    case CONTROL_ACCEPT:
        if (!c->incoming && (c->state == SOTTO_CALL_DIALLING || c->state == SOTTO_CALL_RINGING)) {
            call_activate(d, c);
            call_glare_settle(d, c, true);
        }
        break;
    case CONTROL_ACTIVE:
        if (c->incoming && c->state == SOTTO_CALL_ACTIVE)
            c->peer_active = true;
        break;
    case CONTROL_END:
        peer_ended(d, c, m->reason);
        break;
    case CONTROL_HOLD:
        peer_holds(d, c, m->flag);
        break;
    case CONTROL_REKEY_ASK:
        if (!c->incoming && call_live(c))
            call_rekey_asked(d, c);
        break;
    case CONTROL_REKEY_FLIGHT:
        if (call_live(c))
            call_rekey_read(d, c, m->flight, m->flight_len);
        break;
    }
}

void call_control_read(struct sotto_device *d, struct call *c)
{
    while (c->used && c->media) {
        struct control_message m;
        int len = ctl_stream_receive(c->ctl, d->control, sizeof d->control);
        if (len == 0)
            return;
        if (len < 0 || control_decode(&m, d->control, (size_t)len) != SOTTO_OK) {
            call_end(d, c, SOTTO_END_PROTOCOL, true, CONTROL_END_ERROR);
            return;
        }
        handle(d, c, &m);
    }
}
