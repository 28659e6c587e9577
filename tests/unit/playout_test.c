// SPDX-License-Identifier: Apache-2.0
// The whole playout, sound included. What the policy does: playout_policy_test.c.
#include "unit.h"

#include "failing_env.h"
#include "media/voice.h"
#include "sound.h"

#define MS      SOTTO_NS_PER_MS
#define TICK    SOTTO_TICK_NS
#define FRAMES  200
#define SAMPLES (FRAMES * SOTTO_FRAME_SAMPLES)

#define TONE_HERTZ 425 // eight and a half periods a frame: a frame left out turns the phase

static int16_t in[SAMPLES], out[SAMPLES];
static uint8_t packets[FRAMES][SOTTO_VOICE_PACKET_BYTES];

static void encode_all(void)
{
    struct sotto_voice_encoder *e;
    assert_int_equal(sotto_voice_encoder_new(&e, sotto_env_default()), 0);
    for (size_t i = 0; i < FRAMES; i++) {
        assert_int_equal(sotto_voice_encode(e, in + i * SOTTO_FRAME_SAMPLES, packets[i]), 0);
    }
    sotto_voice_encoder_free(e);
}

static void encode_tone(void)
{
    sound_tone(in, SAMPLES, TONE_HERTZ, 8000);
    encode_all();
}

static struct sotto_playout *make(void)
{
    struct sotto_playout *p;
    assert_int_equal(sotto_playout_new(&p, sotto_env_default()), 0);
    return p;
}

static int put(struct sotto_playout *p, uint64_t tick, sotto_ns now)
{
    return sotto_playout_put(p, tick, packets[tick % FRAMES], SOTTO_VOICE_PACKET_BYTES, now);
}

static struct sotto_playout_stats stats_of(const struct sotto_playout *p)
{
    struct sotto_playout_stats s;
    sotto_playout_stats(p, &s);
    return s;
}

static bool is_silent(const int16_t *pcm)
{
    return sound_energy(pcm, SOTTO_FRAME_SAMPLES) < 1e-9;
}

// Puts frames from .. until, one a tick, and asks for one each time. Returns how many were sound.
static uint32_t talk(struct sotto_playout *p, uint64_t from, uint64_t until, sotto_ns *now)
{
    uint32_t good = 0;
    int16_t pcm[SOTTO_FRAME_SAMPLES];
    for (uint64_t t = from; t < until; t++, *now += TICK) {
        assert_int_equal(put(p, t, *now), 0);
        good += sotto_playout_get(p, pcm, SOTTO_FRAME_SAMPLES, *now + 5 * MS) ? 1 : 0;
    }
    return good;
}

static void nothing_yet(void **state)
{
    (void)state;
    struct sotto_playout *p = make();
    int16_t pcm[SOTTO_FRAME_SAMPLES];
    for (int i = 0; i < 10; i++) {
        memset(pcm, 0x11, sizeof pcm);
        assert_false(sotto_playout_get(p, pcm, SOTTO_FRAME_SAMPLES, (sotto_ns)i * TICK));
        assert_true(is_silent(pcm));
    }
    struct sotto_playout_stats s = stats_of(p);
    assert_int_equal(s.played + s.concealed + s.received, 0);
    sotto_playout_free(p);
}

static void speech_comes_through(void **state)
{
    (void)state;
    for (uint32_t loss = 0; loss <= 20; loss += 10) {
        const char *what = sound_speech(in, SAMPLES);
        encode_all();
        struct sotto_playout *p = make();
        uint64_t rng = 4;
        for (uint64_t t = 0; t < FRAMES; t++) {
            if (t == 0 || !prng_percent(&rng, loss)) {
                assert_int_equal(put(p, t, t * TICK), 0);
            }
            (void)sotto_playout_get(p, out + t * SOTTO_FRAME_SAMPLES, SOTTO_FRAME_SAMPLES,
                                    t * TICK + 3 * MS);
        }
        struct sotto_playout_stats s = stats_of(p);
        double like = sound_likeness(in, out, SAMPLES, 3 * SOTTO_FRAME_SAMPLES);
        print_message("%s, %u %% lost: correlation %.3f, %u concealed\n", what, loss, like,
                      (unsigned)s.concealed);
        assert_true(like > 0.8 - loss * 0.02);
        assert_int_equal(s.concealed > 0, loss > 0);
        assert_true(s.delay_us <= (loss == 0 ? 30000 : 60000));
        sotto_playout_free(p);
    }
}

