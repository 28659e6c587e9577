// SPDX-License-Identifier: Apache-2.0
#include "page_check.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define POLICY_MAX_BYTES    4096
#define VALUE_MAX_BYTES     512
#define DIRECTIVES_MAX      32
#define NAME_MAX_BYTES      32
#define ATTRIBUTES_MAX      32
#define ATTRIBUTE_MAX_BYTES 512

static bool wrong(char error[PAGE_ERROR_BYTES], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool wrong(char error[PAGE_ERROR_BYTES], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error, PAGE_ERROR_BYTES, format, args);
    va_end(args);
    return false;
}

// ---- the policy ---------------------------------------------------------------------------------

static const struct {
    const char *name;
    const char *value; // NULL: whatever it is, it runs nothing
    bool needed;
} directives[] = {
    {"default-src", "'none'", true},     {"script-src", "'self' 'wasm-unsafe-eval'", true},
    {"worker-src", "'self'", true},      {"style-src", "'self'", true},
    {"base-uri", "'none'", true},        {"form-action", "'none'", true},
    {"frame-ancestors", "'none'", true}, {"require-trusted-types-for", "'script'", true},
    {"trusted-types", "sotto", true},    {"connect-src", NULL, false},
    {"font-src", NULL, false},           {"img-src", NULL, false},
    {"manifest-src", NULL, false},       {"media-src", NULL, false},
};
#define DIRECTIVES (sizeof directives / sizeof directives[0])

// "  a   b " becomes "a b".
static void squeeze(char *text)
{
    char *out = text;
    for (const char *in = text; *in != '\0'; in++) {
        bool space = isspace((unsigned char)*in) != 0;
        if (!space) {
            *out++ = *in;
        } else if (out > text && out[-1] != ' ') {
            *out++ = ' ';
        }
    }
    while (out > text && out[-1] == ' ') {
        out--;
    }
    *out = '\0';
}

static bool check_directive(char *directive, bool seen[DIRECTIVES], char error[PAGE_ERROR_BYTES])
{
    char *value = directive + strcspn(directive, " ");
    if (*value != '\0') {
        *value++ = '\0';
    }
    for (size_t i = 0; i < DIRECTIVES; i++) {
        if (strcasecmp(directive, directives[i].name) != 0) {
            continue;
        }
        if (seen[i]) {
            return wrong(error, "the policy has %s twice", directive);
        }
        seen[i] = true;
        return directives[i].value == NULL || strcmp(value, directives[i].value) == 0 ||
               wrong(error, "the policy says %s %.80s, not %s", directive, value,
                     directives[i].value);
    }
    return wrong(error, "the policy has %.80s, which a page of sotto does not need", directive);
}

bool page_check_policy(const char *policy, char error[PAGE_ERROR_BYTES])
{
    char copy[POLICY_MAX_BYTES];
    bool seen[DIRECTIVES] = {false};
    if (strlen(policy) >= sizeof copy) {
        return wrong(error, "the policy is too long");
    }
    memcpy(copy, policy, strlen(policy) + 1);
    char *rest = copy, *directive;
    while ((directive = strsep(&rest, ";")) != NULL) {
        squeeze(directive);
        if (directive[0] != '\0' && !check_directive(directive, seen, error)) {
            return false;
        }
    }
    for (size_t i = 0; i < DIRECTIVES; i++) {
        if (directives[i].needed && !seen[i]) {
            return wrong(error, "the policy lacks %s", directives[i].name);
        }
    }
    return true;
}

// ---- headers ------------------------------------------------------------------------------------

static const struct {
    const char *name, *value;
} wanted[] = {
    {"cross-origin-opener-policy", "same-origin"},
    {"cross-origin-embedder-policy", "require-corp"},
    {"cross-origin-resource-policy", "same-origin"},
    {"referrer-policy", "no-referrer"},
    {"x-content-type-options", "nosniff"},
};

// Each of them loads, sends or remembers something, or lets somebody else in.
static const char *const unwanted[] = {
    "access-control-allow-origin",
    "link",
    "location",
    "nel",
    "refresh",
    "report-to",
    "reporting-endpoints",
    "service-worker-allowed",
    "set-cookie",
    "sourcemap",
    "speculation-rules",
    "x-sourcemap",
};

