// SPDX-License-Identifier: Apache-2.0
// Whether this device has the time for the neural parts of voice. It is told what voice has cost
// and switches them off when that was too much for some seconds; on again after a long calm, and
// after each time that this did not last, a longer one.
#ifndef SOTTO_MEDIA_NEURAL_BUDGET_H
#define SOTTO_MEDIA_NEURAL_BUDGET_H

#include <sotto/base.h>

#define NEURAL_BUDGET_WINDOW_NS SOTTO_NS_PER_S
// Percent of a window. 40 is 8 ms of each frame of 20 ms, twice what a slow laptop needs.
#define NEURAL_BUDGET_COST_MAX  40
#define NEURAL_BUDGET_LATE_MAX  20                     // the same where cells leave late as well
#define NEURAL_BUDGET_LATE_NS   (10 * SOTTO_NS_PER_MS) // on average
#define NEURAL_BUDGET_CALM_MAX  10
#define NEURAL_BUDGET_OVER      3 // windows until it is off
#define NEURAL_BUDGET_CALM_FIRST \
    60 // windows in a row until it is on again, the first time; then twice
#define NEURAL_BUDGET_CALM_LAST 960 // as many, and so on, up to this

struct neural_budget {
    bool off;
    sotto_ns begun; // of the window; 0: there is none
    sotto_ns spent, late;
    uint32_t count;    // what was told, in it
    uint32_t over;     // windows that were too much: each calm one takes one away
    uint32_t calm;     // windows in a row, while off
    uint32_t patience; // calm windows that it takes; 0: the first number
};

// Voice took `spent` just now, after the driver had come `late` to it. A pause of more than two
// windows begins a new one. Returns whether `off` has changed.
bool neural_budget_note(struct neural_budget *b, sotto_ns spent, sotto_ns late, sotto_ns now);

#endif
