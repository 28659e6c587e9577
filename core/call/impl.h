// SPDX-License-Identifier: Apache-2.0
// What the files of core/call share: the device's own structures and the calls between its parts.
//
//   device.c        making one, the driver's interface, time
//   event.c         the queue of events
//   port.c          one link: the relay protocol, circuits, resuming
//   request.c       requests to the home relay: register, log in, publish, withdraw
//   call.c          the calls: table, states, what the user does
//   call_session.c  the end-to-end session of a call, the policy of numbers, glare, re-keying
//   call_control.c  control messages
//   call_media.c    ticks, cells, microphone and playout
//   capture.c       what the microphone gave, until a cell takes it
//   exchange.c      two people swapping numbers by a spoken code
#ifndef SOTTO_CALL_IMPL_H
#define SOTTO_CALL_IMPL_H

#include <sotto/device.h>

#include "base/mem.h"
#include "base/queue.h"
#include "capture.h"
#include "media/cell_crypt.h"
#include "media/ctl_stream.h"
#include "media/loss_meter.h"
#include "media/neural_budget.h"
#include "media/pace.h"
#include "media/path_meter.h"
#include "media/voice_fill.h"
#include "media/way_out.h"
#include "wire/control.h"
#include "wire/link.h"

#define PORT_OUT_MAX_BYTES 262144                  // messages queued for one link
#define PORT_IDLE_NS       (10 * SOTTO_NS_PER_S)   // an unused link is given back after this
#define PORT_UP_NS         (20 * SOTTO_NS_PER_S)   // a link that is not up by then fails what waits
#define REQUEST_NS         (20 * SOTTO_NS_PER_S)   // for an answer
#define REQUESTS_KEPT      8                       // places for logging in and resuming
#define LOGIN_AGAIN_NS     (30 * SOTTO_NS_PER_S)   // after a refusal that may pass
#define CELL_LEAD_NS       (6 * SOTTO_NS_PER_MS)   // a cell is made this long before its tick
#define CALL_LINGER_NS     (1 * SOTTO_NS_PER_S)    // telling the other side that it is over
#define CALL_ACK_LINGER_NS (300 * SOTTO_NS_PER_MS) // letting our acknowledgement out
#define CALL_RING_GRACE_NS (5 * SOTTO_NS_PER_S)    // callee rings this much longer than the caller
#define CALL_CONFIRMED_NS  (20 * SOTTO_NS_PER_S)   // for RINGING after the handshake
#define REKEY_MIN_NS       (5 * SOTTO_NS_PER_S) // a peer that asks more often breaks the protocol
#define CALL_REPORT_TICKS  11                   // a receiver report every so many cells
#define CALL_SENT_TIMES    512                  // send times kept for the round trip
#define INCOMING_COST_NS   (200 * SOTTO_NS_PER_MS) // five calls a second
#define INCOMING_BURST     30                      // that many at once
#define CLOCK_OFFSET_MAX_S 3600                    // more is told to the user
#define EXCHANGE_WAIT_NS   (600 * SOTTO_NS_PER_S)
#define EXCHANGE_PICK_NS   (180 * SOTTO_NS_PER_S)
#define CALL_REDIALS_MAX   8 // of one call, at a relay's word
#define NO_PORT            SOTTO_LINKS_MAX

enum port_state {
    PORT_FREE = 0,
    PORT_DOWN,    // wanted; the driver is connecting
    PORT_HELLO,   // up, HELLO sent
    PORT_WELCOME, // greeted
    PORT_READY,   // greeted, and logged in if this is home and there is a line to log in to
};

// One link to a relay.
struct port {
    enum port_state state;
    bool home;
    bool dead;            // the driver gave up
    bool login_denied;    // not to be asked again before the link comes up anew, or ...
    sotto_ns login_again; // ... this time, if the reason may pass; otherwise SOTTO_NEVER
    struct sotto_relay_address relay;
    uint8_t challenge[LINK_CHALLENGE_BYTES];
    uint32_t next_circuit; // even
    sotto_ns since;        // PORT_DOWN: since when; otherwise last use
    bool logged_in;
    struct queue out;
};

enum request_kind {
    REQUEST_FREE = 0,
    REQUEST_REGISTER,
    REQUEST_LOGIN,
    REQUEST_PUT,
    REQUEST_REMOVE,
    REQUEST_PUSH,
    REQUEST_UNPUSH,
    REQUEST_RESUME
};

