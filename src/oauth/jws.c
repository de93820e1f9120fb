/* SPDX-License-Identifier: MIT */
#include "oauth/jws.h"

#include "base/base64url.h"
#include "oauth/jwa.h"
#include "oauth/openssl.h"

#include <string.h>

enum { TOKEN_MOST_BYTES = 64 * 1024, PARTS = 3, ECDSA_MOST_DER_BYTES = 160, KEYS_TRIED_MOST = 8 };

enum part { HEADER, PAYLOAD, SIGNATURE };

/* The parts of a compact serialization (RFC 7515 §3.1), borrowed from the token. */
struct parts {
    const char *text[PARTS];
    size_t length[PARTS];
    size_t signed_length; /* of the JWS signing input, which begins with the token (RFC 7515 §5.2 step 8) */
};

/* A decoded part. */
struct bytes {
    unsigned char *data;
    size_t length;
};

static void bytes_free(struct bytes *bytes)
{
    mem_wipe(bytes->data, bytes->length);
    mem_free(bytes->data);
}

static enum moidc_code refuse(struct moidc_err *err, const char *rule)
{
    return err_set(err, MOIDC_E_PROTOCOL, "the ID token %s", rule);
}

static enum moidc_code split(const char *token, size_t n, struct parts *ret, struct moidc_err *err)
{
    const char *end = token + n;
    size_t dots = 0;

    if (n > TOKEN_MOST_BYTES) {
        return err_set(err, MOIDC_E_PROTOCOL, "the ID token is larger than %d bytes", (int)TOKEN_MOST_BYTES);
    }
    for (const char *p = token; p < end; p++) {
        dots += *p == '.';
    }
    if (dots == 4) {
        refuse(err, "is encrypted (JWE, RFC 7516), which this client cannot read");
        return err_next(err, "have the provider sign ID tokens for this client, not encrypt them");
    }
    if (dots != PARTS - 1) {
        return refuse(err, "is no JWT: it does not have three parts (RFC 7519 §3)");
    }
    for (size_t i = 0; i < PARTS; i++) {
        const char *dot = memchr(token, '.', (size_t)(end - token));

        ret->text[i] = token;
        ret->length[i] = (size_t)((dot != NULL ? dot : end) - token);
        token += ret->length[i] + 1;
    }
    ret->signed_length = ret->length[HEADER] + 1 + ret->length[PAYLOAD];
    return MOIDC_OK;
}

static enum moidc_code decode(const struct parts *parts, enum part part, struct bytes *ret, struct moidc_err *err)
{
    static const char *const names[PARTS] = {"header", "payload", "signature"};
    long length;

    ret->data = mem_alloc(parts->length[part] / 4 * 3 + 2);
    if (ret->data == NULL) {
        return err_memory(err);
    }
    length = base64url_decode(parts->text[part], parts->length[part], ret->data);
    if (length < 0) {
        return err_set(err, MOIDC_E_PROTOCOL, "the %s of the ID token is not base64url (RFC 7515 §2)", names[part]);
    }
    ret->length = (size_t)length;
    return MOIDC_OK;
}

static enum moidc_code decode_object(const struct parts *parts, enum part part, const char *what, json_t **ret,
                                     struct moidc_err *err)
{
    CLEANUP(bytes_free) struct bytes bytes = {0};
    enum moidc_code rc = decode(parts, part, &bytes, err);

    return rc != MOIDC_OK ? rc : json_object_parse((const char *)bytes.data, bytes.length, what, ret, err);
}

static enum moidc_code unknown_alg(const char *alg, struct moidc_err *err)
{
    if (strcmp(alg, "none") == 0) {
        return refuse(err, "is not signed (alg none; RFC 8725 §3.2)");
    }
    if (strncmp(alg, "HS", 2) == 0) {
        refuse(err, "is signed with a shared secret (alg HS...), which anybody who can check it could forge");
        return err_next(err, "have the provider sign ID tokens for this client with RS256, PS256, ES256 or EdDSA");
    }
    err_set(err, MOIDC_E_PROTOCOL, "the ID token is signed by an algorithm that is not supported (alg %.20s)", alg);
    return err_next(err, "have the provider sign ID tokens for this client with RS256, PS256, ES256 or EdDSA");
}

/* What the header says (RFC 7515 §4.1). `jwk`, `jku`, `x5u` and `x5c` are not looked at: a token does not choose the
 * key that it is checked with (RFC 8725 §3.10). */
