// SPDX-License-Identifier: Apache-2.0
// A person with a device. The microphone makes sound all the time, whether it may or not; the ear
// knows everybody's voice by its pitch.
#include "sim.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TONE_AMPLITUDE  9000.0
#define HEARD_AMPLITUDE 2500.0
#define VOICE_FRAMES    6 // running, to be somebody's voice
#define TAU             6.283185307179586

static const unsigned TONES_HZ[PEOPLE_MAX] = {400, 650, 1000, 1450, 2000, 2600, 3200, 300};

// ---- what a device asks of its surroundings ----------------------------------------------------

static void *person_realloc(void *ptr, size_t size, void *user)
{
    struct person *p = user;
    size_t *old = ptr ? (size_t *)ptr - 2 : NULL;
    if (size && p->fail_alloc_at > 0 && --p->fail_alloc_at == 0)
        return NULL;
    if (old) {
        p->alloc_blocks--;
        p->alloc_bytes -= *old;
    }
    if (size == 0) {
        free(old);
        return NULL;
    }
    size_t *block = realloc(old, size + 2 * sizeof *block);
    assert(block);
    *block = size;
    p->alloc_blocks++;
    p->alloc_bytes += size;
    return block + 2;
}

static void person_random(void *buf, size_t len, void *user)
{
    rng_fill(&((struct person *)user)->rng, buf, len);
}

struct sotto_now person_now(const struct person *p)
{
    const struct sim *s = p->sim;
    return (struct sotto_now){.mono_ns = s->now_ns + p->mono_offset_ns,
                              .unix_s = s->unix_base_s + (int64_t)(s->now_ns / SECOND) +
                                        p->clock_offset_s};
}

sotto_ns person_expiry(const struct person *p)
{
    if (!p->device)
        return SOTTO_NEVER;
    sotto_ns t = sotto_device_expiry(p->device);
    if (t == SOTTO_NEVER)
        return t;
    return t > p->mono_offset_ns ? t - p->mono_offset_ns : 0;
}

// ---- coming and going --------------------------------------------------------------------------

static void make_tone(struct person *p)
{
    p->tone_hz = TONES_HZ[p->index];
    for (size_t i = 0; i < SOTTO_FRAME_SAMPLES; i++)
        p->tone[i] = (int16_t)(TONE_AMPLITUDE *
                               sin(TAU * (double)p->tone_hz * (double)i / SOTTO_SAMPLE_RATE));
}

static struct person *add(struct sim *s, const char *name, struct sim_relay *home)
{
    assert(s->people_count < PEOPLE_MAX);
    struct person *p = calloc(1, sizeof *p);
    assert(p);
    p->sim = s;
    p->name = name;
    p->index = (unsigned)s->people_count;
    p->home = home;
    p->has_line = home != NULL;
    p->env = (struct sotto_env){person_realloc, person_random, p};
    p->lasting_env = (struct sotto_env){sotto_env_default()->realloc, person_random, p};
    rng_seed(&p->rng, rng_next(&s->rng));
    rng_seed(&p->book.rng, rng_next(&s->rng));
    p->mono_offset_ns = rng_below(&s->rng, 1000000 * SECOND);
    p->path = (struct path){.latency_ns = 25 * MS, .jitter_ns = 4 * MS};
    s->people[s->people_count++] = p;
    make_tone(p);
    return p;
}

static void make_line(struct person *p)
{
    int rc = sotto_line_key_generate(&p->line_key, &p->lasting_env);
    assert(rc == 0);
    rng_fill(&p->rng, p->invite, sizeof p->invite);
    rc = relay_memory_invite_add(p->home->memory, p->invite, 0);
    assert(rc == 0);
    (void)rc;
}

struct person *person_add(struct sim *s, const char *name, struct sim_relay *home)
{
    struct person *p = add(s, name, home);
    int rc = sotto_identity_generate(&p->identity, &p->lasting_env);
    assert(rc == 0);
    (void)rc;
    sotto_identity_fingerprint(p->identity, &p->fp);
    sim_canary_lasting(s, "a fingerprint", false, p->fp.bytes, sizeof p->fp.bytes);
    if (home)
        make_line(p);
    return p;
}

