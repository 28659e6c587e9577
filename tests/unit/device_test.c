// SPDX-License-Identifier: Apache-2.0
// A device against a relay that the test plays by hand: links, logging in, requests, events. Calls
// as a whole are tested in the simulator (tests/sim).
#include "unit.h"

#include <sotto/device.h>
#include <string.h>

#include "call/impl.h"
#include "test_env.h"

#define S SOTTO_NS_PER_S

struct rig {
    struct test_env env;
    struct sotto_identity *identity;
    struct sotto_line_key *line_key;
    struct sotto_device *device;
    struct sotto_now now;
    struct sotto_number number; // the only one in the book
    uint8_t raw[SOTTO_MESSAGE_MAX_BYTES];
    struct link_message got;
    unsigned lookups; // of the number
};

static struct rig r;
static struct sotto_identity *identity; // made once: keys take time
static struct sotto_identity *somebody;
static struct sotto_line_key *line_key;

// ---- the book ---------------------------------------------------------------------------------

static int number_get(void *user, const uint8_t hash[SOTTO_TOKEN_HASH_BYTES],
                      struct sotto_number *out)
{
    (void)user;
    r.lookups++;
    if (memcmp(hash, r.number.token_hash, SOTTO_TOKEN_HASH_BYTES) != 0)
        return SOTTO_ENOTFOUND;
    *out = r.number;
    return SOTTO_OK;
}

static int number_update(void *user, const uint8_t hash[SOTTO_TOKEN_HASH_BYTES],
                         int (*change)(struct sotto_number *n, void *arg), void *arg)
{
    (void)user;
    (void)hash;
    return change(&r.number, arg);
}

static int contact_get(void *user, const struct sotto_fingerprint *fp, struct sotto_contact *out)
{
    (void)user;
    (void)fp;
    (void)out;
    return SOTTO_ENOTFOUND;
}

static int set_verified(void *user, const struct sotto_fingerprint *fp, bool verified, int64_t now)
{
    (void)user;
    (void)fp;
    (void)verified;
    (void)now;
    return SOTTO_OK;
}

// ---- the test as relay ------------------------------------------------------------------------

static struct sotto_device_config config(bool ring)
{
    struct sotto_device_config cfg = {
        .env = &r.env.env,
        .identity = identity,
        .line_key = line_key,
        .home = {.host = "relay.example", .port = 443},
        .book = {number_get, number_update, contact_get, set_verified, NULL},
        .ring = ring,
    };
    return cfg;
}

static void begin(bool ring)
{
    memset(&r, 0, sizeof r);
    test_env_init(&r.env, 1);
    r.now = (struct sotto_now){.mono_ns = 100 * S, .unix_s = 1800000000};
    assert_int_equal(sotto_number_init(&r.number, "Anna", r.now.unix_s, &r.env.env), 0);
    struct sotto_device_config cfg = config(ring);
    assert_int_equal(sotto_device_new(&r.device, &cfg, r.now), SOTTO_OK);
}

static int end(void **state)
{
    (void)state;
    sotto_device_free(r.device);
    r.device = NULL;
    return r.env.live == 0 ? 0 : -1;
}

// The next message of the device, decoded into r.got; 0: none.
static enum link_type heard(void)
{
    unsigned link;
    size_t len = sotto_device_write_message(r.device, &link, r.raw, sizeof r.raw);
    if (len == 0)
        return (enum link_type)0;
    assert_int_equal(link_decode(&r.got, r.raw, len), SOTTO_OK);
    return r.got.type;
}

static void say_on(unsigned link, const struct link_message *m)
{
    uint8_t buf[SOTTO_MESSAGE_MAX_BYTES];
    int len = link_encode(m, buf, sizeof buf);
    assert_true(len > 0);
    assert_int_equal(sotto_device_read_message(r.device, link, buf, (size_t)len, r.now), SOTTO_OK);
}

static void say(const struct link_message *m)
{
    say_on(0, m);
}

static void welcome(void)
{
    static const uint8_t challenge[LINK_CHALLENGE_BYTES] = {1, 2, 3};
    assert_int_equal(heard(), LINK_HELLO);
    say(&(struct link_message){.type = LINK_WELCOME,
                               .version = LINK_VERSION,
                               .challenge = challenge,
                               .time_unix_s = (uint64_t)r.now.unix_s});
}

static void ok(uint32_t request)
{
    say(&(struct link_message){.type = LINK_OK, .request = request});
}

static void failed(uint32_t request, uint8_t code)
{
    say(&(struct link_message){.type = LINK_FAILED, .request = request, .code = code});
}

// The next event of that type; others are passed over. False: there is none.
static bool event(enum sotto_event_type type, struct sotto_event *e)
{
    while (sotto_device_next_event(r.device, e))
        if (e->type == type)
            return true;
    return false;
}

static bool told(enum sotto_event_type type)
{
    struct sotto_event e;
    return event(type, &e);
}

static void log_in(void)
{
    sotto_device_link_up(r.device, 0, r.now);
    welcome();
    assert_int_equal(heard(), LINK_LOGIN);
    ok(r.got.request);
    assert_true(told(SOTTO_EVENT_LINE_READY));
}

static void pass(sotto_ns time)
{
    r.now.mono_ns += time;
    if (r.now.mono_ns >= sotto_device_expiry(r.device))
        sotto_device_handle_expiry(r.device, r.now);
}

// ---- making one -------------------------------------------------------------------------------

