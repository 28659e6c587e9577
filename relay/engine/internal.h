// SPDX-License-Identifier: Apache-2.0
// What the engine's files share. How they hang together:
//
//   relay_conn      one connection. Holds up to RELAY_CIRCUITS_PER_CONN_MAX circuit sides under
//                   the identifiers that are valid on it.
//   online_line     a line with at least one logged-in connection.
//   circuit         two sides. A side is absent (a meeting place's second party has not come),
//                   attached to a connection, or detached (its connection died; RESUME pending).
//   place           a meeting place: waiting (has a circuit) or burned (has none).
//
// A connection that must end while messages are being handled is doomed: nothing more is sent to
// it, and engine_settle, at the end of each public function, closes and frees it. So no function
// in here has to fear that a connection vanishes under it.
#ifndef SOTTO_RELAY_INTERNAL_H
#define SOTTO_RELAY_INTERNAL_H

#include "engine/engine.h"
#include "engine/limiter.h"
#include "engine/list.h"
#include "engine/map.h"
#include "engine/timers.h"

enum side_state {
    SIDE_ABSENT,
    SIDE_ATTACHED,
    SIDE_DETACHED
};

struct circuit;

struct circuit_side {
    enum side_state state;
    uint32_t id;             // ATTACHED: on that connection
    struct relay_conn *conn; // ATTACHED
    struct circuit *circuit;
    struct bucket cells;  // that this side sends
    sotto_ns detached_ns; // DETACHED: since when
    bool owes_met;        // DETACHED: the other party came meanwhile
    bool has_line;
    uint8_t line_id[LINK_LINE_ID_BYTES]; // whose side it is, if the connection was logged in
    uint8_t ticket[LINK_TICKET_BYTES];
    struct map_entry by_ticket;
};

// A dial whose callee may have to be woken (wake.c).
enum wake_state {
    WAKE_NONE,
    WAKE_WATCHED, // INCOMING was sent; the device has said nothing since
    WAKE_PENDING  // side 1 absent: waits for a device of the line
};

struct circuit {
    struct list all;
    struct circuit_side sides[2]; // caller or first at the place; callee or second
    struct place *place;          // still waiting there
    struct timer timer;
    sotto_ns active_ns; // last flight or cell
    enum wake_state wake;
    sotto_ns wake_due_ns;
    struct list waking; // PENDING: of relay_engine.wakes
    uint8_t wake_line[LINK_LINE_ID_BYTES];
    uint8_t wake_number[LINK_TOKEN_HASH_BYTES];
    uint32_t signals;
    uint32_t signal_bytes;
};

struct place {
    uint8_t name[LINK_PLACE_BYTES];
    uint8_t address[16]; // of who waited first
    struct map_entry by_name;
    struct list all;
    struct circuit *circuit; // NULL: burned
    struct timer timer;
};

struct online_line {
    uint8_t line_id[LINK_LINE_ID_BYTES];
    struct map_entry by_id;
    struct relay_conn *conns[RELAY_DEVICES_PER_LINE_MAX]; // by time of login
    size_t conn_count;
    struct bucket writes;
};

enum write_kind {
    WRITE_FREE,
    WRITE_REGISTER,
    WRITE_PUT,
    WRITE_REMOVE,
    WRITE_PUSH,
    WRITE_UNPUSH
};

// A request that waits for the store.
struct pending_write {
    struct relay_conn *conn; // NULL: gone meanwhile
    uint32_t request;
    uint32_t generation; // tells this use of the slot from earlier ones
    enum write_kind kind;
};

struct relay_conn {
    struct list all;
    void *user;
    uint8_t address[16];
    uint8_t challenge[LINK_CHALLENGE_BYTES];
    bool greeted; // HELLO heard
    bool rings;
    bool doomed;
    uint8_t login_failures;
    enum link_code doom_code;
    struct relay_conn *doom_next;
    struct online_line *line; // NULL: not logged in
    struct timer timer;
    struct bucket messages;
    uint32_t writes;       // pending
    uint32_t next_circuit; // odd
    uint32_t circuit_ids[RELAY_CIRCUITS_PER_CONN_MAX];
    struct circuit_side *sides[RELAY_CIRCUITS_PER_CONN_MAX]; // NULL: the slot is free
};

