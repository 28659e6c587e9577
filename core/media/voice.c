// SPDX-License-Identifier: Apache-2.0
#include "media/voice.h"

#include "base/mem.h"
#include "media/weights.h"

#include <assert.h>
#include <opus.h>
#include <string.h>

#define CHANNELS           1
// Measured by bench/media_bench.c on one x86-64 core: 190 us to encode a frame of 20 ms at 10 as at
// 8 (140 us at 6). From 5 on the decoder conceals with its neural network: 210 us for a concealed
// frame. At 7 another one enhances what SILK decoded (NoLACE; LACE at 6): 120 us for a received
// frame instead of 40 (60), and PLCMOS is better by 0.1 whatever the network (docs/VOICE.md).
#define ENCODER_COMPLEXITY 10
// Of copies where time is short. A frame's own is worth more: at 5 PLCMOS is worse by 0.1.
#define COPY_PLAIN         2
#ifdef SOTTO_VOICE_WEIGHTS_SHA256
#define DECODER_COMPLEXITY 5 // the page's Opus comes without enhancement
#else
#define DECODER_COMPLEXITY 7
#endif
#define SAMPLE_BITS       16
// Without neural networks: concealment as in RFC 6716, and no DRED.
#define DECODER_PLAIN     4
// What DRED tells of may end so much before its packet.
#define DRED_OFFSET_TICKS 2
#define DRED_DURATION     (VOICE_REACH_MAX_TICKS * SOTTO_TICK_MS / 10) // in units of 10 ms

static_assert(DRED_DURATION <= 100, "Opus goes back a second at most");
static_assert(SOTTO_VOICE_BITRATE * SOTTO_TICK_MS == SOTTO_VOICE_PACKET_BYTES * 8 * 1000,
              "a packet is a tick of the bitrate");

// Opus keeps its whole state in one block without pointers to elsewhere (but to constants, and to
// weights), so that it can lie in memory of our allocator, be wiped, and never fails for want of
// memory later.
struct sotto_voice_encoder {
    const struct sotto_env *env;
    size_t state_bytes; // of each
    OpusEncoder *state;
    OpusEncoder *branch;      // what a copy is encoded with
    bool dred;                // Opus has it, and its weights
    bool neural;              // and it is wanted
    struct voice_shape shape; // as last set
    const uint8_t *weights;   // that it was given
};

struct sotto_voice_decoder {
    const struct sotto_env *env;
    size_t state_bytes;
    OpusDecoder *state;
    const uint8_t *weights; // that it was given
};

struct voice_history {
    const struct sotto_env *env;
    size_t decoder_bytes, dred_bytes;
    OpusDREDDecoder *decoder;
    OpusDRED *dred;
    const uint8_t *weights;
};

// ---- weights ----------------------------------------------------------------------------------

// The same for all, as if they were compiled in.
static struct {
    const uint8_t *data;
    size_t len;
} weights;

int sotto_voice_weights(const uint8_t *data, size_t len)
{
#ifdef SOTTO_VOICE_WEIGHTS_SHA256
    static struct weights_check check;
    if (len > INT32_MAX) {
        return SOTTO_EPARSE;
    }
    switch (weights_check(&check, data, len, SOTTO_VOICE_WEIGHTS_SHA256)) {
    case WEIGHTS_MORE:
        return 1;
    case WEIGHTS_BAD:
        return SOTTO_EPARSE;
    case WEIGHTS_GOOD:
        break;
    }
    weights.data = data;
    weights.len = len;
    return 0;
#else
    (void)data;
    (void)len;
    return SOTTO_ESTATE;
#endif
}

#define TAKE_WEIGHTS(ctl, owner, state)                                                    \
    do {                                                                                   \
        int took = ctl((state), OPUS_SET_DNN_BLOB(weights.data, (opus_int32)weights.len)); \
        assert(took == OPUS_OK); /* they are the right ones */                             \
        (void)took;                                                                        \
        (owner)->weights = weights.data;                                                   \
    } while (0)

// ---- encoding ---------------------------------------------------------------------------------

static bool set_complexity(OpusEncoder *e, opus_int32 complexity)
{
    return opus_encoder_ctl(e, OPUS_SET_COMPLEXITY(complexity)) == OPUS_OK;
}

