/* SPDX-License-Identifier: MIT */
#include "flow/provider.h"

#include "base/fork_gate.h"
#include "io/clock.h"

#include <string.h>

enum { TRIES = 3, FIRST_PAUSE_MS = 400, RETRY_AFTER_MOST_S = 10, STEP_MS = 50 };

void provider_clear(struct provider *provider)
{
    metadata_free(provider->metadata);
    jwks_free(provider->jwks);
    http_free(provider->http);
    provider->metadata = NULL;
    provider->jwks = NULL;
    provider->http = NULL;
}

bool call_wait(const struct call *call, int64_t ms)
{
    int64_t end_ms = clock_steady_ms() + ms;

    for (;;) {
        int64_t left_ms = end_ms - clock_steady_ms();

        if (call->ui != NULL && call->ui->cancelled != NULL && call->ui->cancelled(call->ui->ctx)) {
            return false;
        }
        if (left_ms <= 0) {
            return true;
        }
        clock_sleep_ms(left_ms < STEP_MS ? (int)left_ms : STEP_MS);
    }
}

/* How long to wait before the next try; -1: there is to be none. */
static int64_t pause_ms(enum moidc_code rc, const struct http_response *response, int tries)
{
    int64_t pause = FIRST_PAUSE_MS << (2 * (tries - 1));

    if (tries >= TRIES) {
        return -1;
    }
    if (rc != MOIDC_OK) {
        return rc == MOIDC_E_NETWORK ? pause : -1;
    }
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): http_send() that returns MOIDC_OK has an answer */
    if (!http_status_is_outage(response->status)) {
        return -1;
    }
    if (response->retry_after_s > RETRY_AFTER_MOST_S) {
        return -1; /* longer than a call should wait */
    }
    return response->retry_after_s > 0 ? response->retry_after_s * 1000 : pause;
}

enum moidc_code provider_send(struct provider *provider, const struct call *call, const struct http_request *request,
                              struct http_response **ret, struct moidc_err *err)
{
    for (int tries = 1;; tries++) {
        CLEANUP(http_response_free_p) struct http_response *response = NULL;
        enum moidc_code rc = MOIDC_OK;
        int64_t pause;
        bool again;

        if (provider->http == NULL) {
            rc = http_new(call->env, provider->ca_file, &provider->http, err);
            if (rc != MOIDC_OK) {
                return rc;
            }
        }
        rc = http_send(provider->http, request, call->ui, &response, err);
        provider->retry_after_s = response != NULL ? response->retry_after_s : 0;
        again = request->repeatable || !http_was_sent(provider->http);
        pause = again && !provider->hurried ? pause_ms(rc, response, tries) : -1;
        if (pause < 0) {
            *ret = response;
            response = NULL;
            return rc;
        }
        if (!call_wait(call, pause)) {
            return err_set(err, MOIDC_E_CANCELLED, "the call was cancelled while %s was asked", request->what);
        }
    }
}

static enum moidc_code fetch(struct provider *provider, const struct call *call, const char *url, const char *what,
                             struct http_response **ret, struct moidc_err *err)
{
    CLEANUP(http_request_free_p) struct http_request *request = NULL;
    enum moidc_code rc = http_request_new(url, what, &request, err);

    if (rc != MOIDC_OK) {
        return rc;
    }
    request->accept_keys = true;
    request->repeatable = true;
    return provider_send(provider, call, request, ret, err);
}

static enum moidc_code bad_status(const struct http_response *response, const char *what, const char *url,
                                  struct moidc_err *err)
{
    if (http_status_is_outage(response->status)) {
        err_set(err, MOIDC_E_PROVIDER, "%s answered with HTTP status %d", what, response->status);
        err_next(err, "%s", http_status_next(response->status, ""));
    } else if (response->status >= 300 && response->status < 400) {
        err_set(err, MOIDC_E_PROTOCOL, "%s is redirected elsewhere (HTTP status %d), which is not followed", what,
                response->status);
        err_next(err, "set the issuer to the address that the provider names as its own");
    } else {
        err_set(err, MOIDC_E_PROTOCOL, "%s is not there (HTTP status %d)", what, response->status);
        err_next(err, "check the issuer: it is the address before /.well-known/openid-configuration");
    }
    err_reply(err, response->status, NULL);
    return err_where(err, "%s", url);
}

