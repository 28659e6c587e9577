// SPDX-License-Identifier: Apache-2.0
// The simulator: several devices and the real relay engine in one thread and in virtual time.
// Everything that is left to chance (latency, loss, crashes, what users do, keys, an attacker's
// choices) comes out of one seed, so that a seed replays exactly.
//
//   rng.c       chance, for the world and for OpenSSL
//   world.c     virtual time, the heap of things to come, the main loop
//   relay.c     the relay engine: its memory, its crashes
//   path.c      what is between a device and a relay: latency, loss, outages
//   person.c    a person with a device, a microphone that always makes sound, and an ear
//   book.c      a person's book, in memory, which may fail
//   check.c     what must hold at each step
//   watch.c     looks into the places that secrets pass (the linker puts it in between)
//   hostile.c   a relay that lies
//   chaos.c     users who do anything at any time
//   scenarios.c calls that read like a specification
#ifndef SOTTO_SIM_H
#define SOTTO_SIM_H

#include <sotto/device.h>

#include <stdarg.h>
#include <stdio.h>

#include "call/impl.h"
#include "engine/engine.h"
#include "store/memory.h"

#define PEOPLE_MAX       8
#define CALLS_SEEN_MAX   512 // of one person in one run
#define NUMBERS_MAX      16  // in one book
#define CONTACTS_MAX     8
#define RELAYS_MAX       2
#define CONNS_MAX        512         // connections ever made in one run
#define ARENA_BYTES      (16u << 20) // of one relay engine
#define CANARIES_MAX     128         // the latest
#define CANARY_MIN_BYTES 8
#define FRAMES_KEPT      64
#define MS               SOTTO_NS_PER_MS
#define SECOND           SOTTO_NS_PER_S

struct sim;
struct person;

// ---- rng.c: chance -----------------------------------------------------------------------------

struct rng {
    uint64_t s[4];
};
void rng_seed(struct rng *r, uint64_t seed);
uint64_t rng_next(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t bound); // bound > 0
bool rng_chance(struct rng *r, unsigned per_mille);
void rng_fill(struct rng *r, void *out, size_t len);
void rng_own_openssl(void); // once in a process
void rng_reseed_openssl(uint64_t seed);

uint64_t fnv64(uint64_t h, const void *data, size_t len);
#define FNV_START UINT64_C(0xcbf29ce484222325)

// ---- path.c: what is in between ----------------------------------------------------------------

// Between one person and every relay.
struct path {
    sotto_ns latency_ns, jitter_ns;
    unsigned loss, reorder, duplicate; // per mille
    sotto_ns down_until;
    unsigned kbps; // 0: any; of datagrams up
    sotto_ns idle; // when the link will have sent what it holds
};

struct conn {
    bool device_side, relay_side; // which of the two ends still knows of it
    struct person *person;
    unsigned link;
    struct sim_relay *relay;
    struct relay_conn *rc;
    sotto_ns last_up, last_down; // deliveries are in order
};

// ---- relay.c -----------------------------------------------------------------------------------

struct arena {
    uint8_t *base;
    size_t used, high;
    size_t live_blocks, live_bytes;
};

struct sim_relay {
    struct sim *sim;
    unsigned index;
    struct sotto_relay_address address;
    struct arena arena;
    struct sotto_env env;
    struct rng rng;
    struct relay_memory *memory;
    struct relay_engine *engine; // NULL: crashed
    int64_t clock_offset_s;
};

// ---- book.c ------------------------------------------------------------------------------------

struct book {
    struct sotto_number numbers[NUMBERS_MAX];
    size_t number_count;
    struct sotto_contact contacts[CONTACTS_MAX];
    size_t contact_count;
    int failure; // SOTTO_EFULL or SOTTO_EIO: every write fails
    unsigned fail_per_mille;
    struct rng rng;
};
struct sotto_book book_of(struct person *p);
struct sotto_number *book_number(struct book *b, const uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES]);
struct sotto_contact *book_contact(struct book *b, const struct sotto_fingerprint *fp);
struct sotto_contact *book_contact_add(struct book *b, const char *label,
                                       const struct sotto_fingerprint *fp);

