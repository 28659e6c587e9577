// SPDX-License-Identifier: Apache-2.0
// Media: SFrame, cells, the stream of control bytes inside cells, Opus, and playout.
// Audio is 48 kHz, mono, signed 16 bit everywhere.
#ifndef SOTTO_MEDIA_H
#define SOTTO_MEDIA_H

#include <sotto/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SOTTO_SAMPLE_RATE            48000
#define SOTTO_TICK_MS                20
#define SOTTO_TICK_NS                (SOTTO_TICK_MS * SOTTO_NS_PER_MS)
#define SOTTO_FRAME_SAMPLES          (SOTTO_SAMPLE_RATE / 1000 * SOTTO_TICK_MS) // 960
#define SOTTO_VOICE_BITRATE          24000
#define SOTTO_VOICE_PACKET_BYTES     60  // Opus CBR, 24 kbit/s, 20 ms
#define SOTTO_VOICE_PACKET_MAX_BYTES 119 // of a peer: what a cell can hold
#define SOTTO_CELL_BYTES             136

// ---- SFrame (RFC 9605), suite 5: AES_256_GCM_SHA512_128 ---------------------------------------

#define SOTTO_SFRAME_TAG_BYTES          16
#define SOTTO_SFRAME_HEADER_MAX_BYTES   17
#define SOTTO_SFRAME_BASE_KEY_MAX_BYTES 64
#define SOTTO_SFRAME_PLAIN_MAX_BYTES    1024
#define SOTTO_SFRAME_METADATA_MAX_BYTES 1024

struct sotto_sframe_key; // keys derived from one base key and KID (§4.4.2); opaque

// 0, SOTTO_EINVAL (no base key, or longer than the limit), SOTTO_ENOMEM, SOTTO_ECRYPTO.
int sotto_sframe_key_new(struct sotto_sframe_key **out, const uint8_t *base_key, size_t base_len,
                         uint64_t kid, const struct sotto_env *env);
void sotto_sframe_key_free(struct sotto_sframe_key *k); // wipes; NULL is ignored
uint64_t sotto_sframe_key_kid(const struct sotto_sframe_key *k);
// Header for (kid, ctr), §4.3: bytes written (1..17) or SOTTO_ESPACE; and back: header bytes or
// SOTTO_EPARSE (non-minimal encodings too).
int sotto_sframe_header_encode(uint8_t *out, size_t cap, uint64_t kid, uint64_t ctr);
int sotto_sframe_header_decode(const uint8_t *data, size_t len, uint64_t *kid, uint64_t *ctr);
// header || ciphertext || tag: bytes written, or SOTTO_ESPACE, SOTTO_EINVAL (longer than the limits
// above), SOTTO_ECRYPTO. The caller never repeats a ctr under one key. `out` and `plain` do not
// overlap.
int sotto_sframe_seal(struct sotto_sframe_key *k, uint64_t ctr, const uint8_t *metadata,
                      size_t metadata_len, const uint8_t *plain, size_t len, uint8_t *out,
                      size_t cap);
// Plaintext bytes written, or SOTTO_EPARSE, SOTTO_EAUTH (also: other kid), SOTTO_ESPACE,
// SOTTO_EINVAL, SOTTO_ECRYPTO. `out` receives nothing that did not authenticate.
int sotto_sframe_open(struct sotto_sframe_key *k, const uint8_t *metadata, size_t metadata_len,
                      const uint8_t *data, size_t len, uint8_t *out, size_t cap, uint64_t *ctr);

// ---- Opus ---------------------------------------------------------------------------------------

// Constant bitrate, no DTX: every packet has SOTTO_VOICE_PACKET_BYTES whatever is said.
struct sotto_voice_encoder;
struct sotto_voice_decoder;

int sotto_voice_encoder_new(struct sotto_voice_encoder **out, const struct sotto_env *env);
void sotto_voice_encoder_free(struct sotto_voice_encoder *e); // wipes
// Exactly SOTTO_FRAME_SAMPLES in, SOTTO_VOICE_PACKET_BYTES out. 0 or SOTTO_ECRYPTO-range error.
int sotto_voice_encode(struct sotto_voice_encoder *e, const int16_t pcm[SOTTO_FRAME_SAMPLES],
                       uint8_t out[SOTTO_VOICE_PACKET_BYTES]);
