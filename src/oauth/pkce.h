/* SPDX-License-Identifier: MIT */
/* Proof Key for Code Exchange (RFC 7636), S256 alone. */
#ifndef OAUTH_PKCE_H
#define OAUTH_PKCE_H

#include "base/secret.h"

enum { PKCE_RANDOM_BYTES = 32, PKCE_CHALLENGE_SIZE = 44 };

/* The code_verifier (RFC 7636 §4.1) or another value for one use (state, nonce): 43 characters from 32 random bytes.
 * *ret is the caller's. */
enum moidc_code pkce_verifier(const unsigned char random[PKCE_RANDOM_BYTES], struct secret **ret,
                              struct moidc_err *err) MUST_CHECK;

/* The code_challenge of `verifier` (RFC 7636 §4.2), NUL-terminated. */
enum moidc_code pkce_challenge(const struct secret *verifier, char ret[PKCE_CHALLENGE_SIZE],
                               struct moidc_err *err) MUST_CHECK;

#endif
