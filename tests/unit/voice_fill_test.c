// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "media/voice_fill.h"
#include "sound.h"

#define ROOM    CELL_ROOM_USUAL_BYTES
#define FRAMES  60
#define SAMPLES (FRAMES * SOTTO_FRAME_SAMPLES)
#define LAG_MAX 480 // Opus looks ahead by less than 10 ms

static int16_t in[SAMPLES];

struct rig {
    struct sotto_voice_encoder *e;
    struct voice_fill fill;
    size_t frame;
};

static struct rig open_rig(void)
{
    struct rig r = {0};
    sound_speech(in, SAMPLES);
    assert_int_equal(sotto_voice_encoder_new(&r.e, sotto_env_default()), 0);
    voice_fill_init(&r.fill);
    return r;
}

static void close_rig(struct rig *r)
{
    sotto_voice_encoder_free(r->e);
    voice_fill_wipe(&r->fill);
}

// One cell; what it holds fits into the room, and decodes.
static struct cell_content next(struct rig *r, size_t room)
{
    struct cell_content c = {0};
    uint8_t plain[CELL_PLAINTEXT_MAX_BYTES];
    const int16_t *pcm = in + r->frame++ % FRAMES * SOTTO_FRAME_SAMPLES;
    assert_int_equal(voice_fill_cell(&r->fill, r->e, pcm, room, &c), 0);
    assert_non_null(c.voice);
    assert_int_equal(cell_encode(&c, plain, room), (int)room);
    return c;
}

static size_t used(const struct cell_content *c)
{
    size_t n = CELL_ITEM_OVERHEAD + c->voice_len;
    for (size_t i = 0; i < c->earlier_count; i++) {
        n += CELL_ITEM_OVERHEAD + 1 + c->earlier[i].len;
    }
    return n;
}

static const struct loss_view calm = {0, 0, true}, lossy = {50, 5, true}, heavy = {90, 6, true},
                              bursty = {25, 24, true};

static struct loss_view without_history(struct loss_view v)
{
    v.history = false;
    return v;
}

static void every_mode_fills_the_cell(void **state)
{
    (void)state;
    const struct loss_view views[] = {calm, bursty, lossy, heavy};
    for (size_t i = 0; i < 8; i++) {
        struct rig r = open_rig();
        struct loss_view view = i < 4 ? views[i] : without_history(views[i - 4]);
        bool history = voice_encoder_has_history(r.e) && i < 2; // not without DRED's weights
        voice_fill_report(&r.fill, view);
        for (int k = 0; k < 20; k++) {
            struct cell_content c = next(&r, ROOM);
            if (k >= 16) { // all copies there are; against bursts a size that reaches farther
                assert_in_range(used(&c), ROOM - (history && i == 1 ? 3 : 0), ROOM);
            }
        }
        close_rig(&r);
    }
}

// What was told once is told again in the next cell, one tick farther back.
static void copies_are_of_the_frames_before(void **state)
{
    (void)state;
    struct rig r = open_rig();
    voice_fill_report(&r.fill, heavy);
    uint8_t before[SOTTO_VOICE_PACKET_MAX_BYTES] = {0};
    size_t len = 0;
    for (size_t k = 0; k < 20; k++) {
        struct cell_content c = next(&r, ROOM);
        assert_int_equal(c.earlier_count, k < 2 ? k : 2);
        for (size_t i = 0; i < c.earlier_count; i++) {
            assert_int_equal(c.earlier[i].distance, i + 1);
        }
        if (c.earlier_count == 2) {
            assert_int_equal(c.earlier[1].len, len);
            assert_memory_equal(c.earlier[1].packet, before, len);
            assert_memory_not_equal(c.earlier[0].packet, before, len);
        }
        if (c.earlier_count > 0) {
            len = c.earlier[0].len;
            memcpy(before, c.earlier[0].packet, len);
        }
    }
    close_rig(&r);
}

