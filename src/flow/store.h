/* SPDX-License-Identifier: MIT */
/* Where an identity's tokens are kept between calls, as the setting `cache` says: in the cache folder, nowhere, or by a
 * program of the user's. Locks are always in the folder, but for `memory`, which touches no disk. */
#ifndef FLOW_STORE_H
#define FLOW_STORE_H

#include "flow/session.h"

/* Opens the cache folder: *ret stays NULL where there is none (cache = "memory"), or where it cannot be used, which is
 * said once. The caller's, cache_dir_close(). */
enum moidc_code store_open(struct session *session, const struct wish *wish, struct cache_dir **ret,
                           struct moidc_err *err) MUST_CHECK;

/* What is kept of the identity: *ret is the caller's, NULL when there is nothing or it cannot be read, which is said
 * once. A helper that failed is left in peace for a minute. */
enum moidc_code store_read(struct session *session, const struct cache_dir *dir, const struct wish *wish,
                           struct cache_entry **ret, struct moidc_err *err) MUST_CHECK;

/* Whether the identity's file is another than at the last call with this `stamp` (all 0 at first). A hint, which costs no
 * more than a look at the folder; always false for what a helper keeps. */
bool store_has_changed(const struct session *session, const struct cache_dir *dir, struct cache_stamp *stamp);

/* Keeps it. False where that failed, which is said once, or where nothing is kept: memory is then ahead. */
bool store_write(struct session *session, const struct cache_dir *dir, const struct wish *wish,
                 const struct cache_entry *entry);

/* Removes it. */
enum moidc_code store_remove(struct session *session, const struct cache_dir *dir, const struct wish *wish,
                             struct moidc_err *err) MUST_CHECK;

#endif
