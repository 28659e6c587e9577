// SPDX-License-Identifier: Apache-2.0
#include "commands.h"

#include "line_view.h"
#include "number_view.h"
#include "probe.h"
#include "relay.h"
#include "store_sqlite.h"

#define PROBE_MS 6000

struct options {
    bool offline;
};
static const struct option_spec table[] = {
    {"offline", 0, OPTION_FLAG, offsetof(struct options, offline), NULL,
     "Do not try to reach the relay", NULL, 0, 0},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, NULL, 0, 0},
};

struct counts {
    size_t numbers, fresh, bound, leaked, ended, pending, contacts;
};

static int count_all(struct store *s, struct counts *out)
{
    struct store_number *numbers;
    struct sotto_contact *contacts;
    size_t count;
    int error = store_contacts(s, &contacts, &out->contacts);
    if (error != SOTTO_OK) {
        return error;
    }
    store_contacts_free(contacts, out->contacts);
    error = store_numbers(s, &numbers, &count);
    if (error != SOTTO_OK) {
        return error;
    }
    int64_t now = clock_now().unix_s;
    for (size_t i = 0; i < count; i++) {
        enum number_condition c = number_condition(&numbers[i].number, now);
        out->fresh += c == CONDITION_FRESH;
        out->bound += c == CONDITION_BOUND || c == CONDITION_LEAKED;
        out->leaked += c == CONDITION_LEAKED;
        out->ended += c < CONDITION_LEAKED;
        out->pending += numbers[i].pending != STORE_PENDING_NONE;
    }
    out->numbers = count;
    store_numbers_free(numbers, count);
    return SOTTO_OK;
}

// ---- the relay ---------------------------------------------------------------------------------

struct relay_state {
    bool tried, good;
    struct probe_result probe;
};

static void try_relay(struct cli *cli, struct store *s, struct relay_state *r)
{
    const struct store_profile *p = store_profile(s);
    const struct probe_options opt = {
        .relay = &p->home,
        .line_key = p->registered ? store_line_key(s) : NULL,
        .ca_file = cli->common.ca_file,
        .force_websocket = cli->common.force_websocket,
        .timeout_ms = PROBE_MS,
    };
    r->tried = probe_relay(&opt, &r->probe) == SOTTO_OK;
    r->good = r->tried && r->probe.greeted && r->probe.line_code == 0;
}

static const char *relay_problem(const struct relay_state *r)
{
    return r->probe.greeted ? relay_code_text(r->probe.line_code)
                            : net_reason_text(r->probe.reason);
}

static json_t *relay_json(const struct relay_state *r)
{
    if (!r->tried) {
        return json_null();
    }
    return json_pack("{s:b,s:s?,s:s?,s:I}", "reachable", r->probe.greeted ? 1 : 0, "transport",
                     r->probe.connected ? net_transport_name(r->probe.transport) : NULL, "problem",
                     r->good ? NULL : relay_problem(r), "connect_ms",
                     (json_int_t)(r->probe.connect_ns / SOTTO_NS_PER_MS));
}

static void say_relay(const struct output *o, const struct relay_state *r)
{
    if (!r->tried) {
        return;
    }
    output_say(o, "Relay        ");
    if (r->good) {
        output_styled(o, STYLE_GOOD, "reachable");
        output_say(o, " by %s\n", net_transport_name(r->probe.transport));
    } else {
        output_styled(o, STYLE_BAD, r->probe.greeted ? "reachable, but " : "not reachable: ");
        output_say(o, "%s\n", relay_problem(r));
    }
}

// ---- run ---------------------------------------------------------------------------------------

static void say_counts(const struct output *o, const struct counts *c)
{
    output_say(o, "Numbers      %zu never used, %zu bound, %zu revoked or over\n", c->fresh,
               c->bound, c->ended);
    if (c->leaked > 0) {
        output_styled(o, STYLE_BAD, "             %zu leaked: see `sotto number list`\n",
                      c->leaked);
    }
    if (c->pending > 0) {
        output_styled(o, STYLE_WARN, "             %zu not yet told to the relay\n", c->pending);
    }
    output_say(o, "Contacts     %zu\n", c->contacts);
}

static json_t *status_json(const struct store *s, const struct counts *c,
                           const struct relay_state *r)
{
    json_t *root = identity_json(s);
    json_t *more =
        json_pack("{s:o,s:{s:I,s:I,s:I,s:I,s:I},s:I,s:b}", "relay", relay_json(r), "numbers",
                  "fresh", (json_int_t)c->fresh, "bound", (json_int_t)c->bound, "leaked",
                  (json_int_t)c->leaked, "ended", (json_int_t)c->ended, "pending",
                  (json_int_t)c->pending, "contacts", (json_int_t)c->contacts, "passphrase",
                  store_has_passphrase(s) ? 1 : 0);
    json_object_update(root, more);
    json_decref(more);
    return root;
}

static int report(struct cli *cli, struct store *s, const struct options *opt)
{
    struct counts counts = {0};
    struct relay_state relay = {0};
    int error = count_all(s, &counts);
    if (error != SOTTO_OK) {
        return output_fail_error(&cli->out, error, "the store");
    }
    if (store_profile(s)->has_line && !opt->offline) {
        try_relay(cli, s, &relay);
    }
    output_say(&cli->out, "Store        %s%s\n", store_dir(s),
               store_has_passphrase(s) ? "" : " (without passphrase)");
    identity_say(cli, s);
    say_relay(&cli->out, &relay);
    say_counts(&cli->out, &counts);
    output_json(&cli->out, status_json(s, &counts, &relay));
    if (!relay.tried || relay.good) {
        return CLI_OK;
    }
    return (int)(relay.probe.greeted ? relay_code_exit(relay.probe.line_code) : CLI_RELAY);
}

static int run(struct cli *cli, const void *options, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    struct store *s;
    int code = cli_open_store(cli, &s);
    if (code == CLI_OK) {
        code = report(cli, s, options);
        store_close(s);
    }
    return code;
}

const struct command cmd_status = {
    .name = "status",
    .summary = "Your store, line, relay and numbers at a glance",
    .options = table,
    .options_bytes = sizeof(struct options),
    .run = run,
};
