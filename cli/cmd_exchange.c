// SPDX-License-Identifier: Apache-2.0
// Two people swap numbers: meet by a short code, compare words, and only then hand over numbers.
#include "commands.h"
#include "desk.h"
#include "exchange_book.h"
#include "prompt.h"
#include "relay.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES 256
#define PUBLISH_MS 15000

struct exchange_options {
    const char *label, *pick, *at;
    bool pick_stdin;
    int64_t expires_s;
    uint32_t calls;
};

static const struct option_spec options[] = {
    {"label", 0, OPTION_TEXT, offsetof(struct exchange_options, label), "NAME",
     "What you call the other person", NULL, 0, 0},
    {"expires", 0, OPTION_DURATION, offsetof(struct exchange_options, expires_s), "TIME",
     "Your number for them works this long: 12h, 30d", NULL, 0, 0},
    {"calls", 0, OPTION_COUNT, offsetof(struct exchange_options, calls), "N",
     "Your number for them is good for N answered calls", NULL, 1, 1000000},
    {"at", 0, OPTION_TEXT, offsetof(struct exchange_options, at), "LINK",
     "Meet at the relay of this link instead of your own", NULL, 0, 0},
    {"pick", 0, OPTION_TEXT, offsetof(struct exchange_options, pick), "WORDS",
     "The words heard, for scripts", NULL, 0, 0},
    {"pick-stdin", 0, OPTION_FLAG, offsetof(struct exchange_options, pick_stdin), NULL,
     "Read the words heard from standard input, for scripts", NULL, 0, 0},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, NULL, 0, 0},
};

struct exchange {
    struct cli *cli;
    struct store *store;
    const struct exchange_options *opt;
    struct runner *runner;
    struct publisher *publisher;
    struct sotto_relay_address place;
    char code[SOTTO_CODE_TEXT_BYTES];
    char label[SOTTO_NAME_MAX_BYTES + 1]; // "" not known yet
    struct exchange_number ours;
    char choices[SOTTO_EXCHANGE_CHOICES][SOTTO_WORDS_TEXT_BYTES];
    uv_poll_t input;
    bool input_open, waits_for_pick, picked, done, failed, dropped;
    int error;
    char line[LINE_BYTES];
    size_t line_len;
    struct sotto_number_link theirs; // secret
    struct sotto_fingerprint peer;
};

static const struct output *out_of(const struct exchange *x)
{
    return &x->cli->out;
}

static void json_line(const struct exchange *x, const char *event, json_t *fields)
{
    if (!out_of(x)->json) {
        json_decref(fields);
        return;
    }
    json_t *root = json_pack("{s:s}", "event", event);
    json_object_update(root, fields);
    json_decref(fields);
    output_json_line(out_of(x), root);
}

// ---- the words ----------------------------------------------------------------------------------

static void say_choices(const struct exchange *x, const char *read_aloud)
{
    const struct output *o = out_of(x);
    output_say(o, "\nRead this aloud to the other person:\n\n      ");
    output_styled(o, STYLE_BOLD, "%s", read_aloud);
    output_say(o, "\n\nWhat do they read to you?\n\n");
    for (int i = 0; i < SOTTO_EXCHANGE_CHOICES; i++) {
        output_say(o, "  %d   %s\n", i + 1, x->choices[i]);
    }
    output_say(o, "  0   none of these\n\n");
    if (isatty(STDIN_FILENO) == 1) {
        output_say(o, "Number: ");
    }
    fflush(stdout);
}

static void choices_json(const struct exchange *x, const char *read_aloud)
{
    json_t *list = json_array();
    for (int i = 0; i < SOTTO_EXCHANGE_CHOICES; i++) {
        json_array_append_new(list, json_string(x->choices[i]));
    }
    json_line(x, "words", json_pack("{s:s,s:o}", "read_aloud", read_aloud, "choices", list));
}

// Which of the choices a person means by a number or by the words: SOTTO_EXCHANGE_CHOICES, none.
static unsigned choice_of(const struct exchange *x, const char *text)
{
    if (text[0] >= '0' && text[0] <= '9' && text[1] == '\0') {
        return text[0] >= '1' && text[0] <= '0' + SOTTO_EXCHANGE_CHOICES ? (unsigned)(text[0] - '1')
                                                                         : SOTTO_EXCHANGE_CHOICES;
    }
    for (unsigned i = 0; i < SOTTO_EXCHANGE_CHOICES; i++) {
        if (strcasecmp(text, x->choices[i]) == 0) {
            return i;
        }
    }
    return SOTTO_EXCHANGE_CHOICES;
}

