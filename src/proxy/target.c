/* SPDX-License-Identifier: MIT */
/* Where a request to the proxy goes at the server. */
#include "proxy/request.h"

#include "base/text.h"
#include "base/url.h"

/* True for what browsers and Node's fetch() send as it is, though a URI may not hold it (RFC 3986 §2): '%' in a query that
 * stands for itself is one. In a path a backslash may be a slash to the server, and a '%' the half of something. */
static bool is_to_be_encoded(struct span target, size_t at, bool in_query)
{
    char c = target.bytes[at];

    if (c == '%') {
        return in_query && (target.length - at < 3 || text_octet(target.bytes + at + 1) < 0);
    }
    return !url_may_hold(c) && (c != '\\' || in_query);
}

static void add_target(struct strbuf *buf, struct span target)
{
    size_t start = 0;
    bool in_query = false;

    for (size_t i = 0; i < target.length; i++) {
        in_query = in_query || target.bytes[i] == '?';
        if (is_to_be_encoded(target, i, in_query)) {
            strbuf_add(buf, target.bytes + start, i - start);
            strbuf_add_percent(buf, target.bytes + i, 1);
            start = i + 1;
        }
    }
    strbuf_add(buf, target.bytes + start, target.length - start);
}

enum moidc_code proxy_request_url(const struct proxy_request *request, const char *server_uri, char **ret,
                                  struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf text = STRBUF_INIT(256 * 1024);
    struct url server;
    struct url url;

    strbuf_add_text(&text, server_uri);
    add_target(&text, request->target);
    if (text.failed) {
        return strbuf_error(&text, "the request's target", err);
    }
    if (!url_parse(server_uri, &server)) {
        return err_set(err, MOIDC_E_INTERNAL, "a normalised URI is none");
    }
    if (!url_parse(strbuf_text(&text), &url) || url.fragment || !url_is_below(&url, &server)) {
        *ret = NULL;
        return MOIDC_OK;
    }
    *ret = strbuf_take(&text);
    return *ret != NULL ? MOIDC_OK : err_memory(err);
}