static void what_cannot_work_is_not_made(void **state)
{
    (void)state;
    begin(true);
    struct sotto_device *d = NULL;
    struct sotto_device_config cfg = config(true);
    cfg.identity = NULL;
    assert_int_equal(sotto_device_new(&d, &cfg, r.now), SOTTO_EINVAL);
    cfg = config(true);
    cfg.line_key = NULL;
    assert_int_equal(sotto_device_new(&d, &cfg, r.now), SOTTO_EINVAL);
    cfg = config(true);
    cfg.home.host[0] = '\0';
    assert_int_equal(sotto_device_new(&d, &cfg, r.now), SOTTO_EINVAL);
    cfg = config(true);
    cfg.book.set_verified = NULL;
    assert_int_equal(sotto_device_new(&d, &cfg, r.now), SOTTO_EINVAL);
    assert_null(d);
    sotto_device_free(NULL);
}

// ---- links ------------------------------------------------------------------------------------

static void a_line_logs_in(void **state)
{
    (void)state;
    struct sotto_event e;
    begin(true);
    assert_true(event(SOTTO_EVENT_LINK_WANTED, &e));
    assert_string_equal(e.relay.host, "relay.example");
    assert_int_equal(heard(), 0); // nothing before the link is up
    sotto_device_link_up(r.device, e.link, r.now);
    welcome();
    assert_int_equal(heard(), LINK_LOGIN);
    assert_int_equal(r.got.flags, LINK_LOGIN_RING);
    uint8_t tbs[LINK_TBS_MAX_BYTES], key[SOTTO_LINE_PUBLIC_MAX_BYTES];
    static const uint8_t challenge[LINK_CHALLENGE_BYTES] = {1, 2, 3};
    int n =
        link_login_tbs(tbs, sizeof tbs, "relay.example:443", challenge, r.got.line_id, r.got.flags);
    int key_len = sotto_line_key_public(line_key, key, sizeof key);
    assert_int_equal(sotto_line_verify(key, (size_t)key_len, tbs, (size_t)n, r.got.signature,
                                       r.got.signature_len),
                     0);
    ok(r.got.request);
    assert_true(told(SOTTO_EVENT_LINE_READY));
    assert_int_equal(sotto_device_expiry(r.device), SOTTO_NEVER);
    // It stays.
    pass(3600 * S);
    assert_false(told(SOTTO_EVENT_LINK_UNWANTED));
}

static void a_lost_link_logs_in_again(void **state)
{
    (void)state;
    begin(true);
    log_in();
    sotto_device_link_down(r.device, 0, true, r.now);
    assert_int_equal(heard(), 0);
    log_in();
    // A driver that only says "up": the same.
    log_in();
}

static void a_refusal_that_may_pass_is_asked_again(void **state)
{
    (void)state;
    struct sotto_event e;
    begin(true);
    sotto_device_link_up(r.device, 0, r.now);
    welcome();
    assert_int_equal(heard(), LINK_LOGIN);
    failed(r.got.request, LINK_CODE_STORAGE);
    assert_true(event(SOTTO_EVENT_LINE_DENIED, &e));
    assert_int_equal(e.code, LINK_CODE_STORAGE);
    pass(LOGIN_AGAIN_NS - 1);
    assert_int_equal(heard(), 0);
    pass(1);
    assert_int_equal(heard(), LINK_LOGIN);
    ok(r.got.request);
    assert_true(told(SOTTO_EVENT_LINE_READY));
    assert_int_equal(sotto_device_expiry(r.device), SOTTO_NEVER);
}

static void a_refusal_for_good_waits_for_another_link(void **state)
{
    (void)state;
    begin(true);
    sotto_device_link_up(r.device, 0, r.now);
    welcome();
    assert_int_equal(heard(), LINK_LOGIN);
    failed(r.got.request, LINK_CODE_NO_LINE);
    assert_true(told(SOTTO_EVENT_LINE_DENIED));
    pass(3600 * S);
    assert_int_equal(heard(), 0);
    sotto_device_link_down(r.device, 0, true, r.now);
    log_in();
}

static void no_answer_to_a_login_is_a_refusal_that_may_pass(void **state)
{
    (void)state;
    begin(true);
    sotto_device_link_up(r.device, 0, r.now);
    welcome();
    assert_int_equal(heard(), LINK_LOGIN);
    pass(REQUEST_NS);
    assert_true(told(SOTTO_EVENT_LINE_DENIED));
    pass(LOGIN_AGAIN_NS);
    assert_int_equal(heard(), LINK_LOGIN);
}

static void registering_comes_before_logging_in(void **state)
{
    (void)state;
    uint8_t invite[SOTTO_INVITE_BYTES] = {7};
    uint32_t request;
    struct sotto_event e;
    begin(true);
    assert_int_equal(sotto_device_register(r.device, invite, r.now, &request), SOTTO_OK);
    sotto_device_link_up(r.device, 0, r.now);
    welcome();
    assert_int_equal(heard(), LINK_REGISTER);
    assert_int_equal(r.got.request, request);
    assert_memory_equal(r.got.invite, invite, sizeof invite);
    assert_int_equal(heard(), 0);
    ok(request);
    assert_true(event(SOTTO_EVENT_RESULT, &e));
    assert_int_equal(e.request, request);
    assert_int_equal(e.code, 0);
    assert_int_equal(heard(), LINK_LOGIN);
}

static void a_link_that_nobody_needs_is_given_back(void **state)
{
    (void)state;
    uint32_t request;
    struct sotto_event e;
    begin(false);
    assert_false(told(SOTTO_EVENT_LINK_WANTED));
    assert_int_equal(sotto_device_number_publish(r.device, &r.number, r.now, &request), SOTTO_OK);
    assert_true(told(SOTTO_EVENT_LINK_WANTED));
    sotto_device_link_up(r.device, 0, r.now);
    welcome();
    assert_int_equal(heard(), LINK_LOGIN); // needed for this, without ringing
    assert_int_equal(r.got.flags, 0);
    ok(r.got.request);
    assert_int_equal(heard(), LINK_NUMBER_PUT);
    assert_memory_equal(r.got.token_hash, r.number.token_hash, SOTTO_TOKEN_HASH_BYTES);
    assert_int_equal(r.got.calls_left, LINK_CALLS_UNLIMITED);
    ok(r.got.request);
    assert_true(event(SOTTO_EVENT_RESULT, &e));
    assert_true(sotto_device_idle(r.device));
    pass(PORT_IDLE_NS - 1);
    assert_false(told(SOTTO_EVENT_LINK_UNWANTED));
    pass(1);
    assert_true(event(SOTTO_EVENT_LINK_UNWANTED, &e));
    assert_int_equal(e.link, 0);
    assert_int_equal(sotto_device_expiry(r.device), SOTTO_NEVER);
}

