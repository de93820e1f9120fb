/* SPDX-License-Identifier: MIT */
#include "oauth/jwk.h"

#include "base/base64url.h"
#include "base/json.h"
#include "oauth/jwa.h"
#include "oauth/openssl.h"

#include <string.h>

enum {
    KEYS_MOST = 1000,
    RSA_LEAST_BITS = 2048, /* RFC 7518 §3.3 */
    RSA_MOST_BITS = 16384, /* OPENSSL_RSA_MAX_MODULUS_BITS: more only costs time */
    EXPONENT_MOST_BYTES = 32,
    ROCA_LAST_PRIME = 701,
    NUMBER_MOST_BYTES = RSA_MOST_BITS / 8 + 1, /* some write the sign's zero byte */
};

struct jwk {
    EVP_PKEY *key;
    char *kid;             /* NULL: none */
    const struct jwa *alg; /* NULL: the key names none */
    enum jwa_key kind;
};

struct jwks {
    size_t count;
    struct jwk keys[];
};

static const struct curve {
    const char *kty;
    const char *crv;
    enum jwa_key kind;
    size_t bytes; /* of one coordinate */
} CURVES[] = {
    {"EC", "P-256", JWA_P256, 32},
    {"EC", "P-384", JWA_P384, 48},
    {"EC", "P-521", JWA_P521, 66},
    {"OKP", "Ed25519", JWA_ED25519, 32},
};

/* A key that cannot be used is not a failure: MOIDC_OK with *ret untouched. Out of memory is one. */
static enum moidc_code unusable(struct moidc_err *err)
{
    return openssl_memory_was_out() ? err_memory(err) : MOIDC_OK;
}

/* Decodes the member `name` into `out`; the length, or -1 when it is no base64url of 1 to `most` bytes. `out` has room
 * for most + 2 bytes. The bound comes before the decoding. */
static long number(const json_t *jwk, const char *name, size_t most, unsigned char *out)
{
    const json_t *value = json_object_get(jwk, name);
    const char *text = json_string_value(value);
    size_t n = json_string_length(value);
    long length;

    if (text == NULL || n == 0 || n > (most * 4 + 2) / 3) {
        return -1;
    }
    length = base64url_decode(text, n, out);
    return length > 0 && (size_t)length <= most ? length : -1;
}

static enum moidc_code key_from_params(const char *type, const OSSL_PARAM *params, EVP_PKEY **ret,
                                       struct moidc_err *err)
{
    CLEANUP(EVP_PKEY_CTX_free_p) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;

    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, (OSSL_PARAM *)params) != 1) {
        return unusable(err);
    }
    *ret = key;
    return MOIDC_OK;
}

static bool is_prime(unsigned n)
{
    for (unsigned d = 3; d * d <= n; d += 2) {
        if (n % d == 0) {
            return false;
        }
    }
    return true; /* of odd ones */
}

/* Whether `rest` is a power of 65537 modulo the prime. */
static bool is_power(BN_ULONG rest, unsigned prime)
{
    unsigned power = 1;

    do {
        if (power == rest) {
            return true;
        }
        power = power * (65537 % prime) % prime;
    } while (power != 1);
    return false;
}

/* Keys of a chip whose factors can be computed (ROCA, CVE-2017-15361): of 2048 bits and more they are powers of 65537
 * modulo each of the first 126 primes, as one in 2^167 others is. */
static bool is_roca(const BIGNUM *n)
{
    for (unsigned prime = 3; prime <= ROCA_LAST_PRIME; prime += 2) {
        if (is_prime(prime) && !is_power(BN_mod_word(n, prime), prime)) {
            return false;
        }
    }
    return true;
}

/* RFC 7518 §6.3.1. EVP_PKEY_public_check() is not asked for: it looks for prime factors of the modulus, which takes
 * seconds for a set of long ones. A provider that chose a weak modulus harms only itself; one that was given it by its
 * hardware may not know. */
static enum moidc_code rsa_key(const json_t *jwk, struct jwk *ret, struct moidc_err *err)
{
    CLEANUP(BN_free_p) BIGNUM *n = NULL;
    CLEANUP(BN_free_p) BIGNUM *e = NULL;
    CLEANUP(OSSL_PARAM_BLD_free_p) OSSL_PARAM_BLD *build = NULL;
    CLEANUP(OSSL_PARAM_free_p) OSSL_PARAM *params = NULL;
    unsigned char bytes[NUMBER_MOST_BYTES + 2];
    unsigned char exponent[EXPONENT_MOST_BYTES + 2];
    long n_bytes = number(jwk, "n", NUMBER_MOST_BYTES, bytes);
    long e_bytes = number(jwk, "e", EXPONENT_MOST_BYTES, exponent);

