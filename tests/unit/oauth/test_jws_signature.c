/* SPDX-License-Identifier: MIT */
#include "oauth/jws_check.h"
#include "oauth/rfc_examples.h"

static void test_examples_of_the_rfcs(void)
{
    for (size_t i = 0; i < sizeof RFC_EXAMPLES / sizeof RFC_EXAMPLES[0]; i++) {
        const struct rfc_example *example = &RFC_EXAMPLES[i];
        CLEANUP(jwks_free_p) struct jwks *jwks = parse(example->jwks);
        CLEANUP(mem_free_p) char *token = mem_strdup(example->token);
        char *payload;

        MUST(token != NULL);
        /* what is only reached after the signature was found right */
        check_bytes(example->name, token, strlen(token), jwks,
                    example->object ? NULL : "the payload of the ID token is not JSON", false);
        payload = strchr(token, '.') + 5;
        *payload = *payload == 'A' ? 'B' : 'A';
        check_bytes(example->name, token, strlen(token), jwks, "wrong signature", false);
    }
}

static void test_every_algorithm_with_its_key(void)
{
    static const struct {
        const char *alg;
        enum maker_key key;
        const char *kid;
    } rows[] = {
        {"RS256", RSA_A, "rsa"}, {"RS384", RSA_A, "rsa"}, {"RS512", RSA_A, "rsa"},   {"PS256", RSA_A, "rsa"},
        {"PS384", RSA_A, "rsa"}, {"PS512", RSA_A, "rsa"}, {"ES256", P256_A, "p256"}, {"ES384", P384, "p384"},
        {"ES512", P521, "p521"}, {"EdDSA", ED_A, "ed"},   {"Ed25519", ED_A, "ed"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char header[64];
        CLEANUP(mem_free_p) char *token = NULL;
        CLEANUP(mem_free_p) char *input = NULL;
        unsigned char signature[MAKER_SIGNATURE_MOST];
        size_t n;

        snprintf(header, sizeof header, "{\"alg\":\"%s\",\"kid\":\"%s\"}", rows[i].alg, rows[i].kid);
        token = make_token(header, PAYLOAD_TEXT, rows[i].alg, rows[i].key);
        check_token(rows[i].alg, token, NULL);
        input = make_signing_input(header, PAYLOAD_TEXT, strlen(PAYLOAD_TEXT));
        n = maker_sign(rows[i].alg, rows[i].key, input, strlen(input), signature);
        for (size_t byte = 0; byte < n; byte += n / 4) {
            CLEANUP(mem_free_p) char *wrong = NULL;

            signature[byte] ^= 1;
            wrong = make_token_with(input, signature, n);
            check_token(rows[i].alg, wrong, "wrong signature");
            signature[byte] ^= 1;
        }
    }
}

/* The classic: the public key's text as the secret of an HMAC. */
static void test_hmac_keyed_by_the_public_key_is_refused(void)
{
    CLEANUP(mem_free_p) char *input = make_signing_input("{\"alg\":\"HS256\",\"kid\":\"rsa\"}", PAYLOAD_TEXT, 13);
    CLEANUP(mem_free_p) char *key = make_jwk(RSA_A, ",\"kid\":\"rsa\"");
    CLEANUP(mem_free_p) char *token = NULL;
    unsigned char mac[32];
    size_t n = 0;

    MUST(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key, strlen(key), (const unsigned char *)input, strlen(input),
                   mac, sizeof mac, &n) != NULL);
    token = make_token_with(input, mac, n);
    check_token("HS256", token, "a shared secret");
}

/* Turns the right R || S into what a row wants; returns the new length. */
static size_t spoil_ecdsa(const char *how, unsigned char *raw, size_t half)
{
    size_t n = 2 * half;

    if (strcmp(how, "zero") == 0) {
        memset(raw, 0, n);
    } else if (strcmp(how, "zero r") == 0) {
        memset(raw, 0, half);
    } else if (strcmp(how, "zero s") == 0) {
        memset(raw + half, 0, half);
    } else if (strcmp(how, "ones") == 0) {
        memset(raw, 0xff, n);
    } else if (strcmp(how, "exchanged") == 0) {
        unsigned char r[66];

        memcpy(r, raw, half);
        memmove(raw, raw + half, half);
        memcpy(raw + half, r, half);
    } else if (strcmp(how, "short") == 0) {
        n -= 1;
    } else if (strcmp(how, "half") == 0) {
        n = half;
    } else if (strcmp(how, "two short") == 0) {
        n -= 2;
    } else if (strcmp(how, "padded") == 0) { /* a zero byte before r and before s */
        memmove(raw + half + 2, raw + half, half);
        memmove(raw + 1, raw, half);
        raw[0] = raw[half + 1] = 0;
        n += 2;
    } else if (strcmp(how, "long") == 0) {
        raw[n++] = 0;
    } else if (strcmp(how, "empty") == 0) {
        n = 0;
    }
    return n;
}

