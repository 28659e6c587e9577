// SPDX-License-Identifier: Apache-2.0
// Cells sealed and opened: SFrame keys per epoch, one counter per direction that never goes back,
// a replay window. The counter is also the tick number of the sender: cell n belongs to tick n.
// Where a cell stands for several ticks (wire/cell.h) it has the number of the last; the others are
// never used.
#ifndef SOTTO_MEDIA_CELL_CRYPT_H
#define SOTTO_MEDIA_CELL_CRYPT_H

#include <sotto/media.h>

#include "wire/cell.h"

#define CELL_REPLAY_WINDOW 1024                 // cells
#define CELL_OLD_EPOCH_NS  (5 * SOTTO_NS_PER_S) // an old epoch still opens cells this long
#define CELL_METADATA      "sotto cell v1"      // SFrame metadata (AAD) of every cell

// The sending side. The counter goes on over epochs: no (key, counter) pair comes twice.
struct cell_sealer;
int cell_sealer_new(struct cell_sealer **out, const struct sotto_env *env);
void cell_sealer_free(struct cell_sealer *s);
// KID = epoch. Epochs only go up by one (first: 0); otherwise SOTTO_EINVAL. Frees the old key.
int cell_sealer_set_key(struct cell_sealer *s, uint32_t epoch, const struct sotto_secret *base);
// Plaintext bytes that the next cell holds (items and padding).
size_t cell_sealer_room(const struct cell_sealer *s);
uint64_t cell_sealer_next_ctr(const struct cell_sealer *s);
// The next `ticks` have no cell of their own: their counters are spent.
void cell_sealer_skip(struct cell_sealer *s, unsigned ticks);
// Encodes, pads, seals; takes the next counter. SOTTO_ESTATE without a key, SOTTO_ESPACE if the
// content does not fit (the counter is not taken).
int cell_seal(struct cell_sealer *s, const struct cell_content *c, uint8_t out[CELL_BYTES]);

struct cell_opener;
int cell_opener_new(struct cell_opener **out, const struct sotto_env *env);
void cell_opener_free(struct cell_opener *o);
// Adds the key of the next epoch; the previous one stays until CELL_OLD_EPOCH_NS after the first
// cell of the new one. At most two are held; SOTTO_EINVAL if epochs are skipped.
int cell_opener_add_key(struct cell_opener *o, uint32_t epoch, const struct sotto_secret *base);
// The newest epoch of which a cell was opened, -1 none.
int64_t cell_opener_epoch(const struct cell_opener *o);
// On success `content` borrows from `plain`. SOTTO_EPARSE, SOTTO_EAUTH, SOTTO_EREPLAY: drop.
// A cell counts as seen only after it has authenticated. An older epoch is refused once its time
// is over.
int cell_open(struct cell_opener *o, const uint8_t cell[CELL_BYTES], sotto_ns now,
              uint8_t plain[CELL_PLAINTEXT_MAX_BYTES], struct cell_content *content, uint64_t *ctr);

#endif