struct relay_engine {
    const struct sotto_env *env;
    struct relay_config config;
    bool stopping;
    struct list conns, circuits, places;
    struct list wakes; // circuits that are PENDING, by age
    size_t wake_count;
    struct relay_conn *doomed;
    struct map lines;    // online_line by line id
    struct map tickets;  // circuit_side by ticket
    struct map by_place; // place by name
    struct timers timers;
    struct limiter addresses;     // enum address_bucket
    struct limiter numbers;       // enum number_bucket; lines too, whose ids are hashes as well
    struct pending_write *writes; // RELAY_WRITES_PENDING_MAX of them
    struct relay_stats stats;
};

enum address_bucket {
    ADDRESS_DIALS,
    ADDRESS_MEETS,
    ADDRESS_REGISTERS,
    ADDRESS_LOGINS
};

enum number_bucket {
    NUMBER_DIALS,
    NUMBER_WAKES,
    LINE_WAKES
};

// ---- engine.c

void *engine_alloc(struct relay_engine *e, size_t size); // zeroed; NULL
void engine_free(struct relay_engine *e, void *ptr);
// Closes and frees what is doomed. 0, or an error if `c` was among it (`c` may be NULL).
int engine_settle(struct relay_engine *e, const struct relay_conn *c, struct sotto_now now);

// ---- conn.c

// Encodes and sends; dooms the connection if its queue is full.
void conn_send(struct relay_engine *e, struct relay_conn *c, const struct link_message *m);
void conn_send_ok(struct relay_engine *e, struct relay_conn *c, uint32_t request);
void conn_send_failed(struct relay_engine *e, struct relay_conn *c, uint32_t request,
                      enum link_code code);
void conn_send_close(struct relay_engine *e, struct relay_conn *c, uint32_t id,
                     enum link_code code);
// Marks it for the end; the first reason stays.
void conn_doom(struct relay_engine *e, struct relay_conn *c, enum link_code code);
// FAILED(code), then doom.
void conn_fail(struct relay_engine *e, struct relay_conn *c, uint32_t request, enum link_code code);
// FAILED(PROTOCOL), then doom.
void conn_protocol_error(struct relay_engine *e, struct relay_conn *c, uint32_t request);
void conn_hello(struct relay_engine *e, struct relay_conn *c, const struct link_message *m,
                struct sotto_now now);
// Takes it out of everything and frees it.
void conn_forget(struct relay_engine *e, struct relay_conn *c, struct sotto_now now);

// ---- line.c

void line_register(struct relay_engine *e, struct relay_conn *c, const struct link_message *m,
                   struct sotto_now now);
void line_invite_check(struct relay_engine *e, struct relay_conn *c, const struct link_message *m,
                       struct sotto_now now);
void line_login(struct relay_engine *e, struct relay_conn *c, const struct link_message *m,
                struct sotto_now now);
void line_leave(struct relay_engine *e, struct relay_conn *c);
struct online_line *line_find(struct relay_engine *e, const uint8_t line_id[LINK_LINE_ID_BYTES]);
// The connection that gets INCOMING: the one that logged in last of those that ring. NULL: none.
struct relay_conn *line_ringing(const struct online_line *line);

enum link_code line_register_code(int rc);

// ---- write.c: changes of what is stored

// Takes a slot for what the store is to be asked next. SOTTO_ELIMIT.
int write_begin(struct relay_engine *e, struct relay_conn *c, uint32_t request,
                enum write_kind kind);
// The store's answer to that: tells the device, or goes on waiting.
void write_end(struct relay_engine *e, int rc);
// The connection ends: nobody waits for its writes any more.
void write_forget_all(struct relay_engine *e, struct relay_conn *c);

// For a device that wants something of its line written. SOTTO_OK: the store is to be asked next.
// SOTTO_ELIMIT: the device has its answer, whatever the reason.
int write_wanted(struct relay_engine *e, struct relay_conn *c, uint32_t request,
                 enum write_kind kind, struct sotto_now now);

// ---- push.c

enum link_code push_put_code(int rc);

void push_put(struct relay_engine *e, struct relay_conn *c, const struct link_message *m,
              struct sotto_now now);