static void test_ecdsa_signatures_have_one_form(void)
{
    static const struct {
        const char *how;
        const char *reason;
    } rows[] = {
        {"right", NULL},
        {"zero", "wrong signature"},
        {"zero r", "wrong signature"},
        {"zero s", "wrong signature"},
        {"ones", "wrong signature"},
        {"exchanged", "wrong signature"},
        {"short", "wrong length"},
        {"two short", "wrong length"},
        {"half", "wrong length"},
        {"padded", "wrong length"},
        {"long", "wrong length"},
        {"empty", "wrong length"},
        {"der", "wrong length"},
    };
    static const struct {
        const char *header;
        const char *alg;
        enum maker_key key;
        size_t half;
    } curves[] = {
        {"{\"alg\":\"ES256\"}", "ES256", P256_A, 32},
        {"{\"alg\":\"ES384\"}", "ES384", P384, 48},
        {"{\"alg\":\"ES512\"}", "ES512", P521, 66},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t j = 0; j < sizeof curves / sizeof curves[0]; j++) {
            CLEANUP(mem_free_p) char *input = make_signing_input(curves[j].header, "{}", 2);
            CLEANUP(mem_free_p) char *token = NULL;
            unsigned char raw[MAKER_SIGNATURE_MOST];
            char how[16];
            size_t n;

            snprintf(how, sizeof how, "%s%s", curves[j].alg, strcmp(rows[i].how, "der") == 0 ? "-DER" : "");
            n = maker_sign(how, curves[j].key, input, strlen(input), raw);
            if (strcmp(rows[i].how, "der") != 0) {
                n = spoil_ecdsa(rows[i].how, raw, curves[j].half);
            }
            token = make_token_with(input, raw, n);
            check_token(rows[i].how, token, rows[i].reason);
        }
    }
}

static void test_rsa_signatures_are_as_long_as_the_modulus(void)
{
    static const struct {
        const char *name;
        size_t n;
        const char *reason;
    } rows[] = {{"right", 256, NULL},
                {"short", 255, "wrong length"},
                {"long", 257, "wrong length"},
                {"empty", 0, "wrong length"}};
    CLEANUP(mem_free_p) char *input = make_signing_input("{\"alg\":\"RS256\",\"kid\":\"rsa\"}", "{}", 2);
    unsigned char signature[MAKER_SIGNATURE_MOST] = {0};
    CLEANUP(mem_free_p) char *above = NULL;

    MUST(maker_sign("RS256", RSA_A, input, strlen(input), signature) == 256);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(mem_free_p) char *token = make_token_with(input, signature, rows[i].n);

        check_token(rows[i].name, token, rows[i].reason);
    }
    memset(signature, 0xff, 256);
    above = make_token_with(input, signature, 256);
    check_token("a number above the modulus", above, "wrong signature");
}

static void test_hash_of_token_is_that_of_its_alg(void)
{
    static const struct {
        const char *header;
        const char *hash; /* NULL: none */
    } rows[] = {
        {"{\"alg\":\"RS256\"}", "SHA256"},
        {"{\"alg\":\"PS256\"}", "SHA256"},
        {"{\"alg\":\"ES256\"}", "SHA256"},
        {"{\"alg\":\"RS384\"}", "SHA384"},
        {"{\"alg\":\"PS384\"}", "SHA384"},
        {"{\"alg\":\"ES384\"}", "SHA384"},
        {"{\"alg\":\"RS512\"}", "SHA512"},
        {"{\"alg\":\"PS512\"}", "SHA512"},
        {"{\"alg\":\"ES512\"}", "SHA512"},
        {"{\"alg\":\"EdDSA\"}", "SHA512"},
        {"{\"alg\":\"Ed25519\"}", "SHA512"},
        {"{\"alg\":\"HS256\"}", NULL},
        {"{\"alg\":\"none\"}", NULL},
        {"{\"alg\":256}", NULL},
        {"{}", NULL},
        {"[]", NULL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(mem_free_p) char *token = make_signing_input(rows[i].header, "{}.", 3);
        CLEANUP(strbuf_free) struct strbuf buf = STRBUF_INIT(1024);
        const char *hash = "";

        strbuf_add_format(&buf, "%s.AAAA", token);
        CHECK(jws_hash_of_token(strbuf_text(&buf), buf.length, &hash) == (rows[i].hash != NULL));
        CHECK_TEXT(hash, rows[i].hash != NULL ? rows[i].hash : "");
    }
}

/* RFC 7517 §4.5. The bound is against a provider that has this machine check thousands of long keys. */
static void test_of_several_keys_with_one_kid_each_is_tried_up_to_eight(void)
{
    static const struct {
        size_t others; /* keys of that kid before the right one */
        const char *reason;
    } rows[] = {{1, NULL}, {7, NULL}, {8, "wrong signature"}};
    CLEANUP(mem_free_p) char *right = make_jwk(P256_A, ",\"kid\":\"a\"");
    CLEANUP(mem_free_p) char *other = make_jwk(P256_B, ",\"kid\":\"a\"");
    CLEANUP(mem_free_p) char *token = make_token("{\"alg\":\"ES256\",\"kid\":\"a\"}", PAYLOAD_TEXT, "ES256", P256_A);

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(strbuf_free) struct strbuf buf = STRBUF_INIT(MAKER_MOST);
        CLEANUP(jwks_free_p) struct jwks *jwks = NULL;

        strbuf_add_text(&buf, "{\"keys\":[");
        for (size_t k = 0; k < rows[i].others; k++) {
            strbuf_add_format(&buf, "%s,", other);
        }
        strbuf_add_format(&buf, "%s]}", right);
        jwks = parse(strbuf_text(&buf));
        check_bytes("several keys", token, strlen(token), jwks, rows[i].reason, rows[i].reason != NULL);
    }
}

int main(void)
{
    keys_begin();
    RUN(test_examples_of_the_rfcs);
    RUN(test_every_algorithm_with_its_key);
    RUN(test_hmac_keyed_by_the_public_key_is_refused);
    RUN(test_ecdsa_signatures_have_one_form);
    RUN(test_rsa_signatures_are_as_long_as_the_modulus);
    RUN(test_of_several_keys_with_one_kid_each_is_tried_up_to_eight);
    RUN(test_hash_of_token_is_that_of_its_alg);
    keys_end();
    return check_summary();
}