static void more_relays_than_links_are_too_many(void **state)
{
    (void)state;
    begin(true);
    for (unsigned i = 0; i < SOTTO_LINKS_MAX; i++) {
        struct sotto_relay_address a = {.port = (uint16_t)(1000 + i)};
        strcpy(a.host, "other.example");
        assert_int_equal(port_want(r.device, &a), i + 1 < SOTTO_LINKS_MAX ? i + 1 : NO_PORT);
    }
    struct sotto_relay_address again = {.host = "other.example", .port = 1002};
    assert_int_equal(port_want(r.device, &again), 3);
}

static void a_driver_that_gives_up_ends_what_waits(void **state)
{
    (void)state;
    uint32_t request;
    struct sotto_event e;
    begin(true);
    assert_int_equal(sotto_device_number_publish(r.device, &r.number, r.now, &request), SOTTO_OK);
    sotto_device_link_down(r.device, 0, false, r.now);
    assert_true(event(SOTTO_EVENT_RESULT, &e));
    assert_int_equal(e.code, SOTTO_ECLOSED);
    assert_true(told(SOTTO_EVENT_LINK_UNWANTED));
}

static void clocks_that_differ_are_told(void **state)
{
    (void)state;
    struct sotto_event e;
    static const uint8_t challenge[LINK_CHALLENGE_BYTES];
    begin(true);
    sotto_device_link_up(r.device, 0, r.now);
    say(&(struct link_message){.type = LINK_WELCOME,
                               .version = LINK_VERSION,
                               .challenge = challenge,
                               .time_unix_s = (uint64_t)r.now.unix_s + CLOCK_OFFSET_MAX_S + 1});
    assert_true(event(SOTTO_EVENT_CLOCK, &e));
    assert_int_equal(e.clock_offset_s, -CLOCK_OFFSET_MAX_S - 1);
    // A second greeting changes nothing.
    say(&(struct link_message){
        .type = LINK_WELCOME, .version = LINK_VERSION, .challenge = challenge, .time_unix_s = 1});
    assert_false(told(SOTTO_EVENT_CLOCK));
}

static void bad_bytes_are_dropped(void **state)
{
    (void)state;
    begin(true);
    uint8_t bytes[200] = {0xff};
    assert_int_equal(sotto_device_read_message(r.device, 0, bytes, 5, r.now), SOTTO_ESTATE);
    log_in();
    assert_int_equal(sotto_device_read_message(r.device, 0, bytes, 5, r.now), SOTTO_EPARSE);
    assert_int_equal(sotto_device_read_message(r.device, 0, bytes, 0, r.now), SOTTO_EPARSE);
    assert_int_equal(sotto_device_read_message(r.device, 99, bytes, 5, r.now), SOTTO_ESTATE);
    assert_int_equal(sotto_device_read_datagram(r.device, 0, bytes, 5, r.now), SOTTO_EPARSE);
    assert_int_equal(sotto_device_read_datagram(r.device, 0, bytes, LINK_DATAGRAM_BYTES, r.now),
                     SOTTO_ENOTFOUND);
    say(&(struct link_message){.type = LINK_PING, .ping = 42});
    assert_int_equal(heard(), LINK_PONG);
    assert_int_equal(r.got.ping, 42);
    say(&(struct link_message){.type = LINK_PONG, .ping = 42});
    assert_int_equal(heard(), 0);
}

// ---- requests ---------------------------------------------------------------------------------

static void a_request_lost_with_its_link_is_sent_again(void **state)
{
    (void)state;
    uint32_t request;
    struct sotto_event e;
    begin(true);
    log_in();
    r.number.calls_max = 3;
    r.number.calls_used = 1;
    r.number.expires_unix_s = r.now.unix_s + 60;
    assert_int_equal(sotto_device_number_publish(r.device, &r.number, r.now, &request), SOTTO_OK);
    assert_int_equal(heard(), LINK_NUMBER_PUT);
    sotto_device_link_down(r.device, 0, true, r.now);
    log_in();
    assert_int_equal(heard(), LINK_NUMBER_PUT);
    assert_int_equal(r.got.request, request);
    assert_int_equal(r.got.calls_left, 2);
    assert_int_equal(r.got.expires_unix_s, r.now.unix_s + 60);
    failed(request, LINK_CODE_STORAGE);
    assert_true(event(SOTTO_EVENT_RESULT, &e));
    assert_int_equal(e.code, LINK_CODE_STORAGE);
    // Its answer comes a second time: nobody asked.
    ok(request);
    assert_false(told(SOTTO_EVENT_RESULT));
}

static void an_answer_without_a_reason_is_no_success(void **state)
{
    (void)state;
    uint32_t request;
    struct sotto_event e;
    begin(true);
    log_in();
    assert_int_equal(sotto_device_number_withdraw(r.device, r.number.token_hash, r.now, &request),
                     SOTTO_OK);
    assert_int_equal(heard(), LINK_NUMBER_REMOVE);
    failed(request, LINK_CODE_NONE);
    assert_true(event(SOTTO_EVENT_RESULT, &e));
    assert_int_equal(e.code, LINK_CODE_PROTOCOL);
}

