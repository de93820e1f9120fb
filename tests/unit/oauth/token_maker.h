/* SPDX-License-Identifier: MIT */
/* Keys and tokens made at run time, right ones and wrong ones: a signature over any header and payload by any scheme.
 * All texts that are handed out are the caller's, mem_free(). A failure here ends the test program. */
#ifndef TESTS_UNIT_OAUTH_TOKEN_MAKER_H
#define TESTS_UNIT_OAUTH_TOKEN_MAKER_H

#include "base/base64url.h"
#include "oauth/jwa.h"
#include "oauth/openssl.h"

#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: the test itself fails: %s\n", __FILE__, __LINE__, #condition);                     \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

enum { MAKER_MOST = 4 << 20 };

enum maker_key {
    RSA_A,
    RSA_B,
    RSA_SHORT,
    P256_A,
    P256_B,
    P384,
    P521,
    ED_A,
    ED_B,
    MAKER_KEYS,
};

static EVP_PKEY *maker_keys[MAKER_KEYS];

static inline void maker_begin(void)
{
    struct moidc_err err;

    MUST(libraries_load(&err) == MOIDC_OK);
    maker_keys[RSA_A] = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    maker_keys[RSA_B] = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    maker_keys[RSA_SHORT] = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
    maker_keys[P256_A] = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    maker_keys[P256_B] = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    maker_keys[P384] = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
    maker_keys[P521] = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521");
    maker_keys[ED_A] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    maker_keys[ED_B] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    for (size_t i = 0; i < MAKER_KEYS; i++) {
        MUST(maker_keys[i] != NULL);
    }
}

static inline void maker_end(void)
{
    for (size_t i = 0; i < MAKER_KEYS; i++) {
        EVP_PKEY_free(maker_keys[i]);
    }
}

static inline char *maker_take(struct strbuf *buf)
{
    char *text = strbuf_take(buf);

    MUST(text != NULL);
    return text;
}

static inline void maker_add_number(struct strbuf *buf, EVP_PKEY *key, const char *name, const char *param, int bytes)
{
    unsigned char raw[2048];
    BIGNUM *n = NULL;

    MUST(EVP_PKEY_get_bn_param(key, param, &n) == 1);
    bytes = bytes != 0 ? bytes : BN_num_bytes(n);
    MUST(BN_bn2binpad(n, raw, bytes) == bytes);
    BN_free(n);
    strbuf_add_format(buf, ",\"%s\":\"", name);
    base64url_encode(buf, raw, (size_t)bytes);
    strbuf_add_text(buf, "\"");
}

static inline void maker_add_ec(struct strbuf *buf, EVP_PKEY *key)
{
    int bytes = (EVP_PKEY_get_bits(key) + 7) / 8;

    strbuf_add_format(buf, "\"EC\",\"crv\":\"P-%d\"", EVP_PKEY_get_bits(key));
    maker_add_number(buf, key, "x", OSSL_PKEY_PARAM_EC_PUB_X, bytes);
    maker_add_number(buf, key, "y", OSSL_PKEY_PARAM_EC_PUB_Y, bytes);
}

/* The public key as a JWK; `more` is put in at its end: ",\"kid\":\"a\"". */
static inline char *make_jwk(enum maker_key which, const char *more)
{
    CLEANUP(strbuf_free) struct strbuf buf = STRBUF_INIT(MAKER_MOST);
    EVP_PKEY *key = maker_keys[which];
    unsigned char raw[32];
    size_t n = sizeof raw;

    strbuf_add_text(&buf, "{\"kty\":");
    if (EVP_PKEY_is_a(key, "RSA")) {
        strbuf_add_text(&buf, "\"RSA\"");
        maker_add_number(&buf, key, "n", OSSL_PKEY_PARAM_RSA_N, 0);
        maker_add_number(&buf, key, "e", OSSL_PKEY_PARAM_RSA_E, 0);
    } else if (EVP_PKEY_is_a(key, "EC")) {
        maker_add_ec(&buf, key);
    } else {
        MUST(EVP_PKEY_get_raw_public_key(key, raw, &n) == 1);
        strbuf_add_text(&buf, "\"OKP\",\"crv\":\"Ed25519\",\"x\":\"");
        base64url_encode(&buf, raw, n);
        strbuf_add_text(&buf, "\"");
    }
    strbuf_add_text(&buf, more);
    strbuf_add_text(&buf, "}");
    return maker_take(&buf);
}

