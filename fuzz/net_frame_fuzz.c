// The framing of messages: however the stream is cut, the same messages come out.
#include "fuzz.h"

#include "frame.h"
#include "net.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <sotto/base.h>

struct sum {
    uint64_t count, hash;
};

static bool take(void *user, const uint8_t *msg, size_t len)
{
    struct sum *s = user;
    assert(len <= NET_MESSAGE_MAX_BYTES);
    s->count++;
    for (size_t i = 0; i < len; i++) {
        s->hash = (s->hash ^ msg[i]) * UINT64_C(1099511628211);
    }
    s->hash = (s->hash ^ len) * UINT64_C(1099511628211);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    size_t cut = 1u + data[0];
    data++;
    size--;
    struct frame_decoder whole = {0}, pieces = {0};
    struct sum a = {0}, b = {0};
    int rv_a = frame_decoder_push(&whole, data, size, take, &a), rv_b = 0;
    for (size_t at = 0; at < size && rv_b == 0; at += cut) {
        size_t n = size - at < cut ? size - at : cut;
        uint8_t *copy = malloc(n);
        memcpy(copy, data + at, n);
        rv_b = frame_decoder_push(&pieces, copy, n, take, &b);
        free(copy);
    }
    assert(rv_a == rv_b && a.count == b.count && a.hash == b.hash);
    frame_decoder_deinit(&whole);
    frame_decoder_deinit(&pieces);
    return 0;
}
