/* SPDX-License-Identifier: MIT */
/* One attempt of a person to sign in: what nobody may guess of it, and the authorization request. */
#ifndef FLOW_ATTEMPT_H
#define FLOW_ATTEMPT_H

#include "flow/session.h"
#include "oauth/pkce.h"

struct attempt {
    struct secret *state;
    struct secret *nonce;
    struct secret *verifier;
    char *url;               /* for the browser */
    char *redirect_uri;      /* with the port that is listened on */
    bool offline;            /* it asks for offline_access */
    const char *client_auth; /* how the client authenticated before; NULL: not known; borrowed */
};

/* A value for one use, of 256 random bits. *ret is the caller's. */
enum moidc_code attempt_unguessable(struct secret **ret, struct moidc_err *err) MUST_CHECK;
/* The code_challenge of `verifier` (RFC 7636 §4.2). */
enum moidc_code attempt_challenge(const struct secret *verifier, char ret[PKCE_CHALLENGE_SIZE],
                                  struct moidc_err *err) MUST_CHECK;
/* The scope to ask for, in ret[size]. Returns ret. */
const char *attempt_scope(const struct settings *settings, bool offline, char *ret, size_t size);
enum { ATTEMPT_SCOPE_SIZE = 4200 };

/* Makes all of `attempt`, whose `offline` and `client_auth` are set and the rest zero, for a browser that comes back to
 * `port`. Where the provider demands it the request is pushed there first (RFC 9126).
 * MOIDC_E_PROTOCOL: the provider has no authorization endpoint. What push() says. */
enum moidc_code attempt_init(struct session *session, const struct wish *wish, int port, struct attempt *attempt,
                             struct moidc_err *err) MUST_CHECK;
void attempt_clear(struct attempt *attempt);

#endif