static enum moidc_code read_header(const json_t *header, const struct jwa **alg, const char **kid,
                                   struct moidc_err *err)
{
    const json_t *id = json_member(header, "kid");
    const char *name = json_text(header, "alg");

    /* RFC 7515 §4.1.11: what `crit` lists has to be understood, and no extension is; `b64` is one (RFC 7797 §6) */
    if (json_object_get(header, "crit") != NULL || json_object_get(header, "b64") != NULL) {
        return refuse(err, "demands an extension that is not supported (crit; RFC 7515 §4.1.11)");
    }
    if (name == NULL) {
        return refuse(err, "names no algorithm (alg; RFC 7515 §4.1.1)");
    }
    *alg = jwa_find(name);
    if (*alg == NULL) {
        return unknown_alg(name, err);
    }
    if (id != NULL && !json_is_string(id)) {
        return refuse(err, "names its key by something that is no string (kid; RFC 7515 §4.1.4)");
    }
    *kid = json_string_value(id);
    return MOIDC_OK;
}

static enum moidc_code openssl_failed(struct moidc_err *err)
{
    return openssl_memory_was_out() ? err_memory(err)
                                    : err_set(err, MOIDC_E_INTERNAL, "OpenSSL cannot check the ID token's signature");
}

static enum moidc_code bad_signature(struct moidc_err *err)
{
    refuse(err, "has a wrong signature");
    return err_next(err, "sign in again; if it stays so, ask the provider's operator whether its key set is right");
}

/* Turns R || S of fixed length (RFC 7518 §3.4) into the DER that OpenSSL reads. */
static enum moidc_code ecdsa_to_der(const struct bytes *raw, unsigned char *der, size_t *der_length,
                                    struct moidc_err *err)
{
    CLEANUP(ECDSA_SIG_free_p) ECDSA_SIG *signature = ECDSA_SIG_new();
    CLEANUP(BN_free_p) BIGNUM *r = BN_bin2bn(raw->data, (int)(raw->length / 2), NULL);
    CLEANUP(BN_free_p) BIGNUM *s = BN_bin2bn(raw->data + raw->length / 2, (int)(raw->length / 2), NULL);
    int length;

    if (signature == NULL || r == NULL || s == NULL) {
        return openssl_failed(err);
    }
    if (BN_is_zero(r) || BN_is_zero(s)) {
        return bad_signature(err); /* FIPS 186-5 §6.4.2: both lie in 1 to n - 1 */
    }
    if (ECDSA_SIG_set0(signature, r, s) != 1) {
        return openssl_failed(err);
    }
    r = NULL;
    s = NULL;
    length = i2d_ECDSA_SIG(signature, NULL);
    if (length <= 0 || length > ECDSA_MOST_DER_BYTES || i2d_ECDSA_SIG(signature, &der) != length) {
        return openssl_failed(err);
    }
    *der_length = (size_t)length;
    return MOIDC_OK;
}

