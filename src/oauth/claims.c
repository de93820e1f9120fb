/* SPDX-License-Identifier: MIT */
#include "oauth/claims.h"

#include "base/text.h"
#include "oauth/jws.h"

#include <stdio.h>
#include <string.h>

static void take(const json_t *object, const char *key, char *ret, size_t size)
{
    const char *text = json_text(object, key);

    snprintf(ret, size, "%s", text != NULL ? text : "");
    text_make_printable(ret);
}

/* `aud` is a string or an array of them (RFC 7519 §4.1.3). */
static void take_audience(const json_t *object, char *ret, size_t size)
{
    const json_t *audience = json_object_get(object, "aud");
    const json_t *member;
    size_t n = 0;
    size_t i;

    take(object, "aud", ret, size);
    json_array_foreach(audience, i, member) {
        const char *text = json_string_value(member);

        if (text != NULL && n < size) {
            n += (size_t)snprintf(ret + n, size - n, "%s%s", n > 0 ? " " : "", text);
        }
    }
    text_make_printable(ret);
}

static void read_all(const json_t *object, struct claims *ret)
{
    memset(ret, 0, sizeof *ret);
    take(object, "iss", ret->issuer, sizeof ret->issuer);
    take(object, "sub", ret->subject, sizeof ret->subject);
    take_audience(object, ret->audience, sizeof ret->audience);
    take(object, "azp", ret->authorized_party, sizeof ret->authorized_party);
    take(object, "preferred_username", ret->username, sizeof ret->username);
    if (ret->username[0] == '\0') {
        take(object, "name", ret->username, sizeof ret->username);
    }
    take(object, "email", ret->email, sizeof ret->email);
    json_seconds(object, "exp", &ret->expires_at_s);
    json_seconds(object, "iat", &ret->issued_at_s);
}

enum moidc_code claims_of_token(const struct secret *token, bool *readable, struct claims *ret, struct moidc_err *err)
{
    CLEANUP(json_release_p) json_t *payload = NULL;
    enum moidc_code rc = jws_payload_unchecked(secret_reveal(token), secret_length(token), &payload, err);

    *readable = rc == MOIDC_OK;
    if (rc == MOIDC_OK) {
        read_all(payload, ret);
    }
    return rc == MOIDC_E_MEMORY ? rc : MOIDC_OK;
}

static enum moidc_code refused(const struct http_response *reply, struct moidc_err *err)
{
    if (reply->status == 401 || reply->status == 403) {
        err_set(err, MOIDC_E_PROVIDER, "the provider does not take the access token (HTTP status %d)", reply->status);
        err_next(err, "sign in anew: mlflow-oidc login; a token for the tracking server alone (audience, resource) is "
                      "never taken there");
    } else if (http_status_is_outage(reply->status)) {
        err_set(err, MOIDC_E_PROVIDER, "the userinfo endpoint answered with HTTP status %d", reply->status);
        err_next(err, "%s", http_status_next(reply->status, ""));
    } else {
        err_set(err, MOIDC_E_PROTOCOL, "the userinfo endpoint answered with HTTP status %d", reply->status);
        err_next(err, "ask the provider's operator: its userinfo endpoint breaks OpenID Connect");
    }
    err_reply(err, reply->status, NULL);
    return err->code;
}

enum moidc_code claims_of_userinfo(const struct http_response *reply, const char *subject, struct claims *ret,
                                   struct moidc_err *err)
{
    CLEANUP(json_release_p) json_t *document = NULL;
    const char *sub;
    enum moidc_code rc;

    if (reply->status != 200) {
        return refused(reply, err);
    }
    if (strcmp(reply->content_type, "application/jwt") == 0) {
        err_set(err, MOIDC_E_PROTOCOL, "the userinfo endpoint answers with a signed document, which is not read");
        return err_next(err, "have the provider answer this client in JSON (userinfo_signed_response_alg)");
    }
    rc = json_object_parse(strbuf_text(&reply->body), reply->body.length, "the answer of the userinfo endpoint",
                           &document, err);
    if (rc != MOIDC_OK) {
        return rc;
    }
    sub = json_text(document, "sub");
    if (sub == NULL || sub[0] == '\0') {
        err_set(err, MOIDC_E_PROTOCOL, "the answer of the userinfo endpoint names nobody (sub is missing)");
        return err_next(err, "ask the provider's operator: its userinfo endpoint breaks OpenID Connect");
    }
    if (subject != NULL && strcmp(sub, subject) != 0) {
        /* OIDC Core §5.3.4: a token could have been put in the place of another */
        err_set(err, MOIDC_E_PROTOCOL,
                "the provider says that the access token is of \"%.150s\", and its ID token was "
                "of \"%.150s\"",
                sub, subject);
        return err_next(err, "do not use these tokens: mlflow-oidc logout, then mlflow-oidc login");
    }
    read_all(document, ret);
    return MOIDC_OK;
}
