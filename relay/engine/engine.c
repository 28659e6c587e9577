// SPDX-License-Identifier: Apache-2.0
#include "engine/engine.h"

#include <assert.h>
#include <string.h>

#include "engine/internal.h"

#define LINE_BUCKETS   4096
#define TICKET_BUCKETS 16384
#define PLACE_BUCKETS  1024

void *engine_alloc(struct relay_engine *e, size_t size)
{
    void *ptr = e->env->realloc(NULL, size, e->env->user);
    if (ptr != NULL)
        memset(ptr, 0, size);
    return ptr;
}

void engine_free(struct relay_engine *e, void *ptr)
{
    e->env->realloc(ptr, 0, e->env->user);
}

static void or_default(uint32_t *limit, uint32_t value)
{
    if (*limit == 0)
        *limit = value;
}

void relay_engine_set_limits(struct relay_engine *e, const struct relay_limits *limits)
{
    struct relay_limits l = *limits;
    or_default(&l.dials_per_number_per_minute, 20);
    or_default(&l.dials_per_address_per_minute, 60);
    or_default(&l.meets_per_address_per_minute, 20);
    or_default(&l.registers_per_address_per_minute, 10);
    or_default(&l.logins_per_address_per_minute, 240);
    or_default(&l.cells_per_circuit_per_second, 120);
    or_default(&l.numbers_per_line, 1000);
    e->config.limits = l;
}

static bool config_ok(const struct relay_config *cfg)
{
    return cfg->store != NULL && cfg->output.message != NULL && cfg->output.datagram != NULL &&
           cfg->output.close != NULL && cfg->origin[0] != '\0' &&
           cfg->more_origin_count < RELAY_ORIGINS_MAX;
}

static int tables_init(struct relay_engine *e)
{
    int rc = map_init(&e->lines, LINE_BUCKETS, LINK_LINE_ID_BYTES, e->env);
    if (rc == 0)
        rc = map_init(&e->tickets, TICKET_BUCKETS, LINK_TICKET_BYTES, e->env);
    if (rc == 0)
        rc = map_init(&e->by_place, PLACE_BUCKETS, LINK_PLACE_BYTES, e->env);
    if (rc == 0)
        rc = limiter_init(&e->addresses, e->env);
    if (rc == 0)
        rc = limiter_init(&e->numbers, e->env);
    if (rc == 0) {
        e->writes = engine_alloc(e, RELAY_WRITES_PENDING_MAX * sizeof *e->writes);
        rc = e->writes == NULL ? SOTTO_ENOMEM : 0;
    }
    return rc;
}

int relay_engine_new(struct relay_engine **out, const struct relay_config *cfg,
                     const struct sotto_env *env)
{
    if (!config_ok(cfg))
        return SOTTO_EINVAL;
    struct relay_engine *e = env->realloc(NULL, sizeof *e, env->user);
    if (e == NULL)
        return SOTTO_ENOMEM;
    *e = (struct relay_engine){.env = env, .config = *cfg};
    list_init(&e->conns);
    list_init(&e->circuits);
    list_init(&e->places);
    list_init(&e->wakes);
    timers_init(&e->timers, env);
    relay_engine_set_limits(e, &cfg->limits);
    int rc = tables_init(e);
    if (rc != 0) {
        relay_engine_free(e);
        return rc;
    }
    *out = e;
    return 0;
}

// Without a word to anybody: the lists first, then the tables they were in.
void relay_engine_free(struct relay_engine *e)
{
    if (e == NULL)
        return;
    while (e->circuits.next != &e->circuits) {
        struct circuit *circuit = LIST_OF(e->circuits.next, struct circuit, all);
        for (size_t i = 0; i < 2; i++)
            circuit->sides[i].state = SIDE_ABSENT;
        list_remove(&circuit->all);
        engine_free(e, circuit);
    }
    while (e->places.next != &e->places) {
        struct place *place = LIST_OF(e->places.next, struct place, all);
        list_remove(&place->all);
        engine_free(e, place);
    }
    while (e->conns.next != &e->conns) {
        struct relay_conn *c = LIST_OF(e->conns.next, struct relay_conn, all);
        line_leave(e, c);
        list_remove(&c->all);
        engine_free(e, c);
    }
    if (e->writes != NULL)
        engine_free(e, e->writes);
    limiter_deinit(&e->numbers);
    limiter_deinit(&e->addresses);
    map_deinit(&e->by_place);
    map_deinit(&e->tickets);
    map_deinit(&e->lines);
    timers_deinit(&e->timers);
    engine_free(e, e);
}

static int doom_error(enum link_code code)
{
    switch (code) {
    case LINK_CODE_PROTOCOL:
        return SOTTO_EPROTO;
    case LINK_CODE_LIMIT:
        return SOTTO_ELIMIT;
    default:
        return SOTTO_ECLOSED;
    }
}

int engine_settle(struct relay_engine *e, const struct relay_conn *c, struct sotto_now now)
{
    int rc = 0;
    while (e->doomed != NULL) {
        struct relay_conn *dead = e->doomed;
        e->doomed = dead->doom_next;
        if (dead == c)
            rc = doom_error(dead->doom_code);
        void *user = dead->user;
        enum link_code code = dead->doom_code;
        conn_forget(e, dead, now);
        e->config.output.close(user, code, e->config.output.user);
    }
    return rc;
}