struct request {
    enum request_kind kind;
    uint32_t id;
    unsigned port;
    bool sent;
    bool internal; // its result is not an event
    sotto_ns deadline;
    uint32_t call; // RESUME
    uint8_t invite[SOTTO_INVITE_BYTES];
    uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES];
    uint64_t expires_unix_s;
    uint32_t calls_left;
};

// One end of a circuit.
struct circuit {
    bool open;     // known to the relay, or being resumed
    bool attached; // to a live connection: cells and flights may go
    unsigned port;
    uint32_t id;
    bool resumed; // from another connection, where it was former_id
    uint32_t former_id;
    bool has_ticket;
    uint8_t ticket[LINK_TICKET_BYTES];
};

struct call {
    bool used;
    uint32_t id;
    bool incoming;
    enum sotto_call_state state;
    enum sotto_end end;
    uint32_t other;  // glare: the call that goes on instead
    bool ended_told; // the ENDED event was drained: the place may be reused
    char label[SOTTO_NAME_MAX_BYTES + 1];
    struct sotto_number_link link; // outgoing
    uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES];
    struct sotto_secret secret; // the number's
    struct sotto_fingerprint expected;
    bool has_expected;
    struct circuit circuit;

    struct sotto_session *session; // of the present epoch
    struct sotto_session *rekey;   // of the next one, while it is being made
    bool rekey_ready;              // caller: confirmed; switch when the peer has read all
    bool rekey_asked;              // callee: has asked for it; caller: was asked for another one
    sotto_ns rekey_at, rekey_deadline, rekeyed_ns;
    uint32_t epoch;
    bool media; // keys are there: cells flow
    bool peer_verified;
    bool has_peer;
    struct sotto_fingerprint peer;
    struct sotto_words words; // of the first session; kept for the log after the end
    struct sotto_session_info session_info;
    struct sotto_playout_stats playout_last;
    enum sotto_neural neural_last;

    // What the user wants and the state does not yet permit.
    bool want_accept;
    bool spent;       // incoming: counted by a number for so many calls
    bool busy;        // incoming: no place for it, to be told so
    bool telling;     // ending: until the peer has acknowledged
    bool glare_wait;  // incoming, silent: our own call to the same person decides
    bool accepted;    // the local user's consent; the only way to the microphone
    bool peer_active; // callee: the caller has heard the accept
    bool waking;      // outgoing: the relay wakes a device of theirs; no session meanwhile
    bool answered;    // outgoing: a flight of the callee has come
    unsigned redials;
    sotto_ns waking_until; // 0: was never waking
    bool muted, held, peer_held, reconnecting;

    struct cell_sealer *sealer;
    struct cell_opener *opener;
    struct ctl_stream *ctl;
    struct sotto_voice_encoder *encoder;
    struct voice_fill fill;
    struct sotto_playout *playout;
    struct loss_meter meter;       // of the cells received
    struct path_meter path;        // likewise
    struct way_out out;            // likewise, of the way from here
    struct pace pace;              // of the cells sent
    unsigned peer_span;            // of the newest cell; 0 none
    unsigned peer_announced;       // what it is to be soon; 0 unknown
    uint64_t report_at;            // counter from which a cell has a report
    unsigned told_wish, told_span; // by the last one; 0: none
    bool report_wanted;            // in the cell that is being made
    size_t control_room;           // in it
    sotto_ns next_tick;
    bool tick_prepared; // what is to be done before the next tick is done
    bool cell_made;     // `cell` is made and waits for its tick
    bool cell_due;      // its tick has come: hand it to the driver
    uint8_t cell[SOTTO_CELL_BYTES];
    uint64_t cell_ctr;

    sotto_ns sent_at[CALL_SENT_TIMES];
    uint64_t sent_newest; // counter
    uint64_t peer_ctr_first, peer_ctr_highest;
    sotto_ns peer_last; // when the newest cell came
    bool peer_seen;
    uint64_t cells_sent, cells_received, cells_lost, cells_dropped;
    sotto_ns rtt_ns;
    struct loss_view reported; // the peer's last word about our cells

    sotto_ns deadline; // of the present state
    sotto_ns started_ns, ringing_ns, accepted_ns, first_voice_ns, ended_ns;
};