/* The key set of one or two JWKs; `b` may be NULL. */
static inline char *make_jwks(const char *a, const char *b)
{
    CLEANUP(strbuf_free) struct strbuf buf = STRBUF_INIT(MAKER_MOST);

    strbuf_add_format(&buf, "{\"keys\":[%s%s%s]}", a, b != NULL ? "," : "", b != NULL ? b : "");
    return maker_take(&buf);
}

/* The key set of a single key. */
static inline char *make_jwks_of(enum maker_key which, const char *more)
{
    CLEANUP(mem_free_p) char *jwk = make_jwk(which, more);

    return make_jwks(jwk, NULL);
}

enum { MAKER_SIGNATURE_MOST = 2048 };

/* R || S of the DER signature. */
static inline size_t maker_raw_of_der(const unsigned char *der, size_t n, size_t half, unsigned char *ret)
{
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long)n);

    MUST(signature != NULL);
    MUST(BN_bn2binpad(ECDSA_SIG_get0_r(signature), ret, (int)half) == (int)half);
    MUST(BN_bn2binpad(ECDSA_SIG_get0_s(signature), ret + half, (int)half) == (int)half);
    ECDSA_SIG_free(signature);
    return 2 * half;
}

/* Signs as `alg` says (RS256 ...), "ES256-DER" for the DER form, "PS256-0" for an empty salt. Returns the length. */
static inline size_t maker_sign(const char *how, enum maker_key which, const char *text, size_t n, unsigned char *ret)
{
    CLEANUP(mem_free_p) char *name = mem_strndup(how, strcspn(how, "-"));
    const struct jwa *alg = name != NULL ? jwa_find(name) : NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key = NULL;
    unsigned char signature[MAKER_SIGNATURE_MOST];
    size_t length = sizeof signature;

    MUST(alg != NULL && ctx != NULL);
    MUST(EVP_DigestSignInit_ex(ctx, &key, alg->scheme == JWA_EDDSA ? NULL : alg->hash, NULL, NULL, maker_keys[which],
                               NULL) == 1);
    if (alg->scheme == JWA_PSS) {
        MUST(EVP_PKEY_CTX_set_rsa_padding(key, RSA_PKCS1_PSS_PADDING) == 1);
        MUST(EVP_PKEY_CTX_set_rsa_pss_saltlen(key, strcmp(how, name) == 0 ? RSA_PSS_SALTLEN_DIGEST : 0) == 1);
    }
    MUST(EVP_DigestSign(ctx, signature, &length, (const unsigned char *)text, n) == 1);
    EVP_MD_CTX_free(ctx);
    if (alg->scheme == JWA_ECDSA && strcmp(how, name) == 0) {
        return maker_raw_of_der(signature, length, (size_t)(EVP_PKEY_get_bits(maker_keys[which]) + 7) / 8, ret);
    }
    memcpy(ret, signature, length);
    return length;
}

/* "header.payload" of the two texts. */
static inline char *make_signing_input(const char *header, const char *payload, size_t payload_length)
{
    CLEANUP(strbuf_free) struct strbuf buf = STRBUF_INIT(MAKER_MOST);

    base64url_encode(&buf, (const unsigned char *)header, strlen(header));
    strbuf_add_text(&buf, ".");
    base64url_encode(&buf, (const unsigned char *)payload, payload_length);
    return maker_take(&buf);
}

/* The token with the given signature. */
static inline char *make_token_with(const char *input, const unsigned char *signature, size_t n)
{
    CLEANUP(strbuf_free) struct strbuf buf = STRBUF_INIT(MAKER_MOST);

    strbuf_add_text(&buf, input);
    strbuf_add_text(&buf, ".");
    base64url_encode(&buf, signature, n);
    return maker_take(&buf);
}

/* A token whose signature by `how` and `key` is right. */
static inline char *make_token(const char *header, const char *payload, const char *how, enum maker_key key)
{
    CLEANUP(mem_free_p) char *input = make_signing_input(header, payload, strlen(payload));
    unsigned char signature[MAKER_SIGNATURE_MOST];
    size_t n = maker_sign(how, key, input, strlen(input), signature);

    return make_token_with(input, signature, n);
}

#endif
