/* SPDX-License-Identifier: MIT */
#include "flow/qr_text.h"

#ifdef MOIDC_QR
#include <qrcodegen/qrcodegen.h>

enum { VERSION_MOST = 10, QUIET = 4 }; /* 271 bytes in 65 columns and 33 lines */

static bool is_dark(const uint8_t *code, int size, int x, int y)
{
    return x >= 0 && y >= 0 && x < size && y < size && qrcodegen_getModule(code, x, y);
}

bool qr_text_add(struct strbuf *buf, const char *text, int columns)
{
    static const char *const blocks[2][2] = {{"\u2588", "\u2580"},
                                             {"\u2584", " "}}; /* [above is dark][below is dark] */
    uint8_t code[qrcodegen_BUFFER_LEN_FOR_VERSION(VERSION_MOST)];
    uint8_t room[qrcodegen_BUFFER_LEN_FOR_VERSION(VERSION_MOST)];
    int size;

    if (!qrcodegen_encodeText(text, room, code, qrcodegen_Ecc_LOW, qrcodegen_VERSION_MIN, VERSION_MOST,
                              qrcodegen_Mask_AUTO, true)) {
        return false;
    }
    size = qrcodegen_getSize(code);
    if (size + 2 * QUIET > columns) {
        return false;
    }
    for (int y = -QUIET; y < size + QUIET; y += 2) {
        strbuf_add_text(buf, y > -QUIET ? "\n" : "");
        for (int x = -QUIET; x < size + QUIET; x++) {
            strbuf_add_text(buf, blocks[is_dark(code, size, x, y)][is_dark(code, size, x, y + 1)]);
        }
    }
    return true;
}
#else
bool qr_text_add(struct strbuf *buf, const char *text, int columns)
{
    (void)buf;
    (void)text;
    (void)columns;
    return false;
}
#endif
