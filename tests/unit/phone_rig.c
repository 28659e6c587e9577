// SPDX-License-Identifier: Apache-2.0
#include "phone_rig.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP_MS     5
#define WAIT_STEPS  2000 // ten seconds
#define INVITES_MAX 32
#define TONE_PEAK   8000
#define FRAME_STEPS (SOTTO_TICK_MS / STEP_MS)
#define PUMP_MAX    64

struct rig_bytes {
    struct rig_bytes *next;
    bool datagram;
    size_t len;
    uint8_t data[];
};

struct rig rig;
static unsigned steps;

// ---- storage -----------------------------------------------------------------------------------

static int slot_write(unsigned which, const uint8_t *data, size_t len, void *user)
{
    struct rig_phone *p = user;
    assert_true(which < SLOTS_COUNT);
    if (p->write_fails != 0) {
        return p->write_fails;
    }
    free(p->slot[which]);
    p->slot[which] = malloc(len + 1);
    assert_non_null(p->slot[which]);
    if (len > 0) {
        memcpy(p->slot[which], data, len);
    }
    p->slot_len[which] = len;
    return 0;
}

// ---- the relay ---------------------------------------------------------------------------------

static void queue(struct rig_link *link, const uint8_t *data, size_t len, bool datagram)
{
    struct rig_bytes *b = malloc(sizeof *b + len);
    assert_non_null(b);
    *b = (struct rig_bytes){.datagram = datagram, .len = len};
    memcpy(b->data, data, len);
    struct rig_bytes **at = &link->queue;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = b;
}

static bool out_message(void *conn_user, const uint8_t *msg, size_t len, void *user)
{
    (void)user;
    queue(conn_user, msg, len, false);
    return true;
}

static void out_datagram(void *conn_user, const uint8_t *data, size_t len, void *user)
{
    (void)user;
    queue(conn_user, data, len, true);
}

static void out_close(void *conn_user, enum link_code why, void *user)
{
    (void)why;
    (void)user;
    struct rig_link *link = conn_user;
    link->conn = NULL;
}

static void start_relay(void)
{
    struct relay_config cfg = {
        .origin = RIG_HOST ":443",
        .limits = {.dials_per_number_per_minute = 1000,
                   .dials_per_address_per_minute = 1000,
                   .meets_per_address_per_minute = 1000,
                   .registers_per_address_per_minute = 1000},
        .output = {.message = out_message, .datagram = out_datagram, .close = out_close},
    };
    assert_int_equal(relay_memory_new(&rig.store, sotto_env_default()), 0);
    cfg.store = relay_memory_store(rig.store);
    assert_int_equal(relay_engine_new(&rig.engine, &cfg, sotto_env_default()), 0);
}

const char *rig_invite(void)
{
    static char text[SOTTO_LINK_MAX_BYTES];
    static uint8_t next;
    struct sotto_invite_link invite = {.relay = {.host = RIG_HOST, .port = 443}};
    memset(invite.invite, ++next, sizeof invite.invite);
    assert_int_equal(relay_memory_invite_add(rig.store, invite.invite, 0), 0);
    assert_true(sotto_invite_link_format(&invite, text, sizeof text) > 0);
    return text;
}

// ---- links -------------------------------------------------------------------------------------

static void drop_queue(struct rig_link *link)
{
    while (link->queue != NULL) {
        struct rig_bytes *b = link->queue;
        link->queue = b->next;
        free(b);
    }
}

static void connect_link(struct rig_link *link)
{
    uint8_t address[16] = {(uint8_t)(link->phone - rig.phones)};
    if (!rig.network || !link->wanted || link->conn != NULL) {
        return;
    }
    assert_int_equal(relay_conn_open(rig.engine, &link->conn, link, address, rig.now), 0);
    phone_transport(link->phone->phone, link->number, false);
    phone_link_up(link->phone->phone, link->number, rig.now);
}

static void disconnect_link(struct rig_link *link)
{
    if (link->conn != NULL) {
        struct relay_conn *conn = link->conn;
        link->conn = NULL;
        relay_conn_closed(rig.engine, conn, rig.now);
    }
    drop_queue(link);
}

