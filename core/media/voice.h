// SPDX-License-Identifier: Apache-2.0
// Opus: what the media directory itself uses beside the public functions.
#ifndef SOTTO_MEDIA_VOICE_H
#define SOTTO_MEDIA_VOICE_H

#include <sotto/media.h>

// As new: nothing of what was decoded before sounds on. For a gap after which the stream goes on
// somewhere else.
void voice_decoder_reset(struct sotto_voice_decoder *d);
// As sotto_voice_decode without a packet, for half a frame or a whole one.
int voice_conceal(struct sotto_voice_decoder *d, int16_t *pcm, size_t samples);

// ---- packets of other shapes -----------------------------------------------------------------

#define VOICE_PACKET_MIN_BYTES 20
#define VOICE_REACH_MAX_TICKS  50 // history goes back a second at most

// What goes into one packet, whose size is always exactly `bytes` (Opus pads): this frame, and, if
// `history` is not 0, DRED: a coarse account of the frames before it, from which a neural decoder
// speaks them again. history (1 to 100) is the loss that Opus is told of: the more, the greater
// DRED's part. A receiver that knows no DRED takes it for padding.
struct voice_shape {
    size_t bytes; // VOICE_PACKET_MIN_BYTES .. SOTTO_VOICE_PACKET_MAX_BYTES
    unsigned history;
    bool remembers; // without history of its own, between packets that have some
    bool wideband;  // nothing above 8 kHz: too few bytes for more
};

// 0 or SOTTO_ECRYPTO. Writes shape->bytes.
int voice_encode(struct sotto_voice_encoder *e, const struct voice_shape *shape,
                 const int16_t pcm[SOTTO_FRAME_SAMPLES], uint8_t *out);
// The sound that voice_encode comes to next, before it does: poorer, for a copy in a later cell.
// `bytes` (VOICE_PACKET_MIN_BYTES ..), up to 8 kHz, no history. It goes on from what was encoded
// last, as the far end's decoder does when it takes the copy in the lost frame's place. 0 or
// SOTTO_ECRYPTO; what voice_encode does next does not depend on it.
int voice_encode_copy(struct sotto_voice_encoder *e, size_t bytes,
                      const int16_t pcm[SOTTO_FRAME_SAMPLES], uint8_t *out);
// Takes padding and DRED out of a packet of ours, in place: the bytes that are left, 0 if it is not
// Opus.
size_t voice_strip(uint8_t *packet, size_t len);

// Neural parts: DRED in the encoder, DRED and deep concealment in the decoder. On from the start;
// off for slow machines.
void voice_encoder_set_neural(struct sotto_voice_encoder *e, bool on);
// Whether its packets can hold history: not if it is off, or Opus came without DRED's weights.
bool voice_encoder_has_history(const struct sotto_voice_encoder *e);
void voice_decoder_set_neural(struct sotto_voice_decoder *d, bool on);

// What one packet tells of the frames before it.
struct voice_history;
int voice_history_new(struct voice_history **out, const struct sotto_env *env);
void voice_history_free(struct voice_history *h); // wipes
// Whether packets' history can be understood at all: Opus has DRED, and its weights.
bool voice_history_works(struct voice_history *h);
// How many ticks back this packet's history reaches; 0: it has none. Cheap; what was loaded is
// gone.
unsigned voice_history_reach(struct voice_history *h, const uint8_t *packet, size_t len);
// The same, and ready for voice_decode_history up to `ticks` back, and no farther: each two of them
// take a pass through a network.
unsigned voice_history_load(struct voice_history *h, const uint8_t *packet, size_t len,
                            unsigned ticks);
// Decodes the frame that lies ticks_before (1 .. reach) before the loaded packet's, in place of a
// packet. Always fills pcm; SOTTO_EPARSE: with silence.
int voice_decode_history(struct sotto_voice_decoder *d, const struct voice_history *h,
                         unsigned ticks_before, int16_t pcm[SOTTO_FRAME_SAMPLES]);

#endif
