// Bytes of QUIC streams to HTTP/3, as server or client. The input: a byte that chooses the end,
// then records of a stream's number, flags with the length's high bits, and length, and the bytes.
#include "fuzz.h"

#include "h3.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <sotto/base.h>

struct end {
    struct h3 h3;
    bool client;
    unsigned ends, links;
};

static int on_write(void *user, enum h3_out which, const uint8_t *data, size_t len, bool fin)
{
    (void)user;
    (void)fin;
    assert(which <= H3_OUT_LINK && len < 1024 && (len == 0 || data != NULL));
    return 0;
}

static void on_reject(void *user, int64_t id, uint64_t code)
{
    (void)user;
    (void)id;
    (void)code;
}

static int on_ready(void *user)
{
    struct end *e = user;
    assert(e->client);
    return e->h3.session_id < 0 ? h3_request(&e->h3, 0, "relay.example") : 0;
}

static int on_session(void *user)
{
    struct end *e = user;
    return e->client ? h3_open_link(&e->h3, 4) : 0;
}

static int on_link(void *user, int64_t id)
{
    (void)id;
    struct end *e = user;
    assert(!e->client && e->links++ == 0);
    return 0;
}

static int on_bytes(void *user, const uint8_t *data, size_t len)
{
    struct end *e = user;
    assert(e->h3.link_open && (len == 0 || data != NULL));
    return 0;
}

static void on_end(void *user, uint32_t code)
{
    (void)code;
    struct end *e = user;
    assert(e->ends++ == 0);
}

static const struct h3_ops ops = {.write = on_write,
                                  .reject = on_reject,
                                  .on_ready = on_ready,
                                  .on_session = on_session,
                                  .on_link = on_link,
                                  .on_bytes = on_bytes,
                                  .on_end = on_end};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    struct end e = {.client = (data[0] & 1) != 0};
    h3_init(&e.h3, !e.client, &ops, &e);
    (void)h3_start(&e.h3);
    data++;
    size--;
    int rv = 0;
    while (size >= 3 && rv == 0) {
        int64_t id = data[0] & 0x7f;
        bool fin = (data[1] & 0x80) != 0, gone = (data[1] & 0x40) != 0;
        size_t len = (size_t)(data[1] & 0x03) << 8 | data[2];
        data += 3;
        size -= 3;
        len = len < size ? len : size;
        uint8_t *copy = malloc(len > 0 ? len : 1); // exactly sized
        memcpy(copy, data, len);
        const uint8_t *payload = copy;
        size_t payload_len = len;
        (void)h3_datagram_payload(&e.h3, &payload, &payload_len);
        rv = h3_recv(&e.h3, id, copy, len, fin);
        free(copy);
        if (gone) {
            h3_stream_gone(&e.h3, id, (data[-2] & 0x20) != 0);
        }
        assert(e.h3.stream_count <= H3_STREAMS_MAX);
        assert(rv == 0 || rv == SOTTO_EPROTO || rv == SOTTO_ELIMIT || rv == SOTTO_ENOMEM);
        data += len;
        size -= len;
    }
    (void)h3_close_session(&e.h3, 1);
    h3_deinit(&e.h3);
    return 0;
}