void push_remove(struct relay_engine *e, struct relay_conn *c, const struct link_message *m,
                 struct sotto_now now);

// ---- wake.c

// No device of the number's line rings: keeps the dial waiting if the line can be woken. NONE, or
// why not; c has a free slot.
enum link_code wake_dial(struct relay_engine *e, struct relay_conn *c, uint32_t id,
                         const struct relay_store_number *number, struct sotto_now now);
// INCOMING was sent to a device, which may be asleep.
void wake_watch(struct relay_engine *e, struct circuit *circuit,
                const struct relay_store_number *number, struct sotto_now now);
// Something came from a connection that rings: it is awake.
void wake_heard(struct relay_engine *e, struct relay_conn *c);
// The side's connection is gone. True: so is the circuit.
bool wake_detach(struct relay_engine *e, struct circuit_side *side, struct sotto_now now);
void wake_timer(struct relay_engine *e, struct circuit *circuit, struct sotto_now now);
// It ends, for whatever reason.
void wake_forget(struct relay_engine *e, struct circuit *circuit);

// ---- number.c

enum link_code number_put_code(int rc);

void number_put(struct relay_engine *e, struct relay_conn *c, const struct link_message *m,
                struct sotto_now now);
void number_remove(struct relay_engine *e, struct relay_conn *c, const struct link_message *m,
                   struct sotto_now now);

// ---- circuit.c

// Side 0 attached under `id`, side 1 absent. There must be a free slot. NULL: no memory, or
// RELAY_CIRCUITS_MAX.
struct circuit *circuit_new(struct relay_engine *e, struct relay_conn *c, uint32_t id,
                            struct sotto_now now);
// Side 1 comes. There must be a free slot.
void circuit_join(struct relay_engine *e, struct circuit *circuit, struct relay_conn *c,
                  uint32_t id);
// Tells CLOSE(code) to each attached side and frees it.
void circuit_end(struct relay_engine *e, struct circuit *circuit, enum link_code code);
struct circuit_side *circuit_other(struct circuit_side *side);
// The side ends without a word; the circuit goes on without it.
void circuit_leave(struct relay_engine *e, struct circuit_side *side);
// The timer's time, anew.
void circuit_rearm(struct relay_engine *e, struct circuit *circuit);
void circuit_send_ticket(struct relay_engine *e, const struct circuit_side *side);
// The connection died: its sides wait for RESUME.
void circuit_detach_all(struct relay_engine *e, struct relay_conn *c, struct sotto_now now);
void circuit_timer(struct relay_engine *e, struct circuit *circuit, struct sotto_now now);
// Counts a flight; false: over the limits.
bool circuit_count_flight(struct circuit *circuit, size_t len);
void circuit_signal(struct relay_engine *e, struct relay_conn *c, const struct link_message *m,
                    struct sotto_now now);
void circuit_close(struct relay_engine *e, struct relay_conn *c, const struct link_message *m);
void circuit_resume(struct relay_engine *e, struct relay_conn *c, const struct link_message *m);

// ---- slot.c: the identifiers on one connection

// NULL if no circuit has that identifier here.
struct circuit_side *slot_find(const struct relay_conn *c, uint32_t id);
bool slot_free(const struct relay_conn *c); // is there one?
// A device's choice: even, and not in use.
bool slot_device_id_ok(const struct relay_conn *c, uint32_t id);
uint32_t slot_relay_id(struct relay_conn *c); // odd, not in use
// There must be a free slot.
void slot_put(struct relay_conn *c, struct circuit_side *side, uint32_t id);
void slot_clear(struct relay_conn *c, const struct circuit_side *side);

// ---- dial.c, place.c

void dial(struct relay_engine *e, struct relay_conn *c, const struct link_message *m,
          struct sotto_now now);
void place_meet(struct relay_engine *e, struct relay_conn *c, const struct link_message *m,
                struct sotto_now now);
// Its circuit ended before anybody came, or its time is over: forgets it.
void place_free(struct relay_engine *e, struct place *place);
void place_timer(struct relay_engine *e, struct place *place);
void place_send_met(struct relay_engine *e, struct circuit_side *side);

#endif