static enum moidc_code fetch_metadata(struct provider *provider, const struct call *call, bool oauth, bool *not_found,
                                      struct moidc_err *err)
{
    CLEANUP(http_response_free_p) struct http_response *response = NULL;
    CLEANUP(mem_free_p) char *url = NULL;
    enum moidc_code rc;

    rc = metadata_url(provider->issuer, oauth, &url, err);
    rc = rc == MOIDC_OK ? fetch(provider, call, url, "the provider's metadata", &response, err) : rc;
    if (rc != MOIDC_OK) {
        return rc;
    }
    /* not 404 alone: many guard every path that they do not know by a login, and so answer 401 or 403 */
    *not_found = response->status >= 400 && !http_status_is_outage(response->status);
    if (response->status != 200) {
        return bad_status(response, "the provider's metadata", url, err);
    }
    rc =
        metadata_parse(strbuf_text(&response->body), response->body.length, provider->issuer, &provider->metadata, err);
    if (rc != MOIDC_OK && rc != MOIDC_E_MEMORY) {
        /* the page of an application, which shows that for every path that it does not know */
        *not_found = strcmp(response->content_type, "text/html") == 0;
        err_where(err, "%s", url);
        if (err->next[0] == '\0') {
            err_next(err, "check the issuer: what answered there (%s) is no metadata of a provider",
                     response->content_type[0] != '\0' ? response->content_type : "no content type");
        }
    }
    return rc;
}

enum moidc_code provider_discover(struct provider *provider, const struct call *call, struct moidc_err *err)
{
    struct moidc_err first;
    bool not_found = false;
    enum moidc_code rc;

    if (provider->metadata != NULL) {
        return MOIDC_OK;
    }
    rc = fetch_metadata(provider, call, false, &not_found, err);
    if (rc == MOIDC_OK || !not_found) {
        return rc;
    }
    first = *err;
    rc = fetch_metadata(provider, call, true, &not_found, err);
    if (rc != MOIDC_OK && not_found) {
        *err = first; /* neither is there: name the better-known address */
    }
    return rc;
}

enum moidc_code provider_keys(struct provider *provider, const struct call *call, bool anew, struct moidc_err *err)
{
    CLEANUP(http_response_free_p) struct http_response *response = NULL;
    CLEANUP(jwks_free_p) struct jwks *jwks = NULL;
    const char *url = provider->metadata->jwks_uri;
    enum moidc_code rc;

    if (provider->jwks != NULL && !anew) {
        return MOIDC_OK;
    }
    if (url == NULL) {
        err_set(err, MOIDC_E_PROTOCOL, "the provider's metadata names no jwks_uri, so its ID tokens cannot be checked");
        err_where(err, "%s", provider->issuer);
        return err_next(err, "set use-id-token = false, so that the access token is sent");
    }
    rc = fetch(provider, call, url, "the provider's key set", &response, err);
    if (rc != MOIDC_OK) {
        return rc;
    }
    if (response->status != 200) {
        return bad_status(response, "the provider's key set", url, err);
    }
    fork_gate_enter();
    rc = jwks_parse(strbuf_text(&response->body), response->body.length, &jwks, err);
    fork_gate_leave();
    if (rc == MOIDC_E_PROTOCOL) {
        err_where(err, "%s", url);
        err_next(err, "ask the provider's operator to mend its key set");
    }
    if (rc != MOIDC_OK) {
        return rc;
    }
    jwks_free(provider->jwks);
    provider->jwks = jwks;
    jwks = NULL;
    return MOIDC_OK;
}
