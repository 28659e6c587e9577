// SPDX-License-Identifier: Apache-2.0
#include "wire/cell.h"

#include <sotto/base.h>
#include <string.h>

#define ITEM_VALUE_MAX_BYTES UINT8_MAX
// Above the playout delay.
#define HISTORY_BIT          0x8000
#define WISH_SHIFT           13
#define SPAN_SHIFT           11
#define SPAN_MASK            3u
// Of an earlier frame's distance.
#define OWN_BIT              0x80

// ---- encoding ---------------------------------------------------------------------------------

static void put_item(struct wire_writer *w, enum cell_item type, size_t len)
{
    if (len > ITEM_VALUE_MAX_BYTES) {
        w->failed = true;
        return;
    }
    wire_write_u8(w, (uint8_t)type);
    wire_write_u8(w, (uint8_t)len);
}

static void put_voice(struct wire_writer *w, const struct cell_content *c)
{
    if (c->voice != NULL) {
        put_item(w, CELL_VOICE, c->voice_len);
        wire_write_bytes(w, c->voice, c->voice_len);
    }
}

static void put_earlier(struct wire_writer *w, const struct cell_content *c)
{
    for (size_t i = 0; i < c->earlier_count; i++) {
        put_item(w, CELL_EARLIER, 1 + c->earlier[i].len);
        wire_write_u8(w, (uint8_t)(c->earlier[i].distance | (c->earlier[i].own ? OWN_BIT : 0)));
        wire_write_bytes(w, c->earlier[i].packet, c->earlier[i].len);
    }
}

static void put_stream(struct wire_writer *w, const struct cell_content *c)
{
    if (c->stream != NULL) {
        put_item(w, CELL_STREAM, 4 + c->stream_len);
        wire_write_u32(w, c->stream_offset);
        wire_write_bytes(w, c->stream, c->stream_len);
    }
}

static uint16_t report_bits(const struct cell_report *r)
{
    return (uint16_t)(r->playout_ms | (unsigned)r->span << SPAN_SHIFT |
                      (unsigned)r->wish << WISH_SHIFT | (r->history ? HISTORY_BIT : 0));
}

static void put_ack(struct wire_writer *w, const struct cell_content *c)
{
    if (c->has_ack) {
        put_item(w, CELL_ACK, 4 + c->block_count * CELL_BLOCK_BYTES);
        wire_write_u32(w, c->ack);
        for (size_t i = 0; i < c->block_count; i++) {
            wire_write_u16(w, c->blocks[i].after);
            wire_write_u16(w, c->blocks[i].len);
        }
    }
}

static void put_report(struct wire_writer *w, const struct cell_content *c)
{
    if (c->has_report) {
        put_item(w, CELL_REPORT, CELL_REPORT_BYTES);
        wire_write_u64(w, c->report.highest_ctr);
        wire_write_u16(w, c->report.held_ms);
        wire_write_u32(w, c->report.received);
        wire_write_u8(w, c->report.loss);
        wire_write_u8(w, c->report.burst);
        wire_write_u16(w, report_bits(&c->report));
    }
}

static bool distance_taken(const struct cell_content *c, uint8_t distance)
{
    for (size_t i = 0; i < c->earlier_count; i++) {
        if (c->earlier[i].distance == distance) {
            return true;
        }
    }
    return false;
}

unsigned cell_span(const struct cell_content *c)
{
    unsigned span = 1;
    for (size_t i = 0; i < c->earlier_count; i++) {
        span += c->earlier[i].own ? 1 : 0;
    }
    return span;
}

// Distances differ: own ones within the span leave none out.
static bool span_valid(const struct cell_content *c)
{
    unsigned span = cell_span(c);
    for (size_t i = 0; i < c->earlier_count; i++) {
        if (c->earlier[i].own != (c->earlier[i].distance < span)) {
            return false;
        }
    }
    return span <= CELL_SPAN_MAX;
}

static bool report_valid(const struct cell_report *r)
{
    return r->playout_ms <= CELL_PLAYOUT_MAX_MS && r->wish <= CELL_SPAN_MAX &&
           r->span <= CELL_SPAN_MAX;
}

static bool blocks_valid(const struct cell_content *c)
{
    if (c->block_count > (c->has_ack ? CELL_BLOCKS_MAX : 0)) {
        return false;
    }
    for (size_t i = 0; i < c->block_count; i++) {
        if (c->blocks[i].after == 0 || c->blocks[i].len == 0) {
            return false;
        }
    }
    return true;
}

// What cell_decode would refuse is not sent.
static bool content_valid(const struct cell_content *c)
{
    if (c->earlier_count > CELL_EARLIER_MAX) {
        return false;
    }
    struct cell_content seen = {0};
    for (size_t i = 0; i < c->earlier_count; i++) {
        uint8_t distance = c->earlier[i].distance;
        if (distance == 0 || distance > CELL_DISTANCE_MAX || c->earlier[i].packet == NULL ||
            c->earlier[i].len == 0 || distance_taken(&seen, distance)) {
            return false;
        }
        seen.earlier[seen.earlier_count++].distance = distance;
    }
    if (c->voice != NULL && c->voice_len == 0) {
        return false;
    }
    if (!span_valid(c) || !blocks_valid(c) || (c->has_report && !report_valid(&c->report))) {
        return false;
    }
    return c->stream == NULL ||
           (c->stream_len > 0 && c->stream_len <= UINT32_MAX - c->stream_offset);
}