/* RFC 7518 §3.5: the salt is as long as the hash, and MGF1 uses that hash too (OpenSSL's default). */
static bool use_pss(EVP_PKEY_CTX *ctx)
{
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

static enum moidc_code verify(const struct jwa *alg, EVP_PKEY *key, const char *text, size_t n,
                              const unsigned char *signature, size_t length, struct moidc_err *err)
{
    CLEANUP(EVP_MD_CTX_free_p) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_ctx = NULL; /* owned by ctx */
    const char *hash = alg->scheme == JWA_EDDSA ? NULL : alg->hash;

    if (ctx == NULL || EVP_DigestVerifyInit_ex(ctx, &key_ctx, hash, NULL, NULL, key, NULL) != 1 ||
        (alg->scheme == JWA_PSS && !use_pss(key_ctx))) {
        return openssl_failed(err);
    }
    if (EVP_DigestVerify(ctx, signature, length, (const unsigned char *)text, n) != 1) {
        return openssl_memory_was_out() ? err_memory(err) : bad_signature(err);
    }
    return MOIDC_OK;
}

static enum moidc_code verify_parts(const struct parts *parts, const struct jwa *alg, EVP_PKEY *key,
                                    struct moidc_err *err)
{
    CLEANUP(bytes_free) struct bytes raw = {0};
    unsigned char der[ECDSA_MOST_DER_BYTES];
    size_t der_length = 0;
    enum moidc_code rc = decode(parts, SIGNATURE, &raw, err);

    if (rc != MOIDC_OK) {
        return rc;
    }
    if (raw.length != (alg->signature_bytes != 0 ? alg->signature_bytes : (size_t)EVP_PKEY_get_size(key))) {
        return refuse(err, "has a signature of the wrong length (RFC 7518 §3.3, §3.4)");
    }
    if (alg->scheme != JWA_ECDSA) {
        return verify(alg, key, parts->text[HEADER], parts->signed_length, raw.data, raw.length, err);
    }
    rc = ecdsa_to_der(&raw, der, &der_length, err);
    return rc != MOIDC_OK ? rc : verify(alg, key, parts->text[HEADER], parts->signed_length, der, der_length, err);
}

/* By one of the keys that fit: a provider that changes its key may keep the kid, or have two with one (RFC 7517 §4.5). */
static enum moidc_code verify_by_any(const struct jwks *jwks, const struct parts *parts, const struct jwa *alg,
                                     const char *kid, struct moidc_err *err)
{
    enum moidc_code rc = MOIDC_E_PROTOCOL;

    for (size_t i = 0; i < KEYS_TRIED_MOST && rc == MOIDC_E_PROTOCOL; i++) {
        EVP_PKEY *key = jwks_find(jwks, alg->name, kid, i);

        if (key == NULL) {
            break;
        }
        rc = verify_parts(parts, alg, key, err);
    }
    return rc;
}

enum moidc_code jws_verify_signature(const char *token, size_t n, const struct jwks *jwks, bool *unknown_key,
                                     struct moidc_err *err)
{
    CLEANUP(json_release_p) json_t *header = NULL;
    CLEANUP(bytes_free) struct bytes payload = {0};
    const struct jwa *alg = NULL;
    const char *kid = NULL;
    struct parts parts;
    enum moidc_code rc;

    *unknown_key = false;
    ERR_clear_error(); /* openssl_memory_was_out() is to see only what comes from here on */
    rc = split(token, n, &parts, err);
    if (rc != MOIDC_OK) {
        return rc;
    }
    rc = decode_object(&parts, HEADER, "the header of the ID token", &header, err);
    if (rc != MOIDC_OK) {
        return rc;
    }
    rc = read_header(header, &alg, &kid, err);
    if (rc != MOIDC_OK) {
        return rc;
    }
    if (jwks_find(jwks, alg->name, kid, 0) == NULL) {
        *unknown_key = true;
        err_set(err, MOIDC_E_PROTOCOL, "no key of the provider fits the ID token (alg %s, %s)", alg->name,
                kid != NULL ? "by its kid" : "which names no kid: exactly one key must fit");
        return err_next(err, "sign in again; if it stays so, ask the provider's operator whether its key set is right");
    }
    rc = verify_by_any(jwks, &parts, alg, kid, err);
    ERR_clear_error(); /* other users of libcrypto in the process share the queue; OpenSSL fills it in success too */
    if (rc != MOIDC_OK) {
        *unknown_key = rc == MOIDC_E_PROTOCOL; /* the key that fits may be the one before */
        return rc;
    }
    return decode(&parts, PAYLOAD, &payload, err); /* RFC 7515 §5.2 step 6: whoever signed what is none */
}

enum moidc_code jws_verify(const char *token, size_t n, const struct jwks *jwks, bool *unknown_key, json_t **ret,
                           struct moidc_err *err)
{
    enum moidc_code rc = jws_verify_signature(token, n, jwks, unknown_key, err);

    return rc != MOIDC_OK ? rc : jws_payload_unchecked(token, n, ret, err);
}

enum moidc_code jws_payload_unchecked(const char *token, size_t n, json_t **ret, struct moidc_err *err)
{
    struct parts parts;
    enum moidc_code rc = split(token, n, &parts, err);

    return rc != MOIDC_OK ? rc : decode_object(&parts, PAYLOAD, "the payload of the ID token", ret, err);
}

bool jws_hash_of_token(const char *token, size_t n, const char **hash)
{
    CLEANUP(json_release_p) json_t *header = NULL;
    struct moidc_err ignored;
    struct parts parts;
    const struct jwa *alg;
    const char *name;

    if (split(token, n, &parts, &ignored) != MOIDC_OK ||
        decode_object(&parts, HEADER, "the header of the ID token", &header, &ignored) != MOIDC_OK) {
        return false;
    }
    name = json_text(header, "alg");
    alg = name != NULL ? jwa_find(name) : NULL;
    if (alg == NULL) {
        return false;
    }
    *hash = alg->hash;
    return true;
}
