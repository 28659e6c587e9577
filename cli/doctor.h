// SPDX-License-Identifier: Apache-2.0
// What `sotto doctor` looks at, one file a subject.
#ifndef SOTTO_CLI_DOCTOR_H
#define SOTTO_CLI_DOCTOR_H

#include "cli.h"

struct store;

struct doctor {
    struct cli *cli;
    json_t *checks;
    unsigned problems, warnings;
};

// One finding. MARK_BAD is a problem, MARK_WARN a warning. advice: what to do, NULL nothing.
void doctor_say(struct doctor *d, enum output_mark mark, const char *subject, const char *advice,
                const char *fmt, ...) __attribute__((format(printf, 5, 6)));

void doctor_process(struct doctor *d);                // core files, swap
struct store *doctor_store(struct doctor *d);         // opened; NULL if that is not possible
void doctor_relay(struct doctor *d, struct store *s); // way, certificate, clock, line
void doctor_numbers(struct doctor *d, struct store *s);
void doctor_audio(struct doctor *d);
// Plays a probe and listens; specs as in audio.h. What was measured, for --json; NULL: nothing.
json_t *doctor_loop(struct doctor *d, const char *mic, const char *speaker);

#endif
