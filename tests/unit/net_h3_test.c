#include "unit.h"

#include "h3.h"
#include "net.h"
#include "varint.h"

#include <stdlib.h>
#include <string.h>

#include <sotto/base.h>

// One end, with all that it says recorded.
struct end {
    struct h3 h3;
    uint8_t out[3][2048];
    size_t out_len[3];
    bool out_fin[3];
    unsigned ready, sessions, links, rejected, ends;
    int64_t rejected_id, link_id;
    uint64_t rejected_code;
    uint32_t end_code;
    uint8_t bytes[4096];
    size_t bytes_len;
};

static int on_write(void *user, enum h3_out which, const uint8_t *data, size_t len, bool fin)
{
    struct end *e = user;
    assert_true(e->out_len[which] + len <= sizeof e->out[which]);
    memcpy(e->out[which] + e->out_len[which], data, len);
    e->out_len[which] += len;
    e->out_fin[which] = fin;
    return 0;
}

static void on_reject(void *user, int64_t id, uint64_t code)
{
    struct end *e = user;
    e->rejected++;
    e->rejected_id = id;
    e->rejected_code = code;
}

static int on_ready(void *user)
{
    ((struct end *)user)->ready++;
    return 0;
}

static int on_session(void *user)
{
    ((struct end *)user)->sessions++;
    return 0;
}

static int on_link(void *user, int64_t id)
{
    struct end *e = user;
    e->links++;
    e->link_id = id;
    return 0;
}

static int on_bytes(void *user, const uint8_t *data, size_t len)
{
    struct end *e = user;
    memcpy(e->bytes + e->bytes_len, data, len);
    e->bytes_len += len;
    return 0;
}

static void on_end(void *user, uint32_t code)
{
    struct end *e = user;
    e->ends++;
    e->end_code = code;
}

static const struct h3_ops ops = {.write = on_write,
                                  .reject = on_reject,
                                  .on_ready = on_ready,
                                  .on_session = on_session,
                                  .on_link = on_link,
                                  .on_bytes = on_bytes,
                                  .on_end = on_end};

static void end_init(struct end *e, bool server)
{
    memset(e, 0, sizeof *e);
    h3_init(&e->h3, server, &ops, e);
    assert_int_equal(h3_start(&e->h3), 0);
}

// In pieces of `cut` bytes, each in a block of its own; returns the first error.
static int feed(struct end *e, int64_t id, const uint8_t *data, size_t len, bool fin, size_t cut)
{
    for (size_t at = 0; at < len; at += cut) {
        size_t n = len - at < cut ? len - at : cut;
        uint8_t *copy = malloc(n);
        memcpy(copy, data + at, n);
        int rv = h3_recv(&e->h3, id, copy, n, fin && at + n == len);
        free(copy);
        if (rv != 0) {
            return rv;
        }
    }
    return len == 0 ? h3_recv(&e->h3, id, NULL, 0, fin) : 0;
}

static int feed_text(struct end *e, int64_t id, const char *hex, bool fin)
{
    uint8_t data[1024];
    size_t n = 0;
    for (; hex[0] != '\0'; hex += hex[2] == ' ' ? 3 : 2) {
        char two[3] = {hex[0], hex[1], 0};
        data[n++] = (uint8_t)strtoul(two, NULL, 16);
    }
    return feed(e, id, data, n, fin, n > 0 ? n : 1);
}

#define CLIENT_CONTROL 2
#define SERVER_CONTROL 3
#define SESSION        0
#define LINK           4

