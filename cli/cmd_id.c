// SPDX-License-Identifier: Apache-2.0
#include "commands.h"

#include "line_view.h"
#include "store.h"

static int run(struct cli *cli, const void *options, int argc, char **argv)
{
    (void)options;
    (void)argc;
    (void)argv;
    struct store *s;
    int code = cli_open_store(cli, &s);
    if (code == CLI_OK) {
        identity_say(cli, s);
        output_json(&cli->out, identity_json(s));
        store_close(s);
    }
    return code;
}

const struct command cmd_id = {
    .name = "id",
    .summary = "Your fingerprint, your line and its relay",
    .details = "The fingerprint is what others know you by. It is no secret; reading it to "
               "somebody who knows your voice lets them make sure of you.",
    .run = run,
};