    if (n_bytes < 0 || e_bytes < 0) {
        return MOIDC_OK;
    }
    n = BN_bin2bn(bytes, (int)n_bytes, NULL);
    e = BN_bin2bn(exponent, (int)e_bytes, NULL);
    if (n == NULL || e == NULL) {
        ERR_clear_error();
        return err_memory(err);
    }
    /* RFC 8017 §3.1: n is a product of odd primes, e odd and at least 3 */
    if (BN_num_bits(n) < RSA_LEAST_BITS || BN_num_bits(n) > RSA_MOST_BITS || !BN_is_odd(n) || !BN_is_odd(e) ||
        BN_num_bits(e) < 2 || is_roca(n)) {
        return MOIDC_OK;
    }
    build = OSSL_PARAM_BLD_new();
    if (build == NULL || OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) != 1) {
        ERR_clear_error();
        return err_memory(err);
    }
    params = OSSL_PARAM_BLD_to_param(build);
    if (params == NULL) {
        ERR_clear_error();
        return err_memory(err);
    }
    ret->kind = JWA_RSA;
    return key_from_params("RSA", params, &ret->key, err);
}

/* RFC 7518 §6.2.1; coordinates have their full length (§6.2.1.2). */
static enum moidc_code ec_key(const json_t *jwk, const struct curve *curve, EVP_PKEY **ret, struct moidc_err *err)
{
    CLEANUP(EVP_PKEY_free_p) EVP_PKEY *key = NULL;
    CLEANUP(EVP_PKEY_CTX_free_p) EVP_PKEY_CTX *ctx = NULL;
    unsigned char x[66 + 2];
    unsigned char y[66 + 2];
    unsigned char point[1 + 2 * 66] = {POINT_CONVERSION_UNCOMPRESSED};
    OSSL_PARAM params[3];
    enum moidc_code rc;

    if (number(jwk, "x", curve->bytes, x) != (long)curve->bytes ||
        number(jwk, "y", curve->bytes, y) != (long)curve->bytes) {
        return MOIDC_OK;
    }
    memcpy(point + 1, x, curve->bytes);
    memcpy(point + 1 + curve->bytes, y, curve->bytes);
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)curve->crv, 0);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * curve->bytes);
    params[2] = OSSL_PARAM_construct_end();
    rc = key_from_params("EC", params, &key, err);
    if (rc != MOIDC_OK || key == NULL) {
        return rc;
    }
    /* the point lies on the curve (SEC 1 §3.2.2.1; RFC 8725 §3.4 on invalid curve attacks) */
    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    if (ctx == NULL || EVP_PKEY_public_check(ctx) != 1) {
        return unusable(err);
    }
    *ret = key;
    key = NULL;
    return MOIDC_OK;
}

/* RFC 8037 §2. */
static enum moidc_code okp_key(const json_t *jwk, const struct curve *curve, EVP_PKEY **ret, struct moidc_err *err)
{
    unsigned char x[32 + 2];

    if (number(jwk, "x", curve->bytes, x) != (long)curve->bytes) {
        return MOIDC_OK;
    }
    *ret = EVP_PKEY_new_raw_public_key_ex(NULL, curve->crv, NULL, x, curve->bytes);
    return *ret != NULL ? MOIDC_OK : unusable(err);
}

static enum moidc_code public_key(const json_t *jwk, struct jwk *ret, struct moidc_err *err)
{
    const char *kty = json_text(jwk, "kty");
    const char *crv = json_text(jwk, "crv");

    if (kty != NULL && strcmp(kty, "RSA") == 0) {
        return rsa_key(jwk, ret, err);
    }
    for (size_t i = 0; kty != NULL && crv != NULL && i < sizeof CURVES / sizeof CURVES[0]; i++) {
        const struct curve *curve = &CURVES[i];

        if (strcmp(curve->kty, kty) == 0 && strcmp(curve->crv, crv) == 0) {
            ret->kind = curve->kind;
            return curve->kind == JWA_ED25519 ? okp_key(jwk, curve, &ret->key, err)
                                              : ec_key(jwk, curve, &ret->key, err);
        }
    }
    return MOIDC_OK;
}

/* The key is for checking signatures, by an algorithm that is known (RFC 7517 §4.2, §4.3, §4.4), and its `kid` is a
 * string (§4.5), where it has these members. */
