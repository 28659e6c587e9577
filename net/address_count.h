// SPDX-License-Identifier: Apache-2.0
// How many connections come from each address, under a keyed hash of the address: the table, and
// whoever reads this process's memory, never sees an address in it.
#ifndef NET_ADDRESS_COUNT_H
#define NET_ADDRESS_COUNT_H

#include <stddef.h>
#include <stdint.h>

#include "udp.h"

#define ADDRESS_KEY_BYTES 16

struct address_entry;

struct address_count {
    struct address_entry **buckets;
    size_t bucket_count, count; // bucket_count is a power of two
    uint8_t key[32];
};

// Errors: SOTTO_ENOMEM.
int address_count_init(struct address_count *a);
void address_count_deinit(struct address_count *a);

// The first 16 bytes of HMAC-SHA256 of the IPv4 address, or of the first 64 bits of the IPv6
// address; an IPv4 address inside IPv6 counts as IPv4. Errors: SOTTO_ECRYPTO.
int address_count_key(const struct address_count *a, const union udp_address *address,
                      uint8_t out[ADDRESS_KEY_BYTES]);
uint32_t address_count_get(const struct address_count *a, const uint8_t key[ADDRESS_KEY_BYTES]);
// Errors: SOTTO_ENOMEM.
int address_count_add(struct address_count *a, const uint8_t key[ADDRESS_KEY_BYTES]);
void address_count_drop(struct address_count *a, const uint8_t key[ADDRESS_KEY_BYTES]);

#endif
