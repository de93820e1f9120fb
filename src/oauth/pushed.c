/* SPDX-License-Identifier: MIT */
#include "oauth/pushed.h"

#include "base/json.h"
#include "oauth/oauth_error.h"

#include <string.h>

enum { REQUEST_URI_MOST = 2048 };

static enum moidc_code refused(const struct http_response *reply, const json_t *object, struct moidc_err *err)
{
    if (oauth_error_take(reply, object, "the sign-in", err)) {
        return MOIDC_E_PROVIDER;
    }
    err_set(err, MOIDC_E_PROVIDER, "the provider answered the pushed authorization request with HTTP status %d",
            reply->status);
    err_reply(err, reply->status, NULL);
    return err_next(err, "%s",
                    http_status_next(reply->status, "ask the provider's operator what this client is allowed"));
}

/* RFC 9126 §2.2: a URI, which the browser carries to the provider. */
static bool is_request_uri(const char *text)
{
    size_t n = text != NULL ? strlen(text) : 0;

    for (size_t i = 0; i < n; i++) {
        if (text[i] <= ' ' || text[i] > '~') {
            return false;
        }
    }
    return n > 0 && n <= REQUEST_URI_MOST;
}

enum moidc_code pushed_response_parse(const struct http_response *reply, char **ret, struct moidc_err *err)
{
    CLEANUP(json_release_p) json_t *object = NULL;
    const char *uri;
    enum moidc_code rc = json_object_parse(strbuf_text(&reply->body), reply->body.length,
                                           "the pushed authorization request endpoint's answer", &object, err);

    if (rc == MOIDC_E_MEMORY) {
        return rc;
    }
    /* 201 it has to be (§2.2); some answer 200, as the token endpoint does */
    if ((reply->status != 200 && reply->status != 201) ||
        (rc == MOIDC_OK && json_text_filled(object, "error") != NULL)) {
        return refused(reply, object, err);
    }
    uri = rc == MOIDC_OK ? json_text(object, "request_uri") : NULL;
    if (rc == MOIDC_OK && !is_request_uri(uri)) {
        rc = err_set(err, MOIDC_E_PROTOCOL,
                     "the pushed authorization request endpoint's answer holds no proper request_uri");
    }
    if (rc != MOIDC_OK) {
        err_reply(err, reply->status, NULL);
        return err_next(err, "ask the provider's operator: this breaks RFC 9126 §2.2");
    }
    *ret = mem_strdup(uri);
    return *ret != NULL ? MOIDC_OK : err_memory(err);
}
