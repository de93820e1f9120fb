/* SPDX-License-Identifier: MIT */
/* A person signs in: by browser, code or paste, as the settings, the caller and the place want it. */
#ifndef FLOW_SIGN_IN_H
#define FLOW_SIGN_IN_H

#include "flow/session.h"

/* Blocks until the person has signed in, at most settings->login_timeout_s.
 *   before  what was known of the identity; may be NULL; borrowed
 *   ret     the caller's; without the server that it is for
 * MOIDC_E_LOGIN_REQUIRED: no person can be here. */
enum moidc_code sign_in(struct session *session, const struct wish *wish, const struct cache_entry *before,
                        struct cache_entry **ret, struct moidc_err *err) MUST_CHECK;

#endif