static void a_request_without_an_answer_times_out(void **state)
{
    (void)state;
    uint32_t request;
    struct sotto_event e;
    begin(true);
    log_in();
    assert_int_equal(sotto_device_number_publish(r.device, &r.number, r.now, &request), SOTTO_OK);
    assert_false(sotto_device_idle(r.device));
    pass(REQUEST_NS - 1);
    assert_false(told(SOTTO_EVENT_RESULT));
    pass(1);
    assert_true(event(SOTTO_EVENT_RESULT, &e));
    assert_int_equal(e.code, SOTTO_ETIMEOUT);
    assert_true(sotto_device_idle(r.device));
}

static void full_of_requests_it_still_logs_in(void **state)
{
    (void)state;
    uint32_t request;
    begin(true);
    for (size_t i = 0; i < SOTTO_REQUESTS_MAX - REQUESTS_KEPT; i++)
        assert_int_equal(sotto_device_number_publish(r.device, &r.number, r.now, &request),
                         SOTTO_OK);
    assert_int_equal(sotto_device_number_publish(r.device, &r.number, r.now, &request),
                     SOTTO_ELIMIT);
    sotto_device_link_up(r.device, 0, r.now);
    welcome();
    assert_int_equal(heard(), LINK_LOGIN);
    ok(r.got.request);
    for (size_t i = 0; i < SOTTO_REQUESTS_MAX - REQUESTS_KEPT; i++)
        assert_int_equal(heard(), LINK_NUMBER_PUT);
    assert_int_equal(heard(), 0);
}

static void who_has_no_line_publishes_nothing(void **state)
{
    (void)state;
    uint32_t request;
    uint8_t invite[SOTTO_INVITE_BYTES] = {0};
    begin(false);
    sotto_device_free(r.device);
    struct sotto_device_config cfg = config(false);
    cfg.line_key = NULL;
    assert_int_equal(sotto_device_new(&r.device, &cfg, r.now), SOTTO_OK);
    assert_int_equal(sotto_device_number_publish(r.device, &r.number, r.now, &request),
                     SOTTO_ESTATE);
    assert_int_equal(sotto_device_register(r.device, invite, r.now, &request), SOTTO_ESTATE);
}

static void subscriptions_are_left_at_home(void **state)
{
    (void)state;
    uint32_t request, again;
    struct sotto_event e;
    struct sotto_push push = {.endpoint = "https://push.example/1", .p256dh = {4, 5}, .auth = {6}};
    begin(true);
    log_in();
    assert_int_equal(sotto_device_push(r.device, &push, r.now, &request), SOTTO_OK);
    assert_int_equal(sotto_device_push(r.device, NULL, r.now, &again), SOTTO_ESTATE);
    push.endpoint[0] = 'X'; // it was copied
    assert_int_equal(heard(), LINK_PUSH);
    sotto_device_link_down(r.device, 0, true, r.now);
    log_in();
    assert_int_equal(heard(), LINK_PUSH); // once more
    assert_int_equal(r.got.request, request);
    assert_int_equal(r.got.endpoint_len, 22);
    assert_memory_equal(r.got.endpoint, "https://push.example/1", 22);
    assert_memory_equal(r.got.p256dh, push.p256dh, sizeof push.p256dh);
    assert_memory_equal(r.got.auth, push.auth, sizeof push.auth);
    failed(request, LINK_CODE_DENIED);
    assert_true(event(SOTTO_EVENT_RESULT, &e));
    assert_int_equal(e.request, request);
    assert_int_equal(e.code, LINK_CODE_DENIED);
    assert_int_equal(r.device->push.endpoint[0], 0); // nothing stays behind
    assert_int_equal(sotto_device_push(r.device, NULL, r.now, &request), SOTTO_OK);
    assert_int_equal(heard(), LINK_UNPUSH);
    assert_int_equal(r.got.endpoint_len, 0);
    ok(request);
    assert_true(event(SOTTO_EVENT_RESULT, &e));
    assert_int_equal(e.code, 0);
}

static void what_is_no_subscription_is_not_sent(void **state)
{
    (void)state;
    uint32_t request;
    struct sotto_push good = {.endpoint = "https://push.example/1", .p256dh = {4}}, bad = good;
    begin(true);
    bad.endpoint[0] = '\0';
    assert_int_equal(sotto_device_push(r.device, &bad, r.now, &request), SOTTO_EINVAL);
    bad = good;
    bad.endpoint[9] = '\n';
    assert_int_equal(sotto_device_push(r.device, &bad, r.now, &request), SOTTO_EINVAL);
    memset(bad.endpoint, 'a', sizeof bad.endpoint); // without an end
    assert_int_equal(sotto_device_push(r.device, &bad, r.now, &request), SOTTO_EINVAL);
    bad = good;
    bad.p256dh[0] = 2;
    assert_int_equal(sotto_device_push(r.device, &bad, r.now, &request), SOTTO_EINVAL);
}

// ---- calls that do not come to be -------------------------------------------------------------

static void incoming(uint32_t circuit, const uint8_t *hash)
{
    static const uint8_t flight[600] = {1};
    say(&(struct link_message){.type = LINK_INCOMING,
                               .circuit = circuit,
                               .token_hash = hash,
                               .flight = flight,
                               .flight_len = sizeof flight});
}

static void refused(uint32_t circuit)
{
    assert_int_equal(heard(), LINK_CLOSE);
    assert_int_equal(r.got.circuit, circuit);
    assert_int_equal(r.got.code, LINK_CODE_NONE);
    assert_int_equal(heard(), 0);
    struct sotto_event e;
    assert_false(sotto_device_next_event(r.device, &e)); // the user hears nothing of it
    assert_true(sotto_device_idle(r.device));
}