// Both, with the session open, whatever the pieces.
static void open_both(struct end *client, struct end *server, size_t cut)
{
    end_init(client, false);
    end_init(server, true);
    assert_int_equal(feed(server, CLIENT_CONTROL, client->out[H3_OUT_CONTROL],
                          client->out_len[H3_OUT_CONTROL], false, cut),
                     0);
    assert_int_equal(feed(client, SERVER_CONTROL, server->out[H3_OUT_CONTROL],
                          server->out_len[H3_OUT_CONTROL], false, cut),
                     0);
    assert_int_equal(client->ready, 1);
    assert_int_equal(h3_request(&client->h3, SESSION, "relay.example:443"), 0);
    assert_int_equal(feed(server, SESSION, client->out[H3_OUT_SESSION],
                          client->out_len[H3_OUT_SESSION], false, cut),
                     0);
    client->out_len[H3_OUT_SESSION] = 0;
    assert_int_equal(server->sessions, 1);
    assert_int_equal(feed(client, SESSION, server->out[H3_OUT_SESSION],
                          server->out_len[H3_OUT_SESSION], false, cut),
                     0);
    server->out_len[H3_OUT_SESSION] = 0;
    assert_int_equal(client->sessions, 1);
    assert_int_equal(h3_open_link(&client->h3, LINK), 0);
    assert_int_equal(feed(server, LINK, client->out[H3_OUT_LINK], client->out_len[H3_OUT_LINK],
                          false, cut),
                     0);
    assert_int_equal(server->links, 1);
    assert_int_equal(server->link_id, LINK);
}

static void close_both(struct end *client, struct end *server)
{
    h3_deinit(&client->h3);
    h3_deinit(&server->h3);
}

static void test_session(void **state)
{
    (void)state;
    static const size_t cuts[] = {1, 2, 3, 5, 17, 1000};
    for (size_t i = 0; i < 6; i++) {
        struct end c, s;
        open_both(&c, &s, cuts[i]);
        assert_int_equal(feed(&s, LINK, (const uint8_t *)"hello", 5, false, cuts[i]), 0);
        assert_int_equal(s.bytes_len, 5);
        assert_memory_equal(s.bytes, "hello", 5);
        assert_int_equal(feed(&c, LINK, (const uint8_t *)"world", 5, false, cuts[i]), 0);
        assert_memory_equal(c.bytes, "world", 5);
        // Datagrams: the quarter stream id goes before, and comes off.
        uint8_t data[64];
        size_t n = h3_datagram_prefix(&c.h3, data);
        memcpy(data + n, "cell", 4);
        const uint8_t *at = data;
        size_t len = n + 4;
        assert_true(h3_datagram_payload(&s.h3, &at, &len));
        assert_int_equal(len, 4);
        assert_memory_equal(at, "cell", 4);
        data[0] = 9; // another session's
        at = data;
        len = n + 4;
        assert_false(h3_datagram_payload(&s.h3, &at, &len));
        len = 0;
        assert_false(h3_datagram_payload(&s.h3, &at, &len));
        // The end, with its code.
        assert_int_equal(h3_close_session(&s.h3, 0x01020304), 0);
        assert_true(s.out_fin[H3_OUT_SESSION]);
        assert_int_equal(feed(&c, SESSION, s.out[H3_OUT_SESSION], s.out_len[H3_OUT_SESSION], true,
                              cuts[i]),
                         0);
        assert_int_equal(c.ends, 1);
        assert_int_equal(c.end_code, 0x01020304);
        close_both(&c, &s);
    }
}

