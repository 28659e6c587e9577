// SPDX-License-Identifier: Apache-2.0
#include "line_view.h"
#include "store_sqlite.h"

#include <stdio.h>

static void line_id_text(const struct store *s, char out[2 * SOTTO_LINE_ID_BYTES + 1])
{
    uint8_t id[SOTTO_LINE_ID_BYTES];
    sotto_line_key_id(store_line_key(s), id);
    for (size_t i = 0; i < sizeof id; i++) {
        snprintf(out + 2 * i, 3, "%02x", id[i]);
    }
}

json_t *line_json(const struct store *s)
{
    const struct store_profile *p = store_profile(s);
    if (!p->has_line) {
        return json_null();
    }
    char id[2 * SOTTO_LINE_ID_BYTES + 1];
    line_id_text(s, id);
    return json_pack("{s:s,s:o,s:b}", "id", id, "relay", output_json_relay(&p->home), "registered",
                     p->registered ? 1 : 0);
}

json_t *identity_json(const struct store *s)
{
    const struct store_profile *p = store_profile(s);
    struct sotto_fingerprint fp;
    sotto_identity_fingerprint(store_identity(s), &fp);
    return json_pack("{s:s,s:s?,s:o,s:o,s:o}", "store", store_dir(s), "name",
                     p->name[0] != 0 ? p->name : NULL, "fingerprint", output_json_fingerprint(&fp),
                     "created_unix_s", output_json_time(p->created_unix_s), "line", line_json(s));
}

void identity_say(const struct cli *cli, const struct store *s)
{
    const struct output *o = &cli->out;
    const struct store_profile *p = store_profile(s);
    struct sotto_fingerprint fp;
    char text[SOTTO_FINGERPRINT_TEXT_BYTES], host[OUTPUT_HOST_BYTES];
    sotto_identity_fingerprint(store_identity(s), &fp);
    sotto_fingerprint_text(&fp, text);
    output_say(o, "Fingerprint  ");
    output_styled(o, STYLE_BOLD, "%s\n", text);
    if (p->name[0] != 0) {
        output_say(o, "Name         %s\n", p->name);
    }
    if (!p->has_line) {
        output_say(o, "Line         none: you can call, but not be called\n");
        return;
    }
    char id[2 * SOTTO_LINE_ID_BYTES + 1];
    line_id_text(s, id);
    output_say(o, "Line         %.16s on %s%s%s\n", id, output_host(&p->home, host),
               p->home.pinned ? " (its key is pinned)" : "",
               p->registered ? "" : ", not registered yet");
}
