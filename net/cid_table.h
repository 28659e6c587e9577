// SPDX-License-Identifier: Apache-2.0
// From the destination id of a QUIC packet to its connection. Clients choose the first id, so the
// hash is keyed: nobody outside can make ids collide.
#ifndef NET_CID_TABLE_H
#define NET_CID_TABLE_H

#include <stddef.h>
#include <stdint.h>

#define CID_MAX_BYTES 20

struct cid_entry;

struct cid_table {
    struct cid_entry **buckets;
    size_t bucket_count, count; // bucket_count is a power of two
    uint64_t key[6];
};

// The ids of one connection. All zero is none.
struct cid_list {
    struct cid_entry *first;
};

// Errors: SOTTO_ENOMEM.
int cid_table_init(struct cid_table *t);
void cid_table_deinit(struct cid_table *t);

// Errors: SOTTO_ENOMEM; SOTTO_EEXIST the id leads elsewhere already.
int cid_table_add(struct cid_table *t, struct cid_list *list, void *value, const uint8_t *id,
                  size_t len);
// NULL: unknown.
void *cid_table_find(const struct cid_table *t, const uint8_t *id, size_t len);
// Does nothing if the id is not in the list.
void cid_table_remove(struct cid_table *t, struct cid_list *list, const uint8_t *id, size_t len);
void cid_table_remove_all(struct cid_table *t, struct cid_list *list);

#endif