static void what_is_counted(void **state)
{
    (void)state;
    encode_tone();
    struct sotto_playout *p = make();
    sotto_ns now = 0;
    uint32_t good = talk(p, 0, 50, &now);
    struct sotto_playout_stats s = stats_of(p);
    assert_int_equal(s.received, 50);
    assert_int_equal(good, 49); // it starts one tick after the first frame
    assert_in_range(s.played, 49, 50);
    assert_int_equal(s.played + s.depth_frames, 50);
    assert_int_equal(s.concealed + s.late + s.duplicate + s.skipped + s.copies + s.retold, 0);
    assert_int_equal(s.jitter_us, 0);
    assert_in_range(s.delay_us, 5000, 25000);
    assert_in_range(s.lag_us, 5000, 25000);
    assert_int_equal(put(p, 49, now), SOTTO_EREPLAY); // played or still waiting
    assert_int_equal(put(p, 10, now), SOTTO_EREPLAY); // played long ago
    s = stats_of(p);
    assert_int_equal(s.duplicate, 2);
    assert_int_equal(s.late, 0);
    sotto_playout_free(p);
}

static void late_is_counted(void **state)
{
    (void)state;
    encode_tone();
    struct sotto_playout *p = make();
    int16_t pcm[SOTTO_FRAME_SAMPLES];
    for (uint64_t t = 0; t < 20; t++) {
        if (t != 10) {
            assert_int_equal(put(p, t, t * TICK), 0);
        }
        bool good = sotto_playout_get(p, pcm, SOTTO_FRAME_SAMPLES, t * TICK + MS);
        assert_int_equal(good, t >= 1 && t != 11); // frame 10 is due at 11
        assert_true(t < 2 || !is_silent(pcm));     // and concealed by sound
    }
    assert_int_equal(put(p, 10, 20 * TICK), SOTTO_EREPLAY);
    struct sotto_playout_stats s = stats_of(p);
    assert_int_equal(s.late, 1);
    assert_int_equal(s.duplicate, 0);
    assert_int_equal(s.concealed, 1);
    sotto_playout_free(p);
}

static void jitter_as_in_rfc3550(void **state)
{
    (void)state;
    encode_tone();
    struct sotto_playout *p = make();
    int16_t pcm[SOTTO_FRAME_SAMPLES];
    // Transit alternates by 8 ms: |D| is 8 ms each time, so J tends to 8 ms.
    for (uint64_t t = 0; t < FRAMES; t++) {
        assert_int_equal(put(p, t, t * TICK + (t % 2) * 8 * MS), 0);
        (void)sotto_playout_get(p, pcm, SOTTO_FRAME_SAMPLES, t * TICK + 19 * MS);
    }
    assert_in_range(stats_of(p).jitter_us, 7900, 8000);
    sotto_playout_free(p);
}

// Frames that were sent again, or overtaken, say nothing about jitter.
static void jitter_of_new_frames_only(void **state)
{
    (void)state;
    encode_tone();
    struct sotto_playout *p = make();
    int16_t pcm[SOTTO_FRAME_SAMPLES];
    for (uint64_t t = 0; t < FRAMES; t++) {
        if (t % 10 != 9) {
            assert_int_equal(put(p, t, t * TICK), 0);
        }
        if (t % 10 == 0 && t > 0) {
            assert_int_equal(put(p, t - 1, t * TICK), 0);
        }
        (void)sotto_playout_get(p, pcm, SOTTO_FRAME_SAMPLES, t * TICK + 5 * MS);
    }
    assert_int_equal(stats_of(p).jitter_us, 0);
    sotto_playout_free(p);
}

