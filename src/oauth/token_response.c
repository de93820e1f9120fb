/* SPDX-License-Identifier: MIT */
#include "oauth/token_response.h"

#include "base/json.h"
#include "base/text.h"
#include "oauth/oauth_error.h"

#include <stdlib.h>
#include <string.h>

enum { LIFETIME_MOST_S = 10 * 365 * 86400 }; /* beyond it nobody means what he says */

static enum moidc_code token(const json_t *reply, const char *name, struct secret **ret, struct moidc_err *err)
{
    const json_t *value = json_member(reply, name);
    enum moidc_code rc;

    if (value == NULL) {
        return MOIDC_OK;
    }
    if (json_is_string(value) && json_string_length(value) == 0 && strcmp(name, "access_token") != 0) {
        return MOIDC_OK; /* some write "" for none */
    }
    rc = json_secret(reply, name, ret, err);
    if (rc != MOIDC_OK) {
        return rc;
    }
    /* RFC 6750 §2.1 and RFC 6749 appendix A.12: it is to stand in a header */
    if (*ret == NULL || !text_is_visible(secret_reveal(*ret), secret_length(*ret))) {
        return err_set(err, MOIDC_E_PROTOCOL, "the provider's %s is not a string of visible characters", name);
    }
    return MOIDC_OK;
}

/* Some providers send the number as a string; a text that is no number says nothing. */
static enum moidc_code lifetime(const json_t *reply, int64_t *ret, struct moidc_err *err)
{
    const json_t *value = json_object_get(reply, "expires_in");
    const char *text = json_string_value(value);
    int64_t seconds = -1;

    *ret = -1;
    if (text != NULL) {
        char *end;

        seconds = strtoll(text, &end, 10);
        if (end == text || *end != '\0') {
            return MOIDC_OK;
        }
    } else if (json_is_number(value)) {
        const double n = json_number_value(value);
        const double most = LIFETIME_MOST_S;

        seconds = n > most ? LIFETIME_MOST_S : n < -most ? -LIFETIME_MOST_S : (int64_t)n;
    } else {
        return MOIDC_OK;
    }
    if (seconds <= 0) {
        err_set(err, MOIDC_E_PROTOCOL, "the provider gave a token that has already ended (expires_in %lld)",
                (long long)seconds);
        return err_next(err, "ask the provider's operator about the lifetime of access tokens");
    }
    *ret = seconds < LIFETIME_MOST_S ? seconds : LIFETIME_MOST_S;
    return MOIDC_OK;
}

static enum moidc_code refused(const struct http_response *reply, const json_t *object, const char *what,
                               struct moidc_err *err)
{
    const char *error = json_text_filled(object, "error");
    const char *otherwise = reply->status == 401
                                ? OAUTH_ERROR_CLIENT_NEXT
                                : "check that the issuer is the right one, and ask the provider's operator";

    if (oauth_error_take(reply, object, what, err)) {
        return MOIDC_E_PROVIDER;
    }
    err_set(err, MOIDC_E_PROVIDER, "the provider answered %s with HTTP status %d%s%s%.60s", what, reply->status,
            reply->status >= 300 && reply->status < 400 ? ", a redirect, which is not followed with credentials" : "",
            error != NULL ? ": " : "", error != NULL ? error : "");
    err_reply(err, reply->status, NULL);
    return err_next(err, "%s", http_status_next(reply->status, otherwise));
}

static enum moidc_code granted(const json_t *object, struct token_response *response, struct moidc_err *err)
{
    const char *type = json_text(object, "token_type");
    enum moidc_code rc;

    rc = token(object, "access_token", &response->access_token, err);
    rc = rc == MOIDC_OK ? token(object, "id_token", &response->id_token, err) : rc;
    rc = rc == MOIDC_OK ? token(object, "refresh_token", &response->refresh_token, err) : rc;
    rc = rc == MOIDC_OK ? lifetime(object, &response->expires_in_s, err) : rc;
    if (rc != MOIDC_OK) {
        return rc;
    }
    if (response->access_token == NULL) {
        err_set(err, MOIDC_E_PROTOCOL, "the provider's answer holds no access_token");
        if (response->id_token != NULL) {
            err_next(err, "ask for a scope that brings one beside the ID token: at Azure AD B2C the client ID itself");
        }
        return err->code;
    }
    /* RFC 6749 §5.1 and §7.1: required, any case, and a kind that is not understood must not be used */
    if (type == NULL || *type == '\0') {
        return err_set(err, MOIDC_E_PROTOCOL, "the provider's answer names no token_type, which has to be Bearer");
    }
    if (!text_equal_nocase(type, "Bearer")) {
        err_set(err, MOIDC_E_PROTOCOL, "the provider's token is of type \"%.40s\", not Bearer", type);
        return err_next(err, "have the provider give this client bearer tokens: no other kind is there");
    }
    return MOIDC_OK;
}

enum moidc_code token_response_parse(const struct http_response *reply, const char *what, struct token_response **ret,
                                     struct moidc_err *err)
{
    CLEANUP(token_response_free_p) struct token_response *response = mem_zalloc(sizeof *response);
    CLEANUP(json_release_p) json_t *object = NULL;
    enum moidc_code rc;

    if (response == NULL) {
        return err_memory(err);
    }
    rc = json_object_parse(strbuf_text(&reply->body), reply->body.length, "the token endpoint's answer", &object, err);
    if (rc == MOIDC_E_MEMORY) {
        return rc;
    }
    if (reply->status != 200 || (rc == MOIDC_OK && json_text_filled(object, "error") != NULL)) {
        return refused(reply, object, what, err);
    }
    if (rc != MOIDC_OK) {
        err_reply(err, reply->status, NULL);
        return err_next(err, "check that the issuer is the right one: %s is what answered",
                        reply->content_type[0] != '\0' ? reply->content_type : "something without a content type");
    }
    rc = granted(object, response, err);
    if (rc == MOIDC_OK) {
        *ret = response;
        response = NULL;
    }
    return rc;
}

void token_response_salvage(const struct http_response *reply, struct secret **ret)
{
    CLEANUP(json_release_p) json_t *object = NULL;
    CLEANUP(secret_free_p) struct secret *found = NULL;
    struct moidc_err ignored;

    *ret = NULL;
    if (reply->status == 200 &&
        json_object_parse(strbuf_text(&reply->body), reply->body.length, "", &object, &ignored) == MOIDC_OK &&
        json_text_filled(object, "error") == NULL && token(object, "refresh_token", &found, &ignored) == MOIDC_OK) {
        *ret = found;
        found = NULL;
    }
}

void token_response_free(struct token_response *response)
{
    if (response != NULL) {
        secret_free(response->access_token);
        secret_free(response->id_token);
        secret_free(response->refresh_token);
        mem_free(response);
    }
}
