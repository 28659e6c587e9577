// SPDX-License-Identifier: Apache-2.0
// The plaintext of a cell. What decodes encodes again, and that decodes to the same content.
#include "fuzz.h"

#include <assert.h>
#include <sotto/base.h>
#include <stdlib.h>
#include <string.h>

#include "wire/cell.h"

static void assert_same_bytes(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    assert((a == NULL) == (b == NULL));
    assert(a_len == b_len);
    assert(a == NULL || memcmp(a, b, a_len) == 0);
}

static void assert_same(const struct cell_content *a, const struct cell_content *b)
{
    assert_same_bytes(a->voice, a->voice_len, b->voice, b->voice_len);
    assert_same_bytes(a->stream, a->stream_len, b->stream, b->stream_len);
    assert(a->stream_offset == b->stream_offset);
    assert(a->has_ack == b->has_ack && a->ack == b->ack);
    assert(a->block_count == b->block_count && a->block_count <= CELL_BLOCKS_MAX);
    for (size_t i = 0; i < a->block_count; i++) {
        assert(a->blocks[i].after == b->blocks[i].after && a->blocks[i].len == b->blocks[i].len);
    }
    assert(a->has_report == b->has_report);
    assert(a->report.highest_ctr == b->report.highest_ctr);
    assert(a->report.held_ms == b->report.held_ms && a->report.received == b->report.received);
    assert(a->report.loss == b->report.loss);
    assert(a->report.burst == b->report.burst);
    assert(a->report.history == b->report.history);
    assert(a->report.wish == b->report.wish && a->report.span == b->report.span);
    assert(a->report.playout_ms == b->report.playout_ms);
    assert(a->earlier_count == b->earlier_count);
    for (size_t i = 0; i < a->earlier_count; i++) {
        assert(a->earlier[i].distance == b->earlier[i].distance);
        assert(a->earlier[i].own == b->earlier[i].own);
        assert_same_bytes(a->earlier[i].packet, a->earlier[i].len, b->earlier[i].packet,
                          b->earlier[i].len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cell_content c, again;
    memset(&c, 0x5a, sizeof c);
    struct cell_content before;
    memcpy(&before, &c, sizeof before);
    if (cell_decode(&c, data, size) != 0) {
        assert(memcmp(&c, &before, sizeof c) == 0);
        return 0;
    }
    assert(cell_span(&c) >= 1 && cell_span(&c) <= CELL_SPAN_MAX);
    uint8_t *out = malloc(size + 1);
    assert(out != NULL);
    assert(cell_encode(&c, out, size) == (int)size);
    assert(cell_decode(&again, out, size) == 0);
    assert_same(&c, &again);
    free(out);
    return 0;
}
