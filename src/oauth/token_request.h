/* SPDX-License-Identifier: MIT */
/* Requests to the token, revocation, device authorization and pushed authorization request endpoints (RFC 6749 §4.1.3,
 * §4.4.2, §6; RFC 7009 §2.1; RFC 8628 §3.1, §3.4; RFC 9126 §2.1), and how the client authenticates there (RFC 6749 §2.3.1). */
#ifndef OAUTH_TOKEN_REQUEST_H
#define OAUTH_TOKEN_REQUEST_H

#include "base/http_message.h"
#include "oauth/authz.h"
#include "oauth/metadata.h"

enum client_auth { CLIENT_AUTH_UNKNOWN, CLIENT_AUTH_POST, CLIENT_AUTH_BASIC, CLIENT_AUTH_NONE };

/* Who asks; borrowed. */
struct client {
    const char *client_id;
    const struct secret *client_secret; /* NULL: a public client, which sends its ID alone */
    enum client_auth auth;              /* with a secret: POST, BASIC or NONE, which keeps it back */
};

/* The method to try first for a client with a secret: the one that the metadata lists, else post. */
enum client_auth client_auth_first(const struct metadata *metadata);
/* The registered name of the method (RFC 7591 §2). */
const char *client_auth_name(enum client_auth auth);

/* What is given for a token: one grant and its parameters; borrowed. NULL or "" is not sent. */
enum grant {
    GRANT_CODE,
    GRANT_REFRESH,
    GRANT_CLIENT_CREDENTIALS,
    GRANT_REVOCATION,
    GRANT_REVOCATION_ACCESS,
    GRANT_PUSH,         /* to the pushed authorization request endpoint */
    GRANT_DEVICE_START, /* to the device authorization endpoint */
    GRANT_DEVICE
};
struct token_grant {
    enum grant grant;
    const struct secret *code; /* GRANT_CODE: with its verifier (RFC 7636 §4.5) and redirect URI. GRANT_DEVICE: the */
    const struct secret *verifier; /* device code, with its verifier where a challenge was sent */
    const char *code_challenge;    /* GRANT_DEVICE_START: S256 */
    const char *redirect_uri;
    const struct authz_request *authorization; /* GRANT_PUSH; with client ID, audience and resources */
    const struct secret *refresh_token;        /* GRANT_REFRESH, GRANT_REVOCATION */
    const struct secret *access_token;         /* GRANT_REVOCATION_ACCESS */
    const char *scope;                         /* GRANT_CLIENT_CREDENTIALS, GRANT_DEVICE_START */
    const char *audience;
    const char *resource; /* URIs with a space between, each sent by itself (RFC 8707 §2.2) */
};

/* The request to `endpoint`; *ret is the caller's, http_request_free(). */
enum moidc_code token_request_new(const char *endpoint, const struct client *client, const struct token_grant *grant,
                                  struct http_request **ret, struct moidc_err *err) MUST_CHECK;

#endif
