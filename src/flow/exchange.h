/* SPDX-License-Identifier: MIT */
/* The grants at the token endpoint: one request, its reply checked and made into a cache entry. */
#ifndef FLOW_EXCHANGE_H
#define FLOW_EXCHANGE_H

#include "flow/session.h"
#include "oauth/token_request.h"

/* Sends `grant`, authenticating as the metadata says; on invalid_client or unauthorized_client the other way once.
 *   before  what was known of the identity: its remembered authentication method, for a renewal its subject and what
 *           the reply does not bring anew; may be NULL; borrowed
 *   nonce   of the sign-in that an ID token must carry; NULL: none was sent
 *   ret     the caller's; without the server that it is for
 * The ID token is checked in full where a person signs in, or where it is what will be sent. If that check fails for
 * want of keys, a rotated refresh token is saved first. */
enum moidc_code exchange(struct session *session, const struct wish *wish, const struct token_grant *grant,
                         const struct cache_entry *before, const struct secret *nonce, struct cache_entry **ret,
                         struct moidc_err *err) MUST_CHECK;

/* The client credentials grant (RFC 6749 §4.4). */
enum moidc_code exchange_client_credentials(struct session *session, const struct wish *wish,
                                            const struct cache_entry *before, struct cache_entry **ret,
                                            struct moidc_err *err) MUST_CHECK;

/* The refresh token grant (RFC 6749 §6, OIDC Core §12). */
enum moidc_code exchange_refresh(struct session *session, const struct wish *wish, const struct cache_entry *before,
                                 struct cache_entry **ret, struct moidc_err *err) MUST_CHECK;

#endif
