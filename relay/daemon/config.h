// SPDX-License-Identifier: Apache-2.0
// sottod's configuration: one INI file in which every key is optional, then the command line
// over it (man 5 sottod.conf).
#ifndef SOTTO_DAEMON_CONFIG_H
#define SOTTO_DAEMON_CONFIG_H

#include <sotto/identity.h>

#include "daemon/log.h"
#include "engine/engine.h"
#include "push/endpoint.h"

#define CONFIG_PATH_MAX    512
#define CONFIG_LINE_MAX    190 // inih's own limit is 200
#define CONFIG_ERROR_MAX   768
#define CONFIG_ALIASES_MAX 4 // further names

#define CONFIG_NO_PAGE "none"

#define PORT_PRIVILEGED   443
#define PORT_UNPRIVILEGED 8443

struct sottod_config {
    // [relay]
    char name[SOTTO_HOST_MAX_BYTES + 1]; // without name_set: found out
    bool name_set;
    struct sotto_relay_address aliases[CONFIG_ALIASES_MAX]; // port 0: the relay's
    size_t alias_count;
    uint32_t port; // with port_set; 0: any free one
    bool port_set;
    char bind[64];
    char data[CONFIG_PATH_MAX];
    char certificate[CONFIG_PATH_MAX]; // "": self-made
    char key[CONFIG_PATH_MAX];
    char page[CONFIG_PATH_MAX]; // directory of the web page; "": where it is installed
    bool plain;                 // a listener without TLS for this machine,
    uint32_t plain_port;        // on this port; 0: any free one
    // [limits]
    uint32_t connections;
    uint32_t connections_per_address;
    uint32_t database_mb;
    struct relay_limits limits; // 0: the engine's default
    // [push]
    bool push_enabled;
    char push_contact[PUSH_CONTACT_MAX_BYTES + 1]; // "": no pushes
    struct push_services push_services;
    char push_ca[CONFIG_PATH_MAX]; // "": the system's
    // [log]
    enum log_level level;
    bool log_json;
    bool debug_addresses;
    // Command line only.
    bool sandbox;
};

// What holds where nothing is said. The data directory depends on who runs it.
void config_default(struct sottod_config *c);
// Reads the file over what is in `c`. SOTTO_ENOTFOUND: there is no such file. SOTTO_EINVAL: it
// says something wrong: `error` names file, line, what is wrong and what may have been meant;
// `c` may be half changed then. SOTTO_EIO: cannot be read.
int config_read(struct sottod_config *c, const char *file, char *error, size_t error_cap);
// One key, from the file or the command line. SOTTO_EINVAL with a sentence.
int config_set(struct sottod_config *c, const char *section, const char *key, const char *value,
               char *error, size_t error_cap);
// Fills in what depends on the machine (name, port) and checks what belongs together.
int config_finish(struct sottod_config *c, char *error, size_t error_cap);
// The first of the usual places where there is a file; false if there is none.
bool config_find(char out[CONFIG_PATH_MAX]);
// The origins under which devices may reach the relay once it listens on `port`: its name, its
// aliases and, if its name is a loopback address, all spellings of that.
int config_origins(const struct sottod_config *c, uint16_t port, struct relay_config *out);
// Whether that host is this machine itself.
bool config_is_loopback(const char *name);
// Whether devices are woken: allowed, and there is somebody whom push services can ask.
bool config_pushes(const struct sottod_config *c);
// A path in the data directory. SOTTO_ESPACE.
int config_path(const struct sottod_config *c, const char *file, char out[CONFIG_PATH_MAX]);

// The valid keys of a section, for the tests: the nth, or NULL. "section.key".
const char *config_key_name(size_t n);

#endif
