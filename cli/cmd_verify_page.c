// SPDX-License-Identifier: Apache-2.0
#include "commands.h"

#include "doctor.h"
#include "page_built.h"
#include "page_check.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sotto/base.h>

#define KEY_FILE_MAX_BYTES 1024
#define WHAT_BYTES         320

struct verify_options {
    const char *manifest;
    const char *release_key;
    const char *hash;
    const char *pin;
};

// What the page is measured against, and how.
struct verify {
    struct doctor report;
    struct page_fetcher *fetcher;
    char origin[PAGE_URL_MAX_BYTES];
    bool by_manifest, by_key, by_hash;
    struct page_release manifest;  // by_manifest
    struct page_key key;           // by_key
    uint8_t hash[PAGE_HASH_BYTES]; // by_hash
    const char *hash_from;
    bool pinned;
    uint8_t pin[PAGE_HASH_BYTES];
    struct page_release served;
    const struct page_release *release; // the one that decides
    size_t good;                        // files
};

static bool is_good(const struct verify *v)
{
    return v->report.problems == 0;
}

// ---- what is asked ------------------------------------------------------------------------------

// "https://host[:port]", from whatever the address bar shows.
static int take_url(struct cli *cli, struct verify *v, const char *url)
{
    size_t scheme = strncmp(url, "https://", 8) == 0 ? 8 : strncmp(url, "http://", 7) == 0 ? 7 : 0;
    size_t end = scheme + strcspn(url + scheme, "/?#");
    const char *rest = url + end;
    rest += *rest == '/' ? 1 : 0;
    if (scheme == 0 || end == scheme || end >= sizeof v->origin ||
        strcspn(url + scheme, "@ \t") < end - scheme || (*rest != '\0' && *rest != '#')) {
        return output_fail(&cli->out, CLI_USAGE,
                           "For instance: sotto verify-page https://relay.example",
                           "that is no address of a page: %s", url);
    }
    snprintf(v->origin, sizeof v->origin, "%.*s", (int)end, url);
    return CLI_OK;
}

// The whole file, with a NUL behind it. NULL: errno says why.
static uint8_t *read_file(const char *path, size_t max, size_t *len)
{
    FILE *f = fopen(path, "re");
    uint8_t *data = f != NULL ? malloc(max + 1) : NULL;
    if (data != NULL) {
        *len = fread(data, 1, max, f);
        data[*len] = '\0';
    }
    if (data != NULL && ferror(f) != 0) {
        free(data);
        data = NULL;
    }
    if (f != NULL) {
        fclose(f);
    }
    return data;
}

static int take_manifest(struct cli *cli, struct verify *v, const char *path)
{
    char error[PAGE_ERROR_BYTES];
    size_t len = 0;
    uint8_t *text = read_file(path, PAGE_RELEASE_MAX_BYTES, &len);
    if (text == NULL) {
        return output_fail(&cli->out, CLI_FAILED, NULL, "%s cannot be read: %m", path);
    }
    int rv = page_release_parse(&v->manifest, text, len, error);
    free(text);
    if (rv != 0) {
        return output_fail(&cli->out, CLI_USAGE, "It is the release.json of a page.",
                           "%s is no manifest: %s", path, error);
    }
    v->by_manifest = true;
    return CLI_OK;
}

// The key itself, or a file with it.
static int take_key(struct cli *cli, struct verify *v, const char *text)
{
    size_t len = 0;
    uint8_t *file = strchr(text, '+') == NULL ? read_file(text, KEY_FILE_MAX_BYTES, &len) : NULL;
    int rv = page_key_parse(&v->key, file != NULL ? (const char *)file : text);
    free(file);
    if (rv != 0) {
        return output_fail(&cli->out, CLI_USAGE,
                           "It looks like sotto-page+1a2b3c4d+AbC..., or is in a file.",
                           "that is no key that releases are signed with: %s", text);
    }
    v->by_key = true;
    return CLI_OK;
}

static int take_digits(struct cli *cli, const char *option, const char *text,
                       uint8_t out[PAGE_HASH_BYTES])
{
    return page_hash_parse(text, out) ? CLI_OK
                                      : output_fail(&cli->out, CLI_USAGE, NULL,
                                                    "--%s: want 64 hexadecimal digits", option);
}