// The size and the timing of packets say nothing: constant bitrate, no pauses (DTX).
static bool configure(OpusEncoder *e)
{
    return opus_encoder_init(e, SOTTO_SAMPLE_RATE, CHANNELS, OPUS_APPLICATION_VOIP) == OPUS_OK &&
           opus_encoder_ctl(e, OPUS_SET_BITRATE(SOTTO_VOICE_BITRATE)) == OPUS_OK &&
           opus_encoder_ctl(e, OPUS_SET_VBR(0)) == OPUS_OK &&
           opus_encoder_ctl(e, OPUS_SET_DTX(0)) == OPUS_OK &&
           opus_encoder_ctl(e, OPUS_SET_INBAND_FEC(0)) == OPUS_OK &&
           opus_encoder_ctl(e, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE)) == OPUS_OK &&
           opus_encoder_ctl(e, OPUS_SET_MAX_BANDWIDTH(OPUS_BANDWIDTH_FULLBAND)) == OPUS_OK &&
           opus_encoder_ctl(e, OPUS_SET_LSB_DEPTH(SAMPLE_BITS)) == OPUS_OK &&
           set_complexity(e, ENCODER_COMPLEXITY);
}

static bool set_dred(OpusEncoder *e, opus_int32 duration)
{
    return opus_encoder_ctl(e, OPUS_SET_DRED_DURATION(duration)) == OPUS_OK;
}

// Without its weights Opus would make room for DRED and leave it empty.
static bool has_dred(OpusEncoder *e)
{
#ifdef SOTTO_VOICE_WEIGHTS_SHA256
    if (weights.data == NULL) {
        return false;
    }
#endif
    return set_dred(e, DRED_DURATION) && set_dred(e, 0);
}

// If there are any that it does not have.
static void encoder_weights(struct sotto_voice_encoder *e)
{
    if (e->weights != weights.data) {
        TAKE_WEIGHTS(opus_encoder_ctl, e, e->state);
        e->dred = has_dred(e->state);
        e->shape.bytes = 0; // whatever comes next is set
    }
}

int sotto_voice_encoder_new(struct sotto_voice_encoder **out, const struct sotto_env *env)
{
    struct sotto_voice_encoder *e = mem_alloc(env, sizeof *e);
    if (e == NULL) {
        return SOTTO_ENOMEM;
    }
    e->env = env;
    e->neural = true;
    e->shape.bytes = SOTTO_VOICE_PACKET_BYTES;
    e->state_bytes = (size_t)opus_encoder_get_size(CHANNELS);
    e->state = mem_alloc(env, e->state_bytes);
    e->branch = mem_alloc(env, e->state_bytes);
    if (e->state == NULL || e->branch == NULL) {
        sotto_voice_encoder_free(e);
        return SOTTO_ENOMEM;
    }
    if (!configure(e->state)) {
        sotto_voice_encoder_free(e);
        return SOTTO_ECRYPTO;
    }
    e->dred = has_dred(e->state);
    encoder_weights(e);
    *out = e;
    return 0;
}

void sotto_voice_encoder_free(struct sotto_voice_encoder *e)
{
    if (e == NULL) {
        return;
    }
    mem_free_secret(e->env, e->state, e->state_bytes);
    mem_free_secret(e->env, e->branch, e->state_bytes);
    mem_free(e->env, e);
}

bool voice_encoder_has_history(const struct sotto_voice_encoder *e)
{
    return e->dred && e->neural;
}

void voice_encoder_set_neural(struct sotto_voice_encoder *e, bool on)
{
    e->neural = on;
    e->shape.bytes = 0; // whatever comes next is set
}

static opus_int32 bitrate(size_t packet_bytes)
{
    return (opus_int32)packet_bytes * 8 * (1000 / SOTTO_TICK_MS);
}

// Opus shares a packet between this frame and DRED by the loss that it is told of.
static bool set_shape(struct sotto_voice_encoder *e, const struct voice_shape *shape)
{
    if (e->shape.bytes == shape->bytes && e->shape.history == shape->history &&
        e->shape.remembers == shape->remembers && e->shape.wideband == shape->wideband) {
        return true;
    }
    unsigned history = voice_encoder_has_history(e) ? shape->history : 0;
    bool notes = history > 0 || (voice_encoder_has_history(e) && shape->remembers);
    e->shape = *shape;
    return opus_encoder_ctl(e->state, OPUS_SET_BITRATE(bitrate(shape->bytes))) == OPUS_OK &&
           opus_encoder_ctl(e->state, OPUS_SET_PACKET_LOSS_PERC((opus_int32)history)) == OPUS_OK &&
           opus_encoder_ctl(e->state, OPUS_SET_MAX_BANDWIDTH(
                                          shape->wideband ? OPUS_BANDWIDTH_WIDEBAND
                                                          : OPUS_BANDWIDTH_FULLBAND)) == OPUS_OK &&
           (!e->dred || set_dred(e->state, notes ? DRED_DURATION : 0));
}

static int encode(OpusEncoder *e, const int16_t pcm[SOTTO_FRAME_SAMPLES], size_t bytes,
                  uint8_t *out)
{
    uint8_t packet[SOTTO_VOICE_PACKET_MAX_BYTES];
    int n = opus_encode(e, pcm, SOTTO_FRAME_SAMPLES, packet, (opus_int32)bytes);
    if (n < 0) {
        return SOTTO_ECRYPTO;
    }
    assert((size_t)n == bytes);
    memcpy(out, packet, bytes);
    sotto_wipe(packet, sizeof packet);
    return 0;
}

