/* SPDX-License-Identifier: MIT */
/* json-check: whether the JSON reader of the core takes a document. */
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char HELP[] =
    "usage: json-check <DOCUMENT\n"
    "Exit status 0: the document is taken, 1: it is refused.\n"
    "Takes what RFC 8259 describes, as the provider's replies are read, but any value at the top.\n"
    "Refused on purpose: a key that stands twice in an object; U+0000 in a string; half of a surrogate pair; bytes "
    "that\n"
    "are not UTF-8; a byte order mark; numbers that no double can hold (1e999); more than 63 levels, "
    "some\n65,500 values or a MiB.\n";

int main(int count, char **words)
{
    static char document[JSON_MOST_BYTES + 64];
    CLEANUP(json_release_p) json_t *value = NULL;
    struct moidc_err err;
    size_t n = 6;
    bool is_one;

    (void)words;
    if (count > 1) {
        fputs(HELP, stdout);
        return 0;
    }
    /* the core reads objects alone: the document becomes the only member of one, and must not break out of it */
    memcpy(document, "{\"a\":\n", n);
    n += fread(document + n, 1, sizeof document - 8, stdin);
    memcpy(document + n, "\n}", 2);
    is_one =
        json_object_parse(document, n + 2, "the document", &value, &err) == MOIDC_OK && json_object_size(value) == 1;
    if (!is_one) {
        fprintf(stderr, "%s\n", value == NULL ? err.what : "more than one value");
    }
    return !is_one;
}
