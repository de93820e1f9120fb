/* SPDX-License-Identifier: MIT */
/* Two URLs, a line each: how they come apart, their one spelling, and whether one lies below the other. */
#include "base/url.h"

#include "fuzz.h"

/* `text` taken apart again comes to the same server and path as `url`. */
static void check_spelling(const struct url *url, char *text)
{
    struct url again;
    char *twice;

    HOLDS(text != NULL && url_parse(text, &again));
    HOLDS(url_same_origin(url, &again) && url_same_origin(&again, url));
    HOLDS(!again.userinfo && again.query == NULL && !again.fragment);
    HOLDS(url_is_loopback(url) == url_is_loopback(&again));
    twice = url_normalised(&again);
    HOLDS(twice != NULL && strcmp(text, twice) == 0);
    mem_free(twice);
}

static void check_one(const char *text, const struct url *url)
{
    CLEANUP(mem_free_p) char *normalised = url_normalised(url);
    CLEANUP(mem_free_p) char *origin = url_origin(url);
    const char *end = text + strlen(text);
    struct url base;

    HOLDS(url->host > text && url->host + url->host_length <= end && url->host_length > 0);
    HOLDS(url->path >= url->host + url->host_length && url->path + url->path_length <= end);
    HOLDS(url->path_length == 0 || url->path[0] == '/');
    HOLDS(url->query == NULL || (url->query > url->path && url->query + url->query_length <= end));
    HOLDS(url->port >= 1 && url->port <= 65535);
    check_spelling(url, normalised);
    check_spelling(url, origin);
    HOLDS(strncmp(normalised, origin, strlen(origin)) == 0);
    HOLDS(url_parse(origin, &base) && url_is_below(url, &base) == !url_is_ambiguous(url));
    HOLDS(url_is_below(url, url) == !url_is_ambiguous(url));
}

/* Below or not is the same for any spelling, and is what the texts say. */
static void check_two(const struct url *a, const struct url *b)
{
    CLEANUP(mem_free_p) char *text_a = url_normalised(a);
    CLEANUP(mem_free_p) char *text_b = url_normalised(b);
    bool below = url_is_below(a, b);
    struct url same_a;
    struct url same_b;
    size_t n;

    HOLDS(text_a != NULL && text_b != NULL && url_parse(text_a, &same_a) && url_parse(text_b, &same_b));
    n = strlen(text_b);
    HOLDS(url_same_origin(a, b) == url_same_origin(b, a));
    if (url_is_ambiguous(a) || url_is_ambiguous(b)) {
        HOLDS(!below);
        return;
    }
    HOLDS(below == url_is_below(&same_a, &same_b));
    HOLDS(below == (strncmp(text_a, text_b, n) == 0 && (text_a[n] == '\0' || text_a[n] == '/')));
    HOLDS(!below || url_same_origin(a, b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *first = fuzz_line(&data, &size);
    char *second = fuzz_text(data, size);
    struct url a;
    struct url b;

    if (url_parse(first, &a)) {
        check_one(first, &a);
        if (url_parse(second, &b)) {
            check_two(&a, &b);
            check_two(&b, &a);
        }
    }
    free(first);
    free(second);
    return 0;
}