static void dispatch(struct relay_engine *e, struct relay_conn *c, const struct link_message *m,
                     struct sotto_now now)
{
    switch (m->type) {
    case LINK_REGISTER:
        line_register(e, c, m, now);
        break;
    case LINK_INVITE_CHECK:
        line_invite_check(e, c, m, now);
        break;
    case LINK_LOGIN:
        line_login(e, c, m, now);
        break;
    case LINK_NUMBER_PUT:
        number_put(e, c, m, now);
        break;
    case LINK_NUMBER_REMOVE:
        number_remove(e, c, m, now);
        break;
    case LINK_PUSH:
        push_put(e, c, m, now);
        break;
    case LINK_UNPUSH:
        push_remove(e, c, m, now);
        break;
    case LINK_DIAL:
        dial(e, c, m, now);
        break;
    case LINK_MEET:
        place_meet(e, c, m, now);
        break;
    case LINK_RESUME:
        circuit_resume(e, c, m);
        break;
    case LINK_SIGNAL:
        circuit_signal(e, c, m, now);
        break;
    case LINK_CLOSE:
        circuit_close(e, c, m);
        break;
    case LINK_PING:
        conn_send(e, c, &(struct link_message){.type = LINK_PONG, .ping = m->ping});
        break;
    case LINK_PONG:
        break;
    default: // a second HELLO, or what only a relay sends
        conn_protocol_error(e, c, m->request);
    }
}

int relay_conn_message(struct relay_engine *e, struct relay_conn *c, const uint8_t *msg, size_t len,
                       struct sotto_now now)
{
    struct link_message m;
    if (!bucket_take(&c->messages, 1, RELAY_MESSAGES_BURST, SOTTO_NS_PER_S / RELAY_MESSAGES_PER_S,
                     now.mono_ns)) {
        conn_fail(e, c, 0, LINK_CODE_LIMIT);
    } else if (link_decode(&m, msg, len) != 0 || c->greeted == (m.type == LINK_HELLO)) {
        conn_protocol_error(e, c, 0);
    } else if (m.type == LINK_HELLO) {
        conn_hello(e, c, &m, now);
    } else {
        dispatch(e, c, &m, now);
        wake_heard(e, c);
    }
    return engine_settle(e, c, now);
}

static void hello_timer(struct relay_engine *e, struct relay_conn *c)
{
    timers_cancel(&e->timers, &c->timer);
    conn_protocol_error(e, c, 0);
}

sotto_ns relay_engine_expiry(const struct relay_engine *e)
{
    const struct timer *first = timers_first(&e->timers);
    return first == NULL ? SOTTO_NEVER : first->due_ns;
}

// Each of these cancels its timer or moves it to later than now, so this ends.
void relay_engine_handle_expiry(struct relay_engine *e, struct sotto_now now)
{
    struct timer *timer;
    while ((timer = timers_first(&e->timers)) != NULL && timer->due_ns <= now.mono_ns) {
        if (timer->kind == TIMER_HELLO)
            hello_timer(e, LIST_OF(timer, struct relay_conn, timer));
        else if (timer->kind == TIMER_CIRCUIT)
            circuit_timer(e, LIST_OF(timer, struct circuit, timer), now);
        else
            place_timer(e, LIST_OF(timer, struct place, timer));
    }
    engine_settle(e, NULL, now);
}

void relay_engine_stop(struct relay_engine *e, struct sotto_now now)
{
    e->stopping = true;
    while (e->circuits.next != &e->circuits)
        circuit_end(e, LIST_OF(e->circuits.next, struct circuit, all), LINK_CODE_SHUTDOWN);
    engine_settle(e, NULL, now);
}

static bool circuit_of_line(const struct circuit *circuit, const uint8_t *line_id)
{
    if (circuit->wake != WAKE_NONE && memcmp(circuit->wake_line, line_id, LINK_LINE_ID_BYTES) == 0)
        return true;
    for (size_t i = 0; i < 2; i++) {
        const struct circuit_side *side = &circuit->sides[i];
        if (side->has_line && memcmp(side->line_id, line_id, LINK_LINE_ID_BYTES) == 0)
            return true;
    }
    return false;
}

void relay_engine_drop_line(struct relay_engine *e, const uint8_t line_id[LINK_LINE_ID_BYTES],
                            struct sotto_now now)
{
    struct list *next;
    for (struct list *at = e->circuits.next; at != &e->circuits; at = next) {
        struct circuit *circuit = LIST_OF(at, struct circuit, all);
        next = at->next;
        if (circuit_of_line(circuit, line_id))
            circuit_end(e, circuit, LINK_CODE_LOST);
    }
    struct online_line *line = line_find(e, line_id);
    for (size_t i = 0; line != NULL && i < line->conn_count; i++)
        conn_fail(e, line->conns[i], 0, LINK_CODE_NO_LINE);
    engine_settle(e, NULL, now);
}

void relay_engine_stats(const struct relay_engine *e, struct relay_stats *out)
{
    *out = e->stats;
    out->lines_online = e->lines.count;
    out->places = e->by_place.count;
}