struct person *person_add_thief(struct sim *s, const char *name, struct sim_relay *home,
                                const struct person *victim)
{
    static uint8_t keys[SOTTO_IDENTITY_MAX_BYTES];
    struct person *p = add(s, name, home);
    int len = sotto_identity_export(victim->identity, keys, sizeof keys);
    assert(len > 0);
    int rc = sotto_identity_import(&p->identity, keys, (size_t)len, &p->lasting_env);
    assert(rc == 0);
    (void)rc;
    p->fp = victim->fp;
    p->hostile_identity = true;
    if (home)
        make_line(p);
    return p;
}

static void start_audio(struct person *p)
{
    struct thing *t =
        sim_later(p->sim, p->sim->now_ns + rng_below(&p->sim->rng, SOTTO_TICK_NS), THING_AUDIO);
    t->person = p;
    t->life = p->lives;
}

void person_start(struct person *p)
{
    if (p->device)
        return;
    struct sotto_device_config cfg = {.env = &p->env,
                                      .identity = p->identity,
                                      .line_key = p->line_key,
                                      .book = book_of(p),
                                      .suite = p->suite,
                                      .ring = p->has_line,
                                      .rekey_interval_ns = p->rekey_interval_ns,
                                      .profile = p->profile};
    if (p->home)
        cfg.home = p->home->address;
    p->lives++;
    memset(p->links, 0, sizeof p->links);
    p->line_ready = p->mic_told = false;
    int rc = sotto_device_new(&p->device, &cfg, person_now(p));
    sim_trace(p->sim, "%s switches on: %d", p->name, rc);
    if (rc != 0) {
        p->device = NULL;
        return;
    }
    start_audio(p);
    person_pump(p);
}

static void check_leaks(struct person *p)
{
    if (p->alloc_blocks)
        sim_fail(p->sim, "%s: %zu blocks (%zu bytes) left when the device was freed", p->name,
                 p->alloc_blocks, p->alloc_bytes);
}

// The power fails: whatever was not durable is gone.
void person_crash(struct person *p)
{
    struct sim *s = p->sim;
    if (!p->device)
        return;
    sim_trace(s, "%s's device crashes", p->name);
    sotto_device_free(p->device);
    p->device = NULL;
    check_leaks(p);
    for (size_t i = 0; i < p->call_count; i++)
        if (!p->calls[i].ended) {
            p->calls[i].ended = p->calls[i].broken = true;
            p->calls[i].state = SOTTO_CALL_ENDED;
            p->calls[i].ended_at = s->now_ns;
        }
    for (unsigned i = 0; i < SOTTO_LINKS_MAX; i++) {
        struct conn *c = p->links[i].conn;
        if (!c)
            continue;
        c->device_side = false;
        sim_later(s, s->now_ns + rng_below(&s->rng, 10 * SECOND), THING_RELAY_DROP)->conn = c;
    }
    memset(p->links, 0, sizeof p->links);
    p->line_ready = false;
}

void person_free(struct person *p)
{
    sotto_device_free(p->device);
    p->device = NULL;
    sotto_identity_free(p->identity);
    sotto_line_key_free(p->line_key);
    free(p);
}

static void open_telephone(struct sim *s, void *arg)
{
    (void)s;
    person_start(arg);
}

void person_pushed(struct sim *s, const char *endpoint)
{
    const char *name = strrchr(endpoint, '/') + 1;
    for (size_t i = 0; i < s->people_count; i++) {
        struct person *p = s->people[i];
        if (strcmp(p->name, name) != 0)
            continue;
        p->pushed_count++;
        sim_trace(s, "%s's telephone is pushed", p->name);
        if (p->wakes_after_ns != 0 && !p->device)
            sim_call_later(s, p->wakes_after_ns, open_telephone, p);
    }
}

struct seen_call *person_call(struct person *p, uint32_t id)
{
    for (size_t i = p->call_count; i-- > 0;)
        if (p->calls[i].id == id && p->calls[i].life == p->lives)
            return &p->calls[i];
    return NULL;
}

struct seen_call *person_latest(struct person *p)
{
    return p->call_count ? &p->calls[p->call_count - 1] : NULL;
}

struct person *person_by_fp(struct sim *s, const struct sotto_fingerprint *fp, bool thief)
{
    for (size_t i = 0; i < s->people_count; i++)
        if (sotto_fingerprint_equal(&s->people[i]->fp, fp) &&
            s->people[i]->hostile_identity == thief)
            return s->people[i];
    return NULL;
}

