// SPDX-License-Identifier: Apache-2.0
#include "store_codec.h"
#include "store_impl.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

struct row {
    uint8_t id[BOX_ID_BYTES];
    struct sotto_contact c;
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

static int decode(void *row, const uint8_t *plain, size_t len)
{
    return codec_contact_decode(&((struct row *)row)->c, plain, len);
}

static int by_label(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    int order = strcasecmp(x->c.label, y->c.label);
    return order != 0 ? order : strcmp(x->c.label, y->c.label);
}

static const struct box_rows contacts = {
    .kind = BOX_CONTACT,
    .row_bytes = sizeof(struct row),
    .value_offset = offsetof(struct row, c),
    .value_bytes = sizeof(struct sotto_contact),
    .decode = decode,
    .order = by_label,
};

static int load(struct store *s, struct box_list *list)
{
    return box_list_load(s, &contacts, STORE_CONTACTS_MAX + 1, list);
}

int store_contacts(struct store *s, struct sotto_contact **out, size_t *count)
{
    struct box_list list;
    int error = load(s, &list);
    if (error != SOTTO_OK) {
        return error;
    }
    struct sotto_contact *values = box_list_values(&list, list.count);
    if (values != NULL) {
        *out = values;
        *count = list.count;
    }
    box_list_free(&list);
    return values != NULL ? SOTTO_OK : SOTTO_ENOMEM;
}

void store_contacts_free(struct sotto_contact *list, size_t count)
{
    box_values_free(list, count * sizeof *list);
}

static struct row *find(const struct box_list *list, const struct sotto_fingerprint *fp)
{
    struct row *rows = list->rows;
    for (size_t i = 0; i < list->count; i++) {
        if (sotto_fingerprint_equal(&rows[i].c.fingerprint, fp)) {
            return &rows[i];
        }
    }
    return NULL;
}

// Whether c's label and fingerprint are free, `self` (may be NULL) not counted.
static bool is_free(const struct box_list *list, const struct sotto_contact *c,
                    const struct row *self)
{
    const struct row *rows = list->rows;
    for (size_t i = 0; i < list->count; i++) {
        const struct row *row = &rows[i];
        if (row != self && (strcmp(row->c.label, c->label) == 0 ||
                            sotto_fingerprint_equal(&row->c.fingerprint, &c->fingerprint))) {
            return false;
        }
    }
    return true;
}

static int add_to(struct store *s, const struct box_list *list, const struct sotto_contact *c)
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
    struct box_list list;
    int error = load(s, &list);
    if (error == SOTTO_OK) {
        error = add_to(s, &list, c);
        box_list_free(&list);
    }
    return error;
}

int store_contact_add(struct store *s, const struct sotto_contact *c)
{
    int error = store_begin(s);
    return error == SOTTO_OK ? store_end(s, add_in(s, c)) : error;
}

static int missing(const struct box_list *list)
{
    return list->damaged > 0 ? SOTTO_EPARSE : SOTTO_ENOTFOUND;
}

static int change_in(struct store *s, const struct sotto_fingerprint *fp,
                     int (*change)(struct sotto_contact *c, void *arg), void *arg)
{
    struct box_list list;
    int error = load(s, &list);
    if (error != SOTTO_OK) {
        return error;
    }
    struct row *row = find(&list, fp);
    error = row != NULL ? change(&row->c, arg) : missing(&list);
    if (error == SOTTO_OK) {
        error = is_free(&list, &row->c, row) ? put(s, row) : SOTTO_EEXIST;
    }
    box_list_free(&list);
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
    struct box_list list;
    int error = load(s, &list);
    if (error != SOTTO_OK) {
        return error;
    }
    const struct row *row = find(&list, fp);
    error = row != NULL ? box_remove(s, BOX_CONTACT, row->id) : missing(&list);
    box_list_free(&list);
    return error;
}

int store_contact_remove(struct store *s, const struct sotto_fingerprint *fp)
{
    int error = store_begin(s);
    return error == SOTTO_OK ? store_end(s, remove_in(s, fp)) : error;
}

// ---- for the device's book ---------------------------------------------------------------------

static bool is_of(const void *row, const void *fp)
{
    return sotto_fingerprint_equal(&((const struct row *)row)->c.fingerprint, fp);
}

int store_contact_get(struct store *s, const struct sotto_fingerprint *fp,
                      struct sotto_contact *out)
{
    struct row row;
    int error = box_find(s, &contacts, is_of, fp, &row);
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
    int error = box_find(s, &contacts, is_of, fp, &row);
    if (error != SOTTO_OK) {
        return error;
    }
    row.c.verified = verified;
    row.c.verified_unix_s = verified ? now_unix_s : 0;
    error = put(s, &row);
    sotto_wipe(&row, sizeof row);
    return error;
}