// What is passed over does not stay in the buffer.
static void passed_over_frames_leave(void **state)
{
    (void)state;
    encode_tone();
    struct sotto_playout *p = make();
    int16_t pcm[SOTTO_FRAME_SAMPLES];
    sotto_ns now = 0;
    (void)talk(p, 0, 20, &now);
    for (uint64_t t = 20; t < 80; t++) { // a second without a consumer
        assert_int_equal(put(p, t, t * TICK), 0);
    }
    assert_true(sotto_playout_get(p, pcm, SOTTO_FRAME_SAMPLES, 80 * TICK));
    struct sotto_playout_stats s = stats_of(p);
    assert_true(s.skipped >= 30);
    assert_true(s.lag_us <= SOTTO_PLAYOUT_LAG_MAX_MS * 1000);
    assert_true(s.depth_frames <= SOTTO_PLAYOUT_LAG_MAX_MS / SOTTO_TICK_MS);
    sotto_playout_free(p);
}

// While nothing comes, nothing is played: it lags behind nothing.
static void a_gap_is_no_lag(void **state)
{
    (void)state;
    encode_tone();
    struct sotto_playout *p = make();
    int16_t pcm[SOTTO_FRAME_SAMPLES];
    for (uint64_t t = 0; t < 120; t++) {
        if (t < 30 || t >= 90) {
            assert_int_equal(put(p, t, t * TICK), 0);
        }
        (void)sotto_playout_get(p, pcm, SOTTO_FRAME_SAMPLES, t * TICK + 5 * MS);
        assert_true(stats_of(p).lag_us <= SOTTO_PLAYOUT_LAG_MAX_MS * 1000);
    }
    assert_in_range(stats_of(p).concealed, 60, 64);
    sotto_playout_free(p);
}

static void refuses_bad_lengths(void **state)
{
    (void)state;
    struct sotto_playout *p = make();
    static const uint8_t packet[SOTTO_VOICE_PACKET_MAX_BYTES + 1];
    assert_int_equal(sotto_playout_put(p, 0, packet, 0, 0), SOTTO_EPARSE);
    assert_int_equal(sotto_playout_put(p, 0, packet, sizeof packet, 0), SOTTO_EPARSE);
    assert_int_equal(sotto_playout_put(p, UINT64_MAX, packet, 60, 0), SOTTO_EPARSE);
    assert_int_equal(stats_of(p).received, 0);
    assert_int_equal(sotto_playout_put(p, 0, packet, sizeof packet - 1, 0), 0);
    assert_int_equal(stats_of(p).received, 1);
    sotto_playout_free(p);
}

// Authentic packets that are no Opus are concealed like lost ones.
static void not_opus(void **state)
{
    (void)state;
    encode_tone();
    struct sotto_playout *p = make();
    sotto_ns now = 0;
    (void)talk(p, 0, 20, &now);
    uint64_t concealed = stats_of(p).concealed;
    const uint8_t junk[3] = {0xff, 0x3f, 0};
    int16_t pcm[SOTTO_FRAME_SAMPLES];
    assert_int_equal(sotto_playout_put(p, 20, junk, sizeof junk, now), 0);
    for (int i = 0; i < 3; i++, now += TICK) {
        (void)sotto_playout_get(p, pcm, SOTTO_FRAME_SAMPLES, now + 5 * MS);
        assert_false(is_silent(pcm));
    }
    assert_true(stats_of(p).concealed > concealed);
    sotto_playout_free(p);
}

static void conceals_then_falls_silent(void **state)
{
    (void)state;
    encode_tone();
    struct sotto_playout *p = make();
    sotto_ns now = 0;
    (void)talk(p, 0, 20, &now);
    int16_t pcm[SOTTO_FRAME_SAMPLES];
    uint64_t silent = 0, sounding = 0;
    for (int i = 0; i < 50; i++, now += TICK) {
        bool good = sotto_playout_get(p, pcm, SOTTO_FRAME_SAMPLES, now + 5 * MS);
        assert_true(!good || i < 1); // what was buffered
        silent += is_silent(pcm) ? 1 : 0;
        sounding += i >= 1 && !is_silent(pcm) ? 1 : 0;
        assert_true(i < 1 + SOTTO_PLAYOUT_CONCEAL_MAX_FRAMES || is_silent(pcm));
    }
    assert_true(sounding >= 3);
    assert_true(silent >= 50 - 1 - SOTTO_PLAYOUT_CONCEAL_MAX_FRAMES);
    assert_true(talk(p, 70, 90, &now) >= 18); // and comes back
    for (int i = 0; i < 2; i++) {             // to conceal again
        (void)sotto_playout_get(p, pcm, SOTTO_FRAME_SAMPLES, now + (sotto_ns)i * TICK + 5 * MS);
        assert_false(is_silent(pcm));
    }
    assert_false(sotto_playout_get(p, pcm, SOTTO_FRAME_SAMPLES, now + 2 * TICK + 5 * MS));
    sotto_playout_free(p);
}

