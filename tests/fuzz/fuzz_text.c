/* SPDX-License-Identifier: MIT */
/* Strings of strangers, made fit for a terminal. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    char *before = fuzz_text(text, strlen(text));

    text_make_printable(text);
    HOLDS(strlen(text) <= strlen(before));
    HOLDS(text_is_utf8(text, strlen(text)));
    HOLDS(fuzz_is_printable(text));
    for (const char *c = text; *c != '\0'; c++) {
        HOLDS((unsigned char)*c >= ' ' && *c != 0x7f);
        HOLDS((unsigned char)c[0] != 0xc2 || (unsigned char)c[1] >= 0xa0); /* C1 */
    }
    /* what was fit is left alone */
    HOLDS(text_is_utf8(before, strlen(before)) || strcmp(text, before) != 0);
    HOLDS(text_distance(text, text) == 0 || strlen(text) > 63);
    HOLDS(text_equal_nocase(text, text) && text_distance(text, before) == text_distance(before, text));
    free(text);
    free(before);
    return 0;
}
