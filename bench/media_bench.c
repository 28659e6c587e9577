// SPDX-License-Identifier: Apache-2.0
// What a cell and a frame of voice cost, beside the bare cipher on the same bytes in the same run.
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "media/cell_crypt.h"
#include "media/voice_fill.h"
#include "sound.h"

#define CELLS            200000
#define ROUNDS           3 // the best counts: the machine is shared
#define FRAMES           500
#define TICKS_PER_SECOND (1000 / SOTTO_TICK_MS)
#define CELL_BUDGET_US   1.0  // over the bare cipher, for a seal and an open together
#define DEVICE_BUDGET    5.0  // per cent of one core, in a call
#define NEURAL_BUDGET    12.0 // with DRED, under loss

static void check(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "media_bench: %s failed\n", what);
        exit(1);
    }
}

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double best_of(double (*once)(void))
{
    double best = once();
    for (int i = 1; i < ROUNDS; i++) {
        double t = once();
        best = t < best ? t : best;
    }
    return best;
}

// ---- cells ------------------------------------------------------------------------------------

// AES-256-GCM of one cell's plaintext with a new nonce each time: the least that OpenSSL can do.
static double bare_direction(bool seal)
{
    uint8_t key[32] = {1}, nonce[12] = {0}, data[CELL_PLAINTEXT_MAX_BYTES] = {0}, tag[16] = {0};
    uint8_t out[CELL_PLAINTEXT_MAX_BYTES];
    int n;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    check(c != NULL && EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, key, NULL, seal) == 1, "init");
    double start = cpu_us();
    for (uint32_t i = 0; i < CELLS; i++) {
        memcpy(nonce, &i, sizeof i);
        check(EVP_CipherInit_ex(c, NULL, NULL, NULL, nonce, seal) == 1 &&
                  EVP_CipherUpdate(c, out, &n, data, sizeof data) == 1,
              "cipher");
        if (seal) {
            check(EVP_CipherFinal_ex(c, out, &n) == 1 &&
                      EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, sizeof tag, tag) == 1,
                  "final");
        } else {
            check(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag) == 1, "tag");
            (void)EVP_CipherFinal_ex(c, out, &n); // no tag fits: the work is the same
        }
    }
    double t = (cpu_us() - start) / CELLS;
    EVP_CIPHER_CTX_free(c);
    return t;
}

static double bare_seal(void)
{
    return bare_direction(true);
}

static double bare_open(void)
{
    return bare_direction(false);
}

static uint8_t cells[CELLS][CELL_BYTES];
static const uint8_t voice[SOTTO_VOICE_PACKET_BYTES];

static double cells_sealed(void)
{
    struct cell_sealer *s;
    struct sotto_secret base = {{1}};
    check(cell_sealer_new(&s, sotto_env_default()) == 0 && cell_sealer_set_key(s, 0, &base) == 0,
          "sealer");
    struct cell_content c = {.voice = voice, .voice_len = sizeof voice, .has_ack = true};
    double start = cpu_us();
    for (size_t i = 0; i < CELLS; i++) {
        check(cell_seal(s, &c, cells[i]) == 0, "seal");
    }
    double t = (cpu_us() - start) / CELLS;
    cell_sealer_free(s);
    return t;
}

static double cells_opened(void)
{
    struct cell_opener *o;
    struct sotto_secret base = {{1}};
    check(cell_opener_new(&o, sotto_env_default()) == 0 && cell_opener_add_key(o, 0, &base) == 0,
          "opener");
    uint8_t plain[CELL_PLAINTEXT_MAX_BYTES];
    struct cell_content c;
    uint64_t ctr;
    double start = cpu_us();
    for (size_t i = 0; i < CELLS; i++) {
        check(cell_open(o, cells[i], 0, plain, &c, &ctr) == 0, "open");
    }
    double t = (cpu_us() - start) / CELLS;
    cell_opener_free(o);
    return t;
}

// ---- voice ------------------------------------------------------------------------------------

static int16_t pcm[FRAMES * SOTTO_FRAME_SAMPLES];
static uint8_t packets[FRAMES][SOTTO_VOICE_PACKET_BYTES];

static double encoded(void)
{
    struct sotto_voice_encoder *e;
    check(sotto_voice_encoder_new(&e, sotto_env_default()) == 0, "encoder");
    double start = cpu_us();
    for (size_t i = 0; i < FRAMES; i++) {
        check(sotto_voice_encode(e, pcm + i * SOTTO_FRAME_SAMPLES, packets[i]) == 0, "encode");
    }
    double t = (cpu_us() - start) / FRAMES;
    sotto_voice_encoder_free(e);
    return t;
}

