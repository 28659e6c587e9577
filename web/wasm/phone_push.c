// SPDX-License-Identifier: Apache-2.0
// Ringing while the page is closed: the browser's push subscription is left at the home relay.
#include "phone_impl.h"

#include "base/encoding.h"

#include <stdio.h>
#include <string.h>

static int take_bytes(struct phone *p, const json_t *args, const char *name, uint8_t *out,
                      size_t len)
{
    const char *text;
    int error = args_text(p, args, name, &text);
    if (error == SOTTO_OK && base64url_decode(text, strlen(text), out, len) != (int)len) {
        error = args_invalid(p, name);
    }
    return error;
}

static int take_subscription(struct phone *p, const json_t *args, struct sotto_push *out)
{
    const char *endpoint;
    int error = args_text(p, args, "endpoint", &endpoint);
    if (error == SOTTO_OK && strlen(endpoint) > SOTTO_PUSH_ENDPOINT_MAX_BYTES) {
        error = args_invalid(p, "endpoint");
    }
    if (error == SOTTO_OK) {
        snprintf(out->endpoint, sizeof out->endpoint, "%s", endpoint);
        error = take_bytes(p, args, "p256dh", out->p256dh, sizeof out->p256dh);
    }
    return error == SOTTO_OK ? take_bytes(p, args, "auth", out->auth, sizeof out->auth) : error;
}

int phone_push(struct phone *p, const json_t *args, json_t **result)
{
    (void)result;
    struct sotto_push push;
    bool off = json_is_true(json_object_get(args, "off"));
    int error = off ? SOTTO_OK : take_subscription(p, args, &push);
    if (error == SOTTO_OK) {
        error = sotto_device_push(p->device, off ? NULL : &push, p->now, &p->push_request);
    }
    sotto_wipe(&push, sizeof push);
    return error;
}
