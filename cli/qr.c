// SPDX-License-Identifier: Apache-2.0
#include "qr.h"

#include <qrencode.h>
#include <stdio.h>
#include <string.h>

// Exact black and white: the sixteen named colours are what the terminal's theme makes of them.
#define BLACK_ON_WHITE "\033[38;5;16;48;5;231m"
#define PLAIN          "\033[0m"

static bool is_dark(const QRcode *code, int x, int y)
{
    bool inside = x >= 0 && y >= 0 && x < code->width && y < code->width;
    return inside && (code->data[y * code->width + x] & 1) != 0;
}

// Two rows of modules in one line of text. Without colours the light modules are the drawn ones,
// as on a dark terminal; on a light one the code is inverted, which readers take too.
static void print_half_blocks(const QRcode *code, bool color)
{
    static const char *const blocks[2][2] = {{" ", "▄"}, {"▀", "█"}}; // [upper][lower] drawn
    int end = code->width + QR_QUIET_MODULES;
    for (int y = -QR_QUIET_MODULES; y < end; y += 2) {
        fputs(color ? BLACK_ON_WHITE : "", stdout);
        for (int x = -QR_QUIET_MODULES; x < end; x++) {
            bool upper = is_dark(code, x, y) == color;
            bool lower = (y + 1 < end ? is_dark(code, x, y + 1) : false) == color;
            fputs(blocks[upper][lower], stdout);
        }
        puts(color ? PLAIN : "");
    }
}

static void print_ascii(const QRcode *code, bool color)
{
    int end = code->width + QR_QUIET_MODULES;
    for (int y = -QR_QUIET_MODULES; y < end; y++) {
        fputs(color ? BLACK_ON_WHITE : "", stdout);
        for (int x = -QR_QUIET_MODULES; x < end; x++) {
            fputs(is_dark(code, x, y) == color ? "##" : "  ", stdout);
        }
        puts(color ? PLAIN : "");
    }
}

bool qr_print(const struct output *o, const char *text)
{
    if (o->json) {
        return false;
    }
    QRcode *code = QRcode_encodeString(text, 0, QR_ECLEVEL_L, QR_MODE_8, 1);
    if (code == NULL) {
        return false;
    }
    unsigned modules = (unsigned)(code->width + 2 * QR_QUIET_MODULES);
    bool fits = !o->terminal || modules * (o->utf8 ? 1 : 2) <= o->columns;
    if (fits && o->utf8) {
        print_half_blocks(code, o->color);
    } else if (fits) {
        print_ascii(code, o->color);
    }
    memset(code->data, 0, (size_t)code->width * (size_t)code->width);
    QRcode_free(code);
    return fits;
}