// ---- person.c ----------------------------------------------------------------------------------

struct seen_call {
    uint32_t id;
    uint64_t life; // of the device: a new one counts its calls anew
    bool incoming;
    struct sotto_fingerprint to; // outgoing: whom the link leads to
    uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES];
    bool consented; // the user dialled or accepted; the only licence to speak
    bool rang, secure, active, ended, broken;
    bool muted, held, peer_held;
    bool reconnecting;
    uint32_t rekeyed;
    uint32_t glare_other;
    enum sotto_call_state state;
    enum sotto_end end;
    sotto_ns active_at, ended_at;
    bool words_matched, words_differed;
};

struct person {
    struct sim *sim;
    unsigned index;
    const char *name;
    bool has_line, hostile_identity;
    struct sotto_identity *identity;
    struct sotto_fingerprint fp;
    struct sotto_line_key *line_key;
    struct sim_relay *home;
    uint8_t invite[SOTTO_INVITE_BYTES];
    struct sotto_env env, lasting_env; // the device's, whose memory is counted; the keys'
    struct rng rng;
    size_t alloc_blocks, alloc_bytes;
    long fail_alloc_at;   // counts down; 0: never, or it has failed
    bool short_of_memory; // such a failure was asked for
    struct book book;
    enum sotto_suite suite;
    sotto_ns rekey_interval_ns;
    enum sotto_profile profile;
    bool lies;                   // in its reports: any loss, another span asked for each time
    bool former;                 // its reports are of a version that knows no spans
    struct sotto_device *device; // NULL: crashed or switched off
    uint64_t lives;
    sotto_ns mono_offset_ns;
    int64_t clock_offset_s;
    struct path path;
    struct {
        bool wanted, connecting;
        struct sim_relay *relay;
        struct conn *conn;
    } links[SOTTO_LINKS_MAX];

    bool line_ready;
    int line_denied;
    uint32_t last_request;
    int last_result;
    bool result_came;
    size_t ready_count, replaced_count;
    struct seen_call calls[CALLS_SEEN_MAX];
    size_t call_count;
    size_t rang_count, leaked_count, bound_count, changed_count, clock_events;
    struct sotto_fingerprint leaked_to;
    char leaked_label[SOTTO_NAME_MAX_BYTES + 1];
    char rang_label[SOTTO_NAME_MAX_BYTES + 1];
    bool mic_told;

    size_t pushed_count;     // wake-ups that the push service brought
    sotto_ns wakes_after_ns; // the user then opens the telephone; 0: does not

    // Exchange.
    bool x_met, x_words, x_done, x_failed;
    int x_error;
    char x_read[SOTTO_WORDS_TEXT_BYTES];
    char x_choices[SOTTO_EXCHANGE_CHOICES][SOTTO_WORDS_TEXT_BYTES];
    struct sotto_number_link x_peer_link;
    struct sotto_fingerprint x_peer;

    // Sound.
    int16_t tone[SOTTO_FRAME_SAMPLES];
    unsigned tone_hz;
    uint64_t frames_captured;
    uint32_t talking[FRAMES_KEPT]; // by captured frame: the call it was spoken into, 0 none
    bool matched[PEOPLE_MAX];      // the user has compared words with that person
    sotto_ns spoke_at[PEOPLE_MAX]; // a frame of ours went into a cell to that person
    uint64_t heard[PEOPLE_MAX];    // frames with that person's tone in them
    sotto_ns heard_at[PEOPLE_MAX];
    uint64_t loud_frames;
    sotto_ns voice_cost_ns; // what its driver says each frame has taken; 0: nothing
    const struct person *last_voice;
    unsigned same_voice;
};

