// SPDX-License-Identifier: Apache-2.0
// A device: the one object that a program, a page or the simulator drives. It speaks the link
// protocol with relays, holds the calls, and decides nothing that only its user may decide.
// Sans-I/O: bytes, audio and time go in; bytes, audio and events come out. Single-threaded.
//
// The driver's loop, whenever anything happened:
//   1. hand in what arrived: _read_message, _read_datagram, _link_up, _link_down, _capture
//   2. if now >= _expiry: _handle_expiry
//   3. drain _write_datagram (cells first), then _write_message, then _next_event
//   4. sleep until _expiry or input
#ifndef SOTTO_DEVICE_H
#define SOTTO_DEVICE_H

#include <sotto/base.h>
#include <sotto/identity.h>
#include <sotto/media.h>
#include <sotto/session.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sotto_device;

#define SOTTO_CALLS_MAX         4   // at once on one device, waiting ones included
#define SOTTO_LINKS_MAX         6   // relays at once
#define SOTTO_EVENTS_MAX        256 // undrained; then the oldest statistics events give way
#define SOTTO_REQUESTS_MAX      64
#define SOTTO_RING_TIMEOUT_NS   (60 * SOTTO_NS_PER_S) // then: no answer
#define SOTTO_WAKE_TIMEOUT_NS   (60 * SOTTO_NS_PER_S) // the relay wakes their device; then: offline
#define SOTTO_PEER_SILENT_NS    (1500 * SOTTO_NS_PER_MS) // no cell: "reconnecting" is shown
#define SOTTO_PEER_LOST_NS      (45 * SOTTO_NS_PER_S)    // no cell: the call ends
#define SOTTO_REKEY_NS          (180 * SOTTO_NS_PER_S)   // default interval
#define SOTTO_REKEY_TIMEOUT_NS  (60 * SOTTO_NS_PER_S)
#define SOTTO_MESSAGE_MAX_BYTES 20480 // buffer for _write_message
#define SOTTO_DATAGRAM_BYTES    137   // buffer for _write_datagram

// ---- the book: what the device must look up and keep; injected ----------------------------------

// A contact: the other side of numbers.
struct sotto_contact {
    char label[SOTTO_NAME_MAX_BYTES + 1];
    struct sotto_fingerprint fingerprint;
    bool verified; // words were compared with this identity
    int64_t verified_unix_s, created_unix_s;
    bool has_link; // they gave us a number
    struct sotto_number_link link;
};

struct sotto_book {
    // Reads a number by its token's hash. 0, SOTTO_ENOTFOUND, SOTTO_EIO.
    int (*number_get)(void *user, const uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES],
                      struct sotto_number *out);
    // Reads, lets `change` modify, writes; one transaction against other processes, durable when
    // it returns 0. If `change` returns nonzero nothing is written and that value is returned.
    // SOTTO_ENOTFOUND, SOTTO_EIO, SOTTO_EFULL.
    int (*number_update)(void *user, const uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES],
                         int (*change)(struct sotto_number *n, void *arg), void *arg);
    // The contact with that identity. 0 or SOTTO_ENOTFOUND.
    int (*contact_get)(void *user, const struct sotto_fingerprint *fp, struct sotto_contact *out);
    // Writes contact.verified for that identity, and `verified` of numbers bound to it.
    int (*set_verified)(void *user, const struct sotto_fingerprint *fp, bool verified,
                        int64_t now_unix_s);
    void *user;
};

// ---- making one ------------------------------------------------------------------------------

// How much speech each cell carries. Cells have one size: the more, the fewer of them, for a link
// that cannot carry fifty in a second, and the later they come. What the network learns by it:
// docs/THREATMODEL.md.
enum sotto_profile {
    SOTTO_PROFILE_AUTO = 0, // what the path to the other side can carry, as it measures it
    SOTTO_PROFILE_20 = 1,   // 20 ms, 50 cells in a second: the least delay
    SOTTO_PROFILE_40 = 2,
    SOTTO_PROFILE_60 = 3,
};

