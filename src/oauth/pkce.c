/* SPDX-License-Identifier: MIT */
#include "oauth/pkce.h"

#include "base/base64url.h"
#include "base/openssl.h"

#include <string.h>

enum moidc_code pkce_verifier(const unsigned char random[PKCE_RANDOM_BYTES], struct secret **ret, struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf buf = STRBUF_INIT(64);
    struct secret *secret;

    base64url_encode(&buf, random, PKCE_RANDOM_BYTES);
    if (buf.failed || (secret = secret_new(buf.bytes, buf.length)) == NULL) {
        return err_memory(err);
    }
    *ret = secret;
    return MOIDC_OK;
}

enum moidc_code pkce_challenge(const struct secret *verifier, char ret[PKCE_CHALLENGE_SIZE], struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf buf = STRBUF_INIT(64);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    enum moidc_code rc = libraries_load(err);

    if (rc != MOIDC_OK) {
        return rc;
    }
    if (EVP_Digest(secret_reveal(verifier), secret_length(verifier), digest, &n, EVP_sha256(), NULL) != 1) {
        return err_set(err, MOIDC_E_INTERNAL, "SHA-256 is not to be had from OpenSSL");
    }
    base64url_encode(&buf, digest, n);
    if (buf.failed || buf.length + 1 != PKCE_CHALLENGE_SIZE) {
        return err_memory(err);
    }
    memcpy(ret, buf.bytes, PKCE_CHALLENGE_SIZE);
    return MOIDC_OK;
}
