// SPDX-License-Identifier: Apache-2.0
// The relay's certificate: the operator's, or a self-made one (whose key's hash then goes into
// every link, so that devices need no authority to know the relay).
#ifndef SOTTO_DAEMON_CERTIFICATE_H
#define SOTTO_DAEMON_CERTIFICATE_H

#include "daemon/config.h"

#define CERTIFICATE_DAYS       14 // browsers take no longer one by its hash
#define CERTIFICATE_RENEW_DAYS 5  // as soon as no more than this is left
#define CERTIFICATE_PIN_BYTES  32

struct certificate {
    char file[CONFIG_PATH_MAX];
    char key[CONFIG_PATH_MAX];
    bool self_made;
    uint8_t pin[CERTIFICATE_PIN_BYTES]; // SHA-256 of the key's SPKI
    uint8_t sha256[32];                 // of the whole certificate
    int64_t not_after_unix_s;
};

// Finds it; makes it if it is to be self-made and there is none, it ends soon, or `anew`. The
// key is made once and kept. SOTTO_EIO, SOTTO_EINVAL with a sentence.
int certificate_prepare(struct certificate *out, const struct sottod_config *c, int64_t now_unix_s,
                        bool anew, char *error, size_t error_cap);
// Whether a self-made one should be made anew by now.
bool certificate_ends_soon(const struct certificate *c, int64_t now_unix_s);
// The pin as hexadecimal digits.
void certificate_pin_text(const struct certificate *c, char out[2 * CERTIFICATE_PIN_BYTES + 1]);

#endif