struct sotto_device_config {
    const struct sotto_env *env;
    const struct sotto_identity *identity; // borrowed
    const struct sotto_line_key *line_key; // borrowed; NULL: no line (caller only)
    struct sotto_relay_address home;       // of the line; host "" if none
    struct sotto_book book;
    enum sotto_suite suite;     // used when dialling; CNSA2 also refuses the hybrid
    bool ring;                  // be rung: keep a link to home, logged in
    sotto_ns rekey_interval_ns; // 0: SOTTO_REKEY_NS
    // Of cells that we send, and that we ask the other side for. It may refuse; a side that knows
    // no profiles sends and gets 20 ms.
    enum sotto_profile profile;
    bool plain_voice; // no neural networks in voice: for slow machines (docs/VOICE.md)
};

// Copies cfg (borrowed things stay borrowed). 0, SOTTO_ENOMEM, SOTTO_EINVAL.
int sotto_device_new(struct sotto_device **out, const struct sotto_device_config *cfg,
                     struct sotto_now now);
// Ends everything at once and wipes; to part politely hang up and drain first.
void sotto_device_free(struct sotto_device *d);

// ---- links -----------------------------------------------------------------------------------

// The driver opens a link when SOTTO_EVENT_LINK_WANTED says so, keeps it connected (reconnecting by
// itself), and drops it on SOTTO_EVENT_LINK_UNWANTED. `link` is 0..SOTTO_LINKS_MAX-1.
void sotto_device_link_up(struct sotto_device *d, unsigned link, struct sotto_now now);
// `again`: the driver keeps trying. Without it everything on that link ends (reason in the text
// that the driver shows).
void sotto_device_link_down(struct sotto_device *d, unsigned link, bool again,
                            struct sotto_now now);
// The driver may exchange a link that works for a better one: link_up for the new connection,
// without link_down before it, and for a moment still read_datagram from the old one. False: a
// handshake is going on over it, which would not survive that.
bool sotto_device_link_may_move(const struct sotto_device *d, unsigned link);
// SOTTO_OK, or an error of the drop range (bad bytes: dropped, counted).
int sotto_device_read_message(struct sotto_device *d, unsigned link, const uint8_t *msg, size_t len,
                              struct sotto_now now);
int sotto_device_read_datagram(struct sotto_device *d, unsigned link, const uint8_t *data,
                               size_t len, struct sotto_now now);
// Bytes written, 0 none. cap at least SOTTO_MESSAGE_MAX_BYTES / SOTTO_DATAGRAM_BYTES.
size_t sotto_device_write_message(struct sotto_device *d, unsigned *link, uint8_t *out, size_t cap);
size_t sotto_device_write_datagram(struct sotto_device *d, unsigned *link, uint8_t *out,
                                   size_t cap);

sotto_ns sotto_device_expiry(const struct sotto_device *d);
void sotto_device_handle_expiry(struct sotto_device *d, struct sotto_now now);

// ---- audio -----------------------------------------------------------------------------------

// Microphone samples, any count; kept only while sotto_device_mic_open, at most three frames
// (older ones are dropped). A cell is made from the newest whole frame shortly before its tick.
void sotto_device_capture(struct sotto_device *d, const int16_t *pcm, size_t samples);
// The next samples to play, 1 .. SOTTO_FRAME_SAMPLES (sotto_playout_get); always fills. Silence
// when no call is active.
void sotto_device_playout(struct sotto_device *d, int16_t *pcm, size_t samples,
                          struct sotto_now now);
// What the voice of all calls took just now, by the driver's clock: sotto_device_handle_expiry when
// a cell was made, sotto_device_playout. `late`: how late the driver came to it. Where that is too
// much for some seconds the neural parts are switched off for all calls, and the other sides told
// to send nothing for them; after a long calm they are on again (core/media/neural_budget.h). Never
// told: they stay as they are.
void sotto_device_voice_cost(struct sotto_device *d, sotto_ns spent, sotto_ns late,
                             struct sotto_now now);
// True only between the local user's accept (or the answer to the local user's dial) and the end
// of the call, not muted, not held. The driver keeps the hardware closed otherwise.
bool sotto_device_mic_open(const struct sotto_device *d);

// ---- what the user does -----------------------------------------------------------------------

// Call identifiers are never 0 and never reused by one device.