static const struct {
    const char *ending, *type;
} types[] = {
    {".html", "text/html"},        {".js", "text/javascript"},
    {".css", "text/css"},          {".json", "application/json"},
    {".wasm", "application/wasm"}, {".svg", "image/svg+xml"},
    {".png", "image/png"},         {".webmanifest", "application/manifest+json"},
};

static const char *type_of(const char *path)
{
    const char *ending = strrchr(path, '.');
    if (strcmp(path, "/") == 0) {
        return "text/html";
    }
    for (size_t i = 0; ending != NULL && i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(ending, types[i].ending) == 0) {
            return types[i].type;
        }
    }
    return NULL;
}

static bool check_type(const struct page_reply *r, const char *path, char error[PAGE_ERROR_BYTES])
{
    char value[VALUE_MAX_BYTES];
    const char *type = type_of(path);
    if (type == NULL) {
        return true;
    }
    if (!page_reply_header(r, "content-type", value, sizeof value)) {
        return wrong(error, "it has no content-type");
    }
    value[strcspn(value, "; ")] = '\0';
    return strcasecmp(value, type) == 0 ||
           wrong(error, "its content-type is %.80s, not %s", value, type);
}

bool page_check_headers(const struct page_reply *r, const char *path, char error[PAGE_ERROR_BYTES])
{
    char value[POLICY_MAX_BYTES];
    for (size_t i = 0; i < sizeof unwanted / sizeof unwanted[0]; i++) {
        if (page_reply_count(r, unwanted[i]) > 0) {
            return wrong(error, "it has a header %s", unwanted[i]);
        }
    }
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        if (page_reply_count(r, wanted[i].name) != 1 ||
            !page_reply_header(r, wanted[i].name, value, sizeof value) ||
            strcasecmp(value, wanted[i].value) != 0) {
            return wrong(error, "it lacks the header %s: %s", wanted[i].name, wanted[i].value);
        }
    }
    if (page_reply_count(r, "content-security-policy") != 1 ||
        !page_reply_header(r, "content-security-policy", value, sizeof value)) {
        return wrong(error, "it lacks a content-security-policy, or has several");
    }
    return page_check_policy(value, error) && check_type(r, path, error);
}

// ---- index.html ---------------------------------------------------------------------------------

struct attribute {
    char name[NAME_MAX_BYTES];
    char value[ATTRIBUTE_MAX_BYTES];
};

struct tag {
    char name[NAME_MAX_BYTES]; // lower case
    struct attribute attributes[ATTRIBUTES_MAX];
    size_t count;
};

static bool copy_lower(char *out, size_t cap, const char *from, size_t len)
{
    if (len == 0 || len >= cap) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        out[i] = (char)tolower((unsigned char)from[i]);
    }
    out[len] = '\0';
    return true;
}

// Takes one attribute off *at. Values stand in double quotes or are not there; no character
// references: those would have to be understood.
static bool read_attribute(const char **at, struct attribute *a)
{
    const char *p = *at;
    size_t len = strcspn(p, " \t\r\n=>/\"'<");
    if (!copy_lower(a->name, sizeof a->name, p, len)) {
        return false;
    }
    p += len;
    a->value[0] = '\0';
    if (*p == '=') {
        if (p[1] != '"') {
            return false;
        }
        len = strcspn(p + 2, "\"&<");
        if (p[2 + len] != '"' || len >= sizeof a->value) {
            return false;
        }
        memcpy(a->value, p + 2, len);
        a->value[len] = '\0';
        p += len + 3;
    }
    *at = p;
    return true;
}

// *at stands behind '<'; afterwards behind '>'.
static bool read_tag(const char **at, struct tag *t)
{
    size_t len = strcspn(*at, " \t\r\n>/");
    *t = (struct tag){.count = 0};
    if (!copy_lower(t->name, sizeof t->name, *at, len)) {
        return false;
    }
    *at += len;
    for (;;) {
        *at += strspn(*at, " \t\r\n");
        if (**at == '>') {
            (*at)++;
            return true;
        }
        if (t->count == ATTRIBUTES_MAX || !read_attribute(at, &t->attributes[t->count])) {
            return false;
        }
        t->count++;
    }
}