// Counts of samples taken out and put in agree with what was played, and the step from sample to
// sample stays what it is in the tone.
static void stretching_does_not_click(void **state)
{
    (void)state;
    encode_tone();
    struct sotto_playout *p = make();
    sotto_ns now = 0;
    (void)talk(p, 0, 6, &now);
    for (uint64_t t = 6; t < 14; t++) { // the consumer stands still for a while
        assert_int_equal(put(p, t, now), 0);
    }
    int16_t pcm[SOTTO_FRAME_SAMPLES], last = 0;
    int step_max = 0;
    uint64_t t = 14;
    now += 8 * TICK;
    for (; stats_of(p).shortened < 4 * SOTTO_FRAME_SAMPLES; t++, now += TICK) {
        assert_true(t < 1000);
        assert_int_equal(put(p, t, now), 0);
        assert_true(sotto_playout_get(p, pcm, SOTTO_FRAME_SAMPLES, now + 5 * MS));
        for (size_t i = 0; i < SOTTO_FRAME_SAMPLES; i++) {
            int step = abs(pcm[i] - last);
            step_max = t > 15 && step > step_max ? step : step_max;
            last = pcm[i];
        }
    }
    // 8000 * 2 pi 425 / 48000 = 445 in the tone itself.
    print_message("greatest step %d\n", step_max);
    assert_in_range(step_max, 300, 1200);
    assert_int_equal(stats_of(p).concealed, 0);
    sotto_playout_free(p);
}

// ---- redundancy -------------------------------------------------------------------------------

static uint8_t told[FRAMES][SOTTO_VOICE_PACKET_MAX_BYTES];
#define TOLD_BYTES 114

static void encode_with_history(void)
{
    const struct voice_shape shape = {.bytes = TOLD_BYTES, .history = 25};
    struct sotto_voice_encoder *e;
    sound_speech(in, SAMPLES);
    assert_int_equal(sotto_voice_encoder_new(&e, sotto_env_default()), 0);
    for (size_t i = 0; i < FRAMES; i++) {
        assert_int_equal(voice_encode(e, &shape, in + i * SOTTO_FRAME_SAMPLES, told[i]), 0);
    }
    sotto_voice_encoder_free(e);
}

// Every tenth and eleventh frame is lost. A copy in the cell after next brings them.
static void copies_take_the_place(void **state)
{
    (void)state;
    encode_tone();
    struct sotto_playout *p = make();
    int16_t pcm[SOTTO_FRAME_SAMPLES];
    for (uint64_t t = 0; t < FRAMES; t++) {
        if (t < 20 || t % 10 > 1) {
            if (t >= 2) {
                int err = sotto_playout_put_copy(p, t - 2, packets[t - 2], SOTTO_VOICE_PACKET_BYTES,
                                                 t * TICK);
                assert_true(err == 0 || err == SOTTO_EREPLAY);
            }
            assert_int_equal(put(p, t, t * TICK), 0);
        }
        (void)sotto_playout_get(p, pcm, SOTTO_FRAME_SAMPLES, t * TICK + 5 * MS);
    }
    struct sotto_playout_stats s = stats_of(p);
    assert_in_range(s.copies, 30, 36);
    assert_true(s.concealed <= 6); // while it learns how long to wait
    assert_int_equal(s.duplicate, 0);
    assert_int_equal(s.received, FRAMES - 36);
    sotto_playout_free(p);
}