// Rings the line behind the link. SOTTO_EEXPIRED (by our clock), SOTTO_ELIMIT, SOTTO_ENOMEM,
// SOTTO_EPEER (own number). label: what our user calls them. If that person is just ringing us,
// this accepts their call: *call names it.
int sotto_device_dial(struct sotto_device *d, const struct sotto_number_link *link,
                      const char *label, struct sotto_now now, uint32_t *call);
// All: SOTTO_ENOTFOUND, SOTTO_ESTATE.
int sotto_device_accept(struct sotto_device *d, uint32_t call, struct sotto_now now);
int sotto_device_decline(struct sotto_device *d, uint32_t call, struct sotto_now now);
int sotto_device_hangup(struct sotto_device *d, uint32_t call, struct sotto_now now);
int sotto_device_hold(struct sotto_device *d, uint32_t call, bool hold, struct sotto_now now);
int sotto_device_mute(struct sotto_device *d, uint32_t call, bool mute, struct sotto_now now);
// The user compared the words: they match (marks the contact verified) or do not (ends the call,
// marks unverified).
int sotto_device_words_compared(struct sotto_device *d, uint32_t call, bool match,
                                struct sotto_now now);
int sotto_device_rekey(struct sotto_device *d, uint32_t call, struct sotto_now now);
// True if no call is going on or ending: the driver may stop.
bool sotto_device_idle(const struct sotto_device *d);

// ---- the line --------------------------------------------------------------------------------

// Each opens the home link if needed and answers with SOTTO_EVENT_RESULT carrying the request.
int sotto_device_register(struct sotto_device *d, const uint8_t invite[SOTTO_INVITE_BYTES],
                          struct sotto_now now, uint32_t *request);
int sotto_device_number_publish(struct sotto_device *d, const struct sotto_number *n,
                                struct sotto_now now, uint32_t *request);
int sotto_device_number_withdraw(struct sotto_device *d,
                                 const uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES],
                                 struct sotto_now now, uint32_t *request);

// A Web Push subscription (RFC 8030, RFC 8291): how the home relay may wake this device's user when
// somebody dials and no device of the line answers.
#define SOTTO_PUSH_ENDPOINT_MAX_BYTES 1024
struct sotto_push {
    char endpoint[SOTTO_PUSH_ENDPOINT_MAX_BYTES + 1]; // https, printable ASCII without spaces
    uint8_t p256dh[65];                               // the browser's P-256 point, uncompressed
    uint8_t auth[16];
};
// Leaves it at the home relay, in the place of an earlier one with the same endpoint. p NULL: the
// relay forgets all of the line's. Answered with SOTTO_EVENT_RESULT: LINK_CODE_UNAVAILABLE if the
// relay wakes nobody, LINK_CODE_DENIED if it does not go to that service.
// SOTTO_EINVAL (not a subscription), SOTTO_ESTATE (no line, or one is under way), SOTTO_ELIMIT.
int sotto_device_push(struct sotto_device *d, const struct sotto_push *p, struct sotto_now now,
                      uint32_t *request);

// ---- exchange --------------------------------------------------------------------------------

// Meets the other party at `code` on `relay` (normally our home). our_link: the number we give,
// bound to nobody yet: minted by the driver before, published only when the exchange is done, when
// SOTTO_EVENT_EXCHANGE_DONE gives the peer's link and fingerprint to bind to. One at a time.
// SOTTO_EPARSE: not a code. SOTTO_ESTATE: one is under way.
#define SOTTO_EXCHANGE_CHOICES 4
int sotto_device_exchange(struct sotto_device *d, const struct sotto_relay_address *relay,
                          const char *code, const struct sotto_number_link *our_link,
                          struct sotto_now now);
// The words the user heard, as index into the choices of SOTTO_EVENT_EXCHANGE_WORDS. A wrong pick
// ends it on both sides.
int sotto_device_exchange_pick(struct sotto_device *d, unsigned choice, struct sotto_now now);
void sotto_device_exchange_cancel(struct sotto_device *d, struct sotto_now now);

// ---- what the user is told -------------------------------------------------------------------

enum sotto_call_state {
    SOTTO_CALL_DIALLING = 1, // outgoing: waiting for link, relay or handshake
    SOTTO_CALL_CHECKING = 2, // incoming: handshake; the user knows nothing of it yet
    SOTTO_CALL_RINGING = 3,  // both: the callee's user is being told
    SOTTO_CALL_ACTIVE = 4,
    SOTTO_CALL_ENDING = 5, // telling the other side
    SOTTO_CALL_ENDED = 6,
};

