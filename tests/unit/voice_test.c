// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "failing_env.h"
#include "media/voice.h"
#include "sound.h"

#define FRAMES  100
#define SAMPLES (FRAMES * SOTTO_FRAME_SAMPLES)
#define LAG_MAX 480 // Opus looks ahead by less than 10 ms

static int16_t in[SAMPLES], out[SAMPLES];
static uint8_t packets[FRAMES][SOTTO_VOICE_PACKET_BYTES];

static struct sotto_voice_encoder *encoder(void)
{
    struct sotto_voice_encoder *e;
    assert_int_equal(sotto_voice_encoder_new(&e, sotto_env_default()), 0);
    return e;
}

static struct sotto_voice_decoder *decoder(void)
{
    struct sotto_voice_decoder *d;
    assert_int_equal(sotto_voice_decoder_new(&d, sotto_env_default()), 0);
    return d;
}

static void encode_all(void)
{
    struct sotto_voice_encoder *e = encoder();
    for (size_t i = 0; i < FRAMES; i++) {
        assert_int_equal(sotto_voice_encode(e, in + i * SOTTO_FRAME_SAMPLES, packets[i]), 0);
    }
    sotto_voice_encoder_free(e);
}

static void decode_all(void)
{
    struct sotto_voice_decoder *d = decoder();
    for (size_t i = 0; i < FRAMES; i++) {
        assert_int_equal(sotto_voice_decode(d, packets[i], SOTTO_VOICE_PACKET_BYTES,
                                            out + i * SOTTO_FRAME_SAMPLES),
                         0);
    }
    sotto_voice_decoder_free(d);
}

// ---- constant size ----------------------------------------------------------------------------

static void speech_between_silences(int16_t *pcm)
{
    sound_speech(pcm, SAMPLES);
    memset(pcm, 0, 30 * SOTTO_FRAME_SAMPLES * sizeof *pcm);
    memset(pcm + 70 * SOTTO_FRAME_SAMPLES, 0, 30 * SOTTO_FRAME_SAMPLES * sizeof *pcm);
}

// The encoder asserts that Opus made exactly this many bytes (where a frame needs fewer, Opus
// pads). Here: it writes them all and none beyond, and they decode.
static void check_constant_size(void)
{
    struct sotto_voice_encoder *e = encoder();
    uint8_t packet[SOTTO_VOICE_PACKET_BYTES + 4];
    memset(packet, 0xa5, sizeof packet);
    for (size_t i = 0; i < FRAMES; i++) {
        assert_int_equal(sotto_voice_encode(e, in + i * SOTTO_FRAME_SAMPLES, packet), 0);
        memcpy(packets[i], packet, SOTTO_VOICE_PACKET_BYTES);
        assert_memory_equal(packet + SOTTO_VOICE_PACKET_BYTES, "\xa5\xa5\xa5\xa5", 4);
    }
    sotto_voice_encoder_free(e);
    decode_all();
}

static void constant_size(void **state)
{
    (void)state;
    memset(in, 0, sizeof in);
    check_constant_size();
    sound_tone(in, SAMPLES, 440, 10000);
    check_constant_size();
    sound_noise(in, SAMPLES, 1, 1);
    check_constant_size();
    sound_noise(in, SAMPLES, 32767, 2);
    check_constant_size();
    for (size_t i = 0; i < SAMPLES; i++) {
        in[i] = i / 100 % 2 == 0 ? INT16_MAX : INT16_MIN;
    }
    check_constant_size();
    speech_between_silences(in);
    check_constant_size();
}

// And so it is with history in the packet, whatever the sizes, one after another.
static void check_constant_size_with_history(void)
{
    static const size_t sizes[] = {119, 20, 114, 60, 94, 21, 111, 40, 118, 80};
    static const unsigned histories[] = {25, 3, 100, 20, 0, 1};
    struct sotto_voice_encoder *e = encoder();
    struct sotto_voice_decoder *d = decoder();
    uint8_t packet[SOTTO_VOICE_PACKET_MAX_BYTES + 4];
    int16_t pcm[SOTTO_FRAME_SAMPLES];
    for (size_t i = 0; i < FRAMES; i++) {
        const struct voice_shape shape = {.bytes = sizes[i % 10], .history = histories[i / 10 % 6]};
        memset(packet, 0xa5, sizeof packet);
        assert_int_equal(voice_encode(e, &shape, in + i * SOTTO_FRAME_SAMPLES, packet), 0);
        assert_memory_equal(packet + shape.bytes, "\xa5\xa5\xa5\xa5", 4);
        assert_int_equal(sotto_voice_decode(d, packet, shape.bytes, pcm), 0);
        size_t bare = voice_strip(packet, shape.bytes);
        assert_in_range(bare, 1, shape.bytes);
        assert_int_equal(sotto_voice_decode(d, packet, bare, pcm), 0);
    }
    sotto_voice_encoder_free(e);
    sotto_voice_decoder_free(d);
}

