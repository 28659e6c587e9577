// SPDX-License-Identifier: Apache-2.0
// A relay engine with a few devices that do, in any order, what the input says: connect, vanish,
// send whole, damaged or out-of-place messages, cells, let time pass, take nothing more; and an
// operator and a disk that interfere. After each step the engine's tables must agree with each
// other (rig_check, in the rig); flights and cells carry a canary that must never be found in
// what the engine has allocated, nor in what it frees.
#include "fuzz.h"

#include <string.h>

#include "engine_rig.h"

#define DEVICES   6
#define STEPS_MAX 400
#define TICKETS   16

static const char canary[] = "canary: nobody keeps this";

struct fuzz {
    const uint8_t *at;
    size_t left;
    struct rig rig;
    struct rig_device *devices[DEVICES];
    uint8_t tickets[TICKETS][LINK_TICKET_BYTES];
    size_t ticket_count;
    bool stopped;
    uint8_t flight[LINK_FLIGHT_MAX_BYTES];
};

static uint8_t byte(struct fuzz *f)
{
    if (f->left == 0)
        return 0;
    f->left--;
    return *f->at++;
}

// Learns tickets, forgets the rest, and forgets connections that are gone.
static void listen_all(struct fuzz *f)
{
    for (size_t i = 0; i < DEVICES; i++) {
        struct rig_device *d = f->devices[i];
        if (d == NULL)
            continue;
        for (size_t j = 0; j < d->queued; j++) {
            struct link_message m;
            RIG_CHECK(link_decode(&m, d->queue[j].bytes, d->queue[j].len) == 0);
            if (m.type == LINK_TICKET)
                memcpy(f->tickets[f->ticket_count++ % TICKETS], m.ticket, LINK_TICKET_BYTES);
        }
        rig_drain(d);
        if (d->conn == NULL)
            f->devices[i] = NULL;
    }
}

static struct rig_device *device(struct fuzz *f, uint8_t choice)
{
    struct rig_device **d = &f->devices[choice % DEVICES];
    if (*d == NULL && !f->stopped && f->rig.device_count < RIG_DEVICES_MAX)
        *d = rig_open_silent(&f->rig, choice % 3);
    return *d;
}

static struct link_message message(struct fuzz *f, const struct rig_device *d)
{
    static uint8_t bytes[LINK_KEY_MAX_BYTES];
    static uint8_t hash[LINK_TOKEN_HASH_BYTES];
    static const uint8_t point[LINK_P256DH_BYTES] = {4};
    uint8_t a = byte(f), b = byte(f);
    memset(bytes, b % 4, sizeof bytes);
    sotto_token_hash(rig_token(b % 8), hash);
    struct link_message m = {.type = (enum link_type)(a % 0x10),
                             .version = (uint8_t)(b % 8 == 0 ? 9 : LINK_VERSION),
                             .code = b,
                             .request = a,
                             .circuit = b % 8,
                             .calls_left = b % 4,
                             .expires_unix_s = b > 250 ? UINT64_MAX : b,
                             .challenge = bytes,
                             .line_id = rig_line_id(b % 2),
                             .token = rig_token(b % 8),
                             .token_hash = hash,
                             .invite = bytes,
                             .place = bytes,
                             .ticket = f->tickets[b % TICKETS],
                             .key = bytes,
                             .key_len = 1 + b,
                             .signature = bytes,
                             .signature_len = 1 + b,
                             .p256dh = point,
                             .auth = bytes,
                             .endpoint = "https://push.example/abcdefgh",
                             .endpoint_len = b % 4 == 0 ? 0 : 22 + b % 8,
                             .flight = f->flight,
                             .flight_len = b > 200 ? sizeof f->flight : b};
    if (m.type == LINK_LOGIN && a >= 0x20)
        return rig_login_message(d, b % 2, RIG_ORIGIN, a / 0x20 % 2);
    if (m.type == LINK_REGISTER && a >= 0x80)
        return rig_register_message(d, b % 2, RIG_ORIGIN, bytes);
    if (a >= 0xf8)
        m.type = (enum link_type)(LINK_WELCOME + b % 7);
    return m;
}

static void send_message(struct fuzz *f, struct rig_device *d)
{
    uint8_t buf[LINK_MESSAGE_MAX_BYTES];
    struct link_message m = message(f, d);
    int len = link_encode(&m, buf, sizeof buf);
    if (len > 0)
        rig_send_bytes(d, buf, (size_t)len);
}

static void send_raw(struct fuzz *f, struct rig_device *d)
{
    size_t len = byte(f);
    if (len > f->left)
        len = f->left;
    const uint8_t *bytes = f->at;
    f->at += len;
    f->left -= len;
    rig_send_bytes(d, bytes, len);
}

