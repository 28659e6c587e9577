// SPDX-License-Identifier: Apache-2.0
// A sequence of cells: raw bytes, and cells that authenticate with any counter, epoch and content.
// No (authentic) counter opens twice; what opens encodes again.
#include "fuzz.h"
#include "media/cell_crypt.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define EPOCHS 3
#define CTRS   4096

struct input {
    const uint8_t *at;
    size_t left;
};

static uint64_t take(struct input *in, size_t bytes)
{
    uint64_t v = 0;
    for (; bytes > 0 && in->left > 0; bytes--, in->at++, in->left--) {
        v = v << 8 | *in->at;
    }
    return v;
}

static void take_block(struct input *in, uint8_t *out, size_t len)
{
    size_t n = len < in->left ? len : in->left;
    memset(out, 0, len);
    if (n > 0) {
        memcpy(out, in->at, n);
    }
    in->at += n;
    in->left -= n;
}

static void make_cell(struct input *in, struct sotto_sframe_key *keys[EPOCHS], uint8_t *cell)
{
    uint8_t kind = (uint8_t)take(in, 1);
    if (kind % 4 == 0) {
        take_block(in, cell, CELL_BYTES);
        return;
    }
    struct sotto_sframe_key *k = keys[kind / 4 % EPOCHS];
    uint64_t ctr = take(in, 2) % CTRS;
    uint8_t header[SOTTO_SFRAME_HEADER_MAX_BYTES], plain[CELL_PLAINTEXT_MAX_BYTES];
    int header_len =
        sotto_sframe_header_encode(header, sizeof header, sotto_sframe_key_kid(k), ctr);
    size_t room = CELL_BYTES - SOTTO_SFRAME_TAG_BYTES - (size_t)header_len;
    size_t used = (size_t)take(in, 1) % (room + 1);
    memset(plain, 0, sizeof plain);
    take_block(in, plain, used);
    int n = sotto_sframe_seal(k, ctr, (const uint8_t *)CELL_METADATA, strlen(CELL_METADATA), plain,
                              room, cell, CELL_BYTES);
    assert(n == CELL_BYTES);
}

static void check_content(const struct cell_content *c)
{
    uint8_t again[CELL_PLAINTEXT_MAX_BYTES];
    assert(cell_encode(c, again, sizeof again) == CELL_PLAINTEXT_MAX_BYTES);
}

static void run(struct input *in, struct cell_opener *o, struct sotto_sframe_key *keys[EPOCHS],
                const struct sotto_secret bases[EPOCHS])
{
    static bool opened[CTRS];
    memset(opened, 0, sizeof opened);
    uint32_t next_epoch = 0;
    sotto_ns now = 0;
    while (in->left > 0) {
        uint8_t op = (uint8_t)take(in, 1);
        if (op % 8 == 0 && next_epoch < EPOCHS) {
            assert(cell_opener_add_key(o, next_epoch, &bases[next_epoch]) == 0);
            next_epoch++;
            continue;
        }
        now += (op & 0xf0) * SOTTO_NS_PER_MS;
        uint8_t cell[CELL_BYTES], plain[CELL_PLAINTEXT_MAX_BYTES];
        struct cell_content c;
        uint64_t ctr;
        int64_t before = cell_opener_epoch(o);
        make_cell(in, keys, cell);
        if (cell_open(o, cell, now, plain, &c, &ctr) == 0) {
            assert(ctr < CTRS && !opened[ctr]);
            opened[ctr] = true;
            check_content(&c);
        }
        assert(cell_opener_epoch(o) >= before);
        assert(cell_opener_epoch(o) < (int64_t)next_epoch);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sotto_sframe_key *keys[EPOCHS];
    static struct sotto_secret bases[EPOCHS];
    for (uint32_t i = 0; i < EPOCHS; i++) {
        if (keys[i] == NULL) {
            bases[i].bytes[0] = (uint8_t)(i + 1);
            if (sotto_sframe_key_new(&keys[i], bases[i].bytes, sizeof bases[i].bytes, i,
                                     sotto_env_default()) != 0) {
                abort();
            }
        }
    }
    struct cell_opener *o;
    if (cell_opener_new(&o, sotto_env_default()) != 0) {
        abort();
    }
    struct input in = {data, size};
    run(&in, o, keys, bases);
    cell_opener_free(o);
    return 0;
}