static void constant_size_with_history(void **state)
{
    (void)state;
    memset(in, 0, sizeof in);
    check_constant_size_with_history();
    sound_tone(in, SAMPLES, 440, 10000);
    check_constant_size_with_history();
    sound_noise(in, SAMPLES, 32767, 2);
    check_constant_size_with_history();
    speech_between_silences(in);
    check_constant_size_with_history();
}

// What a packet tells of the frames before it sounds like them.
static void history_is_the_past(void **state)
{
    (void)state;
    const struct voice_shape shape = {.bytes = 114, .history = 25};
    struct sotto_voice_encoder *e = encoder();
    struct sotto_voice_decoder *d = decoder(), *d2 = decoder();
    struct voice_history *h;
    uint8_t packet[SOTTO_VOICE_PACKET_MAX_BYTES];
    double spoken = 0, told = 0;
    assert_int_equal(voice_history_new(&h, sotto_env_default()), 0);
    if (!voice_history_works(h)) { // an Opus without DRED's weights
        voice_history_free(h);
        sotto_voice_encoder_free(e);
        sotto_voice_decoder_free(d);
        sotto_voice_decoder_free(d2);
        return;
    }
    sound_speech(in, SAMPLES);
    for (size_t i = 0; i < FRAMES; i++) {
        assert_int_equal(voice_encode(e, &shape, in + i * SOTTO_FRAME_SAMPLES, packet), 0);
        if (i < FRAMES - 10) {
            assert_int_equal(sotto_voice_decode(d, packet, shape.bytes, out), 0);
            assert_int_equal(sotto_voice_decode(d2, packet, shape.bytes, out), 0);
        }
    }
    unsigned reach = voice_history_reach(h, packet, shape.bytes);
    assert_in_range(reach, 10, VOICE_REACH_MAX_TICKS);
    assert_int_equal(voice_history_load(h, packet, shape.bytes, VOICE_REACH_MAX_TICKS), reach);
    // Loaded only as far as it is wanted it tells the same.
    struct voice_history *h2;
    static int16_t same[SOTTO_FRAME_SAMPLES];
    assert_int_equal(voice_history_new(&h2, sotto_env_default()), 0);
    assert_true(voice_history_load(h2, packet, shape.bytes, 9) >= 9);
    for (unsigned back = 9; back >= 1; back--) {
        assert_int_equal(voice_decode_history(d, h, back, out), 0);
        assert_int_equal(voice_decode_history(d2, h2, back, same), 0);
        assert_memory_equal(out, same, sizeof same);
        spoken += sound_energy(in + (FRAMES - 1 - back) * SOTTO_FRAME_SAMPLES, SOTTO_FRAME_SAMPLES);
        told += sound_energy(out, SOTTO_FRAME_SAMPLES);
    }
    print_message("history of %u ticks, loudness %.2f\n", reach, told / spoken);
    assert_true(told / spoken > 0.3 && told / spoken < 3);
    assert_int_equal(voice_history_reach(h, packet, voice_strip(packet, shape.bytes)), 0);
    assert_int_equal(voice_history_reach(h, packet, 0), 0);
    voice_history_free(h2);
    sotto_voice_decoder_free(d2);
    voice_history_free(h);
    sotto_voice_encoder_free(e);
    sotto_voice_decoder_free(d);
}

// ---- quality ----------------------------------------------------------------------------------

static void tone_survives(void **state)
{
    (void)state;
    const double hertz[] = {200, 440, 1000, 3000};
    for (size_t i = 0; i < sizeof hertz / sizeof hertz[0]; i++) {
        sound_tone(in, SAMPLES, hertz[i], 8000);
        encode_all();
        decode_all();
        // The codec's first frames settle.
        const size_t skip = 10 * SOTTO_FRAME_SAMPLES;
        double like = sound_likeness(in + skip, out + skip, SAMPLES / 4, LAG_MAX);
        double gain = sound_energy(out + skip, SAMPLES / 4) / sound_energy(in + skip, SAMPLES / 4);
        print_message("%.0f Hz: correlation %.3f, gain %.2f\n", hertz[i], like, gain);
        assert_true(like > 0.95);
        assert_true(gain > 0.7 && gain < 1.4);
    }
}

static void speech_survives(void **state)
{
    (void)state;
    const char *what = sound_speech(in, SAMPLES);
    encode_all();
    decode_all();
    double like = sound_likeness(in, out, SAMPLES, LAG_MAX);
    double gain = sound_energy(out, SAMPLES) / sound_energy(in, SAMPLES);
    print_message("%s: correlation %.3f, gain %.2f\n", what, like, gain);
    assert_true(like > 0.8);
    assert_true(gain > 0.7 && gain < 1.4);
    // And the measure can tell: other speech is not alike.
    sound_synth_speech(in, SAMPLES);
    assert_true(sound_likeness(in, out, SAMPLES, LAG_MAX) < 0.5);
}

