/* SPDX-License-Identifier: MIT */
/* The provider's public keys (RFC 7517 JWK Set, RFC 7518 §6, RFC 8037). */
#ifndef OAUTH_JWK_H
#define OAUTH_JWK_H

#include "base/openssl.h"

struct jwks;

/* Reads a JWK Set (RFC 7517 §5). Keys of unknown kinds, not for signatures (`use`, `key_ops`), or malformed are left
 * out (RFC 7517 §5); a set without any usable key is valid and empty. At most 1000 keys are kept.
 *   ret  the caller's, jwks_free() */
enum moidc_code jwks_parse(const char *bytes, size_t n, struct jwks **ret, struct moidc_err *err) MUST_CHECK;
void jwks_free(struct jwks *jwks);
DEFINE_CLEANUP(struct jwks *, jwks_free)

/* How many keys can be used. */
size_t jwks_count(const struct jwks *jwks);

/* The nth key, from 0 on, that fits a signature by `alg` (RFC 7518 §3.1 name) and `kid` (NULL: the header named none): kty,
 * curve, the key's own `alg` and `use` agree with it; with a kid, those of that kid, mostly one, though it need not be
 * (RFC 7517 §4.5); where the header names none, or the keys have none (RFC 7515 §4.1.4: it is a hint), exactly one key
 * fits. Borrowed from jwks; NULL when there is none, no nth, or more than one that no kid tells apart. RSA keys below 2048
 * bits, and those that ROCA (CVE-2017-15361) breaks, never fit. */
EVP_PKEY *jwks_find(const struct jwks *jwks, const char *alg, const char *kid, size_t nth);

#endif