static void pick(struct exchange *x, const char *text)
{
    unsigned choice = choice_of(x, text);
    x->waits_for_pick = false;
    x->picked = true;
    if (choice < SOTTO_EXCHANGE_CHOICES) {
        sotto_device_exchange_pick(runner_device(x->runner), choice, clock_now());
    } else {
        // The other side must not go on alone.
        sotto_device_exchange_cancel(runner_device(x->runner), clock_now());
        x->failed = true;
        x->error = SOTTO_EAUTH;
    }
    runner_wake(x->runner);
}

static void on_input(uv_poll_t *poll, int status, int events)
{
    (void)events;
    struct exchange *x = poll->data;
    char c;
    ssize_t n = status < 0 ? 0 : read(STDIN_FILENO, &c, 1);
    if (n <= 0) {
        uv_poll_stop(poll);
        c = '\n'; // what came before the end counts
    }
    if (c != '\n' && c != '\r') {
        if (x->line_len + 1 < sizeof(x->line)) {
            x->line[x->line_len++] = c;
        }
        return;
    }
    if (x->line_len > 0 || n <= 0) {
        x->line[x->line_len] = '\0';
        uv_poll_stop(poll);
        pick(x, x->line);
    }
}

static void wait_for_pick(struct exchange *x)
{
    x->waits_for_pick = true;
    if (x->opt->pick != NULL) {
        pick(x, x->opt->pick);
    } else if (uv_poll_init(runner_loop(x->runner), &x->input, STDIN_FILENO) == 0) {
        x->input_open = true;
        x->input.data = x;
        uv_poll_start(&x->input, UV_READABLE, on_input);
    } else { // a file: it has its line already
        char line[LINE_BYTES] = "";
        bool got = fgets(line, sizeof(line), stdin) != NULL;
        line[strcspn(line, "\r\n")] = '\0';
        pick(x, got ? line : "");
    }
}

static void show_words(struct exchange *x, const struct sotto_event *ev)
{
    memcpy(x->choices, ev->choices, sizeof(x->choices));
    choices_json(x, ev->read_aloud);
    say_choices(x, ev->read_aloud);
    wait_for_pick(x);
}

// ---- events -------------------------------------------------------------------------------------

static void on_event(const struct sotto_event *ev, void *user)
{
    struct exchange *x = user;
    if (x->publisher != NULL && publisher_event(x->publisher, ev, clock_now())) {
        return;
    }
    switch (ev->type) {
    case SOTTO_EVENT_EXCHANGE_MET:
        json_line(x, "met", json_object());
        output_say(out_of(x), "The other one is there.\n");
        break;
    case SOTTO_EVENT_EXCHANGE_WORDS:
        show_words(x, ev);
        break;
    case SOTTO_EVENT_EXCHANGE_DONE:
        x->theirs = ev->peer_link;
        x->peer = ev->fingerprint;
        x->done = true;
        break;
    case SOTTO_EVENT_EXCHANGE_FAILED:
        x->failed = true;
        x->error = ev->error;
        break;
    default:
        break;
    }
}

static bool over(void *user)
{
    const struct exchange *x = user;
    return x->failed || x->done;
}

static bool idle(void *user)
{
    const struct exchange *x = user;
    struct publisher_state state;
    publisher_state(x->publisher, &state);
    return state.waiting == 0 && sotto_device_idle(runner_device(x->runner));
}

// ---- the course ---------------------------------------------------------------------------------

