// SPDX-License-Identifier: Apache-2.0
#include "select.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define FINGERPRINT_PREFIX_MIN 8
#define CHOICES_SHOWN          5

void number_id(const uint8_t token_hash[SOTTO_TOKEN_HASH_BYTES], char out[NUMBER_ID_BYTES])
{
    snprintf(out, NUMBER_ID_BYTES, "%02x%02x%02x%02x", token_hash[0], token_hash[1], token_hash[2],
             token_hash[3]);
}

// How well a word fits a label; 0 not at all.
enum fit {
    FIT_NOT,
    FIT_BEGINNING,
    FIT_ANY_CASE,
    FIT_WHOLE
};

static enum fit fit_label(const char *word, const char *label)
{
    if (strcmp(word, label) == 0) {
        return FIT_WHOLE;
    }
    if (strcasecmp(word, label) == 0) {
        return FIT_ANY_CASE;
    }
    return word[0] != 0 && strncasecmp(word, label, strlen(word)) == 0 ? FIT_BEGINNING : FIT_NOT;
}

// The best candidates met so far.
struct best {
    int score;
    size_t index, ties;
    char labels[160];
};

static void offer(struct best *b, int score, size_t index, const char *label)
{
    if (score == 0 || score < b->score) {
        return;
    }
    if (score > b->score) {
        *b = (struct best){.score = score, .index = index};
    }
    b->ties++;
    if (b->ties <= CHOICES_SHOWN) {
        size_t len = strlen(b->labels);
        snprintf(b->labels + len, sizeof b->labels - len, "%s%s", len > 0 ? ", " : "", label);
    }
}

static int conclude(struct cli *cli, const struct best *b, const char *what, const char *list,
                    const char *word)
{
    if (b->ties == 1) {
        return CLI_OK;
    }
    if (b->ties > 1) {
        char hint[256];
        snprintf(hint, sizeof hint, "It could be: %s%s.", b->labels,
                 b->ties > CHOICES_SHOWN ? ", ..." : "");
        return output_fail(&cli->out, CLI_NOT_FOUND, hint, "more than one %s fits '%.80s'", what,
                           word);
    }
    return output_fail(&cli->out, CLI_NOT_FOUND, list, "there is no %s '%.80s'", what, word);
}

static int score_number(const char *word, const struct store_number *n, int64_t now)
{
    char id[NUMBER_ID_BYTES];
    number_id(n->number.token_hash, id);
    if (strcasecmp(word, id) == 0) {
        return 100;
    }
    int fit = (int)fit_label(word, n->number.label);
    if (fit == 0) {
        return 0;
    }
    if (sotto_number_check(&n->number, now) == SOTTO_OK) {
        return fit * 4 + 2;
    }
    return fit * 4 + (n->number.state == SOTTO_NUMBER_REVOKED ? 0 : 1);
}

int select_number(struct cli *cli, struct store *s, const char *word, struct store_number *out)
{
    struct store_number *list;
    size_t count;
    int error = store_numbers(s, &list, &count);
    if (error != SOTTO_OK) {
        return output_fail_error(&cli->out, error, "numbers");
    }
    struct best b = {0};
    int64_t now = clock_now().unix_s;
    for (size_t i = 0; i < count; i++) {
        int score = score_number(word, &list[i], now);
        // Of several that were for the same person the newest is meant, which comes first.
        if (b.ties > 0 && score == b.score &&
            strcmp(list[i].number.label, list[b.index].number.label) == 0) {
            continue;
        }
        char shown[SOTTO_NAME_MAX_BYTES + NUMBER_ID_BYTES + 4], id[NUMBER_ID_BYTES];
        number_id(list[i].number.token_hash, id);
        snprintf(shown, sizeof shown, "%s (%s)", list[i].number.label, id);
        offer(&b, score, i, shown);
    }
    int code = conclude(cli, &b, "number", "`sotto number list` shows them.", word);
    if (code == CLI_OK) {
        *out = list[b.index];
    }
    store_numbers_free(list, count);
    return code;
}

// Without spaces and dashes, in lower case.
static void squeeze(const char *text, char *out, size_t cap)
{
    size_t len = 0;
    for (; *text != 0 && len + 1 < cap; text++) {
        if (*text != ' ' && *text != '-') {
            bool upper = *text >= 'A' && *text <= 'Z';
            out[len++] = upper ? (char)(*text - 'A' + 'a') : *text;
        }
    }
    out[len] = 0;
}

static bool fits_fingerprint(const char *word, const struct sotto_fingerprint *fp)
{
    char text[SOTTO_FINGERPRINT_TEXT_BYTES], a[SOTTO_FINGERPRINT_TEXT_BYTES],
        b[SOTTO_FINGERPRINT_TEXT_BYTES];
    sotto_fingerprint_text(fp, text);
    squeeze(text, a, sizeof a);
    squeeze(word, b, sizeof b);
    size_t len = strlen(b);
    return len >= FINGERPRINT_PREFIX_MIN && strncmp(a, b, len) == 0;
}

int select_contact(struct cli *cli, struct store *s, const char *word, struct sotto_contact *out)
{
    struct sotto_contact *list;
    size_t count;
    int error = store_contacts(s, &list, &count);
    if (error != SOTTO_OK) {
        return output_fail_error(&cli->out, error, "contacts");
    }
    struct best b = {0};
    for (size_t i = 0; i < count; i++) {
        int fit = (int)fit_label(word, list[i].label);
        if (fit == 0 && fits_fingerprint(word, &list[i].fingerprint)) {
            fit = 100;
        }
        offer(&b, fit, i, list[i].label);
    }
    int code = conclude(cli, &b, "contact", "`sotto contact list` shows them.", word);
    if (code == CLI_OK) {
        *out = list[b.index];
    }
    store_contacts_free(list, count);
    return code;
}
