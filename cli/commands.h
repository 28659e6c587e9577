// SPDX-License-Identifier: Apache-2.0
// Every subcommand; each is in the file cmd_NAME.c. commands.c puts them in order.
#ifndef SOTTO_CLI_COMMANDS_H
#define SOTTO_CLI_COMMANDS_H

#include "cli.h"

extern const struct command cmd_init;
extern const struct command cmd_id;
extern const struct command cmd_number;
extern const struct command cmd_contact;
extern const struct command cmd_log;
extern const struct command cmd_status;
extern const struct command cmd_doctor;
extern const struct command cmd_passphrase;
extern const struct command cmd_completion;
extern const struct command cmd_call;
extern const struct command cmd_listen;
extern const struct command cmd_exchange;
extern const struct command cmd_echo;
extern const struct command cmd_devices;
extern const struct command cmd_setup;
extern const struct command cmd_verify_page;

#endif
