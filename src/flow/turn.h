/* SPDX-License-Identifier: MIT */
/* Waiting for one's turn: among all processes of the user, one at a time obtains tokens for an identity. */
#ifndef FLOW_TURN_H
#define FLOW_TURN_H

#include "flow/session.h"

enum turn_wish {
    TURN_OR_TOKEN, /* the token that the one before brought is as good as the turn */
    TURN_ALONE,
};

struct turn {
    bool waited; /* somebody had it */
    bool served; /* the wish is satisfied, and there is no turn to be given up */
};

/* Waits for the identity's lock, which is then session->lock: it stays NULL where there are no locks, or *ret says served.
 * Called by the busy thread.
 * MOIDC_E_TIMEOUT, MOIDC_E_CANCELLED: the one who has it does not end, or the caller gave up. */
enum moidc_code turn_wait(struct session *session, const struct cache_dir *dir, const struct wish *wish,
                          enum turn_wish turn_wish, struct turn *ret, struct moidc_err *err) MUST_CHECK;

#endif