static bool is_for_signatures(const json_t *jwk)
{
    const json_t *use = json_member(jwk, "use");
    const json_t *alg = json_member(jwk, "alg");
    const json_t *kid = json_member(jwk, "kid");

    if (use != NULL && (!json_is_string(use) || strcmp(json_string_value(use), "sig") != 0)) {
        return false;
    }
    if (json_member(jwk, "key_ops") != NULL && !json_array_has(jwk, "key_ops", "verify")) {
        return false;
    }
    if (alg != NULL && (!json_is_string(alg) || jwa_find(json_string_value(alg)) == NULL)) {
        return false;
    }
    return kid == NULL || json_is_string(kid);
}

/* Reads one key into *ret, whose `key` stays NULL when it cannot be used. */
static enum moidc_code jwk_read(const json_t *jwk, struct jwk *ret, struct moidc_err *err)
{
    const char *alg = json_text(jwk, "alg");
    const char *kid = json_text(jwk, "kid");
    enum moidc_code rc;

    if (!json_is_object(jwk) || !is_for_signatures(jwk)) {
        return MOIDC_OK;
    }
    rc = public_key(jwk, ret, err);
    if (rc != MOIDC_OK || ret->key == NULL) {
        return rc;
    }
    ret->alg = alg != NULL ? jwa_find(alg) : NULL;
    if (kid != NULL) {
        ret->kid = mem_strdup(kid);
        if (ret->kid == NULL) {
            return err_memory(err);
        }
    }
    return MOIDC_OK;
}

enum moidc_code jwks_parse(const char *bytes, size_t n, struct jwks **ret, struct moidc_err *err)
{
    CLEANUP(json_release_p) json_t *document = NULL;
    CLEANUP(jwks_free_p) struct jwks *jwks = NULL;
    const json_t *keys;
    size_t most;
    enum moidc_code rc;

    rc = json_object_parse(bytes, n, "the provider's key set", &document, err);
    if (rc != MOIDC_OK) {
        return rc;
    }
    rc = libraries_load(err);
    if (rc != MOIDC_OK) {
        return rc;
    }
    keys = json_object_get(document, "keys");
    if (!json_is_array(keys)) {
        return err_set(err, MOIDC_E_PROTOCOL, "the provider's key set has no array \"keys\"");
    }
    most = json_array_size(keys) < KEYS_MOST ? json_array_size(keys) : KEYS_MOST;
    jwks = mem_zalloc(sizeof *jwks + most * sizeof jwks->keys[0]);
    if (jwks == NULL) {
        return err_memory(err);
    }
    ERR_clear_error();
    for (size_t i = 0; i < json_array_size(keys) && jwks->count < most; i++) {
        struct jwk *next = &jwks->keys[jwks->count];

        rc = jwk_read(json_array_get(keys, i), next, err);
        ERR_clear_error();
        jwks->count += next->key != NULL;
        if (rc != MOIDC_OK) {
            return rc;
        }
    }
    *ret = jwks;
    jwks = NULL;
    return MOIDC_OK;
}

void jwks_free(struct jwks *jwks)
{
    if (jwks != NULL) {
        for (size_t i = 0; i < jwks->count; i++) {
            EVP_PKEY_free(jwks->keys[i].key);
            mem_free(jwks->keys[i].kid);
        }
        mem_free(jwks);
    }
}

static bool fits(const struct jwk *jwk, const struct jwa *alg)
{
    return jwk->kind == alg->key && (jwk->alg == NULL || jwa_is_same(jwk->alg, alg));
}

size_t jwks_count(const struct jwks *jwks)
{
    return jwks->count;
}

EVP_PKEY *jwks_find(const struct jwks *jwks, const char *alg, const char *kid, size_t nth)
{
    const struct jwa *row = jwa_find(alg);
    EVP_PKEY *found = NULL;
    size_t count = 0;
    size_t named = 0;

    for (size_t i = 0; row != NULL && i < jwks->count; i++) {
        const struct jwk *jwk = &jwks->keys[i];

        if (!fits(jwk, row)) {
            continue;
        }
        if (kid != NULL && jwk->kid != NULL && strcmp(jwk->kid, kid) == 0) {
            if (named++ == nth) {
                return jwk->key;
            }
        } else if (kid == NULL || jwk->kid == NULL) {
            found = jwk->key;
            count++;
        }
    }
    /* no guess among several: it would be tried against every key ever published */
    return named == 0 && count == 1 && nth == 0 ? found : NULL;
}
