/* SPDX-License-Identifier: MIT */
/* What the token endpoint answers (RFC 6749 §5.1, §5.2; OIDC Core §3.1.3.3). */
#ifndef OAUTH_TOKEN_RESPONSE_H
#define OAUTH_TOKEN_RESPONSE_H

#include "base/http_message.h"

struct token_response {
    struct secret *access_token;  /* visible ASCII without spaces: it can stand in a header (RFC 6750 §2.1) */
    struct secret *id_token;      /* unchecked; NULL: none */
    struct secret *refresh_token; /* NULL: none */
    int64_t expires_in_s;         /* lifetime of the access token from the request on; -1: not said */
    int64_t asked_at_s;           /* when the request was sent, for whoever sent it; 0 before */
};

/* Reads the reply to a token request.
 *   what  what was asked for, for messages: "the sign-in", "the renewal"
 *   ret   the caller's, token_response_free()
 * MOIDC_E_PROVIDER: it refused (err->oauth_error, err->http_status set), or answers with a server error (oauth_error is
 * ""). MOIDC_E_PROTOCOL: no proper reply. */
enum moidc_code token_response_parse(const struct http_response *reply, const char *what, struct token_response **ret,
                                     struct moidc_err *err) MUST_CHECK;
/* The refresh token alone of a reply that token_response_parse() refused for other faults of it, so that a rotated one is
 * not lost. *ret is the caller's, NULL: there is none. */
void token_response_salvage(const struct http_response *reply, struct secret **ret);

void token_response_free(struct token_response *response);
DEFINE_CLEANUP(struct token_response *, token_response_free)

#endif
