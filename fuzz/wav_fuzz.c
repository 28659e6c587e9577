// SPDX-License-Identifier: Apache-2.0
// A WAV file from anybody. What is read is bounded by what is there, and the same after a rewind.
#include "fuzz.h"

#include "wav.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define SAMPLES_MAX 200000

static size_t read_all(struct wav_reader *r, uint64_t *sum)
{
    int16_t pcm[777];
    size_t all = 0, n;
    while (all < SAMPLES_MAX && (n = wav_reader_read(r, pcm, sizeof(pcm) / sizeof(pcm[0]))) > 0) {
        for (size_t i = 0; i < n; i++) {
            *sum = *sum * 31 + (uint16_t)pcm[i];
        }
        all += n;
    }
    return all;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wav_reader *r = NULL;
    struct wav_format format;
    uint64_t first = 0, second = 0;
    FILE *f = size > 0 ? fmemopen((void *)(uintptr_t)data, size, "rb") : NULL;
    if (f == NULL || wav_reader_open_stream(&r, f) != 0) {
        return 0;
    }
    wav_reader_format(r, &format);
    assert(format.rate >= WAV_RATE_MIN && format.rate <= WAV_RATE_MAX);
    assert(format.channels >= 1 && format.channels <= WAV_CHANNELS_MAX);
    size_t samples = read_all(r, &first);
    // A second of the slowest rate is twelve of ours; the filter's tail adds a little.
    size_t frames = size / (format.channels * (format.bits / 8));
    assert(samples <= frames * (WAV_RATE / WAV_RATE_MIN) + WAV_RATE);
    if (wav_reader_rewind(r) == 0) {
        assert(read_all(r, &second) == samples && second == first);
    }
    wav_reader_close(r);
    return 0;
}
