/* SPDX-License-Identifier: MIT */
/* What the provider is told at the end: that tokens are not needed any more, and that the person leaves. */
#ifndef FLOW_FAREWELL_H
#define FLOW_FAREWELL_H

#include "flow/session.h"

/* Revokes the entry's refresh token and its access token (RFC 7009 §2.1), where the metadata names the endpoint; a notice
 * says where it does not. Not all providers can revoke an access token: what comes of that one is no failure. Called by
 * the busy thread. */
enum moidc_code farewell_revoke(struct session *session, const struct wish *wish, const struct cache_entry *entry,
                                struct moidc_err *err) MUST_CHECK;

/* As moidc_provider_logout(). Called by the busy thread. */
enum moidc_code farewell_end_session(struct session *session, const struct wish *wish,
                                     struct moidc_err *err) MUST_CHECK;

/* As moidc_cache_clear(). */
enum moidc_code farewell_clear_cache(struct moidc_client *client, const struct call *call, size_t *removed,
                                     struct moidc_err *err) MUST_CHECK;

#endif