int cell_encode(const struct cell_content *c, uint8_t *out, size_t size)
{
    if (!content_valid(c)) {
        return SOTTO_EINVAL;
    }
    struct wire_writer w = wire_writer(out, size);
    put_voice(&w, c);
    put_earlier(&w, c);
    put_stream(&w, c);
    put_ack(&w, c);
    put_report(&w, c);
    wire_write_zeros(&w, size - w.len);
    return wire_writer_finish(&w);
}

size_t cell_control_bytes(const struct cell_content *c)
{
    size_t stream = c->stream != NULL ? CELL_STREAM_OVERHEAD + c->stream_len : 0;
    size_t ack = c->has_ack ? CELL_ACK_BYTES + c->block_count * CELL_BLOCK_BYTES : 0;
    return stream + ack;
}

// ---- decoding ---------------------------------------------------------------------------------

// The value of one item is a reader of its own: an item cannot reach beyond its length.
static void get_voice(struct wire_reader *v, struct cell_content *c)
{
    if (c->voice != NULL || v->left == 0) {
        v->failed = true;
    }
    c->voice = wire_read_rest(v, &c->voice_len);
}

static void get_earlier(struct wire_reader *v, struct cell_content *c)
{
    uint8_t first = wire_read_u8(v), distance = first & CELL_DISTANCE_MAX;
    if (c->earlier_count == CELL_EARLIER_MAX || distance == 0 || v->left == 0 ||
        distance_taken(c, distance)) {
        v->failed = true;
        return;
    }
    size_t i = c->earlier_count++;
    c->earlier[i].own = (first & OWN_BIT) != 0;
    c->earlier[i].distance = distance;
    c->earlier[i].packet = wire_read_rest(v, &c->earlier[i].len);
}

static void get_stream(struct wire_reader *v, struct cell_content *c)
{
    uint32_t offset = wire_read_u32(v);
    if (c->stream != NULL || v->left == 0 || v->left > UINT32_MAX - offset) {
        v->failed = true;
    }
    c->stream_offset = offset;
    c->stream = wire_read_rest(v, &c->stream_len);
}

static void get_ack(struct wire_reader *v, struct cell_content *c)
{
    if (c->has_ack) {
        v->failed = true;
    }
    c->has_ack = true;
    c->ack = wire_read_u32(v);
    while (!v->failed && v->left > 0 && c->block_count < CELL_BLOCKS_MAX) {
        uint16_t after = wire_read_u16(v);
        c->blocks[c->block_count++] = (struct cell_block){after, wire_read_u16(v)};
    }
}

static void get_report(struct wire_reader *v, struct cell_content *c)
{
    if (c->has_report) {
        v->failed = true;
    }
    c->has_report = true;
    c->report.highest_ctr = wire_read_u64(v);
    c->report.held_ms = wire_read_u16(v);
    c->report.received = wire_read_u32(v);
    c->report.loss = wire_read_u8(v);
    c->report.burst = wire_read_u8(v);
    uint16_t bits = wire_read_u16(v);
    c->report.playout_ms = bits & CELL_PLAYOUT_MAX_MS;
    c->report.span = (uint8_t)(bits >> SPAN_SHIFT & SPAN_MASK);
    c->report.wish = (uint8_t)(bits >> WISH_SHIFT & SPAN_MASK);
    c->report.history = (bits & HISTORY_BIT) != 0;
}

static void get_padding(struct wire_reader *r)
{
    size_t len;
    const uint8_t *rest = wire_read_rest(r, &len);
    uint8_t any = 0;
    for (size_t i = 0; i < len; i++) {
        any |= rest[i];
    }
    if (any != 0) {
        r->failed = true;
    }
}

static void get_item(struct wire_reader *r, struct cell_content *c)
{
    uint8_t type = wire_read_u8(r);
    if (type == CELL_PADDING) {
        get_padding(r);
        return;
    }
    size_t len;
    const uint8_t *value = wire_read_vec8(r, ITEM_VALUE_MAX_BYTES, &len);
    struct wire_reader v = wire_reader(value, len);
    switch (type) {
    case CELL_VOICE:
        get_voice(&v, c);
        break;
    case CELL_EARLIER:
        get_earlier(&v, c);
        break;
    case CELL_STREAM:
        get_stream(&v, c);
        break;
    case CELL_ACK:
        get_ack(&v, c);
        break;
    case CELL_REPORT:
        get_report(&v, c);
        break;
    default:
        v.failed = true;
    }
    if (!wire_reader_done(&v)) {
        r->failed = true;
    }
}

int cell_decode(struct cell_content *c, const uint8_t *data, size_t len)
{
    struct wire_reader r = wire_reader(data, len);
    struct cell_content got = {0};
    while (!r.failed && r.left > 0) {
        get_item(&r, &got);
    }
    if (r.failed || !span_valid(&got) || !blocks_valid(&got)) {
        return SOTTO_EPARSE;
    }
    *c = got;
    return 0;
}
