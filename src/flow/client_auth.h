/* SPDX-License-Identifier: MIT */
/* How the client authenticates at the provider's endpoints (RFC 6749 §2.3.1), whatever it asks for there. */
#ifndef FLOW_CLIENT_AUTH_H
#define FLOW_CLIENT_AUTH_H

#include "flow/session.h"
#include "oauth/token_request.h"

/* A request that can be sent with either way. Borrowed. */
struct client_auth_attempt {
    void *ctx;
    enum moidc_code (*send)(void *ctx, enum client_auth auth, struct moidc_err *err);
    const char *remembered; /* the registered name of the way that worked before; NULL: none is known */
};

/* Authenticates as the setting `client-auth` says, and in no other way. Where that is auto: by what worked before or what the metadata lists; when that is refused (invalid_client,
 * unauthorized_client), the other way once: metadata is often wrong, the refusal is not. *worked is the last way. The
 * client secret is announced before it goes. */
enum moidc_code client_auth_send(struct session *session, const struct wish *wish,
                                 const struct client_auth_attempt *attempt, enum client_auth *worked,
                                 struct moidc_err *err) MUST_CHECK;

/* The first way: that of the setting, else the one that worked before, else what the metadata lists. */
enum client_auth client_auth_of(const struct session *session, const struct settings *settings, const char *remembered);

/* Writes over a secret in an error, where the provider may have said back what it was sent; a code of the standards, which
 * is decided by, stays. NULL: nothing to hide. */
void client_auth_hide(const struct secret *sent, struct moidc_err *err);

/* A secret that stands in the environment is to be seen going where a file says (contract: On disk). Once. */
void client_auth_announce(struct session *session, const struct wish *wish);

#endif