// Every third frame is played from its copy, some cells later. Every sound is in its place.
static double heard_from_copies(struct loss_view view, unsigned *distance)
{
    static struct voice_packet frames[FRAMES], copies[FRAMES];
    static int16_t out[SAMPLES];
    struct rig r = open_rig();
    struct sotto_voice_decoder *d;
    assert_int_equal(sotto_voice_decoder_new(&d, sotto_env_default()), 0);
    memset(copies, 0, sizeof copies);
    voice_fill_report(&r.fill, view);
    for (size_t k = 0; k < FRAMES; k++) {
        struct cell_content c = next(&r, ROOM);
        frames[k].len = (uint8_t)c.voice_len;
        memcpy(frames[k].packet, c.voice, c.voice_len);
        if (c.earlier_count > 0) {
            *distance = c.earlier[0].distance;
            struct voice_packet *copy = &copies[k - *distance];
            copy->len = (uint8_t)c.earlier[0].len;
            memcpy(copy->packet, c.earlier[0].packet, copy->len);
        }
    }
    size_t told = FRAMES - *distance;
    for (size_t k = 0; k < told; k++) {
        const struct voice_packet *p = k % 3 == 1 ? &copies[k] : &frames[k];
        assert_int_equal(sotto_voice_decode(d, p->packet, p->len, out + k * SOTTO_FRAME_SAMPLES),
                         0);
    }
    sotto_voice_decoder_free(d);
    close_rig(&r);
    return sound_likeness(in, out, told * SOTTO_FRAME_SAMPLES, LAG_MAX);
}

static void copies_sound_like_what_was_lost(void **state)
{
    (void)state;
    const struct loss_view longest = {50, 255, false};
    unsigned near = 0, far = 0;
    double likeness[] = {heard_from_copies(lossy, &near), heard_from_copies(longest, &far)};
    print_message("likeness %.2f, %.2f\n", likeness[0], likeness[1]);
    assert_int_equal(near, 1);
    assert_int_equal(far, VOICE_FILL_KEPT);
    assert_true(likeness[0] > 0.9 && likeness[1] > 0.9);
}

// A copy is a packet of its own, of the right length in time and always of the same size. There is
// none of what was said when it was calm: history told of that.
static void copies_are_bare(void **state)
{
    (void)state;
    struct rig r = open_rig();
    struct sotto_voice_decoder *d;
    struct voice_history *h;
    int16_t pcm[SOTTO_FRAME_SAMPLES];
    assert_int_equal(sotto_voice_decoder_new(&d, sotto_env_default()), 0);
    assert_int_equal(voice_history_new(&h, sotto_env_default()), 0);
    for (int k = 0; k < 30; k++) {
        voice_fill_report(&r.fill, k < 10 ? calm : lossy);
        struct cell_content c = next(&r, ROOM);
        if (k >= 10) {
            if (k == 10 && voice_encoder_has_history(r.e)) {
                assert_int_equal(c.earlier_count, 0);
                continue;
            }
            assert_int_equal(c.earlier_count, 1);
            assert_int_equal(c.earlier[0].len, 32);
            assert_int_equal(sotto_voice_decode(d, c.earlier[0].packet, c.earlier[0].len, pcm), 0);
            assert_int_equal(voice_history_reach(h, c.earlier[0].packet, c.earlier[0].len), 0);
        }
    }
    voice_history_free(h);
    sotto_voice_decoder_free(d);
    close_rig(&r);
}

static void modes_hold_on(void **state)
{
    (void)state;
    struct voice_fill f;
    voice_fill_init(&f);
    const struct {
        struct loss_view seen;
        enum voice_mode mode;
    } steps[] = {
        {{0, 0, true}, VOICE_CALM},    {{4, 5, true}, VOICE_CALM},
        {{5, 5, true}, VOICE_LOSS},    {{3, 5, true}, VOICE_LOSS},
        {{2, 5, true}, VOICE_CALM},    {{30, 10, true}, VOICE_BURSTS},
        {{30, 7, true}, VOICE_BURSTS}, {{30, 6, true}, VOICE_LOSS},
        {{30, 9, true}, VOICE_LOSS},   {{76, 6, true}, VOICE_LOSS},
        {{77, 6, true}, VOICE_HEAVY},  {{51, 6, true}, VOICE_HEAVY},
        {{50, 6, true}, VOICE_LOSS},   {{255, 255, true}, VOICE_BURSTS},
        {{0, 255, true}, VOICE_CALM},
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        voice_fill_report(&f, steps[i].seen);
        assert_int_equal(f.mode, steps[i].mode);
    }
}

