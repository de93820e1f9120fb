/* SPDX-License-Identifier: MIT */
/* ID token validation (OIDC Core §3.1.3.7, §3.1.3.8, and §12.2 for a renewed one). */
#ifndef OAUTH_ID_TOKEN_H
#define OAUTH_ID_TOKEN_H

#include "base/secret.h"
#include "oauth/jwk.h"

/* What the token has to agree with; all borrowed. */
struct id_token_expect {
    const char *issuer;         /* of the provider's metadata document, compared exactly */
    const char *client_id;      /* must be in `aud`; with several audiences `azp` must be there and equal it */
    const struct secret *nonce; /* of the sign-in: the claim must be there and equal; NULL: not known */
    bool renewal;               /* the claim nonce need not be there (OIDC Core §12.2), but must still be equal */
    const struct secret *access_token; /* for at_hash, when both are there; may be NULL */
    const char *subject;               /* a renewal: `sub` of the token before; NULL: the first one */
    int64_t now_s;                     /* seconds since 1970 */
    int64_t leeway_s;                  /* for exp, iat, nbf */
};

struct id_token {
    char *subject;        /* `sub`, 1 to 255 bytes (OIDC Core §2) */
    int64_t expires_at_s; /* `exp` */
    int64_t issued_at_s;  /* `iat` */
};

/* Checks everything: signature, alg, iss, sub, aud, azp, exp, nbf, iat, nonce, at_hash. `iat` may not lie in the future
 * by more than the leeway; exp must lie after iat.
 *   unknown_key  as in jws_verify()
 *   ret          the caller's, id_token_free()
 * MOIDC_E_PROTOCOL: err->what names the claim and what is wrong with it, with the values of iss, aud and azp that were
 * met and expected (they are not secret), and err->next what to check (clock, client-id, issuer ...). */
enum moidc_code id_token_check(const struct secret *token, const struct jwks *jwks,
                               const struct id_token_expect *expect, bool *unknown_key, struct id_token **ret,
                               struct moidc_err *err) MUST_CHECK;
void id_token_free(struct id_token *token);
DEFINE_CLEANUP(struct id_token *, id_token_free)

#endif