static struct seen_call *call_seen(struct person *p, uint32_t id, bool incoming)
{
    struct seen_call *c = person_call(p, id);
    if (c)
        return c;
    assert(p->call_count < CALLS_SEEN_MAX);
    c = &p->calls[p->call_count++];
    *c = (struct seen_call){.id = id, .life = p->lives, .incoming = incoming};
    return c;
}

// ---- events ------------------------------------------------------------------------------------

static const char *const STATES[] = {"?",      "dialling", "checking", "ringing",
                                     "active", "ending",   "ended"};
static const char *const ENDS[] = {"none",        "hangup",   "peer-hangup", "declined",
                                   "we-declined", "busy",     "no-answer",   "cancelled",
                                   "unavailable", "offline",  "refused",     "wrong-peer",
                                   "suite",       "protocol", "words",       "rekey",
                                   "lost",        "timeout",  "limit",       "link",
                                   "storage",     "glare",    "internal",    "dropped"};

static void on_state(struct person *p, const struct sotto_event *e)
{
    struct seen_call *c = call_seen(p, e->call, true);
    sim_trace(p->sim, "%s: call %u %s %s%s%s", p->name, (unsigned)e->call, STATES[e->state],
              e->end ? ENDS[e->end] : "", e->other ? " goes on as " : "",
              e->other ? "another" : "");
    c->state = e->state;
    c->end = e->end;
    if (e->other) {
        struct seen_call *other = call_seen(p, e->other, true);
        c->glare_other = e->other;
        other->consented = c->consented;
    }
    if (e->state == SOTTO_CALL_ACTIVE && !c->active) {
        c->active = true;
        c->active_at = p->sim->now_ns;
        p->sim->calls_answered += !c->incoming;
        // Beginning one call puts the others on hold.
        for (size_t i = 0; i < p->call_count; i++)
            if (&p->calls[i] != c && p->calls[i].state == SOTTO_CALL_ACTIVE)
                p->calls[i].held = true;
    }
    if (e->state == SOTTO_CALL_ENDED) {
        c->ended = true;
        c->ended_at = p->sim->now_ns;
    }
}

static void on_link_wanted(struct person *p, const struct sotto_event *e)
{
    struct sim *s = p->sim;
    for (size_t i = 0; i < s->relay_count; i++)
        if (strcmp(s->relays[i].address.host, e->relay.host) == 0)
            p->links[e->link].relay = &s->relays[i];
    if (!p->links[e->link].relay) {
        sim_fail(s, "%s wants a relay that does not exist", p->name);
        return;
    }
    p->links[e->link].wanted = true;
    path_connect(p, e->link);
}

static void on_link_unwanted(struct person *p, const struct sotto_event *e)
{
    struct conn *c = p->links[e->link].conn;
    p->links[e->link].wanted = false;
    p->links[e->link].conn = NULL;
    p->links[e->link].relay = NULL;
    if (!c)
        return;
    sim_trace(p->sim, "%s parts from relay %u", p->name, c->relay->index);
    c->device_side = false;
    // In good order: the relay hears of it after the last message.
    sotto_ns at = p->sim->now_ns > c->last_up ? p->sim->now_ns : c->last_up;
    sim_later(p->sim, at + p->path.latency_ns, THING_RELAY_DROP)->conn = c;
}

static void on_call_event(struct person *p, const struct sotto_event *e)
{
    struct seen_call *c = call_seen(p, e->call, true);
    switch (e->type) {
    case SOTTO_EVENT_CALL_INCOMING:
        c->rang = true;
        p->rang_count++;
        memcpy(c->token_hash, e->token_hash, sizeof c->token_hash);
        memcpy(p->rang_label, e->label, sizeof p->rang_label);
        sim_trace(p->sim, "%s: \"%s\" is calling%s (call %u)", p->name, e->label,
                  e->waiting ? ", another call goes on" : "", (unsigned)e->call);
        break;
    case SOTTO_EVENT_CALL_SECURE:
        c->secure = true;
        sim_trace(p->sim, "%s: call %u is secure", p->name, (unsigned)e->call);
        break;
    case SOTTO_EVENT_CALL_VERIFIED:
        sim_trace(p->sim, "%s: call %u verified %d", p->name, (unsigned)e->call, e->flag);
        break;
    case SOTTO_EVENT_CALL_HOLD:
        c->peer_held = e->flag;
        sim_trace(p->sim, "%s: call %u the other holds %d", p->name, (unsigned)e->call, e->flag);
        break;
    case SOTTO_EVENT_CALL_PATH:
        c->reconnecting = e->flag;
        sim_trace(p->sim, "%s: call %u reconnecting %d", p->name, (unsigned)e->call, e->flag);
        break;
    default:
        c->rekeyed++;
        p->sim->rekeys++;
        sim_trace(p->sim, "%s: call %u re-keyed", p->name, (unsigned)e->call);
        break;
    }
}