static int take_options(struct cli *cli, struct verify *v, const struct verify_options *o)
{
    int code = o->manifest != NULL ? take_manifest(cli, v, o->manifest) : CLI_OK;
    if (code == CLI_OK && o->release_key != NULL) {
        code = take_key(cli, v, o->release_key);
    }
    if (code == CLI_OK && o->hash != NULL) {
        code = take_digits(cli, "hash", o->hash, v->hash);
        v->by_hash = true;
        v->hash_from = "the hash that you gave";
    }
    if (code == CLI_OK && o->pin != NULL) {
        code = take_digits(cli, "pin", o->pin, v->pin);
        v->pinned = true;
    }
    if (!v->by_manifest && !v->by_key && !v->by_hash && page_hash_parse(PAGE_BUILT_HASH, v->hash)) {
        v->by_hash = true;
        v->hash_from = "the page that this sotto was built with";
    }
    if (code == CLI_OK && !v->by_manifest && !v->by_key && !v->by_hash) {
        code = output_fail(&cli->out, CLI_USAGE, "Give --manifest, --release-key or --hash.",
                           "there is nothing to compare the page with");
    }
    return code;
}

// ---- the release --------------------------------------------------------------------------------

static enum page_failure fetch(struct verify *v, const char *path, const char *encoding,
                               enum page_browser browser, size_t max, struct page_reply *out,
                               char error[PAGE_ERROR_BYTES])
{
    const struct page_request r = {.path = path,
                                   .encoding = encoding,
                                   .browser = browser,
                                   .max = max};
    return page_fetch(v->fetcher, &r, out, error);
}

static int fail_unreachable(struct cli *cli, const struct verify *v, enum page_failure failure,
                            const char *error)
{
    return output_fail(
        &cli->out, CLI_RELAY,
        failure == PAGE_UNTRUSTED
            ? "With a self-made certificate, say which: --pin, as sottod shows it at "
              "its start."
            : "Check the address and your network connection.",
        "%s: %s", v->origin, error);
}

// The signature over what is served.
static void check_signature(struct verify *v)
{
    struct page_reply r;
    char error[PAGE_ERROR_BYTES];
    if (fetch(v, "/release.json.sig", "identity", PAGE_DESKTOP, PAGE_NOTE_MAX_BYTES, &r, error) !=
        PAGE_FETCHED) {
        doctor_say(&v->report, MARK_BAD, "release", NULL, "its signature: %s", error);
        return;
    }
    int rv = r.status == 200 && !r.too_long
                 ? page_note_verify(&v->key, (const char *)r.body, v->served.hash)
                 : SOTTO_EPARSE;
    page_reply_free(&r);
    if (rv == 0) {
        doctor_say(&v->report, MARK_GOOD, "release", NULL, "signed by %s", v->key.name);
    } else {
        doctor_say(&v->report, MARK_BAD, "release",
                   "This is not what was released: do not use the page.",
                   rv == SOTTO_ENOTFOUND ? "it is not signed by %s"
                   : rv == SOTTO_EPARSE  ? "it has no signature about this page (wanted: %s)"
                                         : "the signature of %s is wrong",
                   v->key.name);
    }
}

static void check_hash(struct verify *v, const uint8_t *hash, const char *from)
{
    char text[PAGE_HASH_TEXT_BYTES];
    page_hash_text(hash, text);
    if (memcmp(hash, v->served.hash, PAGE_HASH_BYTES) == 0) {
        doctor_say(&v->report, MARK_GOOD, "release", NULL, "it is %s", from);
    } else {
        doctor_say(&v->report, MARK_BAD, "release",
                   "Another version, or not what was released. Ask whoever runs the relay which "
                   "release it serves.",
                   "it is not %s (%s)", from, text);
    }
}

// Fetches release.json and says what speaks for it. CLI_OK unless nobody answers.
static int check_release(struct cli *cli, struct verify *v)
{
    struct page_reply r;
    char error[PAGE_ERROR_BYTES], hash[PAGE_HASH_TEXT_BYTES];
    enum page_failure failure =
        fetch(v, "/release.json", "br", PAGE_DESKTOP, PAGE_RELEASE_MAX_BYTES, &r, error);
    if (failure != PAGE_FETCHED) {
        return fail_unreachable(cli, v, failure, error);
    }
    int rv = SOTTO_EPARSE;
    snprintf(error, sizeof error, "the relay answers %ld", r.status);
    if (r.status == 200 && !r.too_long) {
        rv = page_release_parse(&v->served, r.body, r.len, error);
    }
    page_reply_free(&r);
    if (rv != 0) {
        doctor_say(&v->report, MARK_BAD, "release", "Is there a page of sotto at this address?",
                   "no list of the page's files (release.json): %s", error);
        return CLI_OK;
    }
    page_hash_text(v->served.hash, hash);
    doctor_say(&v->report, MARK_INFO, "release", NULL, "version %s, %zu files, hash %s",
               v->served.version, v->served.count, hash);
    if (v->by_manifest) {
        check_hash(v, v->manifest.hash, "the one of your manifest");
    }
    if (v->by_hash) {
        check_hash(v, v->hash, v->hash_from);
    }
    if (v->by_key) {
        check_signature(v);
    }
    v->release = v->by_manifest ? &v->manifest : &v->served;
    return CLI_OK;
}