static int fail(const struct exchange *x)
{
    const struct output *o = out_of(x);
    switch (x->error) {
    case SOTTO_EAUTH:
        return output_fail(o, CLI_REFUSED,
                           "Somebody may have overheard the code and come in between. Make a new "
                           "code and try again; if it happens twice, do it by another way.",
                           "the words differ: no numbers were swapped");
    case SOTTO_ETIMEOUT:
        return output_fail(o, CLI_NO_ANSWER, "Make a new code and try again.",
                           x->waits_for_pick || x->picked ? "too slow with the words"
                                                          : "nobody came");
    case SOTTO_EEXIST:
        return output_fail(o, CLI_REFUSED, "Make a new one.", "this code was used already");
    case SOTTO_ECLOSED:
        if (runner_link_error(x->runner)[0] != '\0' && x->choices[0][0] == '\0') {
            return output_fail(o, CLI_RELAY, "`sotto doctor` looks.", "%s",
                               runner_link_error(x->runner));
        }
        return output_fail(o, CLI_NO_ANSWER, "No numbers were swapped.", "the other side is gone");
    default:
        return output_fail_error(o, x->error, "exchange");
    }
}

static int open_runner(struct exchange *x)
{
    const struct runner_options run = {
        .on_event = on_event,
        .user = x,
        .ca_file = x->cli->common.ca_file,
        .force_websocket = x->cli->common.force_websocket,
    };
    int err = runner_new(&x->runner, x->store, &run);
    return err != 0 ? err : publisher_new(&x->publisher, x->store, runner_device(x->runner));
}

static void say_code(const struct exchange *x, bool made_here)
{
    char host[OUTPUT_HOST_BYTES];
    const struct output *o = out_of(x);
    output_host(&x->place, host);
    json_line(x, "code",
              json_pack("{s:s,s:s,s:b}", "code", x->code, "relay", host, "made", made_here));
    if (made_here) {
        output_say(o,
                   "Tell the other person this code; it works once and for ten minutes:\n\n      ");
        output_styled(o, STYLE_BOLD, "%s", x->code);
        output_say(o, "\n\nThey write: sotto exchange %s\n", x->code);
    }
    output_say(o, "Waiting for them at %s ...\n", host);
    fflush(stdout);
}

static int publish(struct exchange *x)
{
    int err = publisher_start(x->publisher, clock_now());
    runner_wake(x->runner);
    if (err == 0) {
        err = runner_until(x->runner, idle, x, PUBLISH_MS);
    }
    struct publisher_state state;
    publisher_state(x->publisher, &state);
    return err != 0 || state.failed > 0 ? SOTTO_ECLOSED : 0;
}

static int finish(struct exchange *x)
{
    const struct output *o = out_of(x);
    if (x->label[0] == '\0') {
        snprintf(x->label, sizeof(x->label), "%s",
                 sotto_name_check(x->theirs.name) == 0 ? x->theirs.name : x->code);
    }
    int err =
        exchange_book_write(x->store, x->label, &x->ours, &x->theirs, &x->peer, clock_now().unix_s);
    if (err != 0) {
        return output_fail_error(o, err, "the numbers were swapped, but not written down here");
    }
    bool published = publish(x) == 0;
    json_line(x, "done",
              json_pack("{s:s,s:o,s:b}", "label", x->label, "peer",
                        output_json_fingerprint(&x->peer), "published", published));
    output_mark(o, MARK_GOOD);
    output_say(o,
               "You and \"%s\" have each other's numbers, verified. Call them: sotto call \"%s\"\n",
               x->label, x->label);
    if (!published) {
        output_mark(o, MARK_WARN);
        output_say(o,
                   "The relay does not know your number for them yet; `sotto listen` tells it.\n");
    }
    return CLI_OK;
}

static int meet(struct exchange *x, bool made_here)
{
    int err = sotto_device_exchange(runner_device(x->runner), &x->place, x->code, &x->ours.link,
                                    clock_now());
    if (err == SOTTO_EPARSE) {
        return output_fail(out_of(x), CLI_USAGE, "It looks like this: 7-harbor-velvet",
                           "\"%s\" is not a code", x->code);
    }
    if (err != 0) {
        return output_fail_error(out_of(x), err, "exchange");
    }
    say_code(x, made_here);
    err = runner_until(x->runner, over, x, 20 * 60 * 1000);
    if (x->done) {
        return finish(x);
    }
    if (runner_signal(x->runner) != 0 || err == SOTTO_ECLOSED) {
        // Let the other side know.
        runner_run(x->runner);
        return output_fail(out_of(x), CLI_INTERRUPTED, NULL, "given up; no numbers were swapped");
    }
    x->error = x->failed ? x->error : SOTTO_ETIMEOUT;
    // The last words to the other side go out.
    runner_until(x->runner, idle, x, RUNNER_QUIT_MS);
    return fail(x);
}