// As Chromium's: grease settings and frames, pseudo-header fields in another order, dynamic table
// capacity announced, extra fields, and unknown capsules.
static void test_grease(void **state)
{
    (void)state;
    struct end s;
    end_init(&s, true);
    // Control stream: SETTINGS with QPACK capacity, blocked streams, datagrams, and a grease id;
    // then a grease frame, PRIORITY_UPDATE, MAX_PUSH_ID, GOAWAY.
    assert_int_equal(feed_text(&s, 2, "00 04 12 01 80010000 07 4064 33 01 ab603742 01 40 21 05",
                               false),
                     0);
    assert_int_equal(feed_text(&s, 2, "40 40 03 61 62 63 800f0700 02 00 75 0d 01 00 07 01 00",
                               false),
                     0);
    // QPACK streams, a grease stream, a WebTransport stream before there is a session.
    assert_int_equal(feed_text(&s, 6, "02 20", false), 0);
    assert_int_equal(feed_text(&s, 10, "03 40", false), 0);
    assert_int_equal(feed_text(&s, 14, "40 21 77 77 77", false), 0);
    assert_int_equal(s.rejected, 1);
    assert_int_equal(feed_text(&s, 18, "40 54 00 61", false), 0);
    assert_int_equal(s.rejected, 2);
    // A grease frame on the request stream, before HEADERS.
    assert_int_equal(feed_text(&s, 0, "40 21 03 01 02 03", false), 0);
    // :protocol, :path, :scheme, :authority, :method; then origin and a field unknown to us.
    static const char request[] =
        "01 4078 0000"
        "27 02 3a 70 72 6f 74 6f 63 6f 6c 0c 77 65 62 74 72 61 6e 73 70 6f 72 74"
        "51 06 2f 73 6f 74 74 6f"
        "d7"
        "50 0f 31 32 37 2e 30 2e 30 2e 31 3a 31 32 33 34 35"
        "cf"
        "27 17 73 65 63 2d 77 65 62 74 72 61 6e 73 70 6f 72 74 2d 68 74 74 70 33 2d 64 72 61 66 74 "
        "30 32 01 31"
        "26 6f 72 69 67 69 6e 10 68 74 74 70 3a 2f 2f 31 32 37 2e 30 2e 30 2e 31";
    uint8_t data[512];
    size_t n = 0;
    for (const char *h = request; *h != '\0';) {
        if (*h == ' ') {
            h++;
            continue;
        }
        char two[3] = {h[0], h[1], 0};
        data[n++] = (uint8_t)strtoul(two, NULL, 16);
        h += 2;
    }
    data[1] = (uint8_t)(0x40 | (n - 3) >> 8);
    data[2] = (uint8_t)(n - 3);
    assert_int_equal(feed(&s, 0, data, n, false, 1), 0);
    assert_int_equal(s.sessions, 1);
    assert_int_equal(s.out[H3_OUT_SESSION][4], 0xd9); // :status 200
    // Unknown capsules, drain, grease between DATA frames.
    assert_int_equal(feed_text(&s, 0, "00 05 2b 03 01 02 03 40 21 01 00 00 03 80 00 78 00 02 ae 00",
                               false),
                     0);
    assert_int_equal(s.ends, 0);
    // The link; a second one is not wanted, nor one of another session, nor another request.
    assert_int_equal(feed_text(&s, 4, "40 41 00 61 62", false), 0);
    assert_int_equal(s.links, 1);
    assert_int_equal(s.bytes_len, 2);
    s.rejected = 0;
    assert_int_equal(feed_text(&s, 8, "40 41 00", false), 0);
    assert_int_equal(feed_text(&s, 12, "40 41 08", false), 0);
    assert_int_equal(s.rejected, 2);
    assert_int_equal(s.rejected_code, WT_BUFFERED_STREAM_REJECTED);
    assert_int_equal(feed(&s, 16, data, n, false, n), 0);
    assert_int_equal(s.rejected, 3);
    assert_int_equal(s.rejected_code, H3_REQUEST_REJECTED);
    assert_int_equal(s.sessions, 1);
    h3_stream_gone(&s.h3, 16, false);
    // The capsule that ends it, cut in two DATA frames.
    assert_int_equal(feed_text(&s, 0, "00 04 68 43 06 00 00 04 00 00 07 78", false), 0);
    assert_int_equal(s.ends, 0);
    assert_int_equal(feed_text(&s, 0, "00 01 79", true), 0);
    assert_int_equal(s.ends, 1);
    assert_int_equal(s.end_code, 7);
    h3_deinit(&s.h3);
}