static void history_takes_the_place(void **state)
{
    (void)state;
    encode_with_history();
    for (int neural = 0; neural <= 1; neural++) {
        struct sotto_playout *p = make();
        int16_t pcm[SOTTO_FRAME_SAMPLES];
        bool able = sotto_playout_has_history(p); // not without DRED's weights
        sotto_playout_set_neural(p, neural == 1);
        assert_int_equal(sotto_playout_has_history(p), able && neural == 1);
        for (uint64_t t = 0; t < FRAMES; t++) {
            if (t < 20 || t % 20 > 3) { // four in a row
                assert_int_equal(sotto_playout_put(p, t, told[t], TOLD_BYTES, t * TICK), 0);
            }
            (void)sotto_playout_get(p, pcm, SOTTO_FRAME_SAMPLES, t * TICK + 5 * MS);
        }
        struct sotto_playout_stats s = stats_of(p);
        assert_true(able && neural == 1 ? s.retold >= 20 : s.retold == 0);
        assert_true(s.lag_us <= SOTTO_PLAYOUT_LAG_MAX_MS * 1000);
        sotto_playout_free(p);
    }
}

// Damaged history is authentic too, if the far end made it so.
static void history_of_a_liar(void **state)
{
    (void)state;
    encode_with_history();
    struct sotto_playout *p = make();
    int16_t pcm[SOTTO_FRAME_SAMPLES];
    uint64_t rng = 9;
    for (uint64_t t = 0; t < FRAMES; t++) {
        for (int i = 0; i < 3; i++) {
            told[t][prng_below(&rng, TOLD_BYTES - 2) + 2] ^= (uint8_t)prng_below(&rng, 256);
        }
        if (t % 4 == 0) {
            (void)sotto_playout_put(p, t, told[t], TOLD_BYTES, t * TICK);
        }
        (void)sotto_playout_get(p, pcm, SOTTO_FRAME_SAMPLES, t * TICK + 5 * MS);
        assert_true(stats_of(p).lag_us <= SOTTO_PLAYOUT_LAG_MAX_MS * 1000);
    }
    sotto_playout_free(p);
}

// A copy alone begins nothing, and does not move the stream.
static void copies_begin_nothing(void **state)
{
    (void)state;
    encode_tone();
    struct sotto_playout *p = make();
    int16_t pcm[SOTTO_FRAME_SAMPLES];
    assert_int_equal(sotto_playout_put_copy(p, 5, packets[5], 60, 0), SOTTO_EREPLAY);
    assert_int_equal(sotto_playout_put_copy(p, 5, packets[5], 0, 0), SOTTO_EPARSE);
    assert_false(sotto_playout_get(p, pcm, SOTTO_FRAME_SAMPLES, 5 * TICK));
    sotto_ns now = 6 * TICK;
    (void)talk(p, 0, 20, &now);
    assert_int_equal(sotto_playout_put_copy(p, 500, packets[5], 60, now), SOTTO_EREPLAY);
    assert_int_equal(sotto_playout_put_copy(p, 2, packets[2], 60, now), SOTTO_EREPLAY);
    assert_true(talk(p, 20, 40, &now) >= 19);
    sotto_playout_free(p);
}

// Cells of one, three and one tick again, announced: nothing is missing, nothing is made up, and
// neither does jitter show.
static void spans_change_without_a_gap(void **state)
{
    (void)state;
    int16_t pcm[SOTTO_FRAME_SAMPLES];
    encode_tone();
    struct sotto_playout *p = make();
    for (uint64_t t = 0; t < FRAMES; t++) {
        sotto_ns now = t * TICK;
        uint64_t span = t >= 80 && t < 140 ? 3 : 1;
        if (t == 50) {
            sotto_playout_expect(p, 3);
        } else if (t == 140) {
            sotto_playout_expect(p, 1);
        }
        // 80, 81, 82 come with 82.
        for (uint64_t back = span; (t - 80) % span == span - 1 && back-- > 0;) {
            const uint8_t *packet = packets[t - back];
            assert_int_equal((back > 0 ? sotto_playout_put_early
                                       : sotto_playout_put)(p, t - back, packet,
                                                            SOTTO_VOICE_PACKET_BYTES, now),
                             0);
        }
        bool sound = sotto_playout_get(p, pcm, SOTTO_FRAME_SAMPLES, now + 5 * MS);
        assert_true(sound || t < 3);
    }
    struct sotto_playout_stats s = stats_of(p);
    assert_int_equal(s.concealed, 0);
    assert_int_equal(s.received, FRAMES);
    assert_int_equal(s.skipped + s.late + s.copies, 0);
    assert_true(s.jitter_us < 1000);
    sotto_playout_free(p);
}

