// SPDX-License-Identifier: Apache-2.0
#include "timer_heap.h"

#include <stdlib.h>

#include <sotto/base.h>

void timer_heap_deinit(struct timer_heap *h)
{
    free(h->nodes);
    *h = (struct timer_heap){0};
}

static void put(struct timer_heap *h, size_t i, struct timer_node *n)
{
    h->nodes[i] = n;
    n->place = i + 1;
}

static void sift_up(struct timer_heap *h, size_t i)
{
    struct timer_node *n = h->nodes[i];
    while (i > 0 && h->nodes[(i - 1) / 2]->due_ns > n->due_ns) {
        put(h, i, h->nodes[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    put(h, i, n);
}

static void sift_down(struct timer_heap *h, size_t i)
{
    struct timer_node *n = h->nodes[i];
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= h->count) {
            break;
        }
        if (child + 1 < h->count && h->nodes[child + 1]->due_ns < h->nodes[child]->due_ns) {
            child++;
        }
        if (h->nodes[child]->due_ns >= n->due_ns) {
            break;
        }
        put(h, i, h->nodes[child]);
        i = child;
    }
    put(h, i, n);
}

int timer_heap_at_latest(struct timer_heap *h, struct timer_node *n, uint64_t due_ns)
{
    if (n->place != 0) {
        if (due_ns < n->due_ns) {
            n->due_ns = due_ns;
            sift_up(h, n->place - 1);
        }
        return 0;
    }
    if (h->count == h->cap) {
        size_t cap = h->cap == 0 ? 64 : 2 * h->cap;
        struct timer_node **nodes = realloc(h->nodes, cap * sizeof *nodes);
        if (nodes == NULL) {
            return SOTTO_ENOMEM;
        }
        h->nodes = nodes;
        h->cap = cap;
    }
    n->due_ns = due_ns;
    put(h, h->count++, n);
    sift_up(h, h->count - 1);
    return 0;
}

void timer_heap_remove(struct timer_heap *h, struct timer_node *n)
{
    if (n->place == 0) {
        return;
    }
    size_t i = n->place - 1;
    n->place = 0;
    struct timer_node *last = h->nodes[--h->count];
    if (last == n) {
        return;
    }
    put(h, i, last);
    sift_up(h, i);
    sift_down(h, last->place - 1);
}

struct timer_node *timer_heap_first(const struct timer_heap *h)
{
    return h->count > 0 ? h->nodes[0] : NULL;
}
