/* SPDX-License-Identifier: MIT */
/* A person signs in with a browser on any machine and a code (RFC 8628). */
#ifndef FLOW_DEVICE_SIGN_IN_H
#define FLOW_DEVICE_SIGN_IN_H

#include "flow/session.h"

struct device_way {
    bool offline; /* ask for offline_access */
    bool begun;   /* set to true once a code was shown: until then the provider may have refused the flow itself */
};

/* Shows code and address and waits until the person is through, at most settings->login_timeout_s; a code that ends
 * before is replaced. After provider_discover(), which has found the endpoint.
 *   before  what was known of the identity; may be NULL; borrowed
 *   ret     the caller's; without the server that it is for */
enum moidc_code device_sign_in(struct session *session, const struct wish *wish, struct device_way *way,
                               const struct cache_entry *before, struct cache_entry **ret,
                               struct moidc_err *err) MUST_CHECK;

#endif