int voice_encode(struct sotto_voice_encoder *e, const struct voice_shape *shape,
                 const int16_t pcm[SOTTO_FRAME_SAMPLES], uint8_t *out)
{
    assert(shape->bytes >= VOICE_PACKET_MIN_BYTES && shape->bytes <= SOTTO_VOICE_PACKET_MAX_BYTES);
    encoder_weights(e);
    return set_shape(e, shape) ? encode(e->state, pcm, shape->bytes, out) : SOTTO_ECRYPTO;
}

// The band is set, not left to Opus: where it would change it, each change would be heard. DRED is
// off: the frame itself remembers this tick for it.
int voice_encode_copy(struct sotto_voice_encoder *e, size_t bytes,
                      const int16_t pcm[SOTTO_FRAME_SAMPLES], uint8_t *out)
{
    assert(bytes >= VOICE_PACKET_MIN_BYTES && bytes <= SOTTO_VOICE_PACKET_MAX_BYTES);
    encoder_weights(e);
    memcpy(e->branch, e->state, e->state_bytes);
    opus_int32 complexity = e->neural ? ENCODER_COMPLEXITY : COPY_PLAIN;
    bool set =
        opus_encoder_ctl(e->branch, OPUS_SET_BITRATE(bitrate(bytes))) == OPUS_OK &&
        opus_encoder_ctl(e->branch, OPUS_SET_BANDWIDTH(OPUS_BANDWIDTH_WIDEBAND)) == OPUS_OK &&
        set_complexity(e->branch, complexity) && (!e->dred || set_dred(e->branch, 0));
    return set ? encode(e->branch, pcm, bytes, out) : SOTTO_ECRYPTO;
}

int sotto_voice_encode(struct sotto_voice_encoder *e, const int16_t pcm[SOTTO_FRAME_SAMPLES],
                       uint8_t out[SOTTO_VOICE_PACKET_BYTES])
{
    const struct voice_shape plain = {.bytes = SOTTO_VOICE_PACKET_BYTES};
    return voice_encode(e, &plain, pcm, out);
}

size_t voice_strip(uint8_t *packet, size_t len)
{
    opus_int32 n = opus_packet_unpad(packet, (opus_int32)len);
    return n > 0 ? (size_t)n : 0;
}

// ---- decoding ---------------------------------------------------------------------------------

static void decoder_weights(struct sotto_voice_decoder *d)
{
    if (d->weights != weights.data) {
        TAKE_WEIGHTS(opus_decoder_ctl, d, d->state);
    }
}

int sotto_voice_decoder_new(struct sotto_voice_decoder **out, const struct sotto_env *env)
{
    struct sotto_voice_decoder *d = mem_alloc(env, sizeof *d);
    if (d == NULL) {
        return SOTTO_ENOMEM;
    }
    d->env = env;
    d->weights = NULL;
    d->state_bytes = (size_t)opus_decoder_get_size(CHANNELS);
    d->state = mem_alloc(env, d->state_bytes);
    if (d->state == NULL) {
        sotto_voice_decoder_free(d);
        return SOTTO_ENOMEM;
    }
    if (opus_decoder_init(d->state, SOTTO_SAMPLE_RATE, CHANNELS) != OPUS_OK ||
        opus_decoder_ctl(d->state, OPUS_SET_COMPLEXITY(DECODER_COMPLEXITY)) != OPUS_OK) {
        sotto_voice_decoder_free(d);
        return SOTTO_ECRYPTO;
    }
    *out = d;
    return 0;
}

void sotto_voice_decoder_free(struct sotto_voice_decoder *d)
{
    if (d == NULL) {
        return;
    }
    mem_free_secret(d->env, d->state, d->state_bytes);
    mem_free(d->env, d);
}

void voice_decoder_reset(struct sotto_voice_decoder *d)
{
    int err = opus_decoder_ctl(d->state, OPUS_RESET_STATE);
    assert(err == OPUS_OK);
    (void)err;
    // Opus 1.5 forgets a part of them there, and would go on as if it had them.
    d->weights = NULL;
    decoder_weights(d);
}

void voice_decoder_set_neural(struct sotto_voice_decoder *d, bool on)
{
    int err =
        opus_decoder_ctl(d->state, OPUS_SET_COMPLEXITY(on ? DECODER_COMPLEXITY : DECODER_PLAIN));
    assert(err == OPUS_OK);
    (void)err;
}

