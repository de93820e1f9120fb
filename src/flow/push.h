/* SPDX-License-Identifier: MIT */
/* Pushed authorization requests (RFC 9126): the provider gets the request from here, and the browser brings it no more
 * than its name. */
#ifndef FLOW_PUSH_H
#define FLOW_PUSH_H

#include "flow/session.h"
#include "oauth/authz.h"

/* Pushes `request`, authenticating as at the token endpoint.
 *   remembered  how the client authenticated before; NULL: not known
 *   ret         the `request_uri` that stands for it; the caller's, mem_free()
 * MOIDC_E_PROVIDER: the provider refused it. MOIDC_E_PROTOCOL: it demands this and names no endpoint for it. */
enum moidc_code push(struct session *session, const struct wish *wish, const struct authz_request *request,
                     const char *remembered, char **ret, struct moidc_err *err) MUST_CHECK;

#endif
