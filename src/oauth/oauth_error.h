/* SPDX-License-Identifier: MIT */
/* The error codes of OAuth and OpenID Connect, each with what its reader can do. */
#ifndef OAUTH_OAUTH_ERROR_H
#define OAUTH_OAUTH_ERROR_H

#include "base/http_message.h"
#include "base/json.h"

/* What to do next where the provider refuses the client. */
extern const char OAUTH_ERROR_CLIENT_NEXT[];

/* Fills err with MOIDC_E_PROVIDER for `error` (RFC 6749 §4.1.2.1, §5.2; OIDC Core §3.1.2.6) and its description ("" for
 * none), both from a stranger; `what` is what was refused: "the sign-in". Sets err->oauth_error and err->next. */
enum moidc_code oauth_error_set(struct moidc_err *err, const char *error, const char *description, const char *what);

/* True when the provider means "not now" and not "no": temporarily_unavailable, server_error, slow_down. */
bool oauth_error_is_temporary(const char *error);

/* True for a code of the standards. */
bool oauth_error_is_known(const char *error);

/* Whether `error` of a reply is OAuth's word: what frameworks and gateways answer with 429 or 5xx has an "error" too
 * ("Internal Server Error"), which is none. */
bool oauth_error_counts(const char *error, int http_status);

/* Fills err as oauth_error_set() does, and with the status, where `reply`, whose body is `object` (NULL: no JSON object), holds
 * an error that counts. False: it holds none. */
bool oauth_error_take(const struct http_response *reply, const json_t *object, const char *what, struct moidc_err *err);

/* The i-th known code; NULL after the last. For the docs and tests. */
const char *oauth_error_nth(size_t i);

#endif