static const char *attribute(const struct tag *t, const char *name)
{
    for (size_t i = 0; i < t->count; i++) {
        if (strcmp(t->attributes[i].name, name) == 0) {
            return t->attributes[i].value;
        }
    }
    return NULL;
}

static bool check_attributes(const struct tag *t, char error[PAGE_ERROR_BYTES])
{
    static const char *const bad[] = {"style", "srcdoc", "srcset", "action", "background", "ping"};
    for (size_t i = 0; i < t->count; i++) {
        const char *name = t->attributes[i].name;
        bool loads = strcmp(name, "src") == 0 || strcmp(name, "href") == 0;
        bool is_bad = strncmp(name, "on", 2) == 0;
        for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
            is_bad = is_bad || strcmp(name, bad[k]) == 0;
        }
        if (is_bad || (loads && strcmp(t->name, "script") != 0 && strcmp(t->name, "link") != 0)) {
            return wrong(error, "<%s> has the attribute %s", t->name, name);
        }
    }
    return true;
}

static bool check_loaded(const struct page_release *r, const struct tag *t, const char *path,
                         bool digest, char error[PAGE_ERROR_BYTES])
{
    const struct page_file *f = path != NULL ? page_release_find(r, path) : NULL;
    const char *integrity = attribute(t, "integrity");
    if (f == NULL) {
        return wrong(error, "<%s> loads %.120s, which is not in the release", t->name,
                     path != NULL ? path : "nothing");
    }
    if (!digest && integrity == NULL) {
        return true;
    }
    if (integrity == NULL || strncmp(integrity, "sha384-", 7) != 0 ||
        strcmp(integrity + 7, f->sha384) != 0) {
        return wrong(error, "<%s> loads %.120s without its digest, or with another", t->name, path);
    }
    return true;
}

static bool check_link(const struct page_release *r, const struct tag *t,
                       char error[PAGE_ERROR_BYTES])
{
    const char *rel = attribute(t, "rel");
    bool icon = rel != NULL && (strcmp(rel, "icon") == 0 || strcmp(rel, "apple-touch-icon") == 0);
    bool manifest = rel != NULL && strcmp(rel, "manifest") == 0;
    bool code =
        rel != NULL && (strcmp(rel, "stylesheet") == 0 || strcmp(rel, "modulepreload") == 0);
    if (!icon && !manifest && !code) {
        return wrong(error, "<link> is a %.80s", rel != NULL ? rel : "nothing");
    }
    return check_loaded(r, t, attribute(t, "href"), code, error);
}

static bool check_tag(const struct page_release *r, const struct tag *t, const char *behind,
                      char error[PAGE_ERROR_BYTES])
{
    static const char *const harmless[] = {"html", "head", "meta",     "title", "body",
                                           "div",  "p",    "noscript", "main",  "br"};
    if (!check_attributes(t, error)) {
        return false;
    }
    if (strcmp(t->name, "link") == 0) {
        return check_link(r, t, error);
    }
    if (strcmp(t->name, "script") == 0) {
        return strncmp(behind, "</script>", 9) == 0
                   ? check_loaded(r, t, attribute(t, "src"), true, error)
                   : wrong(error, "a script stands in it");
    }
    if (strcmp(t->name, "meta") == 0 && attribute(t, "http-equiv") != NULL) {
        return wrong(error, "<meta> has the attribute http-equiv");
    }
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++) {
        if (strcmp(t->name, harmless[i]) == 0) {
            return true;
        }
    }
    return wrong(error, "it has a <%s>", t->name);
}

bool page_check_html(const struct page_release *r, const char *html, char error[PAGE_ERROR_BYTES])
{
    bool script = false;
    for (const char *at = strchr(html, '<'); at != NULL; at = strchr(at, '<')) {
        at++;
        if (strncasecmp(at, "!doctype html>", 14) == 0 || *at == '/') {
            continue;
        }
        struct tag t;
        if (!read_tag(&at, &t)) {
            return wrong(error, "near \"<%.40s\" it is not plain HTML",
                         t.name[0] != '\0' ? t.name : "!");
        }
        if (!check_tag(r, &t, at, error)) {
            return false;
        }
        script = script || strcmp(t.name, "script") == 0;
    }
    return script || wrong(error, "it has no script");
}
