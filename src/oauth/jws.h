/* SPDX-License-Identifier: MIT */
/* Compact JWS with a public-key signature (RFC 7515, RFC 7518 §3, RFC 8037, RFC 8725). Never `none`, never HMAC. */
#ifndef OAUTH_JWS_H
#define OAUTH_JWS_H

#include "base/json.h"
#include "oauth/jwk.h"

/* Verifies `token` (n bytes) and hands out its payload, a JSON object.
 *   unknown_key  set to true when the only fault may be that `jwks` is old (no key fits, or the signature is not by the
 *                one that fits: some providers change their key and not its kid): fetch the keys once more and try again
 *   ret          the caller's, json_release(); only when the signature is valid
 * MOIDC_E_PROTOCOL otherwise; err names the rule that was broken, never the token's bytes. */
enum moidc_code jws_verify(const char *token, size_t n, const struct jwks *jwks, bool *unknown_key, json_t **ret,
                           struct moidc_err *err) MUST_CHECK;

/* The same for a payload of any kind, of which nothing is asked but that it is base64url (RFC 7515 §5.2). */
enum moidc_code jws_verify_signature(const char *token, size_t n, const struct jwks *jwks, bool *unknown_key,
                                     struct moidc_err *err) MUST_CHECK;

/* The payload of `token` without any check, for diagnosis and for `exp` of a token that was checked before it was
 * stored. As above otherwise. */
enum moidc_code jws_payload_unchecked(const char *token, size_t n, json_t **ret, struct moidc_err *err) MUST_CHECK;

/* The `alg` of the token's header is one that jws_verify() knows; *hash names its hash for at_hash (OIDC Core
 * §3.1.3.6): "SHA256", "SHA384", "SHA512". */
bool jws_hash_of_token(const char *token, size_t n, const char **hash);

#endif
