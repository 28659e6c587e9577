// SPDX-License-Identifier: Apache-2.0
#include "frame.h"

#include "net.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <sotto/base.h>

_Static_assert(NET_MESSAGE_MAX_BYTES <= UINT16_MAX, "the length has 16 bits");

void frame_decoder_deinit(struct frame_decoder *d)
{
    free(d->partial);
    *d = (struct frame_decoder){.stopped = true};
}

void frame_header_put(uint8_t out[FRAME_HEADER_BYTES], size_t len)
{
    assert(len <= NET_MESSAGE_MAX_BYTES);
    out[0] = (uint8_t)(len >> 8);
    out[1] = (uint8_t)len;
}

// Takes header bytes; true once d->need is known.
static bool read_header(struct frame_decoder *d, const uint8_t **at, const uint8_t *end)
{
    while (d->header_have < FRAME_HEADER_BYTES && *at < end) {
        d->header[d->header_have++] = *(*at)++;
    }
    if (d->header_have < FRAME_HEADER_BYTES) {
        return false;
    }
    d->need = (uint16_t)(d->header[0] << 8 | d->header[1]);
    return true;
}

static void deliver(struct frame_decoder *d, const uint8_t *msg, frame_message_fn fn, void *user)
{
    size_t len = d->need;
    d->header_have = 0;
    d->have = 0;
    if (!fn(user, msg, len)) {
        d->stopped = true;
    }
}

// Keeps what has arrived of a message; delivers it if that was the rest.
static int read_partial(struct frame_decoder *d, const uint8_t **at, const uint8_t *end,
                        frame_message_fn fn, void *user)
{
    if (d->partial == NULL) {
        d->partial = malloc(d->need);
        if (d->partial == NULL) {
            return SOTTO_ENOMEM;
        }
    }
    size_t take = (size_t)(end - *at);
    if (take > (size_t)(d->need - d->have)) {
        take = (size_t)(d->need - d->have);
    }
    memcpy(d->partial + d->have, *at, take);
    *at += take;
    d->have = (uint16_t)(d->have + take);
    if (d->have == d->need) {
        uint8_t *msg = d->partial;
        d->partial = NULL;
        deliver(d, msg, fn, user);
        free(msg);
    }
    return 0;
}

int frame_decoder_push(struct frame_decoder *d, const uint8_t *data, size_t len,
                       frame_message_fn fn, void *user)
{
    const uint8_t *at = data, *end = data + len;
    while (!d->stopped && (at < end || d->header_have == FRAME_HEADER_BYTES)) {
        if (!read_header(d, &at, end)) {
            break;
        }
        if (d->need > NET_MESSAGE_MAX_BYTES) {
            d->stopped = true;
            return SOTTO_EPARSE;
        }
        if (d->partial == NULL && (size_t)(end - at) >= d->need) {
            const uint8_t *msg = at;
            at += d->need;
            deliver(d, msg, fn, user);
        } else if (at == end) {
            break;
        } else {
            int rv = read_partial(d, &at, end, fn, user);
            if (rv != 0) {
                d->stopped = true;
                return rv;
            }
        }
    }
    return 0;
}
