/* SPDX-License-Identifier: MIT */
/* The drawing is read back into modules. A build without libqrcodegen draws none, which is tested in its place. */
#include "flow/qr_text.h"

#include "check.h"

#ifdef MOIDC_QR
#include <qrcodegen/qrcodegen.h>
#endif

static const char URI[] = "https://auth.example.com/realms/mlflow/device?user_code=WDJB-MJHT";

#ifdef MOIDC_QR
enum { QUIET = 4, MOST = 128 };

static bool dark[MOST][MOST]; /* as drawn: [y][x] */

/* Reads the drawing; its width, -1 when the lines differ. *height in modules. */
static int read_back(const char *text, int *height)
{
    int width = -1;
    int y = 0;

    memset(dark, 0, sizeof dark);
    for (; *text != '\0'; text += *text == '\n', y += 2) {
        int x = 0;

        for (; *text != '\0' && *text != '\n'; x++) {
            bool wide = *text != ' ';
            bool above = strncmp(text, "\u2588", 3) == 0 || strncmp(text, "\u2580", 3) == 0;
            bool below = strncmp(text, "\u2588", 3) == 0 || strncmp(text, "\u2584", 3) == 0;

            CHECK(!wide || above || below);
            dark[y][x] = !above;
            dark[y + 1][x] = !below;
            text += wide ? 3 : 1;
        }
        if (width >= 0 && x != width) {
            return -1;
        }
        width = x;
    }
    *height = y;
    return width;
}

static void test_what_is_drawn_is_the_code_with_its_quiet_zone(void)
{
    uint8_t code[qrcodegen_BUFFER_LEN_FOR_VERSION(20)];
    uint8_t room[qrcodegen_BUFFER_LEN_FOR_VERSION(20)];
    CLEANUP(strbuf_free) struct strbuf buf = STRBUF_INIT(64 * 1024);
    int height = 0;
    int size;

    CHECK(qr_text_add(&buf, URI, 80) && !buf.failed);
    CHECK(qrcodegen_encodeText(URI, room, code, qrcodegen_Ecc_LOW, 1, 20, qrcodegen_Mask_AUTO, true));
    size = qrcodegen_getSize(code);
    CHECK(read_back(strbuf_text(&buf), &height) == size + 2 * QUIET);
    CHECK(height >= size + 2 * QUIET);
    for (int y = 0; y < size + 2 * QUIET; y++) {
        for (int x = 0; x < size + 2 * QUIET; x++) {
            CHECK(dark[y][x] == qrcodegen_getModule(code, x - QUIET, y - QUIET)); /* outside of it all is light */
        }
    }
}

static void test_a_terminal_that_is_too_narrow_gets_none(void)
{
    CLEANUP(strbuf_free) struct strbuf buf = STRBUF_INIT(64 * 1024);
    int width = 0;

    while (width < 200 && !qr_text_add(&buf, URI, width)) {
        CHECK(buf.length == 0);
        width++;
    }
    CHECK(width >= 21 + 2 * QUIET && width < 80);
}

static void test_a_text_that_no_code_holds_gets_none(void)
{
    CLEANUP(strbuf_free) struct strbuf buf = STRBUF_INIT(64 * 1024);
    char text[2049];

    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    CHECK(!qr_text_add(&buf, text, 10000) && buf.length == 0);
}
#else
static void test_without_the_library_none_is_drawn(void)
{
    CLEANUP(strbuf_free) struct strbuf buf = STRBUF_INIT(64 * 1024);

    CHECK(!qr_text_add(&buf, URI, 10000) && buf.length == 0);
}
#endif

int main(void)
{
#ifdef MOIDC_QR
    RUN(test_what_is_drawn_is_the_code_with_its_quiet_zone);
    RUN(test_a_terminal_that_is_too_narrow_gets_none);
    RUN(test_a_text_that_no_code_holds_gets_none);
#else
    RUN(test_without_the_library_none_is_drawn);
#endif
    return check_summary();
}
