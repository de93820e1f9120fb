/* SPDX-License-Identifier: MIT */
/* A key set: whatever key it hands out is of the algorithm's kind and strong enough. */
#include "oauth/jwk.h"

#include "fuzz.h"
#include "oauth/jwa.h"
#include "oauth/openssl.h"

static void check_key(const struct jwa *alg, EVP_PKEY *key)
{
    static const char *const types[] = {
        [JWA_RSA] = "RSA", [JWA_P256] = "EC", [JWA_P384] = "EC", [JWA_P521] = "EC", [JWA_ED25519] = "ED25519",
    };
    static const int bits[] = {[JWA_RSA] = 2048, [JWA_P256] = 256, [JWA_P384] = 384, [JWA_P521] = 521};

    HOLDS(EVP_PKEY_is_a(key, types[alg->key]));
    if (alg->key == JWA_RSA) {
        HOLDS(EVP_PKEY_get_bits(key) >= bits[JWA_RSA] && EVP_PKEY_get_bits(key) <= 16384);
    } else if (alg->key != JWA_ED25519) {
        HOLDS(EVP_PKEY_get_bits(key) == bits[alg->key]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
                                        "ES384", "ES512", "EdDSA", "none",  "HS256", "ES256K"};
    CLEANUP(jwks_free_p) struct jwks *jwks = NULL;
    struct moidc_err err;
    enum moidc_code rc = jwks_parse((const char *)data, size, &jwks, &err);

    HOLDS(ERR_peek_error() == 0);
    HOLDS((rc == MOIDC_OK) == (jwks != NULL));
    if (rc != MOIDC_OK) {
        HOLDS(rc == MOIDC_E_PROTOCOL);
        fuzz_check_err(rc, &err);
        return 0;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        static const char *const kids[] = {NULL, "", "a", "b"};
        const struct jwa *alg = jwa_find(names[i]);

        for (size_t k = 0; k < sizeof kids / sizeof kids[0]; k++) {
            EVP_PKEY *key = jwks_find(jwks, names[i], kids[k], 0);

            HOLDS(key == NULL || alg != NULL);
            if (key != NULL) {
                check_key(alg, key);
            }
        }
    }
    return 0;
}