// ---- the files ----------------------------------------------------------------------------------

// The bytes of one answer. False: said.
static bool check_body(struct verify *v, const struct page_reply *r, const struct page_file *f,
                       const char *what)
{
    char sha384[PAGE_SHA384_TEXT_BYTES] = "";
    if (r->status != 200) {
        doctor_say(&v->report, MARK_BAD, "file", NULL, "%s: the relay answers %ld", what,
                   r->status);
        return false;
    }
    if (r->too_long || r->headers_too_long || r->len != f->bytes ||
        page_sha384(r->body, r->len, sha384) != 0 || strcmp(sha384, f->sha384) != 0) {
        doctor_say(&v->report, MARK_BAD, "file", "Do not use the page.",
                   "%s is another file than the release's", what);
        return false;
    }
    return true;
}

// `path` is asked for, `f` is what it should be.
static bool check_answer(struct verify *v, const char *path, const struct page_file *f,
                         const char *encoding, enum page_browser browser)
{
    struct page_reply r;
    char error[PAGE_ERROR_BYTES], what[WHAT_BYTES];
    snprintf(what, sizeof what, "%s (%s)", path, encoding);
    if (fetch(v, path, encoding, browser, f->bytes, &r, error) != PAGE_FETCHED) {
        doctor_say(&v->report, MARK_BAD, "file", NULL, "%s: %s", what, error);
        return false;
    }
    bool good = check_body(v, &r, f, what);
    if (good && !page_check_headers(&r, path, error)) {
        doctor_say(&v->report, MARK_BAD, "header",
                   "Is there a proxy before the relay that changes headers?", "%s: %s", what,
                   error);
        good = false;
    }
    page_reply_free(&r);
    return good;
}

static void check_file(struct verify *v, const struct page_file *f)
{
    static const char *const encodings[] = {"br", "gzip", "identity"};
    bool good = true;
    for (size_t i = 0; good && i < sizeof encodings / sizeof encodings[0]; i++) {
        good = check_answer(v, f->path, f, encodings[i], PAGE_DESKTOP);
    }
    v->good += good ? 1 : 0;
}

// "/", for each kind of browser: what runs is decided here.
static void check_index(struct verify *v)
{
    struct page_reply r;
    char error[PAGE_ERROR_BYTES];
    const struct page_file *f = page_release_find(v->release, "/index.html");
    if (f == NULL) {
        doctor_say(&v->report, MARK_BAD, "index", NULL, "the release has no index.html");
        return;
    }
    bool good = true;
    for (enum page_browser b = PAGE_DESKTOP; good && b < PAGE_BROWSERS; b++) {
        good = check_answer(v, "/", f, "br", b) && check_answer(v, "/", f, "identity", b);
    }
    if (!good || fetch(v, "/", "identity", PAGE_DESKTOP, f->bytes, &r, error) != PAGE_FETCHED) {
        return;
    }
    if (strlen((const char *)r.body) == r.len &&
        page_check_html(v->release, (const char *)r.body, error)) {
        doctor_say(&v->report, MARK_GOOD, "index", NULL,
                   "it loads only what the release lists, by digest");
    } else {
        doctor_say(&v->report, MARK_BAD, "index", NULL, "%s", error);
    }
    page_reply_free(&r);
}

// Where a script would be looked for that the release does not know of.
static void check_nothing_else(struct verify *v)
{
    static const char *const paths[] = {"/sw.js",     "/worker.js",   "/main.js",
                                        "/app.js",    "/index.htm",   "/service-worker.js",
                                        "/config.js", "/index.html/", "/nothing-of-this-name"};
    struct page_reply r;
    char error[PAGE_ERROR_BYTES];
    unsigned found = 0;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (page_release_find(v->release, paths[i]) != NULL) {
            continue;
        }
        bool got = fetch(v, paths[i], "br", PAGE_DESKTOP, PAGE_RELEASE_MAX_BYTES, &r, error) ==
                   PAGE_FETCHED;
        if (got && r.status != 404) {
            doctor_say(&v->report, MARK_BAD, "beside", NULL,
                       "%s is not in the release, and the relay answers %ld", paths[i], r.status);
            found++;
        }
        if (got) {
            page_reply_free(&r);
        }
    }
    if (found == 0) {
        doctor_say(&v->report, MARK_GOOD, "beside", NULL,
                   "nothing else is served where it was looked for");
    }
}

