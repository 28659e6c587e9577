// SPDX-License-Identifier: Apache-2.0
#include "audio.h"

#include <math.h>
#include <string.h>

#define DEVICE_PREFIX "device:"
#define FLOOR_DB      60.0

static bool ends_with(const char *s, const char *end)
{
    size_t len = strlen(s), end_len = strlen(end);
    return len >= end_len && strcmp(s + len - end_len, end) == 0;
}

int audio_spec_parse(const char *spec, enum audio_kind *kind, const char **name)
{
    enum audio_kind k;
    const char *rest = NULL;
    if (spec == NULL || strcmp(spec, "silence") == 0 || strcmp(spec, "none") == 0) {
        k = AUDIO_NOTHING;
    } else if (strcmp(spec, "device") == 0) {
        k = AUDIO_DEVICE;
    } else if (strncmp(spec, DEVICE_PREFIX, strlen(DEVICE_PREFIX)) == 0) {
        k = AUDIO_DEVICE;
        rest = spec + strlen(DEVICE_PREFIX);
        if (rest[0] == '\0') {
            return SOTTO_EINVAL;
        }
    } else if (strchr(spec, '/') != NULL || ends_with(spec, ".wav") || ends_with(spec, ".WAV")) {
        k = AUDIO_FILE;
        rest = spec;
    } else {
        return SOTTO_EINVAL;
    }
    *kind = k;
    *name = rest;
    return 0;
}

unsigned audio_level(const int16_t *pcm, size_t samples)
{
    double sum = 0;
    for (size_t i = 0; i < samples; i++) {
        sum += (double)pcm[i] * pcm[i];
    }
    if (samples == 0 || sum <= 0) {
        return 0;
    }
    // A sine at full scale is 100.
    double db = 10 * log10(sum / (double)samples / (32768.0 * 32768.0 / 2));
    double level = (db + FLOOR_DB) / FLOOR_DB * 100;
    return level <= 0 ? 0 : level >= 100 ? 100 : (unsigned)level;
}
