/* SPDX-License-Identifier: MIT */
/* Header and claims of an ID token, which is signed here, so that no signature stands before what judges them. The
 * first byte chooses what the token has to agree with, the rest of its line is the header, what follows the claims. */
#include "oauth/id_token.h"

#include "base/base64url.h"
#include "base/json.h"
#include "fuzz.h"
#include "oauth/openssl.h"

#define ISSUER "https://op.example"
#define CLIENT "app"
enum { NOW = 1700000000, LEEWAY = 60, TOKEN_MOST = 1 << 20 };

static EVP_PKEY *key;
static struct jwks *jwks;
static struct secret *nonce;
static struct secret *access_token;

static void begin(void)
{
    static const unsigned char seed[32] = "a key that everybody may know 1";
    struct strbuf text = STRBUF_INIT(1024);
    unsigned char public[32];
    size_t n = sizeof public;
    struct moidc_err err;

    HOLDS(libraries_load(&err) == MOIDC_OK);
    key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof seed);
    HOLDS(key != NULL && EVP_PKEY_get_raw_public_key(key, public, &n) == 1);
    strbuf_add_text(&text, "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"k\",\"x\":\"");
    base64url_encode(&text, public, n);
    strbuf_add_text(&text, "\"}]}");
    HOLDS(jwks_parse(text.bytes, text.length, &jwks, &err) == MOIDC_OK);
    strbuf_free(&text);
    nonce = secret_new_text("n-1");
    access_token = secret_new_text("an-access-token");
}

static struct secret *sign(const char *header, const uint8_t *claims, size_t size)
{
    struct strbuf text = STRBUF_INIT(TOKEN_MOST);
    unsigned char signature[64];
    size_t n = sizeof signature;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    struct secret *token;

    base64url_encode(&text, (const unsigned char *)header, strlen(header));
    strbuf_add_text(&text, ".");
    base64url_encode(&text, claims, size);
    HOLDS(EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1);
    HOLDS(EVP_DigestSign(ctx, signature, &n, (const unsigned char *)text.bytes, text.length) == 1);
    EVP_MD_CTX_free(ctx);
    strbuf_add_text(&text, ".");
    base64url_encode(&text, signature, n);
    token = secret_new(text.bytes, text.length);
    strbuf_free(&text);
    return token;
}

/* The claims once more, by other code. */
static void check_taken(const struct id_token_expect *expect, const struct id_token *token, const uint8_t *claims,
                        size_t size)
{
    json_t *object = json_loadb((const char *)claims, size, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);
    const json_t *aud = json_object_get(object, "aud");
    const char *azp = json_text(object, "azp");

    HOLDS(json_is_object(object));
    HOLDS(strcmp(json_text(object, "iss"), ISSUER) == 0);
    HOLDS(strcmp(json_text(object, "sub"), token->subject) == 0);
    HOLDS(strlen(token->subject) >= 1 && strlen(token->subject) <= 255);
    HOLDS(expect->subject == NULL || strcmp(expect->subject, token->subject) == 0);
    if (json_is_string(aud)) {
        HOLDS(strcmp(json_string_value(aud), CLIENT) == 0);
    } else {
        HOLDS(json_array_has(object, "aud", CLIENT));
        HOLDS(json_array_size(aud) == 1 || azp != NULL);
    }
    HOLDS(azp == NULL || strcmp(azp, CLIENT) == 0);
    HOLDS(token->expires_at_s > NOW - LEEWAY - 1 && token->expires_at_s > token->issued_at_s);
    HOLDS(token->issued_at_s <= NOW + LEEWAY);
    HOLDS(token->expires_at_s == (int64_t)json_number_value(json_object_get(object, "exp")));
    if (expect->nonce != NULL && (!expect->renewal || json_object_get(object, "nonce") != NULL)) {
        HOLDS(strcmp(json_text(object, "nonce"), "n-1") == 0);
    }
    json_decref(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct id_token_expect expect = {.issuer = ISSUER, .client_id = CLIENT, .now_s = NOW, .leeway_s = LEEWAY};
    CLEANUP(id_token_free_p) struct id_token *ret = NULL;
    CLEANUP(secret_free_p) struct secret *token = NULL;
    struct moidc_err err;
    bool unknown_key = false;
    enum moidc_code rc;
    char *header;

    if (size == 0 || size > 32 * 1024) {
        return 0;
    }
    if (key == NULL) {
        begin();
    }
    expect.nonce = (data[0] & 1) != 0 ? nonce : NULL;
    expect.renewal = (data[0] & 2) != 0;
    expect.access_token = (data[0] & 4) != 0 ? access_token : NULL;
    expect.subject = (data[0] & 8) != 0 ? "alice" : NULL;
    data++;
    size--;
    header = fuzz_line(&data, &size);
    token = sign(header[0] != '\0' ? header : "{\"alg\":\"EdDSA\"}", data, size);
    HOLDS(token != NULL);
    rc = id_token_check(token, jwks, &expect, &unknown_key, &ret, &err);
    HOLDS((rc == MOIDC_OK) == (ret != NULL));
    if (rc == MOIDC_OK) {
        check_taken(&expect, ret, data, size);
    } else {
        HOLDS(rc == MOIDC_E_PROTOCOL);
        fuzz_check_err(rc, &err);
    }
    free(header);
    return 0;
}