// What the page is told its relay is.
static void check_relay_json(struct verify *v)
{
    struct page_reply r;
    char error[PAGE_ERROR_BYTES], hash[PAGE_HASH_TEXT_BYTES];
    const char *origin = NULL, *said = NULL;
    if (fetch(v, "/relay.json", "identity", PAGE_DESKTOP, PAGE_NOTE_MAX_BYTES, &r, error) !=
        PAGE_FETCHED) {
        doctor_say(&v->report, MARK_BAD, "relay", NULL, "relay.json: %s", error);
        return;
    }
    json_t *root = r.status == 200 ? json_loadb((const char *)r.body, r.len, 0, NULL) : NULL;
    page_hash_text(v->served.hash, hash);
    if (root == NULL || json_unpack(root, "{s:s}", "origin", &origin) != 0) {
        doctor_say(&v->report, MARK_BAD, "relay", NULL,
                   "there is no relay.json, or it does not say which relay this is");
    } else if (json_unpack(root, "{s:{s:s}}", "release", "sha256", &said) == 0 &&
               strcmp(said, hash) != 0) {
        doctor_say(&v->report, MARK_BAD, "relay", NULL, "relay.json speaks of another release");
    } else {
        doctor_say(&v->report, MARK_GOOD, "relay", NULL, "the page's relay is %.120s", origin);
    }
    json_decref(root);
    page_reply_free(&r);
}

static void check_page(struct verify *v)
{
    for (size_t i = 0; i < v->release->count; i++) {
        check_file(v, &v->release->files[i]);
    }
    if (v->good == v->release->count) {
        doctor_say(&v->report, MARK_GOOD, "files", NULL,
                   "all %zu are the release's, compressed or not, with the headers they need",
                   v->good);
    }
    check_index(v);
    check_nothing_else(v);
    check_relay_json(v);
}

// ---- the command --------------------------------------------------------------------------------

static int verify(struct cli *cli, struct verify *v)
{
    v->fetcher = page_fetcher_new(v->origin, cli->common.ca_file, v->pinned ? v->pin : NULL);
    if (v->fetcher == NULL) {
        return output_fail(&cli->out, CLI_FAILED, "On Debian: apt install libcurl3-gnutls",
                           "libcurl cannot be loaded, with which pages are fetched");
    }
    int code = check_release(cli, v);
    if (code != CLI_OK) {
        return code;
    }
    if (v->release != NULL) {
        check_page(v);
    }
    output_say(&cli->out, is_good(v) ? "\nThis is the page that was released, as far as it was "
                                       "served here and now.\n"
                                     : "\nThis is not the page that was released.\n");
    char hash[PAGE_HASH_TEXT_BYTES];
    page_hash_text(v->served.hash, hash);
    output_json(&cli->out,
                json_pack("{s:s,s:s,s:s,s:b,s:i,s:O}", "url", v->origin, "version",
                          v->served.version, "hash", hash, "good", is_good(v), "problems",
                          (int)v->report.problems, "checks", v->report.checks));
    return is_good(v) ? CLI_OK : CLI_PROBLEMS;
}

static int run(struct cli *cli, const void *options, int argc, char **argv)
{
    (void)argc;
    struct verify v = {.report = {.cli = cli, .checks = json_array()}};
    int code = take_url(cli, &v, argv[0]);
    if (code == CLI_OK) {
        code = take_options(cli, &v, options);
    }
    if (code == CLI_OK) {
        code = verify(cli, &v);
    }
    page_fetcher_free(v.fetcher);
    page_release_free(&v.served);
    page_release_free(&v.manifest);
    json_decref(v.report.checks);
    return code;
}

static const struct option_spec options[] = {
    {.name = "manifest",
     .kind = OPTION_FILE,
     .at = offsetof(struct verify_options, manifest),
     .value = "FILE",
     .help = "The release.json that the page shall be"},
    {.name = "release-key",
     .kind = OPTION_FILE,
     .at = offsetof(struct verify_options, release_key),
     .value = "KEY",
     .help = "The key, or a file with it, that signs releases: NAME+ID+BASE64"},
    {.name = "hash",
     .kind = OPTION_TEXT,
     .at = offsetof(struct verify_options, hash),
     .value = "HEX",
     .help = "The hash that the page shall have, as it was published"},
    {.name = "pin",
     .kind = OPTION_TEXT,
     .at = offsetof(struct verify_options, pin),
     .value = "HEX",
     .help = "For a self-made certificate: its key's pin, as sottod shows it"},
    {0},
};

const struct command cmd_verify_page = {
    .name = "verify-page",
    .args = "URL",
    .summary = "Compare the web page that a relay serves with its release",
    .details =
        "Fetches every file of the page as a browser does, compressed and not, and compares it "
        "with "
        "the release: the manifest in a file, the one signed with a key, the one with a hash, or, "
        "if "
        "none is given, the page that this sotto was built with. The headers that protect the page "
        "are looked at, and that its index.html loads nothing else.\n\n"
        "It tells what the relay served to this machine, now. A relay could serve something else "
        "to "
        "another; so look from several places, and see sotto-verify-page(1).\n\n"
        "The exit code is 12 if the page is not the release.",
    .options = options,
    .options_bytes = sizeof(struct verify_options),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