void rig_network(bool up)
{
    rig.network = up;
    for (size_t i = 0; i < RIG_PHONES; i++) {
        for (unsigned l = 0; l < SOTTO_LINKS_MAX && rig.phones[i].phone != NULL; l++) {
            struct rig_link *link = &rig.phones[i].links[l];
            if (!up && link->conn != NULL) {
                disconnect_link(link);
                phone_link_down(rig.phones[i].phone, l, true, rig.now);
            }
            connect_link(link);
        }
    }
}

// ---- the driver --------------------------------------------------------------------------------

static bool send_all(struct rig_phone *p)
{
    uint8_t data[SOTTO_MESSAGE_MAX_BYTES];
    unsigned link;
    size_t len;
    bool any = false;
    while ((len = phone_write_datagram(p->phone, &link, data, sizeof data)) > 0) {
        any = true;
        if (p->links[link].conn != NULL) {
            relay_conn_datagram(rig.engine, p->links[link].conn, data, len, rig.now);
        }
    }
    while ((len = phone_write_message(p->phone, &link, data, sizeof data)) > 0) {
        any = true;
        if (p->links[link].conn != NULL) {
            (void)relay_conn_message(rig.engine, p->links[link].conn, data, len, rig.now);
        }
    }
    return any;
}

static bool receive_all(struct rig_phone *p)
{
    bool any = false;
    for (unsigned l = 0; l < SOTTO_LINKS_MAX; l++) {
        struct rig_link *link = &p->links[l];
        while (link->queue != NULL) {
            struct rig_bytes *b = link->queue;
            link->queue = b->next;
            if (b->datagram) {
                phone_datagram(p->phone, l, b->data, b->len, rig.now);
            } else {
                phone_message(p->phone, l, b->data, b->len, rig.now);
            }
            free(b);
            any = true;
        }
    }
    return any;
}

static void drive(struct rig_phone *p, const json_t *event, const char *name)
{
    struct rig_link *link = &p->links[json_integer_value(json_object_get(event, "link"))];
    if (strcmp(name, "link_wanted") == 0) {
        assert_false(link->wanted);
        link->wanted = true;
        connect_link(link);
    } else if (strcmp(name, "link_unwanted") == 0) {
        assert_true(link->wanted);
        link->wanted = false;
        disconnect_link(link);
    } else if (strcmp(name, "mic") == 0) {
        p->mic = rig_true(event, "open");
        p->mic_opened += p->mic;
    }
}

static bool hear_all(struct rig_phone *p)
{
    const char *text;
    bool any = false;
    while ((text = phone_event(p->phone)) != NULL) {
        json_t *event = json_loads(text, 0, NULL);
        const char *name = rig_text(event, "event");
        drive(p, event, name);
        assert_true(p->event_count < RIG_EVENTS_MAX);
        p->events[p->event_count++] = event;
        any = true;
    }
    return any;
}

static void pump(void)
{
    bool any = true;
    for (int i = 0; any && i < PUMP_MAX; i++) {
        any = false;
        for (size_t j = 0; j < RIG_PHONES; j++) {
            struct rig_phone *p = &rig.phones[j];
            if (p->phone != NULL) {
                any |= send_all(p);
                any |= receive_all(p);
                any |= hear_all(p);
            }
        }
    }
    assert_false(any); // nothing goes round for ever
}

static void talk(struct rig_phone *p)
{
    int16_t pcm[SOTTO_FRAME_SAMPLES];
    for (size_t i = 0; i < SOTTO_FRAME_SAMPLES; i++) {
        double t = (double)p->tone_at++ / SOTTO_SAMPLE_RATE;
        pcm[i] = p->tone_hz > 0 ? (int16_t)(TONE_PEAK * sin(2 * M_PI * p->tone_hz * t)) : 0;
    }
    phone_capture(p->phone, pcm, SOTTO_FRAME_SAMPLES); // kept only while the microphone is open
    phone_playout(p->phone, pcm, SOTTO_FRAME_SAMPLES, rig.now);
    double sum = 0;
    for (size_t i = 0; i < SOTTO_FRAME_SAMPLES; i++) {
        sum += (double)pcm[i] * pcm[i];
    }
    p->heard = sum / SOTTO_FRAME_SAMPLES;
}

