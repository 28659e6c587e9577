// SPDX-License-Identifier: Apache-2.0
// An intrusive doubly linked list: a head that points to itself when empty.
#ifndef SOTTO_RELAY_LIST_H
#define SOTTO_RELAY_LIST_H

#include <stddef.h>

struct list {
    struct list *prev, *next;
};

// The struct that has `node` as its `member`.
#define LIST_OF(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

static inline void list_init(struct list *head)
{
    head->prev = head->next = head;
}

static inline void list_append(struct list *head, struct list *node)
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

#endif