// One tick of sound, neither more nor less: Opus itself takes packets of 2.5 to 120 ms.
static bool is_one_frame(const uint8_t *packet, size_t len)
{
    return len > 0 && len <= SOTTO_VOICE_PACKET_MAX_BYTES &&
           opus_packet_get_nb_samples(packet, (opus_int32)len, SOTTO_SAMPLE_RATE) ==
               SOTTO_FRAME_SAMPLES;
}

// What Opus made; silence, and SOTTO_EPARSE, if it is not what was asked for.
static int decoded(int n, int16_t *pcm, size_t samples)
{
    if (n == (int)samples) {
        return 0;
    }
    memset(pcm, 0, samples * sizeof *pcm);
    return SOTTO_EPARSE;
}

int voice_conceal(struct sotto_voice_decoder *d, int16_t *pcm, size_t samples)
{
    decoder_weights(d);
    return decoded(opus_decode(d->state, NULL, 0, pcm, (int)samples, 0), pcm, samples);
}

int sotto_voice_decode(struct sotto_voice_decoder *d, const uint8_t *packet, size_t len,
                       int16_t pcm[SOTTO_FRAME_SAMPLES])
{
    if (packet == NULL) {
        return voice_conceal(d, pcm, SOTTO_FRAME_SAMPLES);
    }
    int n = OPUS_INVALID_PACKET;
    decoder_weights(d);
    if (is_one_frame(packet, len)) {
        n = opus_decode(d->state, packet, (opus_int32)len, pcm, SOTTO_FRAME_SAMPLES, 0);
    }
    return decoded(n, pcm, SOTTO_FRAME_SAMPLES);
}

// ---- history: DRED ----------------------------------------------------------------------------

int voice_history_new(struct voice_history **out, const struct sotto_env *env)
{
    struct voice_history *h = mem_alloc(env, sizeof *h);
    if (h == NULL) {
        return SOTTO_ENOMEM;
    }
    h->env = env;
    h->decoder_bytes = (size_t)opus_dred_decoder_get_size();
    h->dred_bytes = (size_t)opus_dred_get_size();
    h->decoder = mem_alloc(env, h->decoder_bytes);
    h->dred = mem_alloc(env, h->dred_bytes);
    if (h->decoder == NULL || h->dred == NULL) {
        voice_history_free(h);
        return SOTTO_ENOMEM;
    }
    // An Opus without DRED, or without its weights, finds none.
    (void)opus_dred_decoder_init(h->decoder);
    *out = h;
    return 0;
}

void voice_history_free(struct voice_history *h)
{
    if (h == NULL) {
        return;
    }
    mem_free_secret(h->env, h->decoder, h->decoder_bytes);
    mem_free_secret(h->env, h->dred, h->dred_bytes);
    mem_free(h->env, h);
}

static void history_weights(struct voice_history *h)
{
    if (h->weights != weights.data) {
        TAKE_WEIGHTS(opus_dred_decoder_ctl, h, h->decoder);
    }
}

bool voice_history_works(struct voice_history *h)
{
    history_weights(h);
    static const uint8_t silence[] = {0xf8, 0xff, 0xfe};
    int end;
    return opus_dred_parse(h->decoder, h->dred, silence, sizeof silence, SOTTO_FRAME_SAMPLES,
                           SOTTO_SAMPLE_RATE, &end, true) >= 0;
}

static unsigned parse(struct voice_history *h, const uint8_t *packet, size_t len, unsigned ticks,
                      bool defer)
{
    if (!is_one_frame(packet, len)) {
        return 0;
    }
    int end = 0;
    history_weights(h);
    int samples =
        opus_dred_parse(h->decoder, h->dred, packet, (opus_int32)len,
                        (opus_int32)ticks * SOTTO_FRAME_SAMPLES, SOTTO_SAMPLE_RATE, &end, defer);
    if (samples <= 0) {
        return 0;
    }
    unsigned reach = (unsigned)samples / SOTTO_FRAME_SAMPLES;
    return reach < VOICE_REACH_MAX_TICKS ? reach : VOICE_REACH_MAX_TICKS;
}

unsigned voice_history_reach(struct voice_history *h, const uint8_t *packet, size_t len)
{
    return parse(h, packet, len, VOICE_REACH_MAX_TICKS, true);
}

unsigned voice_history_load(struct voice_history *h, const uint8_t *packet, size_t len,
                            unsigned ticks)
{
    return parse(h, packet, len, ticks + DRED_OFFSET_TICKS, false);
}

int voice_decode_history(struct sotto_voice_decoder *d, const struct voice_history *h,
                         unsigned ticks_before, int16_t pcm[SOTTO_FRAME_SAMPLES])
{
    decoder_weights(d);
    int n =
        opus_decoder_dred_decode(d->state, h->dred, (opus_int32)ticks_before * SOTTO_FRAME_SAMPLES,
                                 pcm, SOTTO_FRAME_SAMPLES);
    return decoded(n, pcm, SOTTO_FRAME_SAMPLES);
}
