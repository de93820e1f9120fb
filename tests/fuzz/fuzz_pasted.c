/* SPDX-License-Identifier: MIT */
/* What a person pastes in place of the browser's coming back, judged as such an answer is. */
#include "oauth/pasted.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char redirect[] = "http://127.0.0.1:39303/oauth2/callback";
    char *line = fuzz_text(data, size);
    size_t length = strlen(line);
    const char *why = "unset";
    const char *query = pasted_query(line, redirect, &why);

    if (query != NULL) {
        HOLDS(query >= line && query <= line + length && strlen(query) <= length && why == NULL);
        HOLDS(strchr(query, '#') == NULL);
    } else {
        HOLDS(why == NULL || (*why != '\0' && fuzz_is_printable(why) && strcmp(why, "unset") != 0));
    }
    free(line);
    return 0;
}