static void on_exchange(struct person *p, const struct sotto_event *e)
{
    if (e->type == SOTTO_EVENT_EXCHANGE_MET) {
        p->x_met = true;
    } else if (e->type == SOTTO_EVENT_EXCHANGE_WORDS) {
        p->x_words = true;
        memcpy(p->x_read, e->read_aloud, sizeof p->x_read);
        memcpy(p->x_choices, e->choices, sizeof p->x_choices);
    } else if (e->type == SOTTO_EVENT_EXCHANGE_DONE) {
        p->x_done = true;
        p->x_peer_link = e->peer_link;
        p->x_peer = e->fingerprint;
    } else {
        p->x_failed = true;
        p->x_error = e->error;
    }
    sim_trace(p->sim, "%s: exchange event %d error %d", p->name, (int)e->type, e->error);
}

static void on_line_event(struct person *p, const struct sotto_event *e)
{
    const char *what = "replaced"; // perhaps by an older connection that died late: it rings again
    if (e->type == SOTTO_EVENT_LINE_READY) {
        what = "ready";
        p->line_ready = true;
        p->ready_count++;
    } else if (e->type == SOTTO_EVENT_LINE_DENIED) {
        what = "denied";
        p->line_ready = false;
        p->line_denied = e->code;
    } else {
        p->replaced_count++;
    }
    sim_trace(p->sim, "%s: line %s %d", p->name, what, e->code);
}

static void on_number_event(struct person *p, const struct sotto_event *e)
{
    const char *what = "changed";
    if (e->type == SOTTO_EVENT_NUMBER_BOUND) {
        what = "bound";
        p->bound_count++;
    } else if (e->type == SOTTO_EVENT_NUMBER_LEAKED) {
        what = "leaked";
        p->leaked_count++;
        p->leaked_to = e->fingerprint;
        memcpy(p->leaked_label, e->label, sizeof p->leaked_label);
    } else {
        p->changed_count++;
    }
    sim_trace(p->sim, "%s: number \"%s\" %s", p->name, e->label, what);
}

static void on_event(struct person *p, const struct sotto_event *e)
{
    check_event(p, e);
    switch (e->type) {
    case SOTTO_EVENT_NONE:
        break;
    case SOTTO_EVENT_LINK_WANTED:
        on_link_wanted(p, e);
        break;
    case SOTTO_EVENT_LINK_UNWANTED:
        on_link_unwanted(p, e);
        break;
    case SOTTO_EVENT_LINE_READY:
    case SOTTO_EVENT_LINE_DENIED:
    case SOTTO_EVENT_LINE_REPLACED:
        on_line_event(p, e);
        break;
    case SOTTO_EVENT_CLOCK:
        p->clock_events++;
        break;
    case SOTTO_EVENT_RESULT:
        p->result_came = p->result_came || e->request == p->last_request;
        if (e->request == p->last_request)
            p->last_result = e->code;
        sim_trace(p->sim, "%s: result %d", p->name, e->code);
        break;
    case SOTTO_EVENT_CALL_STATE:
        on_state(p, e);
        break;
    case SOTTO_EVENT_CALL_INCOMING:
    case SOTTO_EVENT_CALL_SECURE:
    case SOTTO_EVENT_CALL_VERIFIED:
    case SOTTO_EVENT_CALL_HOLD:
    case SOTTO_EVENT_CALL_PATH:
    case SOTTO_EVENT_CALL_REKEYED:
        on_call_event(p, e);
        break;
    case SOTTO_EVENT_MIC:
        p->mic_told = e->flag;
        sim_trace(p->sim, "%s: microphone %d", p->name, e->flag);
        break;
    case SOTTO_EVENT_NUMBER_BOUND:
    case SOTTO_EVENT_NUMBER_LEAKED:
    case SOTTO_EVENT_NUMBER_CHANGED:
        on_number_event(p, e);
        break;
    default:
        on_exchange(p, e);
        break;
    }
}

