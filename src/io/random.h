/* SPDX-License-Identifier: MIT */
#ifndef IO_RANDOM_H
#define IO_RANDOM_H

#include "base/error.h"

/* `n` bytes that nobody can guess (RFC 6749 §10.10, RFC 7636 §7.1). */
enum moidc_code random_bytes(unsigned char *ret, size_t n, struct moidc_err *err) MUST_CHECK;

#endif
