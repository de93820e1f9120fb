/* SPDX-License-Identifier: MIT */
/* A person signs in with a browser: authorization code with PKCE (RFC 6749 §4.1, RFC 7636). The answer comes at a
 * loopback redirect (RFC 8252), or the person brings it by hand, whichever is first. */
#ifndef FLOW_BROWSER_SIGN_IN_H
#define FLOW_BROWSER_SIGN_IN_H

#include "flow/session.h"

struct browser_way {
    bool offline; /* ask for offline_access */
    bool paste;   /* the browser is on another machine: none is opened, and a port that is taken does no harm */
};

/* Blocks until the person has signed in, at most settings->login_timeout_s.
 *   before  what was known of the identity; may be NULL; borrowed
 *   ret     the caller's; without the server that it is for */
enum moidc_code browser_sign_in(struct session *session, const struct wish *wish, const struct browser_way *way,
                                const struct cache_entry *before, struct cache_entry **ret,
                                struct moidc_err *err) MUST_CHECK;

#endif
