/* SPDX-License-Identifier: MIT */
/* A token, code, verifier, client secret or assertion: bytes that are wiped when freed and opened in few places. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/error.h"

struct secret;

/* A copy of the `n` bytes; NULL when memory is out. The caller's, secret_free(). */
struct secret *secret_new(const char *bytes, size_t n) MUST_CHECK;
struct secret *secret_new_text(const char *text) MUST_CHECK;
/* A copy of `secret`; NULL stays NULL only for NULL. */
enum moidc_code secret_copy(const struct secret *secret, struct secret **ret, struct moidc_err *err) MUST_CHECK;
/* "prefix" and the secret's bytes in one: the value of a header. */
enum moidc_code secret_prefixed(const char *prefix, const struct secret *secret, struct secret **ret,
                                struct moidc_err *err) MUST_CHECK;
void secret_free(struct secret *secret);
DEFINE_CLEANUP(struct secret *, secret_free)

/* The bytes, followed by a NUL; borrowed. Calls of this function are listed by script/check. */
const char *secret_reveal(const struct secret *secret);
size_t secret_length(const struct secret *secret);

/* Compares in a time that does not depend on where they differ (RFC 6749 §10.12). NULL equals nothing. */
bool secret_equal(const struct secret *a, const struct secret *b);
bool secret_equal_bytes(const struct secret *a, const char *bytes, size_t n);

/* Writes '*' over every place of `text` that holds the secret or any 12 bytes in a row of its first 32 KiB, for it may be
 * cut, or have something put into it. Secrets of fewer than 4 bytes are left: they stand in any text. NULL: nothing to
 * hide. */
void secret_hide(const struct secret *secret, char *text);

#endif