enum exchange_state {
    EXCHANGE_NONE = 0,
    EXCHANGE_LINK,    // waiting for the link
    EXCHANGE_MEETING, // at the meeting place, alone
    EXCHANGE_SESSION, // handshake
    EXCHANGE_WORDS,   // the user listens and picks
    EXCHANGE_PICKED,  // ours is right; waiting for the other's
    EXCHANGE_SWAP,    // both right; links travel
    EXCHANGE_PARTING, // all done; our last flights are leaving
};

struct exchange {
    enum exchange_state state;
    struct circuit circuit;
    uint8_t place[LINK_PLACE_BYTES];
    struct sotto_secret seal;
    struct sotto_number_link ours;
    struct sotto_session *session;
    enum sotto_role role;
    unsigned right; // index of the right choice
    bool peer_ready;
    sotto_ns deadline;
};

struct sotto_device {
    struct sotto_device_config cfg;
    struct sotto_now now; // of the call into the device that is being served
    struct port ports[SOTTO_LINKS_MAX];
    struct request requests[SOTTO_REQUESTS_MAX];
    struct sotto_push push; // of REQUEST_PUSH, of which there is one at a time
    struct call calls[SOTTO_CALLS_MAX];
    struct exchange exchange;
    struct sotto_event events[SOTTO_EVENTS_MAX];
    size_t event_first, event_count;
    sotto_ns incoming_busy_until; // paces INCOMING; see INCOMING_COST_NS
    uint32_t last_call_id, last_request_id;
    bool mic_told;
    uint32_t mic_call; // whose the captured samples are; 0 none
    struct capture capture;
    struct neural_budget neural;
    uint8_t scratch[SOTTO_MESSAGE_MAX_BYTES]; // for one message being built or taken apart
    uint8_t flight[SOTTO_FLIGHT_MAX_BYTES];
    uint8_t control[CTL_MESSAGE_MAX_BYTES]; // for one control message received
};

// ---- event.c
struct sotto_event *event_add(struct sotto_device *d, enum sotto_event_type type);

// ---- port.c
// The port to that relay, wanted from the driver if it is new. NO_PORT if all are taken.
unsigned port_want(struct sotto_device *d, const struct sotto_relay_address *relay);
bool port_is_home(const struct sotto_device *d, const struct sotto_relay_address *relay);
void port_origin(const struct port *p, char out[LINK_ORIGIN_MAX_BYTES + 1]);
int port_send(struct sotto_device *d, unsigned port, const struct link_message *m);
void port_up(struct sotto_device *d, unsigned port);
void port_down(struct sotto_device *d, unsigned port, bool again);
void port_read(struct sotto_device *d, unsigned port, const struct link_message *m);
// True while anything needs the link.
bool port_in_use(const struct sotto_device *d, unsigned port);
void port_handle_expiry(struct sotto_device *d, unsigned port);
sotto_ns port_expiry(const struct sotto_device *d, unsigned port);

// Circuits, on behalf of calls and the exchange.
void port_circuit_open(struct sotto_device *d, struct circuit *c, unsigned port);
// Under a new id, from a new connection. Cells may follow the RESUME at once: the relay reads it
// first, but where packets overtake each other.
void port_circuit_resume(struct sotto_device *d, struct circuit *c);
int port_circuit_signal(struct sotto_device *d, const struct circuit *c, const uint8_t *flight,
                        size_t len);
void port_circuit_close(struct sotto_device *d, struct circuit *c);

// ---- request.c
struct request *request_add(struct sotto_device *d, enum request_kind kind, unsigned port);
void request_flush(struct sotto_device *d, unsigned port); // sends what the port's state permits
void request_login(struct sotto_device *d, unsigned port); // once more
void request_answer(struct sotto_device *d, unsigned port, uint32_t id, int code);
void request_fail_port(struct sotto_device *d, unsigned port, int code);
void request_port_lost(struct sotto_device *d, unsigned port); // to be sent again
void request_handle_expiry(struct sotto_device *d);
sotto_ns request_expiry(const struct sotto_device *d);
bool request_needs_login(const struct request *r);
int request_number(struct sotto_device *d, const struct sotto_number *n, bool internal,
                   uint32_t *id);

