/* What a fuzz target defines. */
#ifndef SOTTO_FUZZ_H
#define SOTTO_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Feeds one input to the code under test. Returns 0; a crash or failed assertion is the finding. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
