// SPDX-License-Identifier: Apache-2.0
// Opus: what the media directory itself uses beside the public functions.
#ifndef SOTTO_MEDIA_VOICE_H
#define SOTTO_MEDIA_VOICE_H

#include <sotto/media.h>

// As new: nothing of what was decoded before sounds on. For a gap after which the stream goes on
// somewhere else.
void voice_decoder_reset(struct sotto_voice_decoder *d);

#endif
