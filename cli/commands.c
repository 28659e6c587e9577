// SPDX-License-Identifier: Apache-2.0
#include "commands.h"

const struct command *const cli_commands[] = {
    &cmd_init,       &cmd_id,       &cmd_number, &cmd_contact, &cmd_call,
    &cmd_listen,     &cmd_exchange, &cmd_log,    &cmd_echo,    &cmd_devices,
    &cmd_passphrase, &cmd_status,   &cmd_doctor, &cmd_setup,   &cmd_verify_page,
    &cmd_completion, NULL,
};
