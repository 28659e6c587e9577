// SPDX-License-Identifier: Apache-2.0
// Playout: what measurements and tests use beside the public functions.
#ifndef SOTTO_MEDIA_PLAYOUT_H
#define SOTTO_MEDIA_PLAYOUT_H

#include <sotto/media.h>

enum playout_source {
    PLAYOUT_SOURCE_OWN,     // the cell of its tick
    PLAYOUT_SOURCE_COPY,    // a copy in a later cell
    PLAYOUT_SOURCE_HISTORY, // DRED in a later cell
    PLAYOUT_SOURCE_CONCEALED,
};

// Told of each frame that is decoded, and of each concealment (of a tick that may be tried again).
struct playout_watcher {
    void (*frame)(void *arg, uint64_t tick, enum playout_source source);
    void *arg;
};
void playout_watch(struct sotto_playout *p, struct playout_watcher watcher);

#endif
