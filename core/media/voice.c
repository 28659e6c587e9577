// SPDX-License-Identifier: Apache-2.0
#include "media/voice.h"

#include "base/mem.h"
#include "media/weights.h"

#include <assert.h>
#include <opus.h>
#include <string.h>

#define CHANNELS           1
// Measured by bench/media_bench.c on one x86-64 core: 190 us to encode a frame of 20 ms at 10 as at
// 8 (140 us at 6), 40 us to decode one. From 5 on the decoder conceals with its neural network:
// 210 us for a concealed frame, nothing for a received one.
#define ENCODER_COMPLEXITY 10
#define DECODER_COMPLEXITY 5
#define SAMPLE_BITS        16

static_assert(SOTTO_VOICE_BITRATE * SOTTO_TICK_MS == SOTTO_VOICE_PACKET_BYTES * 8 * 1000,
              "a packet is a tick of the bitrate");

// Opus keeps its whole state in one block without pointers to elsewhere (but to constants, and to
// weights), so that it can lie in memory of our allocator, be wiped, and never fails for want of
// memory later.
struct sotto_voice_encoder {
    const struct sotto_env *env;
    size_t state_bytes;
    OpusEncoder *state;
};

struct sotto_voice_decoder {
    const struct sotto_env *env;
    size_t state_bytes;
    OpusDecoder *state;
    const uint8_t *weights; // that it was given
};

// ---- encoding ---------------------------------------------------------------------------------

// The size and the timing of packets say nothing: constant bitrate, no pauses (DTX).
static bool configure(OpusEncoder *e)
{
    return opus_encoder_ctl(e, OPUS_SET_BITRATE(SOTTO_VOICE_BITRATE)) == OPUS_OK &&
           opus_encoder_ctl(e, OPUS_SET_VBR(0)) == OPUS_OK &&
           opus_encoder_ctl(e, OPUS_SET_DTX(0)) == OPUS_OK &&
           opus_encoder_ctl(e, OPUS_SET_INBAND_FEC(0)) == OPUS_OK &&
           opus_encoder_ctl(e, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE)) == OPUS_OK &&
           opus_encoder_ctl(e, OPUS_SET_MAX_BANDWIDTH(OPUS_BANDWIDTH_FULLBAND)) == OPUS_OK &&
           opus_encoder_ctl(e, OPUS_SET_LSB_DEPTH(SAMPLE_BITS)) == OPUS_OK &&
           opus_encoder_ctl(e, OPUS_SET_COMPLEXITY(ENCODER_COMPLEXITY)) == OPUS_OK;
}

int sotto_voice_encoder_new(struct sotto_voice_encoder **out, const struct sotto_env *env)
{
    struct sotto_voice_encoder *e = mem_alloc(env, sizeof *e);
    if (e == NULL) {
        return SOTTO_ENOMEM;
    }
    e->env = env;
    e->state_bytes = (size_t)opus_encoder_get_size(CHANNELS);
    e->state = mem_alloc(env, e->state_bytes);
    if (e->state == NULL) {
        sotto_voice_encoder_free(e);
        return SOTTO_ENOMEM;
    }
    if (opus_encoder_init(e->state, SOTTO_SAMPLE_RATE, CHANNELS, OPUS_APPLICATION_VOIP) !=
            OPUS_OK ||
        !configure(e->state)) {
        sotto_voice_encoder_free(e);
        return SOTTO_ECRYPTO;
    }
    *out = e;
    return 0;
}

void sotto_voice_encoder_free(struct sotto_voice_encoder *e)
{
    if (e == NULL) {
        return;
    }
    mem_free_secret(e->env, e->state, e->state_bytes);
    mem_free(e->env, e);
}

int sotto_voice_encode(struct sotto_voice_encoder *e, const int16_t pcm[SOTTO_FRAME_SAMPLES],
                       uint8_t out[SOTTO_VOICE_PACKET_BYTES])
{
    uint8_t packet[SOTTO_VOICE_PACKET_BYTES];
    int n = opus_encode(e->state, pcm, SOTTO_FRAME_SAMPLES, packet, sizeof packet);
    if (n < 0) {
        return SOTTO_ECRYPTO;
    }
    assert(n == SOTTO_VOICE_PACKET_BYTES);
    memcpy(out, packet, sizeof packet);
    sotto_wipe(packet, sizeof packet);
    return 0;
}

// ---- decoding ---------------------------------------------------------------------------------

// The same for all decoders, as if it were compiled in.
static struct {
    const uint8_t *data;
    size_t len;
} weights;

int sotto_voice_weights(const uint8_t *data, size_t len)
{
#ifdef SOTTO_VOICE_WEIGHTS_SHA256
    if (len > INT32_MAX || !weights_match(data, len, SOTTO_VOICE_WEIGHTS_SHA256)) {
        return SOTTO_EPARSE;
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

// If there are any that the decoder does not have.
static void take_weights(struct sotto_voice_decoder *d)
{
    if (d->weights != weights.data) {
        int err =
            opus_decoder_ctl(d->state, OPUS_SET_DNN_BLOB(weights.data, (opus_int32)weights.len));
        assert(err == OPUS_OK); // they are the right ones
        (void)err;
        d->weights = weights.data;
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
    take_weights(d);
}

// One tick of sound, neither more nor less: Opus itself takes packets of 2.5 to 120 ms.
static bool is_one_frame(const uint8_t *packet, size_t len)
{
    return len > 0 && len <= SOTTO_VOICE_PACKET_MAX_BYTES &&
           opus_packet_get_nb_samples(packet, (opus_int32)len, SOTTO_SAMPLE_RATE) ==
               SOTTO_FRAME_SAMPLES;
}

int sotto_voice_decode(struct sotto_voice_decoder *d, const uint8_t *packet, size_t len,
                       int16_t pcm[SOTTO_FRAME_SAMPLES])
{
    int n = OPUS_INVALID_PACKET;
    take_weights(d);
    if (packet == NULL) {
        n = opus_decode(d->state, NULL, 0, pcm, SOTTO_FRAME_SAMPLES, 0);
    } else if (is_one_frame(packet, len)) {
        n = opus_decode(d->state, packet, (opus_int32)len, pcm, SOTTO_FRAME_SAMPLES, 0);
    }
    if (n != SOTTO_FRAME_SAMPLES) {
        memset(pcm, 0, SOTTO_FRAME_SAMPLES * sizeof *pcm);
        return SOTTO_EPARSE;
    }
    return 0;
}
