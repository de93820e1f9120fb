/* SPDX-License-Identifier: MIT */
/* The header lines of a provider's reply, as libcurl hands them in: one by one, not ended by a NUL. */
#include "io/http_headers.h"

#include "fuzz.h"

#include <ctype.h>

static void take(const uint8_t *line, size_t n, struct http_response *response, struct http_route *route)
{
    char *copy = malloc(n + (n == 0)); /* no byte more, for the address sanitizer */

    HOLDS(copy != NULL);
    memcpy(copy, line, n);
    http_headers_take(copy, n, response, route);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_response response = {.retry_after_s = -1};
    struct http_response same = {.retry_after_s = -1};
    struct http_route route = {0};
    struct moidc_err err;

    HOLDS(libraries_load(&err) == MOIDC_OK);
    while (size > 0) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t n = end != NULL ? (size_t)(end + 1 - data) : size;

        take(data, n, &response, &route);
        take(data, n, &same, NULL);
        data += n;
        size -= n;
    }
    for (const char *c = response.content_type; *c != '\0'; c++) {
        HOLDS((unsigned char)*c > ' ' && *c != ';' && !isupper((unsigned char)*c));
    }
    HOLDS(strlen(response.content_type) < sizeof response.content_type);
    HOLDS(response.retry_after_s >= -1);
    HOLDS(strcmp(response.content_type, same.content_type) == 0);
    HOLDS((response.retry_after_s < 0) == (same.retry_after_s < 0)); /* of a date it depends on the time of day */
    HOLDS(route.date_s >= 0);
    HOLDS(memchr(route.location, '\0', sizeof route.location) != NULL && fuzz_is_printable(route.location));
    HOLDS(memchr(route.challenge, '\0', sizeof route.challenge) != NULL);
    return 0;
}