// Whatever the control stream takes, the frame is there; and any report is bearable.
static void the_frame_comes_first(void **state)
{
    (void)state;
    struct rig r = open_rig();
    uint64_t rng = 5;
    for (int k = 0; k < 400; k++) {
        struct loss_view lie = {(uint8_t)prng_below(&rng, 256), (uint8_t)prng_below(&rng, 256),
                                prng_below(&rng, 2) == 1};
        if (k % 5 == 0) {
            voice_fill_report(&r.fill, lie);
        }
        size_t reserve = voice_fill_reserve(1);
        size_t room = reserve + prng_below(&rng, (uint32_t)(ROOM - reserve) + 1);
        struct cell_content c = next(&r, room);
        assert_true(c.voice_len >= 35);
    }
    close_rig(&r);
}

// As long as nothing is known of the far end it gets nothing that it might not understand.
static void begins_without_history(void **state)
{
    (void)state;
    struct rig r = open_rig();
    (void)next(&r, ROOM);
    struct cell_content c = next(&r, ROOM);
    assert_int_equal(c.earlier_count, 1);
    assert_int_equal(c.earlier[0].distance, 1);
    voice_fill_report(&r.fill, calm);
    c = next(&r, ROOM);
    assert_int_equal(c.earlier_count, voice_encoder_has_history(r.e) ? 0 : 1);
    voice_encoder_set_neural(r.e, false); // nor if our side cannot
    (void)next(&r, ROOM);
    c = next(&r, ROOM);
    assert_int_equal(c.earlier_count, 1);
    close_rig(&r);
}

// A cell of that span, with room for voice as planned and as it turns out.
static struct cell_content next_of(struct rig *r, unsigned span, size_t planned, size_t room)
{
    voice_fill_begin(&r->fill, span, planned);
    for (unsigned left = span; left > 1; left--) {
        assert_int_equal(voice_fill_left(&r->fill), left);
        const int16_t *pcm = in + r->frame++ % FRAMES * SOTTO_FRAME_SAMPLES;
        assert_int_equal(voice_fill_frame(&r->fill, r->e, pcm), 0);
    }
    struct cell_content c = next(r, room);
    assert_int_equal(voice_fill_left(&r->fill), 0);
    assert_int_equal(cell_span(&c), span);
    return c;
}

// Whatever is reported, and whatever the control stream takes: one frame for each tick.
static void cells_for_several_ticks(void **state)
{
    (void)state;
    struct rig r = open_rig();
    struct sotto_voice_decoder *d;
    int16_t pcm[SOTTO_FRAME_SAMPLES];
    uint64_t rng = 6;
    assert_int_equal(sotto_voice_decoder_new(&d, sotto_env_default()), 0);
    for (int k = 0; k < 600; k++) {
        unsigned span = 1 + (unsigned)k / 5 % CELL_SPAN_MAX;
        struct loss_view lie = {(uint8_t)prng_below(&rng, 256), (uint8_t)prng_below(&rng, 256),
                                prng_below(&rng, 2) == 1};
        if (k % 7 == 0) {
            voice_fill_report(&r.fill, lie);
        }
        size_t reserve = voice_fill_reserve(span);
        size_t planned = reserve + prng_below(&rng, (uint32_t)(ROOM - reserve) + 1);
        size_t room = planned + prng_below(&rng, (uint32_t)(ROOM - planned) + 1);
        struct cell_content c = next_of(&r, span, planned, room);
        for (size_t i = 0; i < c.earlier_count; i++) {
            assert_int_equal(sotto_voice_decode(d, c.earlier[i].packet, c.earlier[i].len, pcm), 0);
        }
    }
    sotto_voice_decoder_free(d);
    close_rig(&r);
}

// History begins behind the cell: it tells of the cell before from the first frame on.
static void history_reaches_behind_the_cell(void **state)
{
    (void)state;
    struct rig r = open_rig();
    struct voice_history *h;
    assert_int_equal(voice_history_new(&h, sotto_env_default()), 0);
    for (unsigned span = 2; span <= CELL_SPAN_MAX && voice_encoder_has_history(r.e); span++) {
        unsigned enough = 0;
        voice_fill_report(&r.fill, lossy);
        for (unsigned k = 0; k < 30; k++) {
            struct cell_content c = next_of(&r, span, ROOM, ROOM);
            assert_int_equal(c.earlier_count, span - 1);
            assert_int_equal(c.earlier[span - 2].distance, span - 1);
            enough +=
                voice_history_reach(h, c.earlier[span - 2].packet, c.earlier[span - 2].len) >= span
                    ? 1
                    : 0;
            assert_int_equal(voice_history_reach(h, c.voice, c.voice_len), 0);
        }
        assert_in_range(enough, 20, 30);
    }
    voice_history_free(h);
    close_rig(&r);
}

