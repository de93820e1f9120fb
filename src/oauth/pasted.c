/* SPDX-License-Identifier: MIT */
#include "oauth/pasted.h"

#include "base/url.h"

#include <string.h>

/* What surrounds an address that was copied out of a text. */
static char *trim(char *line)
{
    static const char around[] = " \t\r\n\"'<>";
    size_t n;

    line += strspn(line, around);
    n = strlen(line);
    while (n > 0 && strchr(around, line[n - 1]) != NULL) {
        n--;
    }
    line[n] = '\0';
    return line;
}

/* True when `address`, which has no query, is the redirect URI. */
static bool is_redirect_uri(const char *address, const char *redirect_uri)
{
    struct url url;
    struct url wanted;

    return url_parse(address, &url) && url_parse(redirect_uri, &wanted) && !url.userinfo &&
           url_same_origin(&url, &wanted) && url.path_length == wanted.path_length &&
           memcmp(url.path, wanted.path, url.path_length) == 0;
}

const char *pasted_query(char *line, const char *redirect_uri, const char **why)
{
    const char *bare = redirect_uri + strlen("http://");
    const char *scheme;
    const char *equals;
    char *query;

    *why = NULL;
    line = trim(line);
    line[strcspn(line, "#")] = '\0'; /* no part of what a browser sends */
    if (*line == '\0') {
        return NULL;
    }
    if (*line == '?') {
        return line + 1;
    }
    query = strchr(line, '?');
    scheme = strstr(line, "://");
    equals = strchr(line, '=');
    if (equals != NULL && (query == NULL || equals < query) && (scheme == NULL || equals < scheme)) {
        return line; /* the parameters begin at once */
    }
    if (query == NULL) {
        *why = scheme != NULL || strchr(line, '/') != NULL
                   ? "is an address without an answer in it: nothing follows a '?'"
                   : "is no address: bring all of it, not the code alone";
        return NULL;
    }
    *query = '\0';
    if (scheme != NULL && scheme < query ? is_redirect_uri(line, redirect_uri) : strcmp(line, bare) == 0) {
        return query + 1;
    }
    *why = "is another address than the one that the browser comes back to";
    return NULL;
}
