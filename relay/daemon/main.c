// SPDX-License-Identifier: Apache-2.0
// sottod, the relay.
#include <stdio.h>

#include "daemon/commands.h"
#include "daemon/log.h"
#include "daemon/options.h"
#include "daemon/server.h"

int main(int argc, char **argv)
{
    static struct options o;
    char error[CONFIG_ERROR_MAX];
    if (options_parse(&o, argc, argv, error, sizeof error) != 0) {
        fprintf(stderr, "sottod: %s\nTry: sottod --help\n", error);
        return 2;
    }
    switch (o.command) {
    case COMMAND_RUN:
        log_setup(o.config.level, o.config.log_json);
        return server_run(&o);
    case COMMAND_INVITE:
        return command_invite(&o);
    case COMMAND_LINES:
        return command_lines(&o);
    case COMMAND_STATS:
        return command_stats(&o);
    case COMMAND_REVOKE_LINE:
        return command_revoke_line(&o);
    case COMMAND_CHECK:
        return command_check(&o);
    case COMMAND_VERSION:
        puts("sottod " SOTTO_VERSION);
        return 0;
    case COMMAND_HELP:
        break;
    }
    fputs(options_help, stdout);
    return 0;
}
