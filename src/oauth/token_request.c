/* SPDX-License-Identifier: MIT */
#include "oauth/token_request.h"

#include "base/base64url.h"
#include "oauth/form.h"

#include <string.h>

enum { BODY_MOST_BYTES = 128 * 1024 };

enum client_auth client_auth_first(const struct metadata *metadata)
{
    /* both or none listed: post, as the reference does */
    return metadata->auth_basic && !metadata->auth_post ? CLIENT_AUTH_BASIC : CLIENT_AUTH_POST;
}

const char *client_auth_name(enum client_auth auth)
{
    return auth == CLIENT_AUTH_BASIC ? "client_secret_basic" : auth == CLIENT_AUTH_NONE ? "none" : "client_secret_post";
}

/* RFC 6749 §2.3.1: ID and secret are form-urlencoded before they become user name and password. */
static enum moidc_code basic_authorization(const struct client *client, struct secret **ret, struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf pair = STRBUF_INIT(32 * 1024);
    CLEANUP(strbuf_free) struct strbuf value = STRBUF_INIT(64 * 1024);
    struct secret *secret;

    strbuf_add_form(&pair, client->client_id, strlen(client->client_id));
    strbuf_add_text(&pair, ":");
    strbuf_add_form(&pair, secret_reveal(client->client_secret), secret_length(client->client_secret));
    strbuf_add_text(&value, "Basic ");
    base64_encode(&value, (const unsigned char *)strbuf_text(&pair), pair.length);
    if (pair.failed) {
        return strbuf_error(&pair, "the client ID with its secret", err);
    }
    if (value.failed || (secret = secret_new(value.bytes, value.length)) == NULL) {
        return err_memory(err);
    }
    *ret = secret;
    return MOIDC_OK;
}

static void add_grant(struct strbuf *body, const struct token_grant *grant)
{
    switch (grant->grant) {
    case GRANT_CODE:
        form_add(body, "grant_type", "authorization_code");
        form_add_secret(body, "code", grant->code);
        form_add_secret(body, "code_verifier", grant->verifier);
        form_add(body, "redirect_uri", grant->redirect_uri);
        break;
    case GRANT_REFRESH:
        form_add(body, "grant_type", "refresh_token");
        form_add_secret(body, "refresh_token", grant->refresh_token);
        break;
    case GRANT_CLIENT_CREDENTIALS:
        form_add(body, "grant_type", "client_credentials");
        form_add(body, "scope", grant->scope);
        break;
    case GRANT_REVOCATION:
        form_add_secret(body, "token", grant->refresh_token);
        form_add(body, "token_type_hint", "refresh_token");
        break;
    case GRANT_REVOCATION_ACCESS:
        form_add_secret(body, "token", grant->access_token);
        form_add(body, "token_type_hint", "access_token");
        break;
    case GRANT_PUSH:
        authz_add_parameters(body, grant->authorization);
        break;
    case GRANT_DEVICE_START:
        form_add(body, "scope", grant->scope);
        if (grant->code_challenge != NULL) {
            form_add(body, "code_challenge", grant->code_challenge);
            form_add(body, "code_challenge_method", "S256");
        }
        break;
    case GRANT_DEVICE:
        form_add(body, "grant_type", "urn:ietf:params:oauth:grant-type:device_code");
        form_add_secret(body, "device_code", grant->code);
        form_add_secret(body, "code_verifier", grant->verifier);
        break;
    }
    form_add(body, "audience", grant->audience);
    form_add_words(body, "resource", grant->resource);
}

static const char *endpoint_name(enum grant grant)
{
    return grant == GRANT_REVOCATION || grant == GRANT_REVOCATION_ACCESS ? "the revocation endpoint"
           : grant == GRANT_DEVICE_START                                 ? "the device authorization endpoint"
           : grant == GRANT_PUSH                                         ? "the pushed authorization request endpoint"
                                                                         : "the token endpoint";
}

enum moidc_code token_request_new(const char *endpoint, const struct client *client, const struct token_grant *grant,
                                  struct http_request **ret, struct moidc_err *err)
{
    CLEANUP(http_request_free_p) struct http_request *request = NULL;
    CLEANUP(strbuf_free) struct strbuf body = STRBUF_INIT(BODY_MOST_BYTES);
    bool basic = client->client_secret != NULL && client->auth == CLIENT_AUTH_BASIC;
    enum moidc_code rc;

    rc = http_request_new(endpoint, endpoint_name(grant->grant), &request, err);
    if (rc != MOIDC_OK) {
        return rc;
    }
    /* a code is good for one use (RFC 6749 §4.1.2): sent twice it revokes what it brought. A device code is asked for
     * again at its own pace (RFC 8628 §3.5). */
    request->repeatable = grant->grant != GRANT_CODE && grant->grant != GRANT_DEVICE;
    add_grant(&body, grant);
    if (!basic) {
        form_add(&body, "client_id", grant->grant != GRANT_PUSH ? client->client_id : NULL); /* it has its own */
        form_add_secret(&body, "client_secret", client->auth != CLIENT_AUTH_NONE ? client->client_secret : NULL);
    }
    if (body.failed) {
        return strbuf_error(&body, "the token request", err);
    }
    request->body = secret_new(body.bytes, body.length);
    if (request->body == NULL) {
        return err_memory(err);
    }
    rc = basic ? basic_authorization(client, &request->authorization, err) : MOIDC_OK;
    if (rc == MOIDC_OK) {
        *ret = request;
        request = NULL;
    }
    return rc;
}
