// SPDX-License-Identifier: Apache-2.0
#include "phone_impl.h"

#include <string.h>

enum needs {
    NEEDS_NOTHING,
    NEEDS_OPEN, // a store; otherwise ESTATE
};

static const struct {
    const char *name;
    phone_handler *run;
    enum needs needs;
} commands[] = {
    {"boot", phone_boot, NEEDS_NOTHING},
    {"create", phone_create, NEEDS_NOTHING},
    {"open", phone_open, NEEDS_NOTHING},
    {"lock", phone_lock, NEEDS_OPEN},
    {"set_lock", phone_set_lock, NEEDS_OPEN},
    {"profile", phone_profile, NEEDS_OPEN},
    {"set_name", phone_set_name, NEEDS_OPEN},
    {"join", phone_join, NEEDS_OPEN},
    {"link", phone_link, NEEDS_NOTHING},
    {"dial", phone_dial, NEEDS_OPEN},
    {"accept", phone_accept, NEEDS_OPEN},
    {"decline", phone_decline, NEEDS_OPEN},
    {"hangup", phone_hangup, NEEDS_OPEN},
    {"hold", phone_hold, NEEDS_OPEN},
    {"mute", phone_mute, NEEDS_OPEN},
    {"words", phone_words, NEEDS_OPEN},
    {"calls", phone_calls, NEEDS_OPEN},
    {"numbers", phone_numbers, NEEDS_OPEN},
    {"number_new", phone_number_new, NEEDS_OPEN},
    {"number_link", phone_number_link, NEEDS_OPEN},
    {"number_label", phone_number_label, NEEDS_OPEN},
    {"number_revoke", phone_number_revoke, NEEDS_OPEN},
    {"number_restore", phone_number_restore, NEEDS_OPEN},
    {"number_rebind", phone_number_rebind, NEEDS_OPEN},
    {"contacts", phone_contacts, NEEDS_OPEN},
    {"contact_add", phone_contact_add, NEEDS_OPEN},
    {"contact_rename", phone_contact_rename, NEEDS_OPEN},
    {"contact_remove", phone_contact_remove, NEEDS_OPEN},
    {"exchange", phone_exchange_start, NEEDS_OPEN},
    {"exchange_pick", phone_exchange_pick, NEEDS_OPEN},
    {"exchange_cancel", phone_exchange_cancel, NEEDS_OPEN},
    {"log", phone_log, NEEDS_OPEN},
    {"log_clear", phone_log_clear, NEEDS_OPEN},
    {"backup", phone_backup, NEEDS_OPEN},
    {"kit", phone_kit, NEEDS_OPEN},
    {"restore", phone_restore, NEEDS_NOTHING},
    {"erase", phone_erase, NEEDS_NOTHING},
    {"push", phone_push, NEEDS_OPEN},
};

static int run_named(struct phone *p, const char *name, const json_t *args, json_t **result)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return commands[i].needs == NEEDS_OPEN && p->store == NULL
                       ? SOTTO_ESTATE
                       : commands[i].run(p, args, result);
        }
    }
    return args_invalid(p, "command");
}

static int run(struct phone *p, const char *text, size_t len, json_t **result)
{
    if (len > PHONE_COMMAND_MAX_BYTES) {
        return args_invalid(p, "");
    }
    json_t *args = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    const char *name = json_string_value(json_object_get(args, "command"));
    int error = name != NULL ? run_named(p, name, args, result) : args_invalid(p, "command");
    json_decref(args);
    return error;
}

static json_t *answer(const struct phone *p, int error, json_t *result)
{
    if (error != SOTTO_OK) {
        json_decref(result);
        return json_pack("{s:s,s:s}", "error", error_code(error), "detail", p->detail);
    }
    return json_pack("{s:o}", "ok", result);
}

const char *phone_command(struct phone *p, const char *text, size_t len, struct sotto_now now)
{
    p->now = now;
    p->detail[0] = '\0';
    phone_drop_json(&p->answer);
    json_t *result = NULL;
    int error = run(p, text, len, &result);
    if (error == SOTTO_OK && result == NULL) {
        result = json_object();
    }
    json_t *whole = answer(p, error, result);
    p->answer = whole != NULL ? json_dumps(whole, JSON_COMPACT) : NULL;
    json_decref(whole);
    return p->answer;
}
