/* SPDX-License-Identifier: MIT */
#include "oauth/jwa.h"

#include <string.h>

static const struct jwa TABLE[] = {
    {"RS256", JWA_PKCS1, JWA_RSA, "SHA256", 0},        {"RS384", JWA_PKCS1, JWA_RSA, "SHA384", 0},
    {"RS512", JWA_PKCS1, JWA_RSA, "SHA512", 0},        {"PS256", JWA_PSS, JWA_RSA, "SHA256", 0},
    {"PS384", JWA_PSS, JWA_RSA, "SHA384", 0},          {"PS512", JWA_PSS, JWA_RSA, "SHA512", 0},
    {"ES256", JWA_ECDSA, JWA_P256, "SHA256", 64},      {"ES384", JWA_ECDSA, JWA_P384, "SHA384", 96},
    {"ES512", JWA_ECDSA, JWA_P521, "SHA512", 132},     {"EdDSA", JWA_EDDSA, JWA_ED25519, "SHA512", 64},
    {"Ed25519", JWA_EDDSA, JWA_ED25519, "SHA512", 64}, /* what RFC 9864 §2.2 has in place of EdDSA */
};

const struct jwa *jwa_find(const char *name)
{
    for (size_t i = 0; i < sizeof TABLE / sizeof TABLE[0]; i++) {
        if (strcmp(TABLE[i].name, name) == 0) {
            return &TABLE[i];
        }
    }
    return NULL;
}

bool jwa_is_same(const struct jwa *a, const struct jwa *b)
{
    return a->scheme == b->scheme && a->key == b->key && strcmp(a->hash, b->hash) == 0;
}
