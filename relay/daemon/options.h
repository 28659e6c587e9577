// SPDX-License-Identifier: Apache-2.0
// The command line of sottod.
#ifndef SOTTO_DAEMON_OPTIONS_H
#define SOTTO_DAEMON_OPTIONS_H

#include "daemon/config.h"

enum command {
    COMMAND_RUN,
    COMMAND_INVITE,
    COMMAND_LINES,
    COMMAND_STATS,
    COMMAND_REVOKE_LINE,
    COMMAND_CHECK,
    COMMAND_HELP,
    COMMAND_VERSION,
};

struct options {
    enum command command;
    struct sottod_config config;
    char config_file[CONFIG_PATH_MAX]; // "": none was found
    bool json;
    bool prometheus;
    uint32_t days;    // invite: 7
    uint32_t count;   // invite: 1
    const char *line; // revoke-line
};

#define INVITE_DAYS_MAX  365
#define INVITE_COUNT_MAX 1000

// Reads the command line, the configuration file, then the command line again on top of it.
// SOTTO_EINVAL, SOTTO_EIO with a sentence.
int options_parse(struct options *o, int argc, char **argv, char *error, size_t error_cap);
// Reads the configuration again as at the start (SIGHUP).
int options_reload(const struct options *o, struct sottod_config *out, char *error,
                   size_t error_cap);
extern const char options_help[];

#endif