static void test_refusals(void **state)
{
    (void)state;
    // GET / is answered 404 and finished; a malformed request is reset.
    struct end s;
    end_init(&s, true);
    assert_int_equal(feed_text(&s, 0, "01 0a 0000 d1 d7 50 03 612e62 c1", true), 0);
    assert_int_equal(s.sessions, 0);
    assert_true(s.out_fin[H3_OUT_SESSION]);
    assert_int_equal(s.out[H3_OUT_SESSION][4], 0xdb);                // :status 404
    assert_int_equal(feed_text(&s, 4, "01 04 0000 d1 d1", true), 0); // :method twice
    assert_int_equal(s.rejected, 1);
    assert_int_equal(s.rejected_code, H3_MESSAGE_ERROR);
    // No datagrams and no link without a session.
    const uint8_t *at = (const uint8_t *)"\0a";
    size_t len = 2;
    assert_false(h3_datagram_payload(&s.h3, &at, &len));
    assert_int_equal(feed_text(&s, 8, "40 41 00 61", false), 0);
    assert_int_equal(s.links, 0);
    h3_deinit(&s.h3);

    // What a client is told.
    struct end c;
    end_init(&c, false);
    assert_int_equal(feed_text(&c, 3, "00 04 02 33 01", false), SOTTO_EPROTO); // no WebTransport
    assert_int_equal(c.ready, 0);
    h3_deinit(&c.h3);
    end_init(&c, false);
    assert_int_equal(h3_request(&c.h3, 0, "a"), 0);
    assert_int_equal(feed_text(&c, 0, "01 03 0000 db", true), SOTTO_EPROTO); // 404
    assert_int_equal(c.h3.error_code, H3_REQUEST_REJECTED);
    h3_deinit(&c.h3);
    char authority[H3_AUTHORITY_MAX_BYTES + 2];
    memset(authority, 'a', sizeof authority);
    authority[sizeof authority - 1] = '\0';
    end_init(&c, false);
    assert_int_equal(h3_request(&c.h3, 0, authority), SOTTO_EINVAL);
    h3_deinit(&c.h3);
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        int64_t id;
        const char *hex;
        bool fin;
        int error;
        uint64_t code;
    } cases[] = {
        {2, "00 00 00", false, SOTTO_EPROTO, H3_MISSING_SETTINGS},
        {2, "00 04 00 04 00", false, SOTTO_EPROTO, H3_FRAME_UNEXPECTED},
        {2, "00 04 00 01 00", false, SOTTO_EPROTO, H3_FRAME_UNEXPECTED},
        {2, "00 04 00 00 00", false, SOTTO_EPROTO, H3_FRAME_UNEXPECTED},
        {2, "00 04 01 33", false, SOTTO_EPROTO, H3_FRAME_ERROR},
        {2, "00 04 02 33 02", false, SOTTO_EPROTO, H3_SETTINGS_ERROR},
        {2, "00 04 02 02 00", false, SOTTO_EPROTO, H3_SETTINGS_ERROR},
        {2, "00 04 80 00 04 01", false, SOTTO_ELIMIT, H3_EXCESSIVE_LOAD},
        {2, "00 04 00 02 00", false, SOTTO_EPROTO, H3_FRAME_UNEXPECTED},
        {2, "00 04 00", true, SOTTO_EPROTO, H3_CLOSED_CRITICAL_STREAM},
        {2, "01", false, SOTTO_EPROTO, H3_STREAM_CREATION_ERROR},
        {2, "02 3f", false, SOTTO_EPROTO, QPACK_ENCODER_STREAM_ERROR},
        {2, "02 20 40", false, SOTTO_EPROTO, QPACK_ENCODER_STREAM_ERROR},
        {2, "03", true, SOTTO_EPROTO, H3_CLOSED_CRITICAL_STREAM},
        {0, "00 00", false, SOTTO_EPROTO, H3_FRAME_UNEXPECTED},
        {0, "04 00", false, SOTTO_EPROTO, H3_FRAME_UNEXPECTED},
        {0, "05 00", false, SOTTO_EPROTO, H3_FRAME_UNEXPECTED},
        {0, "01 80 00 20 01", false, SOTTO_ELIMIT, H3_EXCESSIVE_LOAD},
        {0, "01 c0 00 01 00 00 00 00 00", false, SOTTO_ELIMIT, H3_EXCESSIVE_LOAD},
        {0, "01 00", false, SOTTO_EPROTO, QPACK_DECOMPRESSION_FAILED},
        {0, "01 03 02 00 80", false, SOTTO_EPROTO, QPACK_DECOMPRESSION_FAILED}, // dynamic table
        {0, "01 03 00 00 ff", false, SOTTO_EPROTO, QPACK_DECOMPRESSION_FAILED}, // cut off
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct end s;
        end_init(&s, true);
        int rv = feed_text(&s, cases[i].id, cases[i].hex, cases[i].fin);
        if (rv != cases[i].error || s.h3.error_code != cases[i].code) {
            print_error("case %zu: %d, 0x%llx\n", i, rv, (unsigned long long)s.h3.error_code);
        }
        assert_int_equal(rv, cases[i].error);
        assert_int_equal(s.h3.error_code, cases[i].code);
        assert_non_null(s.h3.error_text);
        h3_deinit(&s.h3);
    }
    // A second control stream; a bidirectional stream of the server.
    struct end s, c;
    end_init(&s, true);
    assert_int_equal(feed_text(&s, 2, "00 04 00", false), 0);
    assert_int_equal(feed_text(&s, 6, "00", false), SOTTO_EPROTO);
    h3_deinit(&s.h3);
    end_init(&c, false);
    assert_int_equal(feed_text(&c, 1, "01", false), SOTTO_EPROTO);
    h3_deinit(&c.h3);
}

