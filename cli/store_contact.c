// SPDX-License-Identifier: Apache-2.0
#include "store_codec.h"
#include "store_impl.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct row {
    uint8_t id[BOX_ID_BYTES];
    struct sotto_contact c;
};

struct list {
    struct row *rows;
    size_t count, cap, damaged;
};

static int put(struct store *s, const struct row *row)
{
    uint8_t plain[CODEC_CONTACT_BYTES];
    int error = codec_contact_encode(&row->c, plain);
    if (error == SOTTO_OK) {
        error = box_put(s, BOX_CONTACT, row->id, plain, sizeof plain);
    }
    sotto_wipe(plain, sizeof plain);
    return error;
}

static int collect(const uint8_t id[BOX_ID_BYTES], const uint8_t *plain, size_t len, void *arg)
{
    struct list *list = arg;
    if (list->count == list->cap) {
        return SOTTO_ELIMIT;
    }
    struct row *row = &list->rows[list->count];
    int error = codec_contact_decode(&row->c, plain, len);
    if (error != SOTTO_OK) {
        return error;
    }
    memcpy(row->id, id, BOX_ID_BYTES);
    list->count++;
    return SOTTO_OK;
}

static void list_free(struct list *list)
{
    if (list->rows != NULL) {
        sotto_wipe(list->rows, list->cap * sizeof list->rows[0]);
        free(list->rows);
    }
}

static int by_label(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    int order = strcasecmp(x->c.label, y->c.label);
    return order != 0 ? order : strcmp(x->c.label, y->c.label);
}

static int load(struct store *s, struct list *list)
{
    *list = (struct list){.cap = STORE_CONTACTS_MAX + 1};
    list->rows = calloc(list->cap, sizeof list->rows[0]);
    if (list->rows == NULL) {
        return SOTTO_ENOMEM;
    }
    struct box_scan scan = {.visit = collect, .arg = list};
    int error = box_scan(s, BOX_CONTACT, &scan);
    if (error != SOTTO_OK) {
        list_free(list);
        return error;
    }
    qsort(list->rows, list->count, sizeof list->rows[0], by_label);
    list->damaged = scan.damaged;
    return SOTTO_OK;
}

int store_contacts(struct store *s, struct sotto_contact **out, size_t *count)
{
    struct list list;
    int error = load(s, &list);
    if (error != SOTTO_OK) {
        return error;
    }
    struct sotto_contact *contacts = calloc(list.count + 1, sizeof *contacts);
    if (contacts == NULL) {
        list_free(&list);
        return SOTTO_ENOMEM;
    }
    for (size_t i = 0; i < list.count; i++) {
        contacts[i] = list.rows[i].c;
    }
    *out = contacts;
    *count = list.count;
    list_free(&list);
    return SOTTO_OK;
}

void store_contacts_free(struct sotto_contact *list, size_t count)
{
    if (list != NULL) {
        sotto_wipe(list, count * sizeof *list);
        free(list);
    }
}

static struct row *find(const struct list *list, const struct sotto_fingerprint *fp)
{
    for (size_t i = 0; i < list->count; i++) {
        if (sotto_fingerprint_equal(&list->rows[i].c.fingerprint, fp)) {
            return &list->rows[i];
        }
    }
    return NULL;
}

// Whether c's label and fingerprint are free, `self` (may be NULL) not counted.
static bool is_free(const struct list *list, const struct sotto_contact *c, const struct row *self)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct row *row = &list->rows[i];
        if (row != self && (strcmp(row->c.label, c->label) == 0 ||
                            sotto_fingerprint_equal(&row->c.fingerprint, &c->fingerprint))) {
            return false;
        }
    }
    return true;
}

static int add_to(struct store *s, const struct list *list, const struct sotto_contact *c)
{
    if (!is_free(list, c, NULL)) {
        return SOTTO_EEXIST;
    }
    if (list->count + list->damaged >= STORE_CONTACTS_MAX) {
        return SOTTO_ELIMIT;
    }
    struct row row = {.c = *c};
    box_new_id(row.id);
    int error = put(s, &row);
    sotto_wipe(&row, sizeof row);
    return error;
}