// What the other person is called: asked before, so that nothing waits for it later.
static int ask_label(struct exchange *x)
{
    char line[SOTTO_NAME_MAX_BYTES + 2] = "";
    if (x->opt->label != NULL) {
        snprintf(line, sizeof(line), "%s", x->opt->label);
    } else if (!out_of(x)->json && !x->opt->pick_stdin && prompt_possible() &&
               prompt_line("What do you call the other person? ", false, line, sizeof(line)) < 0) {
        return output_fail(out_of(x), CLI_INTERRUPTED, NULL, "given up");
    }
    if (line[0] != '\0' && sotto_name_check(line) != 0) {
        return output_fail(out_of(x), CLI_USAGE, "Up to 64 bytes, without control characters.",
                           "this cannot be a label");
    }
    memcpy(x->label, line, sizeof(x->label));
    x->label[sizeof(x->label) - 1] = '\0';
    if (x->label[0] != '\0' && exchange_book_taken(x->store, x->label)) {
        return output_fail(out_of(x), CLI_EXISTS, "Choose another with --label.",
                           "there is a contact or a number \"%s\" already", x->label);
    }
    return CLI_OK;
}

static int choose_place(struct exchange *x)
{
    struct sotto_number_link number;
    struct sotto_invite_link invite;
    x->place = store_profile(x->store)->home;
    if (x->opt->at == NULL) {
        return CLI_OK;
    }
    if (sotto_number_link_parse(&number, x->opt->at) == 0) {
        x->place = number.relay;
        sotto_wipe(&number, sizeof(number));
        return CLI_OK;
    }
    if (sotto_invite_link_parse(&invite, x->opt->at) == 0) {
        x->place = invite.relay;
        return CLI_OK;
    }
    return output_fail(out_of(x), CLI_LINK,
                       "Any link of that relay will do, a number or an "
                       "invitation.",
                       "--at needs a sotto link");
}

static void prepare(struct exchange *x, const char *code)
{
    if (code == NULL) {
        sotto_code_generate(x->code, sotto_env_default());
    } else {
        snprintf(x->code, sizeof(x->code), "%s", code);
    }
}

static int swap_numbers(struct exchange *x, const char *code)
{
    int result = choose_place(x);
    result = result != CLI_OK ? result : ask_label(x);
    if (result != CLI_OK) {
        return result;
    }
    const struct number_terms terms = {.expires_s = x->opt->expires_s, .calls = x->opt->calls};
    int err = exchange_book_mint(&x->ours, x->store, &terms, clock_now().unix_s);
    err = err != 0 ? err : open_runner(x);
    if (err != 0) {
        return output_fail_error(out_of(x), err, "exchange");
    }
    prepare(x, code);
    return meet(x, code == NULL);
}

static void clean(struct exchange *x)
{
    if (x->input_open) {
        uv_close((uv_handle_t *)&x->input, NULL);
    }
    runner_free(x->runner);
    publisher_free(x->publisher);
    sotto_wipe(&x->ours, sizeof(x->ours));
    sotto_wipe(&x->theirs, sizeof(x->theirs));
}

static int run(struct cli *cli, const void *values, int argc, char **argv)
{
    struct exchange x = {.cli = cli, .opt = values};
    cli->out.json_lines = true;
    int code = cli_open_store(cli, &x.store);
    if (code != CLI_OK) {
        return code;
    }
    if (!store_profile(x.store)->registered) {
        code = output_fail(&cli->out, CLI_FAILED,
                           "Both need a line to be called at: sotto init --invite LINK",
                           "you have no registered line, so no number to give");
    } else {
        code = swap_numbers(&x, argc > 0 ? argv[0] : NULL);
        clean(&x);
    }
    store_close(x.store);
    return code;
}

const struct command cmd_exchange = {
    .name = "exchange",
    .args = "[CODE]",
    .summary = "Swap numbers with somebody by a short spoken code",
    .details = "Without CODE it makes one to read out, over an ordinary phone for example; the "
               "other person gives it to the same command. Then each reads out two words and "
               "picks those heard from the other. Whoever overheard the code and came in between "
               "is found out by the words; numbers are swapped only after both picked right.",
    .options = options,
    .options_bytes = sizeof(struct exchange_options),
    .max_args = 1,
    .run = run,
};
