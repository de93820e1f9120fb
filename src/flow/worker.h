/* SPDX-License-Identifier: MIT */
/* One thread of the process at a time works for an identity: session->worker while session->busy. The others wait for it and
 * adopt what it brings, a failure too; failures hold later calls up for a while. (Among processes: flow/turn.h.) */
#ifndef FLOW_WORKER_H
#define FLOW_WORKER_H

#include "flow/session.h"

/* A token as moidc_token_get() promises: works for it, or waits for the thread that does and adopts what it brings. */
enum moidc_code worker_obtain(struct session *session, const struct wish *wish, struct moidc_token **ret,
                              struct moidc_err *err) MUST_CHECK;

/* Forgets the tokens, in memory and on disk, after revoking the refresh token where that can be done. */
enum moidc_code worker_forget(struct session *session, const struct wish *wish, bool *removed,
                              struct moidc_err *err) MUST_CHECK;

/* Makes the calling thread the busy one, after those before it, without asking for a token; then ends that.
 * MOIDC_E_CANCELLED: the caller did not want to wait, or it is the busy thread already. */
enum moidc_code worker_begin(struct session *session, const struct wish *wish, struct moidc_err *err) MUST_CHECK;
void worker_end(struct session *session);

#endif
