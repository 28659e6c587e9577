// SPDX-License-Identifier: Apache-2.0
// Brings the relay up to date: numbers that were made or withdrawn while it could not be reached.
// For commands (relay.h) and for `listen`: call publisher_start when the line is ready and whenever
// store_changed says so, hand it every event.
#ifndef SOTTO_BOOK_PUBLISHER_H
#define SOTTO_BOOK_PUBLISHER_H

#include "store.h"

#include <sotto/device.h>

#define PUBLISHER_IN_FLIGHT_MAX 32 // requests at once; the rest follows as they are answered

struct publisher;

// Both are borrowed. SOTTO_ENOMEM.
int publisher_new(struct publisher **out, struct store *store, struct sotto_device *device);
void publisher_free(struct publisher *p);

// Asks the relay for everything that is pending and not asked yet. 0 or a store error; a request
// that the device does not take now is made at a later start.
int publisher_start(struct publisher *p, struct sotto_now now);
// True if the event was the answer to one of its requests. Goes on with what is left.
bool publisher_event(struct publisher *p, const struct sotto_event *ev, struct sotto_now now);

struct publisher_state {
    size_t waiting; // requests without an answer yet
    size_t done;    // since publisher_new
    size_t failed;  // refused by the relay, or not written down
    int last_code;  // enum link_code of the last refusal, 0 if there was none
    int last_error; // of the store, 0 if there was none
};
void publisher_state(const struct publisher *p, struct publisher_state *out);

#endif