static void strangers_do_not_ring(void **state)
{
    (void)state;
    uint8_t unknown[SOTTO_TOKEN_HASH_BYTES] = {9};
    begin(true);
    log_in();
    incoming(1, unknown); // not in the book, whatever the relay says
    refused(1);
    incoming(2, r.number.token_hash); // the relay has odd circuits only
    refused(2);
    incoming(3, r.number.token_hash); // not sealed under the number's secret
    refused(3);
    r.number.state = SOTTO_NUMBER_REVOKED;
    incoming(5, r.number.token_hash);
    refused(5);
}

// A relay that repeats what it has seen costs us only so many look-ups and handshakes.
static void a_flood_is_paced(void **state)
{
    (void)state;
    begin(true);
    log_in();
    unsigned lookups = r.lookups;
    for (uint32_t i = 0; i < 4 * INCOMING_BURST; i++) {
        incoming(2 * i + 1, r.number.token_hash);
        refused(2 * i + 1);
    }
    assert_int_equal(r.lookups - lookups, INCOMING_BURST + 1);
    pass(2 * INCOMING_COST_NS);
    for (uint32_t i = 0; i < 10; i++) {
        incoming(2 * i + 101, r.number.token_hash);
        refused(2 * i + 101);
    }
    assert_int_equal(r.lookups - lookups, INCOMING_BURST + 1 + 2);
}

// A caller who knows the number's secret: the first flight of a session.
static struct sotto_session *dial_in(uint32_t circuit)
{
    struct sotto_session *caller;
    uint8_t flight[SOTTO_FLIGHT_MAX_BYTES];
    struct sotto_session_config cfg = {.role = SOTTO_CALLER,
                                       .identity = somebody,
                                       .secret = &r.number.secret,
                                       .purpose = "call"};
    assert_int_equal(sotto_session_new(&caller, &cfg, &r.env.env, r.now.mono_ns), 0);
    int len = sotto_session_write(caller, flight, sizeof flight, r.now.mono_ns);
    assert_true(len > 0);
    say(&(struct link_message){.type = LINK_INCOMING,
                               .circuit = circuit,
                               .token_hash = r.number.token_hash,
                               .flight = flight,
                               .flight_len = (size_t)len});
    return caller;
}

// Who knows a number dials it over and over and never proves a key: its rightful holder, or anybody
// else, still comes through, and does not find it busy.
static void callers_who_fall_silent_keep_nobody_out(void **state)
{
    (void)state;
    uint8_t flight[SOTTO_FLIGHT_MAX_BYTES];
    struct sotto_event e;
    uint32_t circuit = 1;
    begin(true);
    log_in();
    for (; circuit < 2 * 10; circuit += 2) {
        sotto_session_free(dial_in(circuit));
        if (circuit > 2 * SOTTO_CALLS_MAX) { // the oldest has given way
            assert_int_equal(heard(), LINK_CLOSE);
            assert_int_equal(r.got.circuit, circuit - 2 * SOTTO_CALLS_MAX);
        }
        assert_int_equal(heard(), LINK_SIGNAL);
        assert_int_equal(r.got.circuit, circuit);
    }
    struct sotto_session *caller = dial_in(circuit);
    assert_int_equal(heard(), LINK_CLOSE);
    assert_int_equal(heard(), LINK_SIGNAL);
    assert_int_equal(r.got.circuit, circuit);
    assert_int_equal(sotto_session_read(caller, r.got.flight, r.got.flight_len, r.now.mono_ns), 0);
    int len = sotto_session_write(caller, flight, sizeof flight, r.now.mono_ns);
    assert_true(len > 0);
    say(&(struct link_message){
        .type = LINK_SIGNAL, .circuit = circuit, .flight = flight, .flight_len = (size_t)len});
    assert_true(event(SOTTO_EVENT_CALL_INCOMING, &e));
    assert_string_equal(e.label, "Anna");
    // Whoever has proven who he is gives way to nobody.
    uint32_t call = e.call;
    for (circuit += 2; circuit < 2 * 20; circuit += 2)
        sotto_session_free(dial_in(circuit));
    struct sotto_call_info info;
    assert_int_equal(sotto_device_call_info(r.device, call, &info), SOTTO_OK);
    assert_int_equal(info.state, SOTTO_CALL_RINGING);
    sotto_session_free(caller);
}

static struct sotto_number_link link_to_somebody(void)
{
    struct sotto_number_link link = {.relay = {.host = "relay.example", .port = 443}};
    link.callee.bytes[0] = 1;
    return link;
}

static void a_dial_says_why_it_failed(void **state)
{
    (void)state;
    static const struct {
        uint8_t code;
        enum sotto_end end;
    } cases[] = {
        {LINK_CODE_UNAVAILABLE, SOTTO_END_UNAVAILABLE},
        {LINK_CODE_OFFLINE, SOTTO_END_OFFLINE},
        {LINK_CODE_LIMIT, SOTTO_END_LIMIT},
        {LINK_CODE_LOST, SOTTO_END_LOST},
        {LINK_CODE_SHUTDOWN, SOTTO_END_DROPPED},
        {LINK_CODE_NONE, SOTTO_END_REFUSED},
    };
    struct sotto_number_link link = link_to_somebody();
    begin(true);
    log_in();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t call;
        struct sotto_event e;
        assert_int_equal(sotto_device_dial(r.device, &link, "Boris", r.now, &call), SOTTO_OK);
        assert_int_equal(heard(), LINK_DIAL);
        assert_int_equal(r.got.circuit % 2, 0);
        say(&(struct link_message){.type = LINK_CLOSE,
                                   .circuit = r.got.circuit,
                                   .code = cases[i].code});
        assert_true(event(SOTTO_EVENT_CALL_STATE, &e) && e.state == SOTTO_CALL_DIALLING);
        assert_true(event(SOTTO_EVENT_CALL_STATE, &e) && e.state == SOTTO_CALL_ENDED);
        assert_int_equal(e.end, cases[i].end);
        assert_int_equal(e.call, call);
        assert_false(sotto_device_mic_open(r.device));
    }
}