// Power of `pcm` at hz, of a stretch that is free of the codec's start.
static double power_at(const int16_t *pcm, double hz)
{
    const size_t from = 10 * SOTTO_FRAME_SAMPLES;
    double re = 0, im = 0;
    for (size_t i = from; i < SAMPLES; i++) {
        double angle = 2 * SOUND_PI * hz * (double)i / SOTTO_SAMPLE_RATE;
        re += pcm[i] * cos(angle);
        im += pcm[i] * sin(angle);
    }
    return (re * re + im * im) / ((double)(SAMPLES - from) * (double)(SAMPLES - from));
}

// A voice's tones, far above what a telephone carries as well. What is heard of those above 8 kHz,
// in dB.
static double heard_above_8khz(struct loss_view view)
{
    static const double tones[] = {440, 880, 1760, 3520, 10000, 12000, 14000};
    static int16_t out[SAMPLES];
    struct rig r = open_rig();
    struct sotto_voice_decoder *d;
    assert_int_equal(sotto_voice_decoder_new(&d, sotto_env_default()), 0);
    for (size_t i = 0; i < SAMPLES; i++) {
        double sum = 0;
        for (size_t k = 0; k < sizeof tones / sizeof tones[0]; k++) {
            sum += 2000 * sin(2 * SOUND_PI * tones[k] * (double)i / SOTTO_SAMPLE_RATE);
        }
        in[i] = (int16_t)sum;
    }
    voice_fill_report(&r.fill, view);
    for (size_t at = 0; at < SAMPLES; at += SOTTO_FRAME_SAMPLES) {
        struct cell_content c = next(&r, ROOM);
        assert_int_equal(sotto_voice_decode(d, c.voice, c.voice_len, out + at), 0);
    }
    double spoken = 0, heard = 0;
    for (size_t k = 4; k < sizeof tones / sizeof tones[0]; k++) {
        spoken += power_at(in, tones[k]);
        heard += power_at(out, tones[k]);
    }
    sotto_voice_decoder_free(d);
    close_rig(&r);
    return 10 * log10((heard + 1e-9) / spoken);
}

// The whole band where there is room, half of it where a frame has little.
static void the_band_is_as_wide_as_there_is_room(void **state)
{
    (void)state;
    double wide[] = {heard_above_8khz(calm), heard_above_8khz(lossy)};
    double narrow = heard_above_8khz(heavy);
    print_message("above 8 kHz: calm %.1f, lossy %.1f, heavy %.1f dB\n", wide[0], wide[1], narrow);
    assert_true(wide[0] > -10 && wide[1] > -10);
    assert_true(narrow < -30);
}

// What was begun and given up leaves nothing behind that could be taken for something else.
static void given_up(void **state)
{
    (void)state;
    struct rig r = open_rig();
    (void)next(&r, ROOM);
    voice_fill_begin(&r.fill, 3, ROOM);
    assert_int_equal(voice_fill_frame(&r.fill, r.e, in), 0);
    voice_fill_drop(&r.fill);
    assert_int_equal(voice_fill_left(&r.fill), 0);
    struct cell_content c = next(&r, ROOM);
    assert_int_equal(c.earlier_count, 0);
    c = next(&r, ROOM);
    assert_int_equal(c.earlier_count, 1);
    close_rig(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mode_fills_the_cell),
        cmocka_unit_test(copies_are_of_the_frames_before),
        cmocka_unit_test(copies_sound_like_what_was_lost),
        cmocka_unit_test(copies_are_bare),
        cmocka_unit_test(modes_hold_on),
        cmocka_unit_test(the_frame_comes_first),
        cmocka_unit_test(begins_without_history),
        cmocka_unit_test(cells_for_several_ticks),
        cmocka_unit_test(history_reaches_behind_the_cell),
        cmocka_unit_test(the_band_is_as_wide_as_there_is_room),
        cmocka_unit_test(given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