static double decoded_with_loss(unsigned one_in)
{
    struct sotto_voice_decoder *d;
    int16_t out[SOTTO_FRAME_SAMPLES];
    check(sotto_voice_decoder_new(&d, sotto_env_default()) == 0, "decoder");
    double start = cpu_us();
    for (size_t i = 0; i < FRAMES; i++) {
        bool lost = one_in != 0 && i % one_in == 0;
        check(sotto_voice_decode(d, lost ? NULL : packets[i], sizeof packets[i], out) == 0,
              "decode");
    }
    double t = (cpu_us() - start) / FRAMES;
    sotto_voice_decoder_free(d);
    return t;
}

// A whole direction: cells filled, every fifth lost, played.
static double calls_voice(bool neural)
{
    struct sotto_voice_encoder *e;
    struct sotto_playout *p = NULL;
    struct voice_fill fill;
    int16_t out[SOTTO_FRAME_SAMPLES];
    check(sotto_voice_encoder_new(&e, sotto_env_default()) == 0 &&
              sotto_playout_new(&p, sotto_env_default()) == 0,
          "voice");
    voice_encoder_set_neural(e, neural);
    sotto_playout_set_neural(p, neural);
    voice_fill_init(&fill);
    voice_fill_report(&fill, (struct loss_view){51, 24, neural});
    double start = cpu_us();
    for (size_t i = 0; i < FRAMES; i++) {
        struct cell_content c = {0};
        sotto_ns now = i * SOTTO_TICK_NS;
        check(voice_fill_cell(&fill, e, pcm + i * SOTTO_FRAME_SAMPLES, CELL_ROOM_USUAL_BYTES, &c) ==
                  0,
              "fill");
        for (size_t k = 0; i % 5 != 0 && k < c.earlier_count; k++) {
            (void)sotto_playout_put_copy(p, i - c.earlier[k].distance, c.earlier[k].packet,
                                         c.earlier[k].len, now);
        }
        if (i % 5 != 0) {
            (void)sotto_playout_put(p, i, c.voice, c.voice_len, now);
        }
        (void)sotto_playout_get(p, out, SOTTO_FRAME_SAMPLES, now + 1);
    }
    double t = (cpu_us() - start) / FRAMES;
    sotto_voice_encoder_free(e);
    sotto_playout_free(p);
    return t;
}

static double voice_neural(void)
{
    return calls_voice(true);
}

static double voice_plain(void)
{
    return calls_voice(false);
}

static double decoded(void)
{
    return decoded_with_loss(0);
}

static double decoded_half_lost(void)
{
    return decoded_with_loss(2);
}

int main(void)
{
    double bare = best_of(bare_seal) + best_of(bare_open);
    double seal = best_of(cells_sealed), open = best_of(cells_opened);
    printf("a cell: seal %.3f us, open %.3f us, together %.3f us\n", seal, open, seal + open);
    printf("  bare AES-256-GCM on its %d bytes, both ways: %.3f us; ours on top %.3f us (budget "
           "%.1f)\n",
           CELL_PLAINTEXT_MAX_BYTES, bare, seal + open - bare, CELL_BUDGET_US);

    const char *what = sound_speech(pcm, sizeof pcm / sizeof pcm[0]);
    double enc = best_of(encoded), dec = best_of(decoded), bad = best_of(decoded_half_lost);
    double share = (enc + bad + seal + open) * TICKS_PER_SECOND / 1e4;
    printf("a frame of %s: encode %.0f us, decode %.0f us, every second one concealed %.0f us\n",
           what, enc, dec, bad);
    printf("  a device in a call, half of its frames lost: %.2f %% of a core (budget %.0f)\n",
           share, DEVICE_BUDGET);
    double neural = best_of(voice_neural) * TICKS_PER_SECOND / 1e4;
    double plain = best_of(voice_plain) * TICKS_PER_SECOND / 1e4;
    printf("voice whole, redundancy for bursts, every fifth cell lost: %.2f %% of a core (budget "
           "%.0f); without neural parts %.2f %%\n",
           neural, NEURAL_BUDGET, plain);
    return seal + open - bare <= CELL_BUDGET_US && share <= DEVICE_BUDGET && neural <= NEURAL_BUDGET
               ? 0
               : 1;
}
