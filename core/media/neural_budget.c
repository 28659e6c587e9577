// SPDX-License-Identifier: Apache-2.0
#include "media/neural_budget.h"

static bool is_over(const struct neural_budget *b, sotto_ns length)
{
    bool late = b->late / b->count >= NEURAL_BUDGET_LATE_NS;
    return b->spent >= length / 100 * (late ? NEURAL_BUDGET_LATE_MAX : NEURAL_BUDGET_COST_MAX);
}

static bool judge_on(struct neural_budget *b, sotto_ns length)
{
    if (is_over(b, length)) {
        b->over++;
    } else if (b->over > 0) {
        b->over--;
    }
    b->off = b->over >= NEURAL_BUDGET_OVER;
    b->calm = 0;
    return b->off;
}

static bool judge_off(struct neural_budget *b, sotto_ns length)
{
    uint32_t patience = b->patience > 0 ? b->patience : NEURAL_BUDGET_CALM_FIRST;
    b->calm = b->spent < length / 100 * NEURAL_BUDGET_CALM_MAX ? b->calm + 1 : 0;
    if (b->calm < patience) {
        return false;
    }
    b->off = false;
    b->over = 0;
    b->patience = 2 * patience < NEURAL_BUDGET_CALM_LAST ? 2 * patience : NEURAL_BUDGET_CALM_LAST;
    return true;
}

bool neural_budget_note(struct neural_budget *b, sotto_ns spent, sotto_ns late, sotto_ns now)
{
    bool changed = false;
    sotto_ns length = now - b->begun;
    bool whole = b->begun != 0 && now >= b->begun && length >= NEURAL_BUDGET_WINDOW_NS;
    bool lapsed = now < b->begun || length > 2 * NEURAL_BUDGET_WINDOW_NS;
    if (whole && !lapsed && b->count > 0) {
        changed = b->off ? judge_off(b, length) : judge_on(b, length);
    }
    if (b->begun == 0 || whole || lapsed) {
        b->begun = now;
        b->spent = b->late = 0;
        b->count = 0;
    }
    b->spent += spent;
    b->late += late;
    b->count++;
    return changed;
}