static void silence_stays_silent(void **state)
{
    (void)state;
    memset(in, 0, sizeof in);
    encode_all();
    decode_all();
    assert_true(sound_energy(out, SAMPLES) < 1);
}

static void concealment_continues_the_sound(void **state)
{
    (void)state;
    sound_tone(in, SAMPLES, 300, 8000);
    encode_all();
    struct sotto_voice_decoder *d = decoder();
    int16_t pcm[SOTTO_FRAME_SAMPLES];
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(sotto_voice_decode(d, packets[i], SOTTO_VOICE_PACKET_BYTES, pcm), 0);
    }
    double before = sound_energy(pcm, SOTTO_FRAME_SAMPLES);
    assert_int_equal(sotto_voice_decode(d, NULL, 0, pcm), 0);
    assert_true(sound_energy(pcm, SOTTO_FRAME_SAMPLES) > before / 10);
    // After a reset there is nothing to continue.
    voice_decoder_reset(d);
    assert_int_equal(sotto_voice_decode(d, NULL, 0, pcm), 0);
    assert_true(sound_energy(pcm, SOTTO_FRAME_SAMPLES) < 1);
    sotto_voice_decoder_free(d);
}

// ---- hostile packets --------------------------------------------------------------------------

static void expect_silence(struct sotto_voice_decoder *d, const uint8_t *packet, size_t len)
{
    int16_t pcm[SOTTO_FRAME_SAMPLES];
    memset(pcm, 0x55, sizeof pcm);
    assert_int_equal(sotto_voice_decode(d, packet, len, pcm), SOTTO_EPARSE);
    assert_true(sound_energy(pcm, SOTTO_FRAME_SAMPLES) < 1e-9);
}

static void other_durations(void **state)
{
    (void)state;
    struct sotto_voice_decoder *d = decoder();
    uint8_t packet[SOTTO_VOICE_PACKET_MAX_BYTES + 1] = {0};
    const uint8_t tocs[] = {
        0xe0, // CELT 2.5 ms
        0xf0, // CELT 10 ms
        0x10, // SILK 40 ms
        0x18, // SILK 60 ms
        0xf9, // two CELT frames of 20 ms
    };
    for (size_t i = 0; i < sizeof tocs; i++) {
        packet[0] = tocs[i];
        expect_silence(d, packet, 61);
    }
    packet[0] = 0xf8; // CELT 20 ms
    expect_silence(d, packet, 0);
    expect_silence(d, packet, sizeof packet);
    int16_t pcm[SOTTO_FRAME_SAMPLES];
    assert_int_equal(sotto_voice_decode(d, packet, sizeof packet - 1, pcm), 0);
    sotto_voice_decoder_free(d);
}

static void garbage(void **state)
{
    (void)state;
    struct sotto_voice_decoder *d = decoder();
    uint64_t rng = 5;
    int good = 0, bad = 0;
    for (int i = 0; i < 2000; i++) {
        uint8_t packet[SOTTO_VOICE_PACKET_MAX_BYTES];
        size_t len = prng_below(&rng, sizeof packet + 1);
        for (size_t k = 0; k < len; k++) {
            packet[k] = (uint8_t)prng_next(&rng);
        }
        int16_t pcm[SOTTO_FRAME_SAMPLES];
        int err = sotto_voice_decode(d, packet, len, pcm);
        assert_true(err == 0 || err == SOTTO_EPARSE);
        good += err == 0;
        bad += err != 0;
    }
    assert_true(good > 100 && bad > 100); // both paths were walked
    sotto_voice_decoder_free(d);
}

// ---- memory -----------------------------------------------------------------------------------

static void allocation_failures(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 4; n++) {
        struct failing_env f;
        struct sotto_voice_encoder *e = NULL;
        struct sotto_voice_decoder *d = NULL;
        failing_env_init(&f, n);
        assert_int_equal(sotto_voice_encoder_new(&e, &f.env), n <= 3 ? SOTTO_ENOMEM : 0);
        assert_int_equal(f.live, n <= 3 ? 0 : 3);
        sotto_voice_encoder_free(e);
        failing_env_init(&f, n);
        assert_int_equal(sotto_voice_decoder_new(&d, &f.env), n <= 2 ? SOTTO_ENOMEM : 0);
        sotto_voice_decoder_free(d);
        assert_int_equal(f.live, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constant_size),
        cmocka_unit_test(constant_size_with_history),
        cmocka_unit_test(history_is_the_past),
        cmocka_unit_test(tone_survives),
        cmocka_unit_test(speech_survives),
        cmocka_unit_test(silence_stays_silent),
        cmocka_unit_test(concealment_continues_the_sound),
        cmocka_unit_test(other_durations),
        cmocka_unit_test(garbage),
        cmocka_unit_test(allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
