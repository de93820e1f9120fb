/* SPDX-License-Identifier: MIT */
/* The authorization request and its response (RFC 6749 §4.1.1, §4.1.2; OIDC Core §3.1.2; RFC 9207). */
#ifndef OAUTH_AUTHZ_H
#define OAUTH_AUTHZ_H

#include "base/secret.h"
#include "base/strbuf.h"

/* What goes into the request; all borrowed. NULL or "" is not sent. */
struct authz_request {
    const char *endpoint; /* may have a query of its own (RFC 6749 §3.1) */
    const char *client_id;
    const char *redirect_uri;
    const char *scope;
    const char *audience; /* NULL: not sent */
    const char *prompt;   /* OIDC Core §3.1.2.1; NULL: not sent */
    const char *login_hint;
    const char *resource;   /* URIs with a space between, each sent by itself (RFC 8707 §2) */
    const char *parameters; /* the provider's own, form-urlencoded */
    const struct secret *state;
    const struct secret *nonce;
    const char *code_challenge; /* S256 */
};

/* Adds the parameters of the request, form-urlencoded. */
void authz_add_parameters(struct strbuf *buf, const struct authz_request *request);

/* The URL for the browser; *ret is the caller's, mem_free().
 *   pushed  the `request_uri` of the request that was pushed (RFC 9126 §4), which then stands for all its parameters but
 *           the client's ID; NULL: they stand in the URL */
enum moidc_code authz_url(const struct authz_request *request, const char *pushed, char **ret,
                          struct moidc_err *err) MUST_CHECK;

/* What an answer at the redirect URI has to agree with; borrowed. */
struct authz_expect {
    const struct secret *state;
    const char *issuer;
    bool iss_required; /* the metadata promises `iss` (RFC 9207 §2.4) */
};

enum authz_outcome {
    AUTHZ_STRAY,   /* not the answer to this request (state missing or wrong, a parameter twice): to be ignored */
    AUTHZ_CODE,    /* *code is set */
    AUTHZ_REFUSED, /* err says what the provider said, or which rule its answer broke */
};

/* Reads the query of a request to the redirect URI.
 *   code  the caller's, with AUTHZ_CODE only
 *   err   with AUTHZ_REFUSED: MOIDC_E_PROVIDER with oauth_error, MOIDC_E_PROTOCOL, MOIDC_E_MEMORY */
enum authz_outcome authz_response_parse(const char *query, const struct authz_expect *expect, struct secret **code,
                                        struct moidc_err *err) MUST_CHECK;

#endif