struct person *person_add(struct sim *s, const char *name, struct sim_relay *home);
// The same identity in other hands.
struct person *person_add_thief(struct sim *s, const char *name, struct sim_relay *home,
                                const struct person *victim);
void person_start(struct person *p); // switches the device on
void person_crash(struct person *p);
void person_pump(struct person *p); // time and output; after anything happened
struct sotto_now person_now(const struct person *p);
sotto_ns person_expiry(const struct person *p); // in the world's time
void person_capture(struct person *p);
void person_playout(struct person *p);
void person_free(struct person *p);
struct seen_call *person_call(struct person *p, uint32_t id);
struct seen_call *person_latest(struct person *p); // NULL
// The push service brings a wake-up to this endpoint.
void person_pushed(struct sim *s, const char *endpoint);
struct person *person_by_fp(struct sim *s, const struct sotto_fingerprint *fp, bool thief);

// What users do. Each gives what the device gave.
int user_register(struct person *p);
// Mints a number for somebody, puts it into both books, publishes it.
int user_mint(struct person *owner, const char *label, struct sotto_number_link *out);
int user_publish(struct person *owner, const uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES]);
int user_push(struct person *p, bool on); // leaves a subscription; removes all
int user_dial(struct person *p, const struct sotto_number_link *link, const char *label,
              uint32_t *call);
int user_accept(struct person *p, uint32_t call);
int user_decline(struct person *p, uint32_t call);
int user_hangup(struct person *p, uint32_t call);
int user_hold(struct person *p, uint32_t call, bool on);
int user_mute(struct person *p, uint32_t call, bool on);
int user_words(struct person *p, uint32_t call, bool match);
int user_rekey(struct person *p, uint32_t call);
int user_revoke(struct person *p, const uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES]);
int user_exchange(struct person *p, const char *code, const struct sotto_number_link *ours);
int user_pick(struct person *p, const char *heard); // -1: what was heard is not among the choices

// ---- world.c -----------------------------------------------------------------------------------

enum thing_kind {
    THING_TO_RELAY_MSG,
    THING_TO_RELAY_DATAGRAM,
    THING_TO_DEVICE_MSG,
    THING_TO_DEVICE_DATAGRAM,
    THING_CONNECT,     // person, link
    THING_DEVICE_DROP, // the device notices that conn is gone
    THING_RELAY_DROP,  // the relay notices
    THING_AUDIO,       // person: 20 ms are over
    THING_USER,        // person: chaos
    THING_CALLBACK,
};

struct thing {
    sotto_ns at;
    uint64_t order;
    enum thing_kind kind;
    struct conn *conn;
    struct person *person;
    unsigned link;
    uint64_t life;
    void (*callback)(struct sim *s, void *arg);
    void *arg;
    bool injected;
    uint8_t *data;
    size_t len;
};

struct canary {
    const char *what;
    bool passes; // a relay may see it go by, and must forget it
    uint8_t bytes[64];
    size_t len;
};

struct hostile; // hostile.c

struct sim {
    uint64_t seed;
    bool verbose;
    struct rng rng; // the world's
    sotto_ns now_ns;
    int64_t unix_base_s;
    struct thing *heap;
    size_t heap_len, heap_cap;
    uint64_t order;
    struct sim_relay relays[RELAYS_MAX];
    size_t relay_count;
    struct person *people[PEOPLE_MAX];
    size_t people_count;
    struct person *running; // whose device is being called
    struct conn *conns[CONNS_MAX];
    size_t conn_count;
    struct hostile *hostile;
    bool chaos;
    uint64_t trace, events_trace; // all bytes and events; only what users could see
    uint64_t steps, calls_dialled, calls_answered, cells_sealed, rekeys;
    struct canary canaries[CANARIES_MAX];
    size_t canary_count, canary_next;
    struct canary lasting[CANARIES_MAX];
    size_t lasting_count;
    bool failed;
    char failure[512];
};

