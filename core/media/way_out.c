// SPDX-License-Identifier: Apache-2.0
#include "media/way_out.h"

void way_out_note(struct way_out *w, sotto_ns rtt, int64_t in_us)
{
    if (in_us < 0) {
        return;
    }
    int64_t out_us = (int64_t)(rtt / 1000) - in_us;
    w->base_us += WAY_OUT_FORGET_US;
    if (!w->any || out_us < w->base_us) {
        w->any = true;
        w->base_us = out_us;
    }
    w->queue_us = out_us - w->base_us;
}

bool way_out_waits(const struct way_out *w)
{
    return w->queue_us >= WAY_OUT_QUEUE_US;
}
