// SPDX-License-Identifier: Apache-2.0
// Two devices whose relay is the input: it forwards what it likes, and when it likes sends again,
// alters, invents, cuts links, lets time pass; and the two users do what the input says. One owns a
// number that the other holds. The microphone is open only with consent, "verified" is lit only
// after words were compared, and a call that the relay invents never rings.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "fuzz.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sotto/device.h>

#include "call/impl.h"

#define STEPS_MAX  160
#define KEPT_MAX   32
#define ROUNDS_MAX 12 // of honest forwarding in one step
#define TICKS_MAX  8  // of 20 ms in one step

#define check(ok)                                                     \
    do {                                                              \
        if (!(ok)) {                                                  \
            fprintf(stderr, "device_fuzz.c:%d: %s\n", __LINE__, #ok); \
            abort();                                                  \
        }                                                             \
    } while (0)

enum {
    OWNER,
    HOLDER
};

struct end {
    struct sotto_device *d;
    bool up;
    uint32_t circuit; // of the call, on this link
    bool circuit_open;
    uint32_t consented[8]; // calls that this user dialled or accepted
    size_t consents;
    uint32_t rang; // the latest call that rang
    uint32_t dialled;
    bool dials_open; // has dialled at least once
    bool compared;
};

struct kept {
    uint8_t data[SOTTO_MESSAGE_MAX_BYTES];
    size_t len;
    bool datagram;
};

static struct {
    const uint8_t *at;
    size_t left;
    struct sotto_now now;
    struct end ends[2];
    struct kept kept[KEPT_MAX];
    size_t kept_count;
    size_t blocks;
    struct sotto_number number;
} f;

static struct sotto_identity *people[2];
static struct sotto_line_key *lines[2];
static struct sotto_number_link link_to_owner, link_to_holder;
static uint64_t chance;

// ---- the world ----------------------------------------------------------------------------------

static void fill(void *buf, size_t len)
{
    uint8_t *out = buf;
    for (size_t i = 0; i < len; i++) {
        chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        out[i] = (uint8_t)(chance >> 56);
    }
}

static void env_random(void *buf, size_t len, void *user)
{
    (void)user;
    fill(buf, len);
}

static void *env_realloc(void *ptr, size_t size, void *user)
{
    (void)user;
    if (size == 0) {
        f.blocks -= ptr != NULL;
        free(ptr);
        return NULL;
    }
    f.blocks += ptr == NULL;
    void *got = realloc(ptr, size);
    check(got != NULL);
    return got;
}

static int openssl_bytes(unsigned char *buf, int num)
{
    fill(buf, (size_t)num);
    return 1;
}

static int openssl_status(void)
{
    return 1;
}

static const struct sotto_env env = {.realloc = env_realloc, .random = env_random};

static uint8_t byte(void)
{
    if (f.left == 0)
        return 0;
    f.left--;
    return *f.at++;
}

static int number_get(void *user, const uint8_t hash[SOTTO_TOKEN_HASH_BYTES],
                      struct sotto_number *out)
{
    if (user != &f.ends[OWNER] || memcmp(hash, f.number.token_hash, SOTTO_TOKEN_HASH_BYTES) != 0)
        return SOTTO_ENOTFOUND;
    *out = f.number;
    return SOTTO_OK;
}

static int number_update(void *user, const uint8_t hash[SOTTO_TOKEN_HASH_BYTES],
                         int (*change)(struct sotto_number *n, void *arg), void *arg)
{
    struct sotto_number n;
    int rc = number_get(user, hash, &n);
    if (rc == SOTTO_OK)
        rc = change(&n, arg);
    if (rc == SOTTO_OK)
        f.number = n;
    return rc;
}

static int contact_get(void *user, const struct sotto_fingerprint *fp, struct sotto_contact *out)
{
    const struct end *e = user;
    memset(out, 0, sizeof *out);
    strcpy(out->label, "a contact");
    out->fingerprint = *fp;
    out->verified = e->compared;
    return SOTTO_OK;
}

static int set_verified(void *user, const struct sotto_fingerprint *fp, bool verified, int64_t now)
{
    (void)fp;
    (void)now;
    ((struct end *)user)->compared = verified;
    return SOTTO_OK;
}

static void set_up_once(void)
{
    static const RAND_METHOD method = {.bytes = openssl_bytes,
                                       .pseudorand = openssl_bytes,
                                       .status = openssl_status};
    static struct sotto_env keys;
    if (people[0] != NULL)
        return;
    check(RAND_set_rand_method(&method) == 1);
    keys = *sotto_env_default();
    keys.random = env_random;
    for (int i = 0; i < 2; i++) {
        check(sotto_identity_generate(&people[i], &keys) == 0);
        check(sotto_line_key_generate(&lines[i], &keys) == 0);
    }
}

static void start(int who)
{
    struct end *e = &f.ends[who];
    struct sotto_device_config cfg = {
        .env = &env,
        .identity = people[who],
        .line_key = lines[who],
        .home = {.host = "relay.example", .port = 443},
        .book = {number_get, number_update, contact_get, set_verified, e},
        .suite = SOTTO_SUITE_CNSA2, // the faster one
        .ring = true,
    };
    check(sotto_device_new(&e->d, &cfg, f.now) == 0);
}

static struct sotto_number_link link_of(const struct sotto_number *n, int owner)
{
    struct sotto_number_link link = {.relay = {.host = "relay.example", .port = 443}};
    memcpy(link.token, n->token, sizeof link.token);
    link.secret = n->secret;
    sotto_identity_fingerprint(people[owner], &link.callee);
    return link;
}

// ---- what must hold -----------------------------------------------------------------------------

static bool consented(const struct end *e, uint32_t call)
{
    for (size_t i = 0; i < e->consents && i < 8; i++)
        if (e->consented[i] == call)
            return true;
    return false;
}

static void consent(struct end *e, uint32_t call)
{
    e->consented[e->consents++ % 8] = call;
}

static void check_end(struct end *e)
{
    uint32_t ids[SOTTO_CALLS_MAX];
    size_t n = sotto_device_calls(e->d, ids);
    bool may = false;
    for (size_t i = 0; i < n; i++) {
        struct sotto_call_info info;
        check(sotto_device_call_info(e->d, ids[i], &info) == 0);
        check(!info.verified || (info.secure && e->compared));
        check(info.state != SOTTO_CALL_ACTIVE || consented(e, ids[i]));
        may = may || (info.state == SOTTO_CALL_ACTIVE && !info.muted && !info.held);
    }
    check(!sotto_device_mic_open(e->d) || may);
}

static void drain_events(int who)
{
    struct end *e = &f.ends[who];
    struct sotto_event ev;
    while (sotto_device_next_event(e->d, &ev)) {
        if (ev.type == SOTTO_EVENT_CALL_INCOMING) {
            check(f.ends[1 - who].dials_open); // by somebody who has dialled
            e->rang = ev.call;
        } else if (ev.type == SOTTO_EVENT_CALL_STATE && ev.other != 0 && consented(e, ev.call)) {
            consent(e, ev.other);
        }
    }
    check_end(e);
}

// ---- the relay ----------------------------------------------------------------------------------

static void keep(const uint8_t *data, size_t len, bool datagram)
{
    struct kept *k = &f.kept[f.kept_count++ % KEPT_MAX];
    memcpy(k->data, data, len);
    k->len = len;
    k->datagram = datagram;
}

static void deliver(int who, const uint8_t *data, size_t len, bool datagram)
{
    struct end *e = &f.ends[who];
    if (!e->up)
        return;
    if (datagram)
        sotto_device_read_datagram(e->d, 0, data, len, f.now);
    else
        sotto_device_read_message(e->d, 0, data, len, f.now);
    drain_events(who);
}

static void say(int who, const struct link_message *m)
{
    static uint8_t buf[SOTTO_MESSAGE_MAX_BYTES];
    int len = link_encode(m, buf, sizeof buf);
    if (len <= 0)
        return;
    keep(buf, (size_t)len, false);
    deliver(who, buf, (size_t)len, false);
}

static void greet(int who)
{
    static const uint8_t challenge[LINK_CHALLENGE_BYTES];
    say(who, &(struct link_message){.type = LINK_WELCOME,
                                    .version = LINK_VERSION,
                                    .challenge = challenge,
                                    .time_unix_s = (uint64_t)f.now.unix_s});
}

// What an honest relay does with it.
static void forward(int who, const struct link_message *m)
{
    static uint32_t odd = 1;
    static const uint8_t ticket[LINK_TICKET_BYTES];
    struct end *from = &f.ends[who], *to = &f.ends[1 - who];
    uint8_t hash[SOTTO_TOKEN_HASH_BYTES];
    struct link_message out = *m;
    switch (m->type) {
    case LINK_HELLO:
        greet(who);
        break;
    case LINK_LOGIN:
    case LINK_NUMBER_PUT:
    case LINK_PUSH:
    case LINK_UNPUSH:
    case LINK_RESUME:
        if (m->type == LINK_RESUME)
            from->circuit = m->circuit;
        say(who, &(struct link_message){.type = LINK_OK, .request = m->request});
        break;
    case LINK_DIAL:
        odd += 2;
        from->circuit = m->circuit;
        to->circuit = odd;
        from->circuit_open = to->circuit_open = true;
        sotto_token_hash(m->token, hash);
        say(1 - who, &(struct link_message){.type = LINK_INCOMING,
                                            .circuit = to->circuit,
                                            .token_hash = hash,
                                            .flight = m->flight,
                                            .flight_len = m->flight_len});
        say(who, &(struct link_message){.type = LINK_TICKET,
                                        .circuit = from->circuit,
                                        .ticket = ticket});
        say(1 - who,
            &(struct link_message){.type = LINK_TICKET, .circuit = to->circuit, .ticket = ticket});
        break;
    case LINK_SIGNAL:
    case LINK_CLOSE:
        out.circuit = to->circuit;
        if (to->circuit_open && m->circuit == from->circuit)
            say(1 - who, &out);
        break;
    default:
        break;
    }
}

// Takes what a device has to say; true if there was anything. Swallows it if told to.
static bool take(int who, bool swallow)
{
    static uint8_t buf[SOTTO_MESSAGE_MAX_BYTES];
    struct end *e = &f.ends[who], *to = &f.ends[1 - who];
    struct link_message m;
    unsigned link;
    size_t len = sotto_device_write_datagram(e->d, &link, buf, sizeof buf);
    if (len > 0) {
        keep(buf, len, true);
        const uint8_t *cell;
        uint32_t circuit;
        check(link_datagram_decode(buf, len, &circuit, &cell) == 0);
        uint8_t out[LINK_DATAGRAM_BYTES];
        link_datagram_encode(out, to->circuit, cell);
        if (!swallow && to->circuit_open)
            deliver(1 - who, out, sizeof out, true);
        return true;
    }
    len = sotto_device_write_message(e->d, &link, buf, sizeof buf);
    if (len == 0)
        return false;
    keep(buf, len, false);
    check(link_decode(&m, buf, len) == 0); // a device says nothing that is not a message
    if (!swallow)
        forward(who, &m);
    return true;
}

static void pump(bool swallow)
{
    for (int i = 0; i < ROUNDS_MAX; i++) {
        bool any = take(0, swallow);
        any = take(1, swallow) || any;
        if (!any)
            return;
    }
}

// ---- steps --------------------------------------------------------------------------------------

static void step_time(uint8_t how)
{
    static int16_t noise[SOTTO_FRAME_SAMPLES];
    static int16_t pcm[SOTTO_FRAME_SAMPLES];
    if (how >= 240) { // a long time at once: all timers
        f.now.mono_ns += (sotto_ns)(how - 239) * 5 * SOTTO_NS_PER_S;
        f.now.unix_s += (how - 239) * 5;
    }
    for (unsigned i = 0; i < how % TICKS_MAX + 1u; i++) {
        f.now.mono_ns += 7 * SOTTO_NS_PER_MS;
        for (int half = 0; half < 2; half++, f.now.mono_ns += 7 * SOTTO_NS_PER_MS)
            for (int who = 0; who < 2; who++) {
                struct end *e = &f.ends[who];
                memset(noise, 0x11, sizeof noise);
                sotto_device_capture(e->d, noise, SOTTO_FRAME_SAMPLES / 2);
                int spins = 0;
                while (f.now.mono_ns >= sotto_device_expiry(e->d)) {
                    check(++spins < 100); // time moves on
                    sotto_device_handle_expiry(e->d, f.now);
                    drain_events(who);
                }
                sotto_device_playout(e->d, pcm, SOTTO_FRAME_SAMPLES, f.now);
            }
        pump(false);
    }
}

static uint32_t call_of(struct end *e, uint8_t choice)
{
    uint32_t ids[SOTTO_CALLS_MAX];
    size_t n = sotto_device_calls(e->d, ids);
    return n ? ids[choice % n] : choice;
}

static void step_user(uint8_t what, uint8_t which)
{
    static const struct sotto_push push = {.endpoint = "https://push.example/1", .p256dh = {4}};
    int who = what & 1;
    struct end *e = &f.ends[who];
    uint32_t call = call_of(e, which);
    switch (what / 2 % 12) {
    case 0:
    case 1:
        e->dials_open = true;
        if (sotto_device_dial(e->d, who == HOLDER ? &link_to_owner : &link_to_holder, "you", f.now,
                              &call) == 0)
            consent(e, call);
        break;
    case 2:
    case 3:
        consent(e, call);
        sotto_device_accept(e->d, call, f.now);
        break;
    case 4:
        sotto_device_decline(e->d, call, f.now);
        break;
    case 5:
        sotto_device_hangup(e->d, call, f.now);
        break;
    case 6:
        sotto_device_hold(e->d, call, which & 0x80, f.now);
        break;
    case 7:
        sotto_device_mute(e->d, call, which & 0x80, f.now);
        break;
    case 8:
        sotto_device_words_compared(e->d, call, which < 200, f.now);
        break;
    case 9:
        sotto_device_rekey(e->d, call, f.now);
        break;
    case 10:
        sotto_device_exchange(e->d,
                              &(struct sotto_relay_address){.host = "relay.example", .port = 443},
                              "not-a-code", &link_to_owner, f.now);
        sotto_device_exchange_pick(e->d, which % 8, f.now);
        break;
    default:
        if (which & 1)
            sotto_device_push(e->d, which & 2 ? &push : NULL, f.now, &call);
        else
            sotto_device_number_publish(e->d, &f.number, f.now, &call);
        break;
    }
    drain_events(who);
}

static void step_link(uint8_t how)
{
    int who = how & 1;
    struct end *e = &f.ends[who];
    if (e->up) {
        e->up = false;
        sotto_device_link_down(e->d, 0, how < 250, f.now);
    } else {
        e->up = true;
        sotto_device_link_up(e->d, 0, f.now);
    }
    drain_events(who);
}

// Something that went by, perhaps altered, to either, under any circuit.
static void step_again(uint8_t which, uint8_t how, uint8_t at)
{
    static struct kept copy;
    size_t n = f.kept_count < KEPT_MAX ? f.kept_count : KEPT_MAX;
    if (n == 0)
        return;
    copy = f.kept[which % n];
    int who = how & 1;
    size_t circuit_at = copy.datagram ? 0 : 1;
    if (how & 2)
        copy.data[copy.len * at / 256] ^= (uint8_t)(1 << (how >> 5));
    if (how & 4)
        for (size_t i = 0; i < 4 && circuit_at + i < copy.len; i++)
            copy.data[circuit_at + i] = (uint8_t)(f.ends[who].circuit >> (24 - 8 * i));
    if ((how & 24) == 24)
        copy.len = copy.len * at / 256;
    deliver(who, copy.data, copy.len, copy.datagram);
}

static void step_forge(void)
{
    static const uint8_t types[] = {0x81, 0x82, 0x83, 0x84, 0x85, 0x86,
                                    0x87, 0x08, 0x09, 0x0a, 0x88, 0x89};
    uint8_t bytes[64];
    int who = byte() & 1;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = byte();
    struct link_message m = {
        .type = (enum link_type)types[byte() % sizeof types],
        .version = LINK_VERSION,
        .role = byte() & 1,
        .code = byte() % 14,
        .request = byte(),
        .circuit = byte() & 1 ? f.ends[who].circuit : byte(),
        .time_unix_s = byte(),
        .challenge = bytes,
        .token_hash = byte() & 1 ? f.number.token_hash : bytes,
        .ticket = bytes,
        .flight = bytes,
        .flight_len = 1 + byte() % 63u,
    };
    say(who, &m);
}

static void step_raw(void)
{
    uint8_t bytes[256];
    int who = byte() & 1;
    size_t len = byte();
    for (size_t i = 0; i < len; i++)
        bytes[i] = byte();
    deliver(who, bytes, len, len == LINK_DATAGRAM_BYTES);
}

static void step(void)
{
    switch (byte() % 10) {
    case 0:
    case 1:
    case 2:
        step_time(byte());
        break;
    case 3:
    case 4: {
        uint8_t what = byte();
        step_user(what, byte());
        break;
    }
    case 5:
        step_link(byte());
        break;
    case 6: {
        uint8_t which = byte(), how = byte();
        step_again(which, how, byte());
        break;
    }
    case 7:
        step_forge();
        break;
    case 8:
        take(byte() & 1, true);
        break;
    default:
        step_raw();
        break;
    }
    pump(false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    set_up_once();
    memset(&f, 0, sizeof f);
    f.at = data;
    f.left = size;
    chance = 1;
    f.now = (struct sotto_now){.mono_ns = 1000 * SOTTO_NS_PER_S, .unix_s = 1800000000};
    check(sotto_number_init(&f.number, "the holder", f.now.unix_s, &env) == 0);
    link_to_owner = link_of(&f.number, OWNER);
    link_to_holder = link_of(&f.number, HOLDER); // a number that nobody has in a book
    for (int who = 0; who < 2; who++) {
        start(who);
        f.ends[who].up = true;
        sotto_device_link_up(f.ends[who].d, 0, f.now);
        drain_events(who);
    }
    pump(false);
    for (int i = 0; i < STEPS_MAX && f.left > 0; i++)
        step();
    for (int who = 0; who < 2; who++)
        sotto_device_free(f.ends[who].d);
    check(f.blocks == 0);
    return 0;
}