int sotto_voice_decoder_new(struct sotto_voice_decoder **out, const struct sotto_env *env);
void sotto_voice_decoder_free(struct sotto_voice_decoder *d);
// The weights of the neural networks (concealment, DRED) for a build whose Opus comes without them
// (a page loads them later): until then losses are concealed plainly, and there is no DRED. For the
// whole process, and for encoders, decoders and playouts that exist already; data stays borrowed
// for ever. 1: not looked at to the end yet, call again with the same, between other things; 0:
// taken; SOTTO_EPARSE: not the very file that belongs to this build, nothing changes; SOTTO_ESTATE:
// this build has them compiled in.
int sotto_voice_weights(const uint8_t *data, size_t len);
// packet NULL: conceal one frame. Always fills pcm (silence on SOTTO_EPARSE: not Opus, or not of
// exactly one frame's duration).
int sotto_voice_decode(struct sotto_voice_decoder *d, const uint8_t *packet, size_t len,
                       int16_t pcm[SOTTO_FRAME_SAMPLES]);

// ---- playout: jitter buffer and concealment --------------------------------------------------

// Adaptive: lags behind the fastest cell by as much as frames lately became known late, through
// jitter or through redundancy that had to come first; plays what is late or told of later rather
// than leave it out; speech is stretched towards that lag, and with the difference of the two
// clocks (core/media/playout_policy.h, delay_model.h, stretch.h). One tick of sound out for each
// ask of the consumer, whose clock is its own. Without jitter and loss a frame waits for 3 to 25
// ms; what is more than SOTTO_PLAYOUT_LAG_MAX_MS behind the fastest cell is passed over.
struct sotto_playout;

#define SOTTO_PLAYOUT_CAPACITY_FRAMES    64 // a frame this far ahead begins anew
#define SOTTO_PLAYOUT_CONCEAL_MAX_FRAMES 10 // then silence
#define SOTTO_PLAYOUT_LAG_MAX_MS         400

struct sotto_playout_stats {
    // Frames, each counted once: played is all that is sound, with `copies` and `retold`.
    uint64_t received, played, concealed, late, duplicate, skipped;
    uint32_t depth_frames;          // buffered now
    uint32_t jitter_us;             // RFC 3550 §6.4.1
    uint32_t delay_us;              // from a frame's arrival to its playing, smoothed
    uint64_t copies;                // played from a copy in a later cell
    uint64_t retold;                // played from the history (DRED) in a later cell
    uint64_t shortened, lengthened; // samples taken out and put in, to change the lag
    uint32_t lag_us;                // of what is played, behind the fastest cell
    uint32_t target_us;             // what the lag should be at least
};

// 0, SOTTO_ENOMEM, SOTTO_ECRYPTO (Opus failed).
int sotto_playout_new(struct sotto_playout **out, const struct sotto_env *env);
void sotto_playout_free(struct sotto_playout *p); // wipes
// Packet of tick `tick` (any order, duplicates welcome; arrival time in now). Copies.
// 0, SOTTO_EREPLAY (duplicate or too late), SOTTO_EPARSE (length 0 or above
// SOTTO_VOICE_PACKET_MAX_BYTES, or an absurd tick): drop.
int sotto_playout_put(struct sotto_playout *p, uint64_t tick, const uint8_t *packet, size_t len,
                      sotto_ns now);
// The same for a frame that travels in the cell of a later tick because its own tick has none; put
// the frames of a cell in their order, that of its own tick last.
int sotto_playout_put_early(struct sotto_playout *p, uint64_t tick, const uint8_t *packet,
                            size_t len, sotto_ns now);
// Cells that stand for so many ticks come, or will soon come (1 or more; at first 1): what is
// played lags behind far enough for the first of them.
void sotto_playout_expect(struct sotto_playout *p, unsigned span);
// The same as sotto_playout_put for a copy of an earlier tick's packet out of a later cell; put
// that cell's own packet afterwards. SOTTO_EREPLAY also if the stream has not begun.
int sotto_playout_put_copy(struct sotto_playout *p, uint64_t tick, const uint8_t *packet,
                           size_t len, sotto_ns now);
// Neural parts: deep concealment, and DRED. On from the start; off costs quality under loss and
// saves time on a slow machine (docs/VOICE.md).
void sotto_playout_set_neural(struct sotto_playout *p, bool on);
// Whether packets' history is understood: neural parts on, and their weights there.
bool sotto_playout_has_history(const struct sotto_playout *p);
// The next 1 .. SOTTO_FRAME_SAMPLES samples, always the same number, at the moment that they are
// needed; always fills pcm. The smaller the number the less frames wait for it: half of it on
// average. Returns true if it holds received sound (not concealed, not the silence before the first
// packet). Not asked for 2 s, it was asleep: what waits is dropped, and there is silence until
// something new comes.
bool sotto_playout_get(struct sotto_playout *p, int16_t *pcm, size_t samples, sotto_ns now);
void sotto_playout_reset(struct sotto_playout *p); // after hold or a long outage
void sotto_playout_stats(const struct sotto_playout *p, struct sotto_playout_stats *out);

#ifdef __cplusplus
}
#endif
#endif
