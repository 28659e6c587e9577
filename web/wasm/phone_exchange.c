// SPDX-License-Identifier: Apache-2.0
#include "phone_impl.h"

#include <stdio.h>
#include <string.h>

void phone_exchange_forget(struct phone *p)
{
    sotto_wipe(&p->exchange, sizeof p->exchange);
}

static int choose_code(struct phone *p, const json_t *args)
{
    const char *code;
    int error = args_text_or_null(p, args, "code", &code);
    if (error != SOTTO_OK) {
        return error;
    }
    if (code == NULL) {
        sotto_code_generate(p->exchange.code, sotto_env_default());
        return SOTTO_OK;
    }
    int len = snprintf(p->exchange.code, sizeof p->exchange.code, "%s", code);
    return len < (int)sizeof p->exchange.code ? SOTTO_OK : SOTTO_EPARSE;
}

static int prepare(struct phone *p, const json_t *args)
{
    const char *label;
    struct number_terms terms;
    int error = args_label(p, args, "label", &label);
    error = error == SOTTO_OK ? args_terms(p, args, &terms) : error;
    if (error == SOTTO_OK && exchange_book_taken(p->store, label)) {
        error = SOTTO_EEXIST;
    }
    error = error == SOTTO_OK ? choose_code(p, args) : error;
    if (error == SOTTO_OK) {
        snprintf(p->exchange.label, sizeof p->exchange.label, "%s", label);
        error = exchange_book_mint(&p->exchange.ours, p->store, &terms, p->now.unix_s);
    }
    return error;
}

// At our own relay: whoever gives a code of another relay gives a link of it, some other day.
int phone_exchange_start(struct phone *p, const json_t *args, json_t **result)
{
    const struct store_profile *profile = store_profile(p->store);
    if (p->exchange.under_way || !profile->registered) {
        return SOTTO_ESTATE;
    }
    int error = prepare(p, args);
    if (error == SOTTO_OK) {
        error = sotto_device_exchange(p->device, &profile->home, p->exchange.code,
                                      &p->exchange.ours.link, p->now);
    }
    if (error != SOTTO_OK) {
        phone_exchange_forget(p);
        return error;
    }
    p->exchange.under_way = true;
    *result = json_pack("{s:s}", "code", p->exchange.code);
    return SOTTO_OK;
}

int phone_exchange_pick(struct phone *p, const json_t *args, json_t **result)
{
    (void)result;
    int64_t choice;
    int error = args_integer(p, args, "choice", 0, SOTTO_EXCHANGE_CHOICES - 1, &choice);
    return error == SOTTO_OK ? sotto_device_exchange_pick(p->device, (unsigned)choice, p->now)
                             : error;
}

int phone_exchange_cancel(struct phone *p, const json_t *args, json_t **result)
{
    (void)args;
    (void)result;
    sotto_device_exchange_cancel(p->device, p->now);
    phone_exchange_forget(p);
    return SOTTO_OK;
}

// ---- what the device says ----------------------------------------------------------------------

static void tell_failed(struct phone *p, int error)
{
    phone_exchange_forget(p);
    phone_tell(p, json_pack("{s:s,s:s,s:s}", "event", "exchange", "stage", "failed", "code",
                            error_code(error)));
}

static void on_words(struct phone *p, const struct sotto_event *ev)
{
    json_t *choices = json_array();
    for (size_t i = 0; i < SOTTO_EXCHANGE_CHOICES; i++) {
        json_array_append_new(choices, json_string(ev->choices[i]));
    }
    phone_tell(p, json_pack("{s:s,s:s,s:s,s:o}", "event", "exchange", "stage", "words",
                            "read_aloud", ev->read_aloud, "choices", choices));
}

static void tell_done(struct phone *p, const struct sotto_fingerprint *peer)
{
    struct sotto_contact contact;
    struct store_number n;
    if (store_contact_get(p->store, peer, &contact) != SOTTO_OK) {
        return;
    }
    if (store_number_get(p->store, p->exchange.ours.number.token_hash, &n) == SOTTO_OK) {
        phone_tell(p,
                   json_pack("{s:s,s:s,s:o,s:o}", "event", "exchange", "stage", "done", "contact",
                             json_contact(&contact), "number", json_number(p, &n, false)));
        sotto_wipe(&n, sizeof n);
    }
    sotto_wipe(&contact, sizeof contact);
}

static void on_done(struct phone *p, const struct sotto_event *ev)
{
    int error = exchange_book_write(p->store, p->exchange.label, &p->exchange.ours, &ev->peer_link,
                                    &ev->fingerprint, p->now.unix_s);
    if (error != SOTTO_OK) {
        tell_failed(p, error);
        return;
    }
    phone_mark(p, DIRTY_CONTACTS | DIRTY_NUMBERS);
    tell_done(p, &ev->fingerprint);
    phone_exchange_forget(p);
    phone_publish(p);
}

void phone_exchange_event(struct phone *p, const struct sotto_event *ev)
{
    if (!p->exchange.under_way) {
        return;
    }
    switch (ev->type) {
    case SOTTO_EVENT_EXCHANGE_MET:
        phone_tell(p, json_pack("{s:s,s:s}", "event", "exchange", "stage", "met"));
        break;
    case SOTTO_EVENT_EXCHANGE_WORDS:
        on_words(p, ev);
        break;
    case SOTTO_EVENT_EXCHANGE_DONE:
        on_done(p, ev);
        break;
    case SOTTO_EVENT_EXCHANGE_FAILED:
        tell_failed(p, ev->error);
        break;
    default:
        break;
    }
}
