// SPDX-License-Identifier: Apache-2.0
#include "daemon/certificate.h"

#include <errno.h>
#include <inttypes.h>
#include <net.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/hex.h"

#define DAY_S 86400

static int find_files(struct certificate *out, const struct sottod_config *c)
{
    out->self_made = c->certificate[0] == '\0';
    if (out->self_made)
        return config_path(c, "relay.crt", out->file) != 0 ||
                       config_path(c, "relay.key", out->key) != 0
                   ? SOTTO_ESPACE
                   : 0;
    memcpy(out->file, c->certificate, sizeof out->file);
    memcpy(out->key, c->key, sizeof out->key);
    return 0;
}

static int look(struct certificate *out)
{
    return net_certificate_pin(out->file, out->pin, out->sha256, &out->not_after_unix_s);
}

bool certificate_ends_soon(const struct certificate *c, int64_t now_unix_s)
{
    return c->self_made && c->not_after_unix_s - now_unix_s < CERTIFICATE_RENEW_DAYS * DAY_S;
}

static int make(struct certificate *out, const struct sottod_config *c, int64_t now_unix_s,
                char *error, size_t cap)
{
    int rc = net_certificate_make(out->file, out->key, c->name, CERTIFICATE_DAYS, now_unix_s);
    if (rc == 0)
        rc = look(out);
    if (rc != 0)
        snprintf(error, cap, "the certificate %s cannot be made: %s", out->file,
                 rc == SOTTO_EIO ? strerror(errno) : sotto_strerror(rc));
    return rc;
}

// Whatever the reason is, OpenSSL words it badly: say which file, and what is to be done.
static int unusable(const struct certificate *c, char *error, size_t cap)
{
    if (access(c->file, R_OK) != 0)
        snprintf(error, cap, "the certificate %s cannot be read: %s", c->file, strerror(errno));
    else
        snprintf(error, cap, "%s is no certificate in PEM form", c->file);
    return SOTTO_EINVAL;
}

int certificate_prepare(struct certificate *out, const struct sottod_config *c, int64_t now_unix_s,
                        bool anew, char *error, size_t error_cap)
{
    struct certificate found = {.self_made = false};
    if (find_files(&found, c) != 0) {
        snprintf(error, error_cap, "the path of the data directory is too long");
        return SOTTO_EINVAL;
    }
    bool there = look(&found) == 0;
    int rc = 0;
    if (found.self_made && (!there || anew || certificate_ends_soon(&found, now_unix_s)))
        rc = make(&found, c, now_unix_s, error, error_cap);
    else if (!there)
        rc = unusable(&found, error, error_cap);
    else if (access(found.key, R_OK) != 0) {
        snprintf(error, error_cap, "the key %s cannot be read: %s", found.key, strerror(errno));
        rc = SOTTO_EINVAL;
    }
    if (rc == 0)
        *out = found;
    return rc;
}

void certificate_pin_text(const struct certificate *c, char out[2 * CERTIFICATE_PIN_BYTES + 1])
{
    hex_encode(c->pin, sizeof c->pin, out);
}
