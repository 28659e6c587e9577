// SPDX-License-Identifier: Apache-2.0
// One binary heap of deadlines for all connections of a server, instead of a timer for each.
#ifndef NET_TIMER_HEAP_H
#define NET_TIMER_HEAP_H

#include <stddef.h>
#include <stdint.h>

// Embedded in what has a deadline. All zero is "not in a heap".
struct timer_node {
    uint64_t due_ns;
    size_t place; // index + 1; 0: not in the heap
};

struct timer_heap {
    struct timer_node **nodes;
    size_t count, cap;
};

void timer_heap_deinit(struct timer_heap *h);

// Makes sure that the node is seen at `due_ns` or before. A later time than the present one is
// NOT moved down: whoever takes the node out looks up the true deadline then and puts it back.
// That way a connection whose deadline moves with each packet costs nothing here.
// Errors: SOTTO_ENOMEM.
int timer_heap_at_latest(struct timer_heap *h, struct timer_node *n, uint64_t due_ns);
void timer_heap_remove(struct timer_heap *h, struct timer_node *n);
// The node with the earliest time, or NULL.
struct timer_node *timer_heap_first(const struct timer_heap *h);

#endif