static void step(void)
{
    uint64_t ms = ++steps * (uint64_t)STEP_MS;
    rig.now = (struct sotto_now){.mono_ns = rig.now.mono_ns + STEP_MS * SOTTO_NS_PER_MS,
                                 .unix_s = rig.now.unix_s + (ms % 1000 == 0)};
    for (size_t i = 0; i < RIG_PHONES; i++) {
        struct rig_phone *p = &rig.phones[i];
        if (p->phone == NULL) {
            continue;
        }
        if (rig.now.mono_ns >= phone_expiry(p->phone)) {
            phone_handle_expiry(p->phone, rig.now);
        }
        if (steps % FRAME_STEPS == 0) {
            talk(p);
        }
    }
    if (rig.now.mono_ns >= relay_engine_expiry(rig.engine)) {
        relay_engine_handle_expiry(rig.engine, rig.now);
    }
    pump();
}

void rig_run(unsigned ms)
{
    for (unsigned i = 0; i < ms / STEP_MS; i++) {
        step();
    }
}

// ---- commands ----------------------------------------------------------------------------------

json_t *rig_raw(struct rig_phone *p, const char *text, size_t len)
{
    const char *answer = phone_command(p->phone, text, len, rig.now);
    assert_non_null(answer);
    json_t *json = json_loads(answer, 0, NULL);
    assert_non_null(json);
    return json;
}

static json_t *command(struct rig_phone *p, const char *name, const char *format, va_list args)
{
    json_t *whole = format != NULL ? json_vpack_ex(NULL, 0, format, args) : json_object();
    assert_non_null(whole);
    json_object_set_new(whole, "command", json_string(name));
    if (json_object_get(whole, "secret") == NULL) {
        json_object_set_new(whole, "secret", json_string(RIG_SECRET));
    }
    char *text = json_dumps(whole, 0);
    json_decref(whole);
    json_t *answer = rig_raw(p, text, strlen(text));
    free(text);
    pump();
    return answer;
}

static json_t *do_it(struct rig_phone *p, const char *name, const char *format, va_list args)
{
    json_t *answer = command(p, name, format, args);
    json_t *result = json_object_get(answer, "ok");
    if (result == NULL) {
        fail_msg("%s: %s %s", name, rig_text(answer, "error"), rig_text(answer, "detail"));
    }
    json_incref(result);
    json_decref(answer);
    return result;
}

json_t *rig_do(struct rig_phone *p, const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    json_t *result = do_it(p, name, format, args);
    va_end(args);
    return result;
}

void rig_done(struct rig_phone *p, const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    json_decref(do_it(p, name, format, args));
    va_end(args);
}

void rig_fails(struct rig_phone *p, const char *error, const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    json_t *answer = command(p, name, format, args);
    va_end(args);
    if (json_object_get(answer, "error") == NULL) {
        fail_msg("%s did not fail", name);
    }
    assert_string_equal(rig_text(answer, "error"), error);
    json_decref(answer);
}

// ---- JSON --------------------------------------------------------------------------------------

static const json_t *look(const json_t *json, const char *path)
{
    char part[64];
    while (json != NULL && *path != '\0') {
        size_t len = strcspn(path, ".");
        assert_true(len < sizeof part);
        memcpy(part, path, len);
        part[len] = '\0';
        json = json_is_array(json) ? json_array_get(json, (size_t)atoi(part))
                                   : json_object_get(json, part);
        path += path[len] == '.' ? len + 1 : len;
    }
    return json;
}

const json_t *rig_at(const json_t *json, const char *path)
{
    const json_t *found = look(json, path);
    if (found == NULL) {
        char *text = json_dumps(json, JSON_ENCODE_ANY);
        fail_msg("no %s in %s", path, text);
    }
    return found;
}

const char *rig_text(const json_t *json, const char *path)
{
    const json_t *found = rig_at(json, path);
    assert_true(json_is_string(found));
    return json_string_value(found);
}

json_int_t rig_integer(const json_t *json, const char *path)
{
    const json_t *found = rig_at(json, path);
    assert_true(json_is_integer(found));
    return json_integer_value(found);
}