static int add_in(struct store *s, const struct sotto_contact *c)
{
    struct list list;
    int error = load(s, &list);
    if (error == SOTTO_OK) {
        error = add_to(s, &list, c);
        list_free(&list);
    }
    return error;
}

int store_contact_add(struct store *s, const struct sotto_contact *c)
{
    int error = store_begin(s);
    return error == SOTTO_OK ? store_end(s, add_in(s, c)) : error;
}

static int missing(const struct list *list)
{
    return list->damaged > 0 ? SOTTO_EPARSE : SOTTO_ENOTFOUND;
}

static int change_in(struct store *s, const struct sotto_fingerprint *fp,
                     int (*change)(struct sotto_contact *c, void *arg), void *arg)
{
    struct list list;
    int error = load(s, &list);
    if (error != SOTTO_OK) {
        return error;
    }
    struct row *row = find(&list, fp);
    error = row != NULL ? change(&row->c, arg) : missing(&list);
    if (error == SOTTO_OK) {
        error = is_free(&list, &row->c, row) ? put(s, row) : SOTTO_EEXIST;
    }
    list_free(&list);
    return error;
}

int store_contact_change(struct store *s, const struct sotto_fingerprint *fp,
                         int (*change)(struct sotto_contact *c, void *arg), void *arg)
{
    int error = store_begin(s);
    return error == SOTTO_OK ? store_end(s, change_in(s, fp, change, arg)) : error;
}

static int remove_in(struct store *s, const struct sotto_fingerprint *fp)
{
    struct list list;
    int error = load(s, &list);
    if (error != SOTTO_OK) {
        return error;
    }
    const struct row *row = find(&list, fp);
    error = row != NULL ? box_remove(s, BOX_CONTACT, row->id) : missing(&list);
    list_free(&list);
    return error;
}

int store_contact_remove(struct store *s, const struct sotto_fingerprint *fp)
{
    int error = store_begin(s);
    return error == SOTTO_OK ? store_end(s, remove_in(s, fp)) : error;
}

// ---- for the device's book ---------------------------------------------------------------------

struct wanted {
    const struct sotto_fingerprint *fp;
    struct row row;
};

static int match(const uint8_t id[BOX_ID_BYTES], const uint8_t *plain, size_t len, void *arg)
{
    struct wanted *wanted = arg;
    int error = codec_contact_decode(&wanted->row.c, plain, len);
    if (error != SOTTO_OK) {
        return error;
    }
    memcpy(wanted->row.id, id, BOX_ID_BYTES);
    return sotto_fingerprint_equal(&wanted->row.c.fingerprint, wanted->fp) ? 1 : 0;
}

static int scan_for(struct store *s, const struct sotto_fingerprint *fp, struct row *out)
{
    struct wanted wanted = {.fp = fp};
    struct box_scan scan = {.visit = match, .arg = &wanted};
    int result = box_scan(s, BOX_CONTACT, &scan);
    if (result == 1) {
        *out = wanted.row;
        result = SOTTO_OK;
    } else if (result == SOTTO_OK) {
        result = scan.damaged > 0 ? SOTTO_EPARSE : SOTTO_ENOTFOUND;
    }
    sotto_wipe(&wanted, sizeof wanted);
    return result;
}

int store_contact_get(struct store *s, const struct sotto_fingerprint *fp,
                      struct sotto_contact *out)
{
    struct row row;
    int error = scan_for(s, fp, &row);
    if (error == SOTTO_OK) {
        *out = row.c;
        sotto_wipe(&row, sizeof row);
    }
    return error;
}

int contact_set_verified(struct store *s, const struct sotto_fingerprint *fp, bool verified,
                         int64_t now_unix_s)
{
    struct row row;
    int error = scan_for(s, fp, &row);
    if (error != SOTTO_OK) {
        return error;
    }
    row.c.verified = verified;
    row.c.verified_unix_s = verified ? now_unix_s : 0;
    error = put(s, &row);
    sotto_wipe(&row, sizeof row);
    return error;
}
