// SPDX-License-Identifier: Apache-2.0
#include "relay.h"

#include "contact_acts.h"
#include "publisher.h"
#include "runner.h"

#include "wire/link.h"

#include <stdio.h>
#include <string.h>

const char *relay_code_text(int code)
{
    switch (code) {
    case LINK_CODE_NONE:
        return "done";
    case LINK_CODE_INVITE:
        return "the relay does not know this invitation, or it was used or has expired";
    case LINK_CODE_DENIED:
        return "the relay does not accept this line's key";
    case LINK_CODE_NO_LINE:
        return "the relay does not know this line any more: its operator has withdrawn it";
    case LINK_CODE_LIMIT:
        return "a limit of the relay is reached: try later, or revoke numbers not used any more";
    case LINK_CODE_STORAGE:
        return "the relay cannot store it now: its operator should look at its disk";
    case LINK_CODE_VERSION:
        return "the relay speaks another version of the protocol";
    case LINK_CODE_SHUTDOWN:
        return "the relay is just stopping";
    case LINK_CODE_UNAVAILABLE:
        return "the relay says it is not available";
    case SOTTO_ETIMEOUT:
        return "the relay did not answer in time";
    case SOTTO_ECLOSED:
        return "the relay closed the connection";
    default:
        return code < 0 ? sotto_strerror(code) : "the relay refused";
    }
}

enum cli_exit relay_code_exit(int code)
{
    switch (code) {
    case LINK_CODE_NONE:
        return CLI_OK;
    case LINK_CODE_INVITE:
    case LINK_CODE_DENIED:
    case LINK_CODE_NO_LINE:
    case LINK_CODE_UNAVAILABLE:
        return CLI_REFUSED;
    case LINK_CODE_STORAGE:
    case LINK_CODE_VERSION:
    case LINK_CODE_SHUTDOWN:
    case SOTTO_ETIMEOUT:
    case SOTTO_ECLOSED:
        return CLI_RELAY;
    default:
        return CLI_FAILED;
    }
}

static void conclude(struct relay_visit *v, enum cli_exit code, const char *why)
{
    v->code = code;
    snprintf(v->why, sizeof v->why, "%s", why);
}

// ---- one visit ---------------------------------------------------------------------------------

struct visit {
    struct runner *runner;
    struct publisher *publisher;
};

static void on_event(const struct sotto_event *ev, void *user)
{
    struct visit *v = user;
    if (v->publisher != NULL) {
        (void)publisher_event(v->publisher, ev, clock_now());
    }
}

static int open_runner(struct cli *cli, struct store *s, struct visit *v)
{
    const struct runner_options options = {
        .on_event = on_event,
        .user = v,
        .ca_file = cli->common.ca_file,
        .force_websocket = cli->common.force_websocket,
    };
    return runner_new(&v->runner, s, &options);
}

// For an answer that did not come: the link knows more than "no answer in time".
static void conclude_unanswered(struct visit *v, struct relay_visit *out, int error)
{
    if (runner_signal(v->runner) != 0) {
        conclude(out, CLI_INTERRUPTED, "interrupted");
        return;
    }
    const char *link = runner_link_error(v->runner);
    conclude(out, CLI_RELAY, link[0] != 0 ? link : relay_code_text(error));
}

static void conclude_code(struct visit *v, struct relay_visit *out, int code)
{
    if (code < 0) {
        conclude_unanswered(v, out, code);
    } else {
        conclude(out, relay_code_exit(code), relay_code_text(code));
    }
}

static void write_registered(struct store *s, struct relay_visit *out)
{
    int error = line_confirm(s);
    if (error != SOTTO_OK) {
        conclude(out, output_exit_for(error), sotto_strerror(error));
    }
}

static void run_register(struct visit *v, struct store *s, struct relay_visit *out)
{
    uint32_t request;
    int code = 0;
    int error = sotto_device_register(runner_device(v->runner), store_profile(s)->invite,
                                      clock_now(), &request);
    if (error == SOTTO_OK) {
        error = runner_request(v->runner, request, RELAY_TIMEOUT_MS, &code);
    }
    if (error != SOTTO_OK) {
        conclude_unanswered(v, out, error);
    } else if (code != 0) {
        conclude_code(v, out, code);
    } else {
        write_registered(s, out);
    }
}

static bool published(void *user)
{
    const struct visit *v = user;
    struct publisher_state state;
    publisher_state(v->publisher, &state);
    return state.waiting == 0;
}

static void run_publisher(struct visit *v, struct relay_visit *out)
{
    int error = publisher_start(v->publisher, clock_now());
    runner_wake(v->runner);
    if (error == SOTTO_OK) {
        error = runner_until(v->runner, published, v, RELAY_TIMEOUT_MS);
    }
    struct publisher_state state;
    publisher_state(v->publisher, &state);
    out->done = state.done;
    out->left = state.failed + state.waiting;
    if (state.last_error != 0) {
        conclude(out, output_exit_for(state.last_error), sotto_strerror(state.last_error));
    } else if (state.last_code != 0) {
        conclude_code(v, out, state.last_code);
    } else if (error != SOTTO_OK) {
        conclude_unanswered(v, out, error);
    }
}

static void make_visit(struct cli *cli, struct store *s, bool publish, struct relay_visit *out)
{
    struct visit v = {NULL, NULL};
    int error = open_runner(cli, s, &v);
    if (error == SOTTO_OK && publish) {
        error = publisher_new(&v.publisher, s, runner_device(v.runner));
    }
    if (error != SOTTO_OK) {
        conclude(out, output_exit_for(error), sotto_strerror(error));
    } else {
        if (!store_profile(s)->registered) {
            run_register(&v, s, out);
        }
        if (out->code == CLI_OK && publish) {
            run_publisher(&v, out);
        }
    }
    // The publisher last: freeing the runner may still deliver events.
    runner_free(v.runner);
    publisher_free(v.publisher);
}

void relay_register(struct cli *cli, struct store *s, struct relay_visit *out)
{
    *out = (struct relay_visit){.code = CLI_OK};
    if (!store_profile(s)->has_line) {
        conclude(out, CLI_FAILED, "there is no line to register");
    } else if (!store_profile(s)->registered) {
        make_visit(cli, s, false, out);
    }
}

static int count_pending(struct store *s, size_t *out)
{
    struct store_number *list;
    size_t count;
    int error = store_numbers(s, &list, &count);
    if (error != SOTTO_OK) {
        return error;
    }
    *out = 0;
    for (size_t i = 0; i < count; i++) {
        *out += list[i].pending != STORE_PENDING_NONE;
    }
    store_numbers_free(list, count);
    return SOTTO_OK;
}

void relay_sync(struct cli *cli, struct store *s, struct relay_visit *out)
{
    *out = (struct relay_visit){.code = CLI_OK};
    size_t pending = 0;
    int error = count_pending(s, &pending);
    if (error != SOTTO_OK) {
        conclude(out, output_exit_for(error), sotto_strerror(error));
    } else if (!store_profile(s)->has_line) {
        conclude(out, pending > 0 ? CLI_FAILED : CLI_OK, "there is no line");
    } else if (pending > 0 || !store_profile(s)->registered) {
        make_visit(cli, s, true, out);
    }
}
