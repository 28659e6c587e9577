// SPDX-License-Identifier: Apache-2.0
#include "call_second.h"

static uint64_t growth(uint64_t from, uint64_t to)
{
    return to > from ? to - from : 0;
}

struct call_second call_meter_look(struct call_meter *m, const struct sotto_call_stats *now)
{
    const struct sotto_call_stats *was = &m->last;
    const struct sotto_playout_stats *p = &was->playout, *q = &now->playout;
    struct call_second s = {
        .cells_sent = growth(was->cells_sent, now->cells_sent),
        .cells_received = growth(was->cells_received, now->cells_received),
        .cells_lost = growth(was->cells_lost, now->cells_lost),
        .cells_dropped = growth(was->cells_dropped, now->cells_dropped),
        .frames_received = growth(p->received, q->received),
        .played = growth(p->played, q->played),
        .copies = growth(p->copies, q->copies),
        .retold = growth(p->retold, q->retold),
        .concealed = growth(p->concealed, q->concealed),
        .late = growth(p->late, q->late),
        .skipped = growth(p->skipped, q->skipped),
        .shortened = growth(p->shortened, q->shortened),
        .lengthened = growth(p->lengthened, q->lengthened),
    };
    m->last = *now;
    return s;
}

unsigned call_permille(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : (unsigned)((1000 * part + whole / 2) / whole);
}

unsigned call_second_lost_permille(const struct call_second *s)
{
    return call_permille(s->cells_lost, s->cells_received + s->cells_lost);
}

unsigned call_second_concealed_permille(const struct call_second *s)
{
    return call_permille(s->concealed, s->played + s->concealed);
}

unsigned call_second_restored_permille(const struct call_second *s)
{
    return call_permille(s->copies + s->retold, s->played + s->concealed);
}
