// SPDX-License-Identifier: Apache-2.0
#include "phone_impl.h"

#include <stdio.h>
#include <string.h>

int args_invalid(struct phone *p, const char *name)
{
    snprintf(p->detail, sizeof p->detail, "%s", name);
    return SOTTO_EINVAL;
}

int args_text_or_null(struct phone *p, const json_t *args, const char *name, const char **out)
{
    const json_t *v = json_object_get(args, name);
    if (v != NULL && !json_is_string(v)) {
        return args_invalid(p, name);
    }
    *out = json_string_value(v);
    return SOTTO_OK;
}

int args_text(struct phone *p, const json_t *args, const char *name, const char **out)
{
    const char *text = json_string_value(json_object_get(args, name));
    if (text == NULL) {
        return args_invalid(p, name);
    }
    *out = text;
    return SOTTO_OK;
}

int args_label(struct phone *p, const json_t *args, const char *name, const char **out)
{
    const char *text = json_string_value(json_object_get(args, name));
    if (text == NULL || sotto_name_check(text) != SOTTO_OK) {
        return args_invalid(p, name);
    }
    *out = text;
    return SOTTO_OK;
}

int args_integer(struct phone *p, const json_t *args, const char *name, int64_t least, int64_t most,
                 int64_t *out)
{
    const json_t *v = json_object_get(args, name);
    if (!json_is_integer(v) || json_integer_value(v) < least || json_integer_value(v) > most) {
        return args_invalid(p, name);
    }
    *out = json_integer_value(v);
    return SOTTO_OK;
}

int args_integer_or(struct phone *p, const json_t *args, const char *name, int64_t least,
                    int64_t most, int64_t otherwise, int64_t *out)
{
    if (json_object_get(args, name) == NULL) {
        *out = otherwise;
        return SOTTO_OK;
    }
    return args_integer(p, args, name, least, most, out);
}

int args_bool(struct phone *p, const json_t *args, const char *name, bool *out)
{
    const json_t *v = json_object_get(args, name);
    if (!json_is_boolean(v)) {
        return args_invalid(p, name);
    }
    *out = json_is_true(v);
    return SOTTO_OK;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int args_id(struct phone *p, const json_t *args, const char *name, uint8_t out[32])
{
    const char *text = json_string_value(json_object_get(args, name));
    if (text == NULL || strlen(text) != 64) {
        return args_invalid(p, name);
    }
    uint8_t id[32];
    for (size_t i = 0; i < sizeof id; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return args_invalid(p, name);
        }
        id[i] = (uint8_t)(high << 4 | low);
    }
    memcpy(out, id, sizeof id);
    return SOTTO_OK;
}

int args_terms(struct phone *p, const json_t *args, struct number_terms *out)
{
    int64_t expires_s, calls;
    int error = args_integer_or(p, args, "expires_s", 0, PHONE_TERMS_MAX_S, 0, &expires_s);
    if (error == SOTTO_OK) {
        error = args_integer_or(p, args, "calls", 0, PHONE_CALLS_TERM_MAX, 0, &calls);
    }
    if (error == SOTTO_OK) {
        *out = (struct number_terms){.expires_s = expires_s, .calls = (uint32_t)calls};
    }
    return error;
}