// ---- the driver's loop -------------------------------------------------------------------------

static void drain(struct person *p)
{
    static uint8_t buf[SOTTO_MESSAGE_MAX_BYTES];
    struct sotto_event e;
    unsigned link = 0;
    size_t len;
    while ((len = sotto_device_write_datagram(p->device, &link, buf, sizeof buf)) > 0)
        if (p->links[link].conn)
            path_from_device(p->links[link].conn, buf, len, true);
    while ((len = sotto_device_write_message(p->device, &link, buf, sizeof buf)) > 0)
        if (p->links[link].conn)
            path_from_device(p->links[link].conn, buf, len, false);
    while (sotto_device_next_event(p->device, &e))
        on_event(p, &e);
}

void person_pump(struct person *p)
{
    if (!p->device)
        return;
    struct person *outer = p->sim->running;
    p->sim->running = p;
    drain(p);
    if (person_expiry(p) <= p->sim->now_ns) {
        sotto_device_handle_expiry(p->device, person_now(p));
        drain(p);
    }
    check_person(p);
    p->sim->running = outer;
}

// ---- sound -------------------------------------------------------------------------------------

static uint32_t talking_call(const struct person *p)
{
    for (size_t i = 0; i < SOTTO_CALLS_MAX; i++) {
        const struct call *c = &p->device->calls[i];
        if (c->used && c->state == SOTTO_CALL_ACTIVE && !c->held)
            return c->id;
    }
    return 0;
}

void person_capture(struct person *p)
{
    int16_t pcm[SOTTO_FRAME_SAMPLES];
    uint64_t n = p->frames_captured;
    memcpy(pcm, p->tone, sizeof pcm);
    for (unsigned i = 0; i < 64; i++)
        pcm[i] = (int16_t)((pcm[i] & ~1) | (int16_t)((n >> i) & 1));
    p->talking[n % FRAMES_KEPT] = talking_call(p);
    p->frames_captured++;
    p->sim->running = p;
    sotto_device_capture(p->device, pcm, SOTTO_FRAME_SAMPLES);
    p->sim->running = NULL;
}

// Goertzel: how strong one pitch is.
static double amplitude_of(const int16_t *pcm, unsigned hz)
{
    double w = 2.0 * cos(TAU * (double)hz / SOTTO_SAMPLE_RATE), a = 0, b = 0;
    for (size_t i = 0; i < SOTTO_FRAME_SAMPLES; i++) {
        double next = (double)pcm[i] + w * a - b;
        b = a;
        a = next;
    }
    double power = a * a + b * b - w * a * b;
    return 2.0 * sqrt(power > 0 ? power : 0) / SOTTO_FRAME_SAMPLES;
}

static bool is_loud(const int16_t *pcm)
{
    int64_t sum = 0;
    for (size_t i = 0; i < SOTTO_FRAME_SAMPLES; i++)
        sum += (int64_t)pcm[i] * pcm[i];
    return sum > (int64_t)SOTTO_FRAME_SAMPLES * 300 * 300;
}

// One clear voice, in several frames running: where sound begins or breaks off there seem to be
// several in it, and a concealed frame of a bare tone may have another pitch.
static void listen(struct person *p, const int16_t *pcm)
{
    struct sim *s = p->sim;
    struct person *speaker = NULL;
    double loudest = 0, second = 0;
    p->loud_frames++;
    for (size_t i = 0; i < s->people_count; i++) {
        double a = amplitude_of(pcm, s->people[i]->tone_hz);
        if (a > loudest) {
            second = loudest;
            loudest = a;
            speaker = s->people[i];
        } else if (a > second) {
            second = a;
        }
    }
    if (!speaker || loudest < HEARD_AMPLITUDE || second > loudest / 3)
        return;
    p->same_voice = speaker == p->last_voice ? p->same_voice + 1 : 1;
    p->last_voice = speaker;
    if (p->same_voice < VOICE_FRAMES)
        return;
    p->heard[speaker->index]++;
    p->heard_at[speaker->index] = s->now_ns;
    // The jitter buffer holds a second at most, and concealment goes on for a moment.
    if (speaker->spoke_at[p->index] == 0 || s->now_ns - speaker->spoke_at[p->index] > 3 * SECOND)
        sim_fail(s, "%s hears %s, who does not speak to them", p->name, speaker->name);
}