enum sotto_end {
    SOTTO_END_NONE = 0,
    SOTTO_END_HANGUP, // we hung up
    SOTTO_END_PEER_HANGUP,
    SOTTO_END_DECLINED, // by the other side
    SOTTO_END_WE_DECLINED,
    SOTTO_END_BUSY, // the other side has too many calls
    SOTTO_END_NO_ANSWER,
    SOTTO_END_CANCELLED,   // caller gave up before the answer (missed call for the callee)
    SOTTO_END_UNAVAILABLE, // number unknown, revoked, expired or used up: the relay does not say
    SOTTO_END_OFFLINE,     // good number, but no device of theirs is connected
    SOTTO_END_REFUSED,     // the owner's device refused us: bound to another key, or terms
    SOTTO_END_WRONG_PEER,  // who answered is not whom the link or contact says
    SOTTO_END_SUITE,       // no common suite
    SOTTO_END_PROTOCOL,    // the other side broke the protocol
    SOTTO_END_WORDS,       // the user said the words differ
    SOTTO_END_REKEY,       // could not be renewed in time
    SOTTO_END_LOST,        // no sign of the other side: for SOTTO_PEER_LOST_NS, or says the relay
    SOTTO_END_TIMEOUT,     // the handshake did not finish in time
    SOTTO_END_LIMIT,       // relay: too many attempts, try later
    SOTTO_END_LINK,        // the relay cannot be reached
    SOTTO_END_STORAGE,     // our book cannot be written: nothing was let in
    SOTTO_END_GLARE,       // both dialled at once: the other of the two calls goes on
    SOTTO_END_INTERNAL,
    SOTTO_END_DROPPED, // our link to the relay broke, and it does not have the call any more
};
const char *sotto_end_text(enum sotto_end end); // one sentence for the user, with what to do

enum sotto_event_type {
    SOTTO_EVENT_NONE = 0,
    SOTTO_EVENT_LINK_WANTED,   // link, relay
    SOTTO_EVENT_LINK_UNWANTED, // link
    SOTTO_EVENT_LINE_READY,    // logged in at home: calls can come
    SOTTO_EVENT_LINE_DENIED,   // code (enum link_code)
    SOTTO_EVENT_LINE_REPLACED, // another device of the line now rings
    SOTTO_EVENT_CLOCK,         // clock_offset_s: our wall clock minus the relay's, if over 1 hour
    SOTTO_EVENT_RESULT,        // request, code (0: done)
    SOTTO_EVENT_CALL_STATE,    // call, state, end; again with DIALLING when `waking` changes; query
                            // sotto_device_call_info for the rest; other: with SOTTO_END_GLARE the
                            // call that goes on instead, or 0
    SOTTO_EVENT_CALL_INCOMING,  // call, label: ring now (RINGING); waiting: another call is active
    SOTTO_EVENT_CALL_SECURE,    // call: both confirmed; words are there
    SOTTO_EVENT_CALL_VERIFIED,  // call, flag: contact is (no longer) verified
    SOTTO_EVENT_CALL_HOLD,      // call, flag: the other side holds
    SOTTO_EVENT_CALL_PATH,      // call, flag: true reconnecting, false back
    SOTTO_EVENT_CALL_REKEYED,   // call
    SOTTO_EVENT_MIC,            // flag: open or close the hardware now, and drop what was captured;
                                // closed and opened again when another call takes over
    SOTTO_EVENT_NUMBER_BOUND,   // token_hash, label, fingerprint
    SOTTO_EVENT_NUMBER_LEAKED,  // token_hash, label, fingerprint of the stranger: tell the owner
    SOTTO_EVENT_NUMBER_CHANGED, // token_hash: calls left changed; the relay hears when none is left
    SOTTO_EVENT_EXCHANGE_MET,   // the other one is there
    SOTTO_EVENT_EXCHANGE_WORDS, // read_aloud: two words for our user to say; choices: the user
                                // picks the two words heard from the other person
    SOTTO_EVENT_EXCHANGE_DONE,  // peer_link, fingerprint
    SOTTO_EVENT_EXCHANGE_FAILED, // error: SOTTO_ETIMEOUT nobody came, SOTTO_EAUTH words differ, ...
};

