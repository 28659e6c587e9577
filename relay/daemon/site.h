// SPDX-License-Identifier: Apache-2.0
// The web page that the relay hands to browsers: the files of one directory, read at the start and
// again when asked to. Beside FILE may lie FILE.br and FILE.gz, the same content compressed.
#ifndef SOTTO_DAEMON_SITE_H
#define SOTTO_DAEMON_SITE_H

#include <net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SITE_FILES_MAX     256         // compressed ones not counted
#define SITE_BYTES_MAX     (64u << 20) // all together
#define SITE_DEPTH_MAX     4           // directories below the first
#define SITE_HASH_BYTES    32
#define SITE_DIRECTORY_MAX 512

struct site_file;

// What decides about headers.
struct site_manner {
    uint16_t plain_port;   // of the listener without TLS; 0: there is none
    bool self_made;        // the certificate: browsers are told its hash
    bool strict_transport; // it is another's, of a name that is not this machine's own
};

struct site {
    struct site_file **files;
    size_t count;
    size_t bytes;
    bool released;                    // there is a release.json,
    uint8_t release[SITE_HASH_BYTES]; // whose SHA-256 is the hash of the page
    struct site_manner manner;        // the caller sets it
};

// Reads it in place of what `s` has (at first: all zero). Hidden files and those that are no plain
// files are left out. SOTTO_EIO, SOTTO_ELIMIT, SOTTO_ENOMEM with a sentence: `s` is as before.
int site_load(struct site *s, const char *directory, char *error, size_t error_cap);
// Answers under way keep what they need.
void site_free(struct site *s);

// "/" is "/index.html". Names with a hash of the content in them (NAME-1A2B3C4D.ENDING, eight
// capital letters and digits; or sixteen hexadecimal digits) may be kept for ever; of the others
// the browser asks whether they have changed. False: no such file, or no memory.
bool site_answer(const struct site *s, const struct net_http_request *r,
                 struct net_http_answer *out);
// A JSON text, copied, with the same headers. False: no memory.
bool site_answer_json(const struct site *s, const struct net_http_request *r, const char *text,
                      struct net_http_answer *out);

// Where the page lies that belongs to this very program: in the source tree it was built in, or
// where it is installed. False: nowhere.
bool site_default_directory(char out[SITE_DIRECTORY_MAX]);

#endif