void person_playout(struct person *p)
{
    int16_t pcm[SOTTO_FRAME_SAMPLES];
    if (!p->device)
        return;
    bool talks = talking_call(p) != 0;
    if (!talks && p->frames_captured % 16 != 0)
        return;
    sotto_device_playout(p->device, pcm, SOTTO_FRAME_SAMPLES, person_now(p));
    if (p->voice_cost_ns > 0)
        sotto_device_voice_cost(p->device, p->voice_cost_ns, 0, person_now(p));
    if (!is_loud(pcm))
        return;
    if (!talks)
        sim_fail(p->sim, "%s: sound without a call", p->name);
    listen(p, pcm);
}

// ---- what users do -----------------------------------------------------------------------------

#define DO(p, what)          \
    (p)->sim->running = (p); \
    int rc = (what);         \
    (p)->sim->running = NULL;

int user_register(struct person *p)
{
    DO(p, sotto_device_register(p->device, p->invite, person_now(p), &p->last_request))
    p->result_came = false;
    person_pump(p);
    return rc;
}

static struct sotto_number *mint(struct person *owner, const char *label)
{
    struct book *b = &owner->book;
    assert(b->number_count < NUMBERS_MAX);
    struct sotto_number *n = &b->numbers[b->number_count];
    int rc = sotto_number_init(n, label, person_now(owner).unix_s, &owner->env);
    assert(rc == 0);
    (void)rc;
    b->number_count++;
    sim_canary_lasting(owner->sim, "a number's secret", false, n->secret.bytes,
                       sizeof n->secret.bytes);
    sim_canary_lasting(owner->sim, "a dial token", true, n->token, sizeof n->token);
    sim_canary_lasting(owner->sim, "a label", false, n->label, strlen(n->label));
    return n;
}

int user_push(struct person *p, bool on)
{
    struct sotto_push push = {.p256dh = {4}};
    snprintf(push.endpoint, sizeof push.endpoint, "https://push.example/%s", p->name);
    rng_fill(&p->rng, push.auth, sizeof push.auth);
    DO(p, sotto_device_push(p->device, on ? &push : NULL, person_now(p), &p->last_request))
    p->result_came = false;
    sim_trace(p->sim, "%s %s a subscription: %d", p->name, on ? "leaves" : "removes", rc);
    person_pump(p);
    return rc;
}

int user_publish(struct person *owner, const uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES])
{
    const struct sotto_number *n = book_number(&owner->book, token_hash);
    DO(owner,
       sotto_device_number_publish(owner->device, n, person_now(owner), &owner->last_request))
    owner->result_came = false;
    person_pump(owner);
    return rc;
}

int user_mint(struct person *owner, const char *label, struct sotto_number_link *out)
{
    struct sotto_number *n = mint(owner, label);
    memset(out, 0, sizeof *out);
    out->relay = owner->home->address;
    memcpy(out->token, n->token, sizeof out->token);
    out->secret = n->secret;
    out->callee = owner->fp;
    snprintf(out->name, sizeof out->name, "%s calls himself so", owner->name);
    return user_publish(owner, n->token_hash);
}

int user_dial(struct person *p, const struct sotto_number_link *link, const char *label,
              uint32_t *call)
{
    uint32_t id = 0;
    DO(p, sotto_device_dial(p->device, link, label, person_now(p), &id))
    sim_trace(p->sim, "%s dials \"%s\": %d (call %u)", p->name, label, rc, (unsigned)id);
    if (rc == 0) {
        struct seen_call *c = call_seen(p, id, false);
        c->consented = true;
        c->to = link->callee;
        sotto_token_hash(link->token, c->token_hash);
        p->sim->calls_dialled++;
    }
    if (call)
        *call = id;
    person_pump(p);
    return rc;
}

// Consent is noted before the device acts on it, as it is given before.
int user_accept(struct person *p, uint32_t call)
{
    struct seen_call *c = person_call(p, call);
    bool before = c && c->consented;
    if (c)
        c->consented = true;
    DO(p, sotto_device_accept(p->device, call, person_now(p)))
    sim_trace(p->sim, "%s accepts call %u: %d", p->name, (unsigned)call, rc);
    if (c && rc != 0)
        c->consented = before;
    person_pump(p);
    return rc;
}