struct sim *sim_new(uint64_t seed, bool verbose);
void sim_free(struct sim *s);
struct sim_relay *sim_relay_add(struct sim *s, const char *host);
void relay_start(struct sim_relay *r);
void relay_crash(struct sim_relay *r);
sotto_ns relay_expiry(const struct sim_relay *r);
void relay_handle_expiry(struct sim_relay *r);
struct sotto_now relay_now(const struct sim_relay *r);
void relay_free(struct sim_relay *r);

struct thing *sim_later(struct sim *s, sotto_ns at, enum thing_kind kind);
void sim_call_later(struct sim *s, sotto_ns after, void (*callback)(struct sim *, void *),
                    void *arg);
// Runs for that long, or until the condition holds (then true) or something failed.
bool sim_run(struct sim *s, sotto_ns for_ns);
bool sim_until(struct sim *s, sotto_ns limit_ns, bool (*condition)(struct sim *, void *),
               void *arg);
void sim_trace(struct sim *s, const char *form, ...) __attribute__((format(printf, 2, 3)));
// Printed; not part of what must be equal with and without an attacker's noise.
void sim_note(struct sim *s, const char *form, ...) __attribute__((format(printf, 2, 3)));
void sim_fail(struct sim *s, const char *form, ...) __attribute__((format(printf, 2, 3)));
// What must never be found at a relay. The lasting ones are searched for to the end of the run.
void sim_canary(struct sim *s, const char *what, const void *bytes, size_t len);
void sim_canary_lasting(struct sim *s, const char *what, bool passes, const void *bytes,
                        size_t len);

// path.c
void path_from_device(struct conn *c, const uint8_t *data, size_t len, bool datagram);
void path_from_relay(struct conn *c, const uint8_t *data, size_t len, bool datagram);
void path_connect(struct person *p, unsigned link);
void path_outage(struct person *p, sotto_ns for_ns); // nothing passes; short: connections survive
void path_cut(struct person *p, unsigned link);      // the connection breaks now
void path_deliver(struct sim *s, struct thing *t);
void conn_gone_at_device(struct conn *c);
void conn_gone_at_relay(struct conn *c);

// ---- check.c -----------------------------------------------------------------------------------

void check_person(struct person *p);
void check_event(struct person *p, const struct sotto_event *e);
void check_relay_memory(struct sim *s);
void check_wire(struct sim *s, const uint8_t *data, size_t len); // what a relay sees
void check_quiet(struct sim *s);                                 // nothing goes on, nothing is left
void check_end(struct sim *s); // all is switched off: nothing at all is left

// ---- watch.c -----------------------------------------------------------------------------------

void watch_reset(struct sim *s);
extern size_t watch_seals;
// A device in which nobody is recognised: a thief's own one, which does not mind what it is told.
void watch_blind(const struct person *p); // NULL: none

// ---- hostile.c ---------------------------------------------------------------------------------

enum hostile_kind {
    HOSTILE_NOISE = 1, // must change nothing
    HOSTILE_LIES = 2,  // may end calls, and no more
};
void hostile_start(struct sim *s, enum hostile_kind kind, unsigned per_mille);
void hostile_stop(struct sim *s);
// Sees what the relay is about to deliver; true: it has swallowed it.
bool hostile_to_device(struct sim *s, struct conn *c, const uint8_t *data, size_t len,
                       bool datagram, sotto_ns at);
void hostile_to_relay(struct sim *s, struct conn *c, const uint8_t *data, size_t len,
                      bool datagram);

// ---- chaos.c, scenarios.c ----------------------------------------------------------------------

void chaos_run(struct sim *s, unsigned calls);
void chaos_user(struct person *p);

struct scenario {
    const char *name;
    const char *says;
    void (*run)(struct sim *s);
};
extern const struct scenario SCENARIOS[];
extern const size_t SCENARIO_COUNT;

#endif
