// SPDX-License-Identifier: Apache-2.0
// The full screen of `sotto listen`: the line's state, who rings, the call, recent calls.
#ifndef SOTTO_CLI_SCREEN_H
#define SOTTO_CLI_SCREEN_H

#include "desk.h"

#define SCREEN_ROWS_MIN    8 // smaller terminals get what fits
#define SCREEN_COLUMNS_MIN 20
#define SCREEN_EVERY_MS    100  // at most one picture in this time
#define SCREEN_RING_MS     3000 // between bells
#define SCREEN_NOTICE_S    600  // how long a notice stays

struct screen;

// Standard input and output are a terminal that can do it.
bool screen_possible(const struct output *out);
// Becomes the desk's view. SOTTO_ENOMEM, SOTTO_EIO (unknown terminal).
int screen_new(struct screen **out, struct desk *desk);
// The terminal is as it was before. The desk must not have been freed.
void screen_free(struct screen *s);

#endif
