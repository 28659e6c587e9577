// SPDX-License-Identifier: Apache-2.0
// A reliable, ordered stream of messages inside cells, in place of padding (docs/PROTOCOL.md,
// "Cells"): byte offsets, cumulative acknowledgement with selective blocks (RFC 2018), from which
// the sender knows each byte that is missing. What cells that came 9/8 of a round trip and three
// ticks later (RFC 9002 §6.1.2; within the limits below) do not acknowledge goes out again, and
// nothing else; after twice that time also if no cell comes. Such a piece, and one that nothing new
// follows, is sent once more if there is nothing else to send, so that one lost cell costs no round
// trip. Bytes that come early are kept. Messages are u16 length and bytes. No sockets, no clock.
#ifndef SOTTO_MEDIA_CTL_STREAM_H
#define SOTTO_MEDIA_CTL_STREAM_H

#include <sotto/base.h>

#include "wire/cell.h"

#define CTL_MESSAGE_MAX_BYTES 17408 // a sealed flight of a re-key, and its type
#define CTL_BUFFER_BYTES      65536 // queued and unacknowledged, each way
#define CTL_WINDOW_BYTES      8192  // in flight
#define CTL_RETRANSMIT_MIN_NS (120 * SOTTO_NS_PER_MS)
#define CTL_RETRANSMIT_MAX_NS (2 * SOTTO_NS_PER_S)

struct ctl_stream;
int ctl_stream_new(struct ctl_stream **out, const struct sotto_env *env);
// Both directions begin at `offset`, as at the peer. For tests of the stream's end.
int ctl_stream_new_at(struct ctl_stream **out, const struct sotto_env *env, uint32_t offset);
void ctl_stream_free(struct ctl_stream *s); // wipes
// Queues a message, copied. SOTTO_ELIMIT if the buffer is full, or at the end of the stream: its
// offsets are u32 and never wrap. SOTTO_EINVAL if too long or empty.
int ctl_stream_send(struct ctl_stream *s, const uint8_t *msg, size_t len);
// Bytes queued or not yet acknowledged.
size_t ctl_stream_pending(const struct ctl_stream *s);
// Plaintext bytes that ctl_stream_fill would take of any room.
size_t ctl_stream_wants(const struct ctl_stream *s, sotto_ns now);
// Fills the stream, ack fields of the cell about to be made from at most `room` plaintext bytes
// (item overheads included); called once for each cell. An acknowledgement is in each cell while
// data came within the last two seconds, since cells get lost. Borrowed pointers stay valid until
// the next call on `s`. rtt_ns: the present estimate or 0.
void ctl_stream_fill(struct ctl_stream *s, struct cell_content *c, size_t room, sotto_ns rtt_ns,
                     sotto_ns now);
// Takes the stream and ack fields of a received cell; to be called for each cell, since one without
// an acknowledgement tells as well. 0, or SOTTO_EPROTO: the peer acknowledged
// what was not sent, overran the window, or sent a message longer than CTL_MESSAGE_MAX_BYTES or
// empty: end the call (from then on every call gives this). While the local side does not fetch
// its messages, further bytes are dropped without acknowledgement, so that the peer sends them
// again.
int ctl_stream_take(struct ctl_stream *s, const struct cell_content *c, sotto_ns now);
// The next whole message: bytes copied, 0 none, SOTTO_ESPACE (it stays).
int ctl_stream_receive(struct ctl_stream *s, uint8_t *out, size_t cap);

#endif
