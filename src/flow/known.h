/* SPDX-License-Identifier: MIT */
/* What is known of an identity without asking anybody: its tokens in memory and in the cache. Called by the busy thread. */
#ifndef FLOW_KNOWN_H
#define FLOW_KNOWN_H

#include "flow/session.h"

/* Whether memory has a token that serves the wish. */
bool known_satisfies(struct session *session, const struct wish *wish);

/* Whether it has one that is valid at all: after a renewal that is what there is to be had, since a sign-in would not give
 * a token that lasts longer. */
bool known_is_valid(struct session *session, const struct wish *wish);

/* Takes over what the cache has, unless it could not be written when memory was last renewed (`force`: even then). */
enum moidc_code known_look(struct session *session, const struct cache_dir *dir, const struct wish *wish, bool force,
                           struct moidc_err *err) MUST_CHECK;

/* Saves `entry`, which is taken over, and adopts it. A cache that cannot be written is a notice: the token is good all
 * the same. */
enum moidc_code known_keep(struct session *session, const struct cache_dir *dir, const struct wish *wish,
                           struct cache_entry *entry, struct moidc_err *err) MUST_CHECK;

#endif
