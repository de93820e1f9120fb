/* SPDX-License-Identifier: MIT */
/* The order in which a token is looked for: cache, lock, cache again, refresh token, sign-in (contract: rule 4). */
#ifndef FLOW_OBTAIN_H
#define FLOW_OBTAIN_H

#include "flow/session.h"

/* Fills the session with tokens that serve the wish. Called by the busy thread. */
enum moidc_code obtain(struct session *session, const struct wish *wish, struct moidc_err *err) MUST_CHECK;

/* What obtain() brought took longer to come than any request may: the machine slept meanwhile, or its clock was set, so
 * that it has ended. Another can be had without asking a person (again). Called by the busy thread. */
bool obtain_overslept(const struct session *session);

/* Takes over what the cache has, and asks nobody. Called by the busy thread. */
enum moidc_code obtain_look(struct session *session, const struct wish *wish, struct moidc_err *err) MUST_CHECK;

/* Removes the identity's tokens from the provider (RFC 7009, as far as it goes), the cache and the session. */
enum moidc_code obtain_forget(struct session *session, const struct wish *wish, bool *removed,
                              struct moidc_err *err) MUST_CHECK;

#endif