// Identifiers of one byte come round: not the one of a call that is still there, and no other one
// soon.
static void circuits_are_named_again_late(void **state)
{
    (void)state;
    struct sotto_number_link link = link_to_somebody();
    uint32_t call, waiting = 0;
    int last[LINK_CIRCUIT_MAX + 1] = {0};
    begin(true);
    log_in();
    for (int i = 1; i <= 400; i++) {
        assert_int_equal(sotto_device_dial(r.device, &link, "Boris", r.now, &call), SOTTO_OK);
        assert_int_equal(heard(), LINK_DIAL);
        uint32_t id = r.got.circuit;
        assert_true(id % 2 == 0 && id <= LINK_CIRCUIT_MAX);
        assert_true(last[id] == 0 || i - last[id] >= 127);
        last[id] = i;
        if (i == 1) { // waits on
            waiting = id;
            say(&(struct link_message){.type = LINK_WAKING, .circuit = id});
        } else {
            assert_int_not_equal(id, waiting);
            say(&(struct link_message){.type = LINK_CLOSE,
                                       .circuit = id,
                                       .code = LINK_CODE_UNAVAILABLE});
        }
        while (told(SOTTO_EVENT_CALL_STATE)) {
        }
    }
}

static void a_dial_waits_for_its_link_only_so_long(void **state)
{
    (void)state;
    struct sotto_number_link link = link_to_somebody();
    struct sotto_event e;
    uint32_t call;
    begin(true);
    assert_int_equal(sotto_device_dial(r.device, &link, "Boris", r.now, &call), SOTTO_OK);
    assert_true(event(SOTTO_EVENT_CALL_STATE, &e));
    pass(PORT_UP_NS - 1);
    assert_false(told(SOTTO_EVENT_CALL_STATE));
    pass(1);
    assert_true(event(SOTTO_EVENT_CALL_STATE, &e));
    assert_int_equal(e.end, SOTTO_END_LINK);
}

static bool is_waking(uint32_t call)
{
    struct sotto_call_info info;
    assert_int_equal(sotto_device_call_info(r.device, call, &info), SOTTO_OK);
    return info.waking;
}

static void wakes(enum link_type type, uint32_t circuit)
{
    say(&(struct link_message){.type = type, .circuit = circuit});
}

// A relay that keeps saying so keeps nobody waiting for ever.
static void a_dial_waits_for_a_device_to_wake(void **state)
{
    (void)state;
    struct sotto_number_link link = link_to_somebody();
    struct sotto_event e;
    uint32_t call;
    begin(true);
    log_in();
    assert_int_equal(sotto_device_dial(r.device, &link, "Boris", r.now, &call), SOTTO_OK);
    assert_int_equal(heard(), LINK_DIAL);
    uint32_t circuit = r.got.circuit;
    assert_true(told(SOTTO_EVENT_CALL_STATE));
    wakes(LINK_AWAKE, circuit); // out of turn
    assert_int_equal(heard(), 0);
    wakes(LINK_WAKING, circuit);
    assert_true(event(SOTTO_EVENT_CALL_STATE, &e));
    assert_int_equal(e.state, SOTTO_CALL_DIALLING);
    assert_true(is_waking(call));
    wakes(LINK_WAKING, circuit);
    assert_false(told(SOTTO_EVENT_CALL_STATE));
    pass(20 * S); // longer than a session may take
    wakes(LINK_AWAKE, circuit);
    assert_int_equal(heard(), LINK_DIAL);
    assert_int_not_equal(r.got.circuit, circuit);
    assert_true(is_waking(call)); // until they answer
    wakes(LINK_AWAKE, circuit);   // that one is over
    assert_int_equal(heard(), 0);
    wakes(LINK_WAKING, r.got.circuit);
    pass(SOTTO_WAKE_TIMEOUT_NS - 20 * S - 1);
    assert_false(told(SOTTO_EVENT_CALL_STATE));
    pass(1);
    assert_true(event(SOTTO_EVENT_CALL_STATE, &e));
    assert_int_equal(e.end, SOTTO_END_OFFLINE);
    assert_int_equal(heard(), LINK_CLOSE);
}

static void a_relay_does_not_have_it_dialled_for_ever(void **state)
{
    (void)state;
    struct sotto_number_link link = link_to_somebody();
    struct sotto_event e;
    uint32_t call;
    begin(true);
    log_in();
    assert_int_equal(sotto_device_dial(r.device, &link, "Boris", r.now, &call), SOTTO_OK);
    for (unsigned i = 0; i <= CALL_REDIALS_MAX; i++) {
        assert_int_equal(heard(), LINK_DIAL);
        uint32_t circuit = r.got.circuit;
        wakes(LINK_WAKING, circuit);
        wakes(LINK_AWAKE, circuit);
    }
    assert_int_equal(heard(), 0);
    while (event(SOTTO_EVENT_CALL_STATE, &e) && e.state != SOTTO_CALL_ENDED)
        ;
    assert_int_equal(e.end, SOTTO_END_OFFLINE);
}

static void a_waking_call_outlives_its_link(void **state)
{
    (void)state;
    struct sotto_number_link link = link_to_somebody();
    uint32_t call;
    begin(true);
    log_in();
    assert_int_equal(sotto_device_dial(r.device, &link, "Boris", r.now, &call), SOTTO_OK);
    assert_int_equal(heard(), LINK_DIAL);
    wakes(LINK_WAKING, r.got.circuit);
    sotto_device_link_down(r.device, 0, true, r.now);
    pass(S);
    sotto_device_link_up(r.device, 0, r.now);
    assert_int_equal(heard(), LINK_HELLO);
    assert_int_equal(heard(), LINK_DIAL);
    assert_true(is_waking(call));
    assert_int_equal(sotto_device_hangup(r.device, call, r.now), SOTTO_OK);
    assert_int_equal(heard(), LINK_CLOSE);
}

