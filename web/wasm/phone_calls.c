// SPDX-License-Identifier: Apache-2.0
#include "phone_impl.h"

#include "contact_acts.h"

#include <stdio.h>
#include <string.h>

// ---- dial --------------------------------------------------------------------------------------

struct target {
    struct sotto_number_link link; // secret
    char label[SOTTO_NAME_MAX_BYTES + 1];
};

static int target_contact(struct phone *p, const json_t *args, struct target *out)
{
    struct sotto_fingerprint fp;
    struct sotto_contact contact;
    int error = args_id(p, args, "contact", fp.bytes);
    error = error == SOTTO_OK ? store_contact_get(p->store, &fp, &contact) : error;
    if (error != SOTTO_OK) {
        return error;
    }
    if (contact.has_link) {
        out->link = contact.link;
        memcpy(out->label, contact.label, sizeof out->label);
    } else {
        error = SOTTO_ENOTFOUND;
    }
    sotto_wipe(&contact, sizeof contact);
    return error;
}

// Our own word for them, or the given one, or what the link says, or where it leads.
static void choose_label(struct phone *p, const char *given, struct target *t)
{
    struct sotto_contact contact;
    if (store_contact_get(p->store, &t->link.callee, &contact) == SOTTO_OK) {
        memcpy(t->label, contact.label, sizeof t->label);
        sotto_wipe(&contact, sizeof contact);
    } else if (given != NULL) {
        snprintf(t->label, sizeof t->label, "%s", given);
    } else {
        bool named = sotto_name_check(t->link.name) == SOTTO_OK;
        snprintf(t->label, sizeof t->label, "%.*s", SOTTO_NAME_MAX_BYTES,
                 named ? t->link.name : t->link.relay.host);
    }
}

static int target_link(struct phone *p, const json_t *args, struct target *out)
{
    const char *text, *label;
    int error = args_text(p, args, "link", &text);
    error = error == SOTTO_OK ? args_text_or_null(p, args, "label", &label) : error;
    if (error == SOTTO_OK && label != NULL && sotto_name_check(label) != SOTTO_OK) {
        error = args_invalid(p, "label");
    }
    error = error == SOTTO_OK ? phone_number_link_parse(text, &out->link) : error;
    if (error == SOTTO_OK) {
        choose_label(p, label, out);
    }
    return error;
}

int phone_dial(struct phone *p, const json_t *args, json_t **result)
{
    struct target target;
    uint32_t call;
    bool known = json_object_get(args, "contact") != NULL;
    int error = known ? target_contact(p, args, &target) : target_link(p, args, &target);
    if (error == SOTTO_OK) {
        error = sotto_device_dial(p->device, &target.link, target.label, p->now, &call);
    }
    if (error == SOTTO_OK) {
        phone_mark_call(p, call);
        size_t place = call_notes_place(&p->notes, call);
        if (place < SOTTO_CALLS_MAX) {
            p->calls[place].link = target.link;
        }
        *result = json_pack("{s:I}", "call", (json_int_t)call);
    }
    sotto_wipe(&target, sizeof target);
    return error;
}

// ---- during a call -----------------------------------------------------------------------------

static int read_call(struct phone *p, const json_t *args, uint32_t *out)
{
    int64_t call;
    int error = args_integer(p, args, "call", 1, UINT32_MAX, &call);
    if (error == SOTTO_OK) {
        *out = (uint32_t)call;
    }
    return error;
}

static int act(struct phone *p, const json_t *args,
               int (*what)(struct sotto_device *d, uint32_t call, struct sotto_now now))
{
    uint32_t call;
    int error = read_call(p, args, &call);
    error = error == SOTTO_OK ? what(p->device, call, p->now) : error;
    if (error == SOTTO_OK) {
        phone_mark_call(p, call);
    }
    return error;
}

static int act_flag(struct phone *p, const json_t *args, const char *name,
                    int (*what)(struct sotto_device *d, uint32_t call, bool on,
                                struct sotto_now now))
{
    uint32_t call;
    bool on;
    int error = read_call(p, args, &call);
    error = error == SOTTO_OK ? args_bool(p, args, name, &on) : error;
    error = error == SOTTO_OK ? what(p->device, call, on, p->now) : error;
    if (error == SOTTO_OK) {
        phone_mark_call(p, call);
    }
    return error;
}

int phone_accept(struct phone *p, const json_t *args, json_t **result)
{
    (void)result;
    return act(p, args, sotto_device_accept);
}

int phone_decline(struct phone *p, const json_t *args, json_t **result)
{
    (void)result;
    return act(p, args, sotto_device_decline);
}

int phone_hangup(struct phone *p, const json_t *args, json_t **result)
{
    (void)result;
    return act(p, args, sotto_device_hangup);
}

int phone_hold(struct phone *p, const json_t *args, json_t **result)
{
    (void)result;
    return act_flag(p, args, "on", sotto_device_hold);
}

int phone_mute(struct phone *p, const json_t *args, json_t **result)
{
    (void)result;
    return act_flag(p, args, "on", sotto_device_mute);
}

// The words are compared with an identity: it must be one that is known from here on.
static void keep_peer(struct phone *p, uint32_t call)
{
    size_t place = call_notes_place(&p->notes, call);
    struct sotto_call_info info;
    struct sotto_contact contact;
    bool fresh;
    if (place == SOTTO_CALLS_MAX || sotto_device_call_info(p->device, call, &info) != SOTTO_OK ||
        info.incoming || !info.secure ||
        store_contact_get(p->store, &info.peer, &contact) != SOTTO_ENOTFOUND) {
        return;
    }
    // If another contact has that label, nothing can be kept, and the words count for this call
    // only.
    (void)contact_keep_link(p->store, &p->calls[place].link, info.label, p->now.unix_s, &fresh,
                            &contact);
    sotto_wipe(&contact, sizeof contact);
    phone_mark(p, DIRTY_CONTACTS);
}

int phone_words(struct phone *p, const json_t *args, json_t **result)
{
    (void)result;
    uint32_t call;
    if (json_is_true(json_object_get(args, "match")) && read_call(p, args, &call) == SOTTO_OK) {
        keep_peer(p, call);
    }
    int error = act_flag(p, args, "match", sotto_device_words_compared);
    // The call is ended all the same, if there is nobody in the book to be marked.
    bool differ = json_is_false(json_object_get(args, "match"));
    struct sotto_call_info info;
    bool known = error == SOTTO_ENOTFOUND && differ && read_call(p, args, &call) == SOTTO_OK &&
                 sotto_device_call_info(p->device, call, &info) == SOTTO_OK;
    return known ? SOTTO_OK : error;
}

// ---- all of them -------------------------------------------------------------------------------

int phone_calls(struct phone *p, const json_t *args, json_t **result)
{
    (void)args;
    uint32_t calls[SOTTO_CALLS_MAX];
    size_t count = sotto_device_calls(p->device, calls);
    *result = json_array();
    for (size_t i = 0; i < count; i++) {
        struct sotto_call_info info;
        if (sotto_device_call_info(p->device, calls[i], &info) == SOTTO_OK &&
            info.state != SOTTO_CALL_ENDED && info.state != SOTTO_CALL_CHECKING) {
            json_array_append_new(*result, json_call(p, &info));
        }
    }
    return SOTTO_OK;
}
