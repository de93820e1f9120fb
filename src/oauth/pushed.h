/* SPDX-License-Identifier: MIT */
/* What the pushed authorization request endpoint answers (RFC 9126 §2.2, §2.3). The request is oauth/token_request.h's. */
#ifndef OAUTH_PUSHED_H
#define OAUTH_PUSHED_H

#include "base/http_message.h"

/* Reads the reply to a pushed authorization request.
 *   ret  the `request_uri` that stands for it; the caller's, mem_free()
 * MOIDC_E_PROVIDER: it refused (err->oauth_error, err->http_status set), or answers with a server error (oauth_error is
 * ""). MOIDC_E_PROTOCOL: no proper reply. */
enum moidc_code pushed_response_parse(const struct http_response *reply, char **ret, struct moidc_err *err) MUST_CHECK;

#endif