bool rig_true(const json_t *json, const char *path)
{
    const json_t *found = rig_at(json, path);
    assert_true(json_is_boolean(found));
    return json_is_true(found);
}

// ---- events ------------------------------------------------------------------------------------

static bool fits(const json_t *event, const char *name, const char *field, const char *text)
{
    if (strcmp(rig_text(event, "event"), name) != 0) {
        return false;
    }
    const json_t *value = field != NULL ? look(event, field) : NULL;
    return field == NULL || (json_is_string(value) && strcmp(json_string_value(value), text) == 0);
}

static json_t *take_event(struct rig_phone *p, const char *name, const char *field,
                          const char *text)
{
    for (size_t i = 0; i < p->event_count; i++) {
        json_t *event = p->events[i];
        if (fits(event, name, field, text)) {
            memmove(&p->events[i], &p->events[i + 1], (--p->event_count - i) * sizeof p->events[0]);
            return event;
        }
    }
    return NULL;
}

json_t *rig_event(struct rig_phone *p, const char *name, const char *field, const char *text)
{
    for (int i = 0; i < WAIT_STEPS; i++) {
        json_t *event = take_event(p, name, field, text);
        if (event != NULL) {
            return event;
        }
        step();
    }
    fail_msg("no event %s %s %s", name, field != NULL ? field : "", text != NULL ? text : "");
    return NULL;
}

void rig_expect(struct rig_phone *p, const char *name, const char *field, const char *text)
{
    json_decref(rig_event(p, name, field, text));
}

bool rig_had(struct rig_phone *p, const char *name)
{
    json_t *event = take_event(p, name, NULL, NULL);
    json_decref(event);
    return event != NULL;
}

void rig_forget(struct rig_phone *p)
{
    for (size_t i = 0; i < p->event_count; i++) {
        json_decref(p->events[i]);
    }
    p->event_count = 0;
}

// ---- telephones --------------------------------------------------------------------------------

static void start_phone(struct rig_phone *p)
{
    p->host = (struct slots_host){.write = slot_write, .user = p};
    assert_int_equal(phone_new(&p->phone, &p->host), 0);
    for (unsigned i = 0; i < SLOTS_COUNT; i++) {
        (void)phone_slot(p->phone, i, p->slot[i], p->slot_len[i]);
    }
}

static void stop_phone(struct rig_phone *p)
{
    for (unsigned i = 0; i < SOTTO_LINKS_MAX; i++) {
        disconnect_link(&p->links[i]);
        p->links[i].wanted = false;
    }
    phone_free(p->phone);
    p->phone = NULL;
    rig_forget(p);
}

void rig_restart(struct rig_phone *p)
{
    stop_phone(p);
    start_phone(p);
}

void rig_line(struct rig_phone *p, const char *name)
{
    json_t *profile =
        rig_do(p, "create", "{s:s,s:s,s:s}", "name", name, "lock", "none", "invite", rig_invite());
    assert_true(rig_true(profile, "has_line"));
    json_decref(profile);
    rig_expect(p, "line", "line.state", "ready");
}

int rig_setup(void **state)
{
    (void)state;
    memset(&rig, 0, sizeof rig);
    steps = 0;
    rig.now = (struct sotto_now){.mono_ns = 1000 * SOTTO_NS_PER_S, .unix_s = RIG_START_S};
    rig.network = true;
    start_relay();
    for (size_t i = 0; i < RIG_PHONES; i++) {
        struct rig_phone *p = &rig.phones[i];
        p->rig = &rig;
        for (unsigned l = 0; l < SOTTO_LINKS_MAX; l++) {
            p->links[l] = (struct rig_link){.phone = p, .number = l};
        }
        start_phone(p);
    }
    return 0;
}

int rig_teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < RIG_PHONES; i++) {
        stop_phone(&rig.phones[i]);
        for (unsigned s = 0; s < SLOTS_COUNT; s++) {
            free(rig.phones[i].slot[s]);
        }
    }
    relay_engine_free(rig.engine);
    relay_memory_free(rig.store);
    return 0;
}
