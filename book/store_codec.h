// SPDX-License-Identifier: Apache-2.0
// What is inside the store's boxes: structs to bytes and back. Every box of a kind has the same
// size, so that its size says nothing; the first byte is the version of its layout.
#ifndef SOTTO_BOOK_STORE_CODEC_H
#define SOTTO_BOOK_STORE_CODEC_H

#include "store.h"

#define CODEC_PROFILE_BYTES 512
#define CODEC_NUMBER_BYTES  512
#define CODEC_CONTACT_BYTES 768
#define CODEC_LOG_BYTES     384
#define CODEC_MAX_BYTES     8448 // of any box; exported keys included

// Each encoder fills exactly its CODEC_*_BYTES, 0 or SOTTO_EINVAL (a text without its end, a
// value out of its enum). Each decoder gives 0 or SOTTO_EPARSE and then leaves out unchanged; it
// takes nothing that the encoder would not write.
int codec_profile_encode(const struct store_profile *p, uint8_t out[CODEC_PROFILE_BYTES]);
int codec_profile_decode(struct store_profile *out, const uint8_t *data, size_t len);
int codec_number_encode(const struct store_number *n, uint8_t out[CODEC_NUMBER_BYTES]);
int codec_number_decode(struct store_number *out, const uint8_t *data, size_t len);
int codec_contact_encode(const struct sotto_contact *c, uint8_t out[CODEC_CONTACT_BYTES]);
int codec_contact_decode(struct sotto_contact *out, const uint8_t *data, size_t len);
int codec_log_encode(const struct store_log_entry *e, uint8_t out[CODEC_LOG_BYTES]);
int codec_log_decode(struct store_log_entry *out, const uint8_t *data, size_t len);

#endif