static void reset_starts_over(void **state)
{
    (void)state;
    encode_tone();
    struct sotto_playout *p = make();
    sotto_ns now = 0;
    (void)talk(p, 100, 120, &now);
    sotto_playout_reset(p);
    int16_t pcm[SOTTO_FRAME_SAMPLES];
    assert_false(sotto_playout_get(p, pcm, SOTTO_FRAME_SAMPLES, now));
    assert_true(is_silent(pcm));
    assert_int_equal(stats_of(p).depth_frames, 0);
    assert_int_equal(talk(p, 5, 25, &now), 19); // older ticks, too
    sotto_playout_free(p);
}

// Clocks that jump, in either direction, harm nothing.
// What was last heard before a sleep is not what is heard first after it.
static void a_sleep_is_followed_by_silence(void **state)
{
    (void)state;
    encode_tone();
    int16_t pcm[SOTTO_FRAME_SAMPLES];
    for (int asleep_s = 1; asleep_s <= 10; asleep_s += 9) {
        struct sotto_playout *p = make();
        sotto_ns now = SOTTO_NS_PER_S;
        talk(p, 0, 50, &now);
        now += (sotto_ns)asleep_s * SOTTO_NS_PER_S;
        assert_false(sotto_playout_get(p, pcm, SOTTO_FRAME_SAMPLES, now));
        assert_int_equal(is_silent(pcm),
                         asleep_s == 10); // a consumer that asks seldom is concealed
        uint64_t tick = 50 + (uint64_t)asleep_s * 50;
        assert_true(talk(p, tick, tick + 50, &now) > 25);
        sotto_playout_free(p);
    }
}

static void wild_clocks(void **state)
{
    (void)state;
    encode_tone();
    struct sotto_playout *p = make();
    const sotto_ns times[] = {0, SOTTO_NEVER, 5, UINT64_MAX / 2, 1, SOTTO_NEVER - 1, 0};
    int16_t pcm[SOTTO_FRAME_SAMPLES];
    for (uint64_t t = 0; t < 70; t++) {
        (void)put(p, t, times[t % 7]);
        (void)sotto_playout_get(p, pcm, SOTTO_FRAME_SAMPLES, times[(t * 3 + 1) % 7]);
    }
    assert_true(stats_of(p).played > 0);
    sotto_playout_free(p);
}

static void allocation_failures(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        struct failing_env f;
        struct sotto_playout *p = NULL;
        failing_env_init(&f, n);
        int err = sotto_playout_new(&p, &f.env);
        if (!f.failed) {
            // Nothing later asks for memory.
            sotto_ns now = 0;
            f.fail_at = f.calls + 1;
            assert_int_equal(err, 0);
            (void)talk(p, 0, 20, &now);
            sotto_playout_reset(p);
            assert_false(f.failed);
            sotto_playout_free(p);
            assert_int_equal(f.live, 0);
            assert_int_equal(n, 7);
            break;
        }
        assert_int_equal(err, SOTTO_ENOMEM);
        assert_null(p);
        assert_int_equal(f.live, 0);
    }
    sotto_playout_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_yet),
        cmocka_unit_test(speech_comes_through),
        cmocka_unit_test(what_is_counted),
        cmocka_unit_test(late_is_counted),
        cmocka_unit_test(jitter_as_in_rfc3550),
        cmocka_unit_test(jitter_of_new_frames_only),
        cmocka_unit_test(passed_over_frames_leave),
        cmocka_unit_test(a_gap_is_no_lag),
        cmocka_unit_test(refuses_bad_lengths),
        cmocka_unit_test(not_opus),
        cmocka_unit_test(conceals_then_falls_silent),
        cmocka_unit_test(stretching_does_not_click),
        cmocka_unit_test(copies_take_the_place),
        cmocka_unit_test(history_takes_the_place),
        cmocka_unit_test(history_of_a_liar),
        cmocka_unit_test(copies_begin_nothing),
        cmocka_unit_test(spans_change_without_a_gap),
        cmocka_unit_test(reset_starts_over),
        cmocka_unit_test(a_sleep_is_followed_by_silence),
        cmocka_unit_test(wild_clocks),
        cmocka_unit_test(allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