static void test_limits(void **state)
{
    (void)state;
    // Streams that never say what they are.
    struct end s;
    end_init(&s, true);
    for (int i = 0; i < H3_STREAMS_MAX; i++) {
        assert_int_equal(feed_text(&s, 2 + 4 * i, "40", false), 0);
    }
    assert_int_equal(feed_text(&s, 2 + 4 * H3_STREAMS_MAX, "40", false), SOTTO_ELIMIT);
    h3_stream_gone(&s.h3, 2, false);
    assert_int_equal(feed_text(&s, 2 + 4 * H3_STREAMS_MAX, "40", false), 0);
    h3_deinit(&s.h3);
    // More fields than anybody needs.
    uint8_t data[512] = {1, 0x40, H3_FIELDS_MAX + 3};
    memset(data + 5, 0xc5, H3_FIELDS_MAX + 1); // "cookie"
    data[1] = 0x40;
    end_init(&s, true);
    assert_int_equal(feed(&s, 0, data, 5 + H3_FIELDS_MAX + 1, false, 512), 0);
    assert_int_equal(s.rejected, 1);
    h3_deinit(&s.h3);
}

static void test_resets(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct end c, s;
        open_both(&c, &s, 1000);
        h3_stream_gone(&s.h3, i == 0 ? SESSION : LINK, true);
        assert_int_equal(s.ends, 1);
        h3_stream_gone(&s.h3, i == 0 ? LINK : SESSION, true);
        assert_int_equal(s.ends, 1); // once
        assert_int_equal(h3_close_session(&s.h3, 1), 0);
        assert_int_equal(s.out_len[H3_OUT_SESSION], 0); // it is over already
        close_both(&c, &s);
    }
    struct end c, s;
    open_both(&c, &s, 1000);
    assert_int_equal(feed(&s, LINK, NULL, 0, true, 1), 0); // the client ends its half
    assert_int_equal(s.ends, 1);
    close_both(&c, &s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_session),  cmocka_unit_test(test_grease),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_errors),
        cmocka_unit_test(test_limits),   cmocka_unit_test(test_resets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