static void greet(struct rig_device *d)
{
    rig_send(d, &(struct link_message){.type = LINK_HELLO, .version = LINK_VERSION});
    if (d->conn != NULL && d->queued > 0) {
        struct link_message m;
        RIG_CHECK(link_decode(&m, d->queue[0].bytes, d->queue[0].len) == 0);
        if (m.type == LINK_WELCOME)
            memcpy(d->challenge, m.challenge, sizeof d->challenge);
    }
}

static void send_cells(struct fuzz *f, struct rig_device *d)
{
    uint8_t cell[LINK_CELL_BYTES] = {0}, datagram[LINK_DATAGRAM_BYTES];
    uint8_t circuit = byte(f);
    memcpy(cell + 32, canary, sizeof canary);
    link_datagram_encode(datagram, circuit % 8, cell);
    size_t len = circuit > 240 ? circuit % LINK_DATAGRAM_BYTES : sizeof datagram;
    for (size_t n = 0; n < (circuit > 200 ? 300u : 3u); n++)
        relay_conn_datagram(f->rig.engine, d->conn, datagram, len, f->rig.now);
}

static void meddle(struct fuzz *f)
{
    static const int failures[] = {0, SOTTO_EFULL, SOTTO_EIO};
    uint8_t what = byte(f);
    struct relay_stats stats;
    if (what < 16)
        relay_memory_defer(f->rig.store, what % 2 == 0);
    else if (what < 64)
        while (rig_stored(&f->rig) && what % 4 != 0)
            ;
    else if (what < 96)
        relay_memory_fail(f->rig.store, failures[what % 3]);
    else if (what < 160)
        relay_engine_drop_line(f->rig.engine, rig_line_id(what % 2), f->rig.now);
    else if (what < 192)
        relay_memory_line_remove(f->rig.store, rig_line_id(what % 2));
    else if (what < 224)
        f->rig.memory.fail_at = what % 2 == 0 ? 0 : f->rig.memory.allocations + what % 8;
    else if (what == 255) {
        f->stopped = true;
        relay_engine_stop(f->rig.engine, f->rig.now);
    }
    relay_engine_stats(f->rig.engine, &stats);
    rig_check(&f->rig);
}

static void step(struct fuzz *f)
{
    static const sotto_ns passes[] = {SOTTO_NS_PER_MS,        SOTTO_NS_PER_S,     RELAY_LOGIN_NS,
                                      RELAY_CIRCUIT_GRACE_NS, RELAY_RING_NS,      RELAY_PLACE_NS,
                                      RELAY_ASLEEP_NS,        RELAY_WAKE_APART_NS};
    uint8_t op = byte(f), choice = byte(f);
    if (op % 16 == 15) {
        meddle(f);
        return;
    }
    if (op % 16 == 14) {
        rig_pass(&f->rig, passes[choice % (sizeof passes / sizeof passes[0])]);
        return;
    }
    size_t fail_at = f->rig.memory.fail_at;
    f->rig.memory.fail_at = 0; // the rig wants its connections
    struct rig_device *d = device(f, choice);
    f->rig.memory.fail_at = fail_at;
    if (d == NULL)
        return;
    switch (op % 16) {
    case 0:
        rig_drop(d);
        break;
    case 1:
        d->full = !d->full;
        break;
    case 2:
    case 3:
        send_cells(f, d);
        break;
    case 4:
        send_raw(f, d);
        break;
    case 5:
    case 6:
        greet(d);
        break;
    default:
        send_message(f, d);
    }
}

static void prepare(struct fuzz *f)
{
    for (size_t i = 0; i + sizeof canary < sizeof f->flight; i += sizeof canary)
        memcpy(f->flight + i, canary, sizeof canary);
    rig_init(&f->rig, NULL);
    f->rig.memory.canary = canary;
    f->rig.memory.canary_len = sizeof canary - 1;
    rig_line(&f->rig, 0);
    for (uint8_t n = 0; n < 4; n++) {
        uint8_t invite[LINK_INVITE_BYTES];
        memset(invite, n, sizeof invite);
        relay_memory_invite_add(f->rig.store, invite, 0);
        rig_number(&f->rig, n, 0, 0, LINK_CALLS_UNLIMITED);
    }
    // Most inputs shall get somewhere: two devices are there, one rings.
    f->devices[0] = rig_login(&f->rig, 0, 0, LINK_LOGIN_RING);
    f->devices[1] = rig_open(&f->rig, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz f;
    f = (struct fuzz){.at = data, .left = size};
    prepare(&f);
    for (int i = 0; i < STEPS_MAX && f.left > 0; i++) {
        step(&f);
        listen_all(&f);
    }
    RIG_CHECK(!rig_memory_has_canary(&f.rig.memory));
    rig_deinit(&f.rig);
    RIG_CHECK(!f.rig.memory.canary_seen); // what it freed at last
    return 0;
}