static void a_dial_is_checked_first(void **state)
{
    (void)state;
    struct sotto_number_link link = link_to_somebody();
    uint32_t call = 77;
    begin(true);
    assert_int_equal(sotto_device_dial(r.device, &link, "", r.now, &call), SOTTO_EINVAL);
    link.expires_unix_s = r.now.unix_s;
    assert_int_equal(sotto_device_dial(r.device, &link, "Boris", r.now, &call), SOTTO_EEXPIRED);
    link.expires_unix_s = 0;
    sotto_identity_fingerprint(identity, &link.callee);
    assert_int_equal(sotto_device_dial(r.device, &link, "me", r.now, &call), SOTTO_EPEER);
    assert_int_equal(call, 77);
    link = link_to_somebody();
    for (size_t i = 0; i < SOTTO_CALLS_MAX; i++)
        assert_int_equal(sotto_device_dial(r.device, &link, "Boris", r.now, &call), SOTTO_OK);
    assert_int_equal(sotto_device_dial(r.device, &link, "Boris", r.now, &call), SOTTO_ELIMIT);
    uint32_t ids[SOTTO_CALLS_MAX];
    assert_int_equal(sotto_device_calls(r.device, ids), SOTTO_CALLS_MAX);
    assert_true(ids[0] > ids[1] && ids[1] > ids[2] && ids[2] > ids[3]); // newest first
    // An ended call keeps its place until the driver has heard of its end.
    assert_int_equal(sotto_device_hangup(r.device, ids[3], r.now), SOTTO_OK);
    assert_int_equal(sotto_device_dial(r.device, &link, "Boris", r.now, &call), SOTTO_ELIMIT);
    struct sotto_call_info info;
    assert_int_equal(sotto_device_call_info(r.device, ids[3], &info), SOTTO_OK);
    assert_int_equal(info.end, SOTTO_END_CANCELLED);
    while (told(SOTTO_EVENT_CALL_STATE)) {
    }
    assert_int_equal(sotto_device_dial(r.device, &link, "Boris", r.now, &call), SOTTO_OK);
    assert_int_equal(sotto_device_call_info(r.device, ids[3], &info), SOTTO_ENOTFOUND);
}

static void calls_that_are_not_there(void **state)
{
    (void)state;
    struct sotto_number_link link = link_to_somebody();
    uint32_t call;
    begin(true);
    assert_int_equal(sotto_device_accept(r.device, 1, r.now), SOTTO_ENOTFOUND);
    assert_int_equal(sotto_device_hangup(r.device, 0, r.now), SOTTO_ENOTFOUND);
    assert_int_equal(sotto_device_mute(r.device, 5, true, r.now), SOTTO_ENOTFOUND);
    assert_int_equal(sotto_device_dial(r.device, &link, "Boris", r.now, &call), SOTTO_OK);
    assert_int_equal(sotto_device_accept(r.device, call, r.now), SOTTO_ESTATE);
    assert_int_equal(sotto_device_decline(r.device, call, r.now), SOTTO_ESTATE);
    assert_int_equal(sotto_device_hold(r.device, call, true, r.now), SOTTO_ESTATE);
    assert_int_equal(sotto_device_words_compared(r.device, call, true, r.now), SOTTO_ESTATE);
    assert_int_equal(sotto_device_rekey(r.device, call, r.now), SOTTO_ESTATE);
    assert_int_equal(sotto_device_mute(r.device, call, true, r.now), SOTTO_OK);
    int16_t pcm[SOTTO_FRAME_SAMPLES], silence[SOTTO_FRAME_SAMPLES] = {0};
    memset(pcm, 0x5a, sizeof pcm);
    sotto_device_capture(r.device, pcm, SOTTO_FRAME_SAMPLES);
    assert_int_equal(r.device->capture.samples, 0);
    sotto_device_playout(r.device, pcm, SOTTO_FRAME_SAMPLES, r.now);
    assert_memory_equal(pcm, silence, sizeof pcm);
}

// ---- the microphone ---------------------------------------------------------------------------

static void a_call_that_takes_over_gets_fresh_sound(void **state)
{
    (void)state;
    struct sotto_event e;
    int16_t pcm[SOTTO_FRAME_SAMPLES] = {1};
    struct call *a, *b;
    begin(true);
    a = &r.device->calls[0];
    b = &r.device->calls[1];
    *a = (struct call){
        .used = true, .id = 1, .state = SOTTO_CALL_ACTIVE, .accepted = true, .media = true};
    *b = *a;
    b->id = 2;
    b->held = true;
    mic_update(r.device);
    assert_true(event(SOTTO_EVENT_MIC, &e) && e.flag);
    sotto_device_capture(r.device, pcm, SOTTO_FRAME_SAMPLES);
    assert_int_equal(r.device->capture.samples, SOTTO_FRAME_SAMPLES);
    a->held = true;
    b->held = false;
    mic_update(r.device);
    assert_int_equal(r.device->capture.samples, 0);
    // What the driver still holds was said into the first call.
    assert_true(event(SOTTO_EVENT_MIC, &e) && !e.flag);
    assert_true(event(SOTTO_EVENT_MIC, &e) && e.flag);
    mic_update(r.device);
    assert_false(told(SOTTO_EVENT_MIC));
    *a = *b = (struct call){.used = false};
    mic_update(r.device);
    assert_true(event(SOTTO_EVENT_MIC, &e) && !e.flag);
}

// ---- the exchange -----------------------------------------------------------------------------