// ---- call.c
struct call *call_find(struct sotto_device *d, uint32_t id);
struct call *call_by_circuit(struct sotto_device *d, unsigned port, uint32_t circuit);
// Cells on the connection before this one are still under way.
struct call *call_by_former_circuit(struct sotto_device *d, unsigned port, uint32_t circuit);
struct call *call_new(struct sotto_device *d, bool incoming); // NULL: no place or no memory
void call_state(struct sotto_device *d, struct call *c, enum sotto_call_state state);
// Leaves every live state: microphone closed, keys still there for the last words to the peer.
// tell: END goes to the peer first, if there is a way.
void call_end(struct sotto_device *d, struct call *c, enum sotto_end end, bool tell,
              enum control_end reason);
void call_finish(struct sotto_device *d, struct call *c); // wipes; state ENDED
bool call_live(const struct call *c);                     // not ending, not ended
bool call_shown(const struct call *c);                    // the user knows about it
void call_ring(struct sotto_device *d, struct call *c);
void call_secure(struct sotto_device *d, struct call *c); // says so, to the user and to the peer
void call_activate(struct sotto_device *d, struct call *c);
void call_incoming(struct sotto_device *d, unsigned port, const struct link_message *m);
void call_port_up(struct sotto_device *d, unsigned port); // may dial and resume
void call_port_down(struct sotto_device *d, unsigned port, bool again);
void call_circuit_closed(struct sotto_device *d, struct call *c, uint8_t code);
void call_waking(struct sotto_device *d, struct call *c);
void call_awake(struct sotto_device *d, struct call *c);
void call_answered(struct sotto_device *d, struct call *c); // something has come from the callee
void call_resumed(struct sotto_device *d, uint32_t id, int code);
void call_handle_expiry(struct sotto_device *d, struct call *c);
sotto_ns call_expiry(const struct call *c);
struct call *call_talking(struct sotto_device *d); // the one with sound, NULL none

// ---- call_session.c
int call_session_start(struct sotto_device *d, struct call *c);
// SOTTO_EAUTH: not a flight of this session, dropped. All else is dealt with.
int call_session_read(struct sotto_device *d, struct call *c, const uint8_t *flight, size_t len);
void call_session_write(struct sotto_device *d, struct call *c);
void call_session_timeout(struct sotto_device *d, struct call *c);
void call_glare_settle(struct sotto_device *d, struct call *outgoing, bool won);
int call_rekey_start(struct sotto_device *d, struct call *c);
void call_rekey_asked(struct sotto_device *d, struct call *c);
void call_rekey_read(struct sotto_device *d, struct call *c, const uint8_t *flight, size_t len);
void call_rekey_poll(struct sotto_device *d, struct call *c);

// ---- call_control.c
int call_control_send(struct sotto_device *d, struct call *c, const struct control_message *m);
void call_control_read(struct sotto_device *d, struct call *c);

// ---- call_media.c
int call_media_start(struct sotto_device *d, struct call *c);
void call_media_free(const struct sotto_device *d, struct call *c);
enum sotto_neural call_neural(const struct sotto_device *d, const struct call *c);
// The keys of an epoch out of its session: ours to seal with, the peer's to open with.
int call_send_key(struct call *c, const struct sotto_session *session, uint32_t epoch);
int call_receive_key(struct call *c, const struct sotto_session *session, uint32_t epoch);
void call_media_read(struct sotto_device *d, struct call *c, const uint8_t *cell);
void call_media_tick(struct sotto_device *d, struct call *c);
sotto_ns call_media_expiry(const struct call *c);
void mic_update(struct sotto_device *d);

// ---- exchange.c
void exchange_port_up(struct sotto_device *d, unsigned port);
void exchange_fail(struct sotto_device *d, int error);
bool exchange_owns(const struct sotto_device *d, unsigned port, uint32_t circuit);
void exchange_met(struct sotto_device *d, uint8_t role);
void exchange_signal(struct sotto_device *d, const uint8_t *flight, size_t len);
void exchange_closed(struct sotto_device *d, uint8_t code);
void exchange_handle_expiry(struct sotto_device *d);
sotto_ns exchange_expiry(const struct sotto_device *d);
void exchange_free(struct sotto_device *d);

static inline sotto_ns earlier(sotto_ns a, sotto_ns b)
{
    return a < b ? a : b;
}

#endif
