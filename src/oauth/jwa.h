/* SPDX-License-Identifier: MIT */
/* The signature algorithms that are taken (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2): one table, read by keys and signatures.
 * Never `none` (RFC 8725 §3.2) and nothing symmetric: a client has no key for it but its secret. */
#ifndef OAUTH_JWA_H
#define OAUTH_JWA_H

#include <stdbool.h>
#include <stddef.h>

/* What a public key is: RSA, or one of the curves. Ed448 is left out: its at_hash would need SHAKE256. */
enum jwa_key { JWA_RSA, JWA_P256, JWA_P384, JWA_P521, JWA_ED25519 };

enum jwa_scheme { JWA_PKCS1, JWA_PSS, JWA_ECDSA, JWA_EDDSA };

struct jwa {
    const char *name; /* of the registry, compared exactly */
    enum jwa_scheme scheme;
    enum jwa_key key;       /* the only kind of key that fits: ES256 is P-256 (RFC 7518 §3.4) */
    const char *hash;       /* OpenSSL's name; for EdDSA the one of Ed25519 itself (RFC 8032 §5.1) */
    size_t signature_bytes; /* 0: as long as the modulus */
};

/* The row of the algorithm `name`; NULL when there is none. Static. */
const struct jwa *jwa_find(const char *name);

/* True for two names of one algorithm: EdDSA, with the one curve that is taken, and Ed25519. */
bool jwa_is_same(const struct jwa *a, const struct jwa *b);

#endif