// A session that has failed by itself (out of memory, say) has no time of its own any more.
static void an_exchange_whose_session_fails_ends(void **state)
{
    (void)state;
    struct sotto_event e;
    struct sotto_number_link ours = {.relay = {.host = "relay.example", .port = 443}};
    struct sotto_relay_address relay = ours.relay;
    begin(true);
    log_in();
    assert_int_equal(sotto_device_exchange(r.device, &relay, "7-harbor-velvet", &ours, r.now), 0);
    assert_int_equal(heard(), LINK_MEET);
    say(&(struct link_message){.type = LINK_MET, .circuit = r.got.circuit, .role = 0});
    assert_true(told(SOTTO_EVENT_EXCHANGE_MET));
    sotto_session_refuse(r.device->exchange.session);
    pass(SOTTO_SESSION_TIMEOUT_NS);
    assert_true(event(SOTTO_EVENT_EXCHANGE_FAILED, &e));
    assert_int_equal(e.error, SOTTO_ETIMEOUT);
    assert_true(sotto_device_idle(r.device));
}

// ---- events -----------------------------------------------------------------------------------

static void a_full_queue_keeps_what_matters(void **state)
{
    (void)state;
    struct sotto_event e;
    begin(false);
    event_add(r.device, SOTTO_EVENT_CALL_STATE)->call = 1;
    event_add(r.device, SOTTO_EVENT_CALL_PATH)->call = 2;
    event_add(r.device, SOTTO_EVENT_CALL_HOLD)->call = 3;
    while (r.device->event_count < SOTTO_EVENTS_MAX)
        event_add(r.device, SOTTO_EVENT_RESULT)->request = 4;
    event_add(r.device, SOTTO_EVENT_CALL_STATE)->call = 5; // the oldest that only paints goes
    event_add(r.device, SOTTO_EVENT_CALL_STATE)->call = 6; // and the next one
    assert_int_equal(r.device->event_count, SOTTO_EVENTS_MAX);
    assert_true(sotto_device_next_event(r.device, &e));
    assert_int_equal(e.call, 1);
    for (size_t i = 0; i < SOTTO_EVENTS_MAX - 3; i++) {
        assert_true(sotto_device_next_event(r.device, &e));
        assert_int_equal(e.request, 4);
    }
    assert_true(sotto_device_next_event(r.device, &e));
    assert_int_equal(e.call, 5);
    assert_true(sotto_device_next_event(r.device, &e));
    assert_int_equal(e.call, 6);
    assert_false(sotto_device_next_event(r.device, &e));
    // Full of what matters: the oldest goes, nothing else is disturbed.
    for (uint32_t i = 0; i < SOTTO_EVENTS_MAX + 10; i++)
        event_add(r.device, SOTTO_EVENT_RESULT)->request = i;
    for (uint32_t i = 10; i < SOTTO_EVENTS_MAX + 10; i++) {
        assert_true(sotto_device_next_event(r.device, &e));
        assert_int_equal(e.request, i);
    }
    assert_false(sotto_device_next_event(r.device, &e));
}

static void each_end_has_a_text(void **state)
{
    (void)state;
    for (int i = SOTTO_END_NONE; i <= SOTTO_END_DROPPED; i++)
        for (int j = SOTTO_END_NONE; j < i; j++)
            assert_string_not_equal(sotto_end_text((enum sotto_end)i),
                                    sotto_end_text((enum sotto_end)j));
    assert_non_null(sotto_end_text((enum sotto_end)999));
}

static int make_keys(void **state)
{
    (void)state;
    static struct test_env env; // the keys keep it
    test_env_init(&env, 7);
    return sotto_identity_generate(&identity, &env.env) == 0 &&
                   sotto_identity_generate(&somebody, &env.env) == 0 &&
                   sotto_line_key_generate(&line_key, &env.env) == 0
               ? 0
               : -1;
}

static int free_keys(void **state)
{
    (void)state;
    sotto_identity_free(identity);
    sotto_identity_free(somebody);
    sotto_line_key_free(line_key);
    return 0;
}

#define TEST(f) cmocka_unit_test_teardown(f, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_cannot_work_is_not_made),
        TEST(a_line_logs_in),
        TEST(a_lost_link_logs_in_again),
        TEST(a_refusal_that_may_pass_is_asked_again),
        TEST(a_refusal_for_good_waits_for_another_link),
        TEST(no_answer_to_a_login_is_a_refusal_that_may_pass),
        TEST(registering_comes_before_logging_in),
        TEST(a_link_that_nobody_needs_is_given_back),
        TEST(more_relays_than_links_are_too_many),
        TEST(a_driver_that_gives_up_ends_what_waits),
        TEST(clocks_that_differ_are_told),
        TEST(bad_bytes_are_dropped),
        TEST(a_request_lost_with_its_link_is_sent_again),
        TEST(an_answer_without_a_reason_is_no_success),
        TEST(a_request_without_an_answer_times_out),
        TEST(full_of_requests_it_still_logs_in),
        TEST(who_has_no_line_publishes_nothing),
        TEST(subscriptions_are_left_at_home),
        TEST(what_is_no_subscription_is_not_sent),
        TEST(strangers_do_not_ring),
        TEST(a_flood_is_paced),
        TEST(callers_who_fall_silent_keep_nobody_out),
        TEST(a_dial_says_why_it_failed),
        TEST(circuits_are_named_again_late),
        TEST(a_dial_waits_for_its_link_only_so_long),
        TEST(a_dial_waits_for_a_device_to_wake),
        TEST(a_relay_does_not_have_it_dialled_for_ever),
        TEST(a_waking_call_outlives_its_link),
        TEST(a_dial_is_checked_first),
        TEST(calls_that_are_not_there),
        TEST(a_call_that_takes_over_gets_fresh_sound),
        TEST(an_exchange_whose_session_fails_ends),
        TEST(a_full_queue_keeps_what_matters),
        TEST(each_end_has_a_text),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