int user_decline(struct person *p, uint32_t call)
{
    DO(p, sotto_device_decline(p->device, call, person_now(p)))
    sim_trace(p->sim, "%s declines call %u: %d", p->name, (unsigned)call, rc);
    person_pump(p);
    return rc;
}

int user_hangup(struct person *p, uint32_t call)
{
    DO(p, sotto_device_hangup(p->device, call, person_now(p)))
    sim_trace(p->sim, "%s hangs up call %u: %d", p->name, (unsigned)call, rc);
    struct seen_call *c = person_call(p, call);
    if (c && rc == 0)
        c->consented = false;
    person_pump(p);
    return rc;
}

int user_hold(struct person *p, uint32_t call, bool on)
{
    DO(p, sotto_device_hold(p->device, call, on, person_now(p)))
    sim_trace(p->sim, "%s holds call %u %d: %d", p->name, (unsigned)call, on, rc);
    struct seen_call *c = person_call(p, call);
    if (c && rc == 0) {
        c->held = on;
        for (size_t i = 0; i < p->call_count && !on; i++)
            if (&p->calls[i] != c && p->calls[i].state == SOTTO_CALL_ACTIVE)
                p->calls[i].held = true;
    }
    person_pump(p);
    return rc;
}

int user_mute(struct person *p, uint32_t call, bool on)
{
    DO(p, sotto_device_mute(p->device, call, on, person_now(p)))
    sim_trace(p->sim, "%s mutes call %u %d: %d", p->name, (unsigned)call, on, rc);
    struct seen_call *c = person_call(p, call);
    if (c && rc == 0)
        c->muted = on;
    person_pump(p);
    return rc;
}

int user_words(struct person *p, uint32_t call, bool match)
{
    struct sotto_call_info info = {0};
    bool known = sotto_device_call_info(p->device, call, &info) == 0;
    struct person *peer = known && info.has_peer ? person_by_fp(p->sim, &info.peer, false) : NULL;
    DO(p, sotto_device_words_compared(p->device, call, match, person_now(p)))
    sim_trace(p->sim, "%s says the words of call %u %s: %d", p->name, (unsigned)call,
              match ? "match" : "differ", rc);
    struct seen_call *c = person_call(p, call);
    if (rc == 0 && peer)
        p->matched[peer->index] = match;
    if (c && rc == 0 && match)
        c->words_matched = true;
    if (c && !match && rc != SOTTO_ESTATE && rc != SOTTO_ENOTFOUND) {
        c->words_differed = true;
        c->consented = false;
    }
    person_pump(p);
    return rc;
}

int user_rekey(struct person *p, uint32_t call)
{
    DO(p, sotto_device_rekey(p->device, call, person_now(p)))
    sim_trace(p->sim, "%s re-keys call %u: %d", p->name, (unsigned)call, rc);
    person_pump(p);
    return rc;
}

int user_revoke(struct person *p, const uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES])
{
    struct sotto_number *n = book_number(&p->book, token_hash);
    if (n)
        n->state = SOTTO_NUMBER_REVOKED;
    DO(p, sotto_device_number_withdraw(p->device, token_hash, person_now(p), &p->last_request))
    p->result_came = false;
    sim_trace(p->sim, "%s revokes a number: %d", p->name, rc);
    person_pump(p);
    return rc;
}

int user_exchange(struct person *p, const char *code, const struct sotto_number_link *ours)
{
    p->x_met = p->x_words = p->x_done = p->x_failed = false;
    DO(p, sotto_device_exchange(p->device, &p->home->address, code, ours, person_now(p)))
    sim_trace(p->sim, "%s starts an exchange: %d", p->name, rc);
    person_pump(p);
    return rc;
}

int user_pick(struct person *p, const char *heard)
{
    for (unsigned i = 0; i < SOTTO_EXCHANGE_CHOICES; i++) {
        if (strcmp(p->x_choices[i], heard) != 0)
            continue;
        DO(p, sotto_device_exchange_pick(p->device, i, person_now(p)))
        person_pump(p);
        return rc;
    }
    return -1;
}