struct sotto_event {
    enum sotto_event_type type;
    unsigned link;
    uint32_t call;
    uint32_t other;
    uint32_t request;
    int code;
    int error;
    enum sotto_call_state state;
    enum sotto_end end;
    bool flag;
    bool waiting;
    int64_t clock_offset_s;
    char label[SOTTO_NAME_MAX_BYTES + 1];
    uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES];
    struct sotto_fingerprint fingerprint;
    struct sotto_relay_address relay;
    char read_aloud[SOTTO_WORDS_TEXT_BYTES];
    char choices[SOTTO_EXCHANGE_CHOICES][SOTTO_WORDS_TEXT_BYTES];
    struct sotto_number_link peer_link;
};
// True and fills out if there is one.
bool sotto_device_next_event(struct sotto_device *d, struct sotto_event *out);

// The neural parts of a call's voice at this end: deep concealment, and DRED both ways.
enum sotto_neural {
    SOTTO_NEURAL_ON,
    SOTTO_NEURAL_ABSENT,   // Opus has them not, or their weights have not come
    SOTTO_NEURAL_UNWANTED, // sotto_device_config.plain_voice
    SOTTO_NEURAL_SPARED,   // switched off: this device is too slow. The user is told.
};

// How cells have lately been lost, as their receiver counts it (core/media/loss_meter.h).
struct sotto_call_loss {
    uint32_t lost_permille;
    uint32_t burst_us; // mean time without a cell when some are lost; 0: none was
};

// What lies between mouth and ear beside the network and the lag of playing: a frame is taken
// whole, Opus looks ahead, and a cell is made a little before its tick. Sound devices add theirs.
#define SOTTO_CALL_CODING_US 32500

struct sotto_call_stats {
    uint64_t cells_sent, cells_received, cells_lost; // lost: gaps in the peer's counters
    uint64_t cells_dropped;                          // did not authenticate, replays
    uint64_t rtt_ns;                                 // 0 unknown
    uint32_t epoch;                                  // re-keys so far
    uint32_t tick_ms;                                // between two cells that we send
    uint32_t peer_tick_ms;                           // and that the peer sends; 0 unknown
    struct sotto_call_loss seen;                     // of what comes
    struct sotto_call_loss reported; // of what we send, by the other side's last word: it may lie
    // Estimate, from their mouth to our ear: half the round trip, SOTTO_CALL_CODING_US and the lag
    // of what is played. 0 while one of them is unknown.
    uint32_t mouth_to_ear_us;
    struct sotto_playout_stats playout;
    enum sotto_neural neural;
    struct sotto_session_info session;
};

struct sotto_call_info {
    uint32_t call;
    bool incoming;
    enum sotto_call_state state;
    enum sotto_end end;
    char label[SOTTO_NAME_MAX_BYTES + 1];       // our own label for them, never theirs
    uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES]; // of the number dialled
    bool secure;   // both sides confirmed, and nothing since has put it in doubt
    bool verified; // secure, and the words were compared with this very identity
    bool has_peer;
    struct sotto_fingerprint peer;
    struct sotto_words words; // if secure
    bool held, peer_held, muted, reconnecting;
    sotto_ns kept_until_ns; // reconnecting: when the call ends if nothing comes; otherwise 0
    bool waking;            // outgoing, DIALLING: their relay is waking a device of theirs
    // Monotonic times, 0 if it has not happened: for logs and benchmarks.
    sotto_ns started_ns, ringing_ns, accepted_ns, first_voice_ns, ended_ns;
    struct sotto_call_stats stats;
};
// Ended calls stay known until SOTTO_EVENT_CALL_STATE(ENDED) was drained and another call needs
// the place. SOTTO_ENOTFOUND.
int sotto_device_call_info(const struct sotto_device *d, uint32_t call,
                           struct sotto_call_info *out);
// Identifiers of present calls, newest first: count.
size_t sotto_device_calls(const struct sotto_device *d, uint32_t out[SOTTO_CALLS_MAX]);

#ifdef __cplusplus
}
#endif
#endif
