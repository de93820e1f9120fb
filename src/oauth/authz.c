/* SPDX-License-Identifier: MIT */
#include "oauth/authz.h"

#include "oauth/form.h"
#include "oauth/oauth_error.h"

#include <string.h>

void authz_add_parameters(struct strbuf *buf, const struct authz_request *request)
{
    form_add(buf, "response_type", "code");
    form_add(buf, "client_id", request->client_id);
    form_add(buf, "redirect_uri", request->redirect_uri);
    form_add(buf, "scope", request->scope);
    form_add_secret(buf, "state", request->state);
    form_add_secret(buf, "nonce", request->nonce);
    form_add(buf, "code_challenge", request->code_challenge);
    form_add(buf, "code_challenge_method", "S256"); /* RFC 7636 §4.3; never `plain` */
    form_add(buf, "audience", request->audience);
    form_add(buf, "prompt", request->prompt);
    form_add(buf, "login_hint", request->login_hint);
    form_add_words(buf, "resource", request->resource);
    form_add_encoded(buf, request->parameters);
}

enum moidc_code authz_url(const struct authz_request *request, const char *pushed, char **ret, struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf buf = STRBUF_INIT(32 * 1024);

    strbuf_add_text(&buf, request->endpoint);
    strbuf_add_text(&buf, strchr(request->endpoint, '?') != NULL ? "" : "?"); /* form_add() sets the '&' */
    if (pushed != NULL) {
        form_add(&buf, "client_id", request->client_id);
        form_add(&buf, "request_uri", pushed);
    } else {
        authz_add_parameters(&buf, request);
    }
    *ret = strbuf_take(&buf);
    return *ret != NULL ? MOIDC_OK : strbuf_error(&buf, "the authorization request", err);
}

/* The parameters of a response that matter. */
struct response {
    struct secret *state;
    struct secret *iss;
    struct secret *code;
    struct secret *error;
    struct secret *description;
};

static void response_free(struct response *response)
{
    secret_free(response->state);
    secret_free(response->iss);
    secret_free(response->code);
    secret_free(response->error);
    secret_free(response->description);
}

/* False when a parameter stands twice (RFC 6749 §3.1: must not) or is not properly encoded. The description of an error is
 * words for a person, which some write in other encodings: one that cannot be read is none, and the error counts. */
static bool response_read(const char *query, struct response *ret)
{
    struct {
        const char *name;
        struct secret **ret;
    } const table[] = {
        {"state", &ret->state},
        {"iss", &ret->iss},
        {"code", &ret->code},
        {"error", &ret->error},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        int count = form_get(query, table[i].name, table[i].ret);

        if (count < 0 || count > 1) {
            return false;
        }
    }
    return ret->error == NULL || form_get(query, "error_description", &ret->description) <= 1;
}

/* RFC 9207 §2.4: a wrong `iss` is the sign of a mix-up; a missing one only where the provider promised it. */
static bool issuer_is_right(const struct response *response, const struct authz_expect *expect, struct moidc_err *err)
{
    if (response->iss == NULL) {
        if (expect->iss_required) {
            err_set(err, MOIDC_E_PROTOCOL,
                    "the answer of the sign-in lacks the `iss` that the provider promises "
                    "(RFC 9207)");
            err_next(err, "sign in again; if it stays, the provider or something between breaks the rule");
            return false;
        }
        return true;
    }
    if (!secret_equal_bytes(response->iss, expect->issuer, strlen(expect->issuer))) {
        err_set(err, MOIDC_E_PROTOCOL, "the answer of the sign-in comes from another issuer: \"%.200s\" (RFC 9207)",
                secret_reveal(response->iss));
        err_next(err, "sign in again, and close other sign-in pages first");
        return false;
    }
    return true;
}

enum authz_outcome authz_response_parse(const char *query, const struct authz_expect *expect, struct secret **code,
                                        struct moidc_err *err)
{
    CLEANUP(response_free) struct response response = {0};

    if (!response_read(query, &response) || !secret_equal(response.state, expect->state)) {
        return AUTHZ_STRAY;
    }
    if (!issuer_is_right(&response, expect, err)) {
        return AUTHZ_REFUSED;
    }
    if (response.error != NULL) {
        oauth_error_set(err, secret_reveal(response.error),
                        response.description != NULL ? secret_reveal(response.description) : "", "the sign-in");
        return AUTHZ_REFUSED;
    }
    if (response.code == NULL || secret_length(response.code) == 0) {
        err_set(err, MOIDC_E_PROTOCOL, "the answer of the sign-in holds neither a code nor an error");
        return AUTHZ_REFUSED;
    }
    *code = response.code;
    response.code = NULL;
    return AUTHZ_CODE;
}
