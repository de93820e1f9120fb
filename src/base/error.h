/* SPDX-License-Identifier: MIT */
/* Filling struct moidc_err. Every function replaces control characters and broken UTF-8 in what it is given, so that
 * a provider's words can be put into a message as they came. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "base/memory.h"
#include "mlflow_oidc.h"

#define PRINTF(text, first) __attribute__((format(printf, text, first)))

/* Starts an error: code and `what`; empties the other fields. Returns `code`, so that `return err_set(...)` reads. */
enum moidc_code err_set(struct moidc_err *err, enum moidc_code code, const char *what, ...) PRINTF(3, 4);

/* Fills `where` and `next` of an error that err_set() started. Return err->code. */
enum moidc_code err_where(struct moidc_err *err, const char *where, ...) PRINTF(2, 3);
enum moidc_code err_next(struct moidc_err *err, const char *next, ...) PRINTF(2, 3);

/* Notes the reply's HTTP status, and `error` of RFC 6749 §5.2 (NULL: none). */
void err_reply(struct moidc_err *err, int http_status, const char *oauth_error);

/* The error for a failed allocation, without allocating. */
enum moidc_code err_memory(struct moidc_err *err);

#endif
