/* SPDX-License-Identifier: MIT */
#include "oauth/jws_check.h"
#include "oauth/fail_memory.h"

/* Headers over a signature that is right for the algorithm `how` and the key. */
static void test_headers(void)
{
    static const struct {
        const char *header;
        const char *how;
        enum maker_key key;
        const char *reason; /* NULL: accepted */
        bool unknown;
    } rows[] = {
        {"{\"alg\":\"RS256\",\"kid\":\"rsa\"}", "RS256", RSA_A, NULL, false},
        {"{\"alg\":\"RS256\",\"kid\":\"rsa\",\"typ\":\"JWT\"}", "RS256", RSA_A, NULL, false},
        {"{\"alg\":\"RS256\",\"kid\":\"rsa\",\"typ\":\"anything\",\"cty\":\"x\"}", "RS256", RSA_A, NULL, false},
        {" { \"kid\" : \"rsa\" , \"alg\" : \"RS256\" } ", "RS256", RSA_A, NULL, false},
        {"{\"alg\":\"EdDSA\"}", "EdDSA", ED_A, NULL, false},
        {"{\"alg\":\"ES256\"}", "ES256", P256_A, NULL, false},
        /* the key that signed is another one than the kid names */
        {"{\"alg\":\"RS256\",\"kid\":\"rsa-b\"}", "RS256", RSA_A, "wrong signature", false},
        {"{\"alg\":\"ES256\",\"kid\":\"p256\"}", "ES256", P256_B, "wrong signature", false},
        {"{\"alg\":\"EdDSA\",\"kid\":\"ed\"}", "EdDSA", ED_B, "wrong signature", false},
        /* no key fits: the only case for another look at the key set */
        {"{\"alg\":\"RS256\",\"kid\":\"new\"}", "RS256", RSA_A, "no key of the provider fits", true},
        {"{\"alg\":\"RS256\",\"kid\":\"RSA\"}", "RS256", RSA_A, "no key of the provider fits", true},
        {"{\"alg\":\"RS256\",\"kid\":\"\"}", "RS256", RSA_A, "no key of the provider fits", true},
        {"{\"alg\":\"RS256\"}", "RS256", RSA_A, "exactly one key must fit", true},
        {"{\"alg\":\"RS256\",\"kid\":\"short\"}", "RS256", RSA_SHORT, "no key of the provider fits", true},
        /* RFC 8725 §3.1: the algorithm is one that fits the key */
        {"{\"alg\":\"ES256\",\"kid\":\"rsa\"}", "RS256", RSA_A, "no key of the provider fits", true},
        {"{\"alg\":\"RS256\",\"kid\":\"p256\"}", "ES256", P256_A, "no key of the provider fits", true},
        {"{\"alg\":\"ES384\",\"kid\":\"p256\"}", "ES384", P256_A, "no key of the provider fits", true},
        {"{\"alg\":\"ES256\",\"kid\":\"p384\"}", "ES256", P384, "no key of the provider fits", true},
        {"{\"alg\":\"EdDSA\",\"kid\":\"p256\"}", "ES256", P256_A, "no key of the provider fits", true},
        /* signed by another scheme or hash than the header says */
        {"{\"alg\":\"RS256\",\"kid\":\"rsa\"}", "PS256", RSA_A, "wrong signature", false},
        {"{\"alg\":\"PS256\",\"kid\":\"rsa\"}", "RS256", RSA_A, "wrong signature", false},
        {"{\"alg\":\"RS512\",\"kid\":\"rsa\"}", "RS256", RSA_A, "wrong signature", false},
        {"{\"alg\":\"PS512\",\"kid\":\"rsa\"}", "PS256", RSA_A, "wrong signature", false},
        {"{\"alg\":\"ES256\",\"kid\":\"p256\"}", "ES512", P256_A, "wrong signature", false},
        {"{\"alg\":\"PS256\",\"kid\":\"rsa\"}", "PS256-0", RSA_A, "wrong signature", false},
        /* algorithms that are not taken */
        {"{\"alg\":\"none\",\"kid\":\"rsa\"}", "RS256", RSA_A, "is not signed", false},
        {"{\"alg\":\"None\",\"kid\":\"rsa\"}", "RS256", RSA_A, "not supported (alg None)", false},
        {"{\"alg\":\"NONE\",\"kid\":\"rsa\"}", "RS256", RSA_A, "not supported (alg NONE)", false},
        {"{\"alg\":\"HS256\",\"kid\":\"rsa\"}", "RS256", RSA_A, "a shared secret", false},
        {"{\"alg\":\"rs256\",\"kid\":\"rsa\"}", "RS256", RSA_A, "not supported (alg rs256)", false},
        {"{\"alg\":\"RS256 \",\"kid\":\"rsa\"}", "RS256", RSA_A, "not supported", false},
        {"{\"alg\":\"RS1\",\"kid\":\"rsa\"}", "RS256", RSA_A, "not supported", false},
        {"{\"alg\":\"RSA-OAEP\",\"kid\":\"rsa\"}", "RS256", RSA_A, "not supported", false},
        {"{\"alg\":\"ES256K\",\"kid\":\"p256\"}", "ES256", P256_A, "not supported", false},
        {"{\"alg\":\"\",\"kid\":\"rsa\"}", "RS256", RSA_A, "not supported", false},
        {"{\"alg\":\"\\u001b[31m\\n\",\"kid\":\"rsa\"}", "RS256", RSA_A, "not supported (alg ?[31m?)", false},
        {"{\"alg\":\"RS256\\u0000\",\"kid\":\"rsa\"}", "RS256", RSA_A, "header of the ID token is not JSON", false},
        {"{\"alg\":7,\"kid\":\"rsa\"}", "RS256", RSA_A, "names no algorithm", false},
        {"{\"alg\":null,\"kid\":\"rsa\"}", "RS256", RSA_A, "names no algorithm", false},
        {"{\"alg\":[\"RS256\"],\"kid\":\"rsa\"}", "RS256", RSA_A, "names no algorithm", false},
        {"{\"kid\":\"rsa\"}", "RS256", RSA_A, "names no algorithm", false},
        {"{\"alg\":\"RS256\",\"kid\":7}", "RS256", RSA_A, "no string (kid", false},
        {"{\"alg\":\"RS256\",\"kid\":null}", "RS256", RSA_A, "exactly one key must fit", true},
        {"{\"alg\":\"RS256\",\"kid\":\"rsa\\u0000\"}", "RS256", RSA_A, "header of the ID token is not JSON", false},
        /* extensions (RFC 7515 §4.1.11, RFC 7797) */
        {"{\"alg\":\"RS256\",\"kid\":\"rsa\",\"crit\":[\"exp\"],\"exp\":1}", "RS256", RSA_A, "crit", false},
        {"{\"alg\":\"RS256\",\"kid\":\"rsa\",\"crit\":[]}", "RS256", RSA_A, "crit", false},
        {"{\"alg\":\"RS256\",\"kid\":\"rsa\",\"crit\":null}", "RS256", RSA_A, "crit", false},
        {"{\"alg\":\"RS256\",\"kid\":\"rsa\",\"crit\":[\"b64\"],\"b64\":false}", "RS256", RSA_A, "crit", false},
        {"{\"alg\":\"RS256\",\"kid\":\"rsa\",\"b64\":true}", "RS256", RSA_A, "crit", false},
        /* no proper JSON object */
        {"{\"alg\":\"none\",\"alg\":\"RS256\",\"kid\":\"rsa\"}", "RS256", RSA_A, "a key stands twice", false},
        {"[\"RS256\"]", "RS256", RSA_A, "header of the ID token is not a JSON object", false},
        {"\"RS256\"", "RS256", RSA_A, "header of the ID token is not", false},
        {"", "RS256", RSA_A, "header of the ID token is not JSON", false},
        {"{\"alg\":\"RS256\",\"kid\":\"rsa\"}}", "RS256", RSA_A, "header of the ID token is not JSON", false},
        {"{\"alg\":\"RS256\",\"kid\":\"rsa\",}", "RS256", RSA_A, "header of the ID token is not JSON", false},
        {"{\"alg\":\"RS256\",\"kid\":\"\xff\"}", "RS256", RSA_A, "header of the ID token is not JSON", false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(mem_free_p) char *token = make_token(rows[i].header, PAYLOAD_TEXT, rows[i].how, rows[i].key);

        check_bytes(rows[i].header, token, strlen(token), all_keys, rows[i].reason, rows[i].unknown);
    }
}

/* RFC 8725 §3.10: a key or address of a key that the token brings along is not looked at. */
static void test_keys_that_the_token_brings_are_ignored(void)
{
    CLEANUP(mem_free_p) char *own = make_jwk(RSA_B, "");
    CLEANUP(strbuf_free) struct strbuf header = STRBUF_INIT(MAKER_MOST);
    CLEANUP(mem_free_p) char *wrong = NULL;
    CLEANUP(mem_free_p) char *right = NULL;

    strbuf_add_format(&header,
                      "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"jwk\":%s,\"jku\":\"https://evil.example/\","
                      "\"x5u\":\"https://evil.example/\",\"x5c\":[\"AAAA\"]}",
                      own);
    wrong = make_token(strbuf_text(&header), PAYLOAD_TEXT, "RS256", RSA_B);
    right = make_token(strbuf_text(&header), PAYLOAD_TEXT, "RS256", RSA_A);
    check_token("signed by the key in the header", wrong, "wrong signature");
    check_token("signed by the provider's key", right, NULL);
}

static void test_payloads(void)
{
    static const struct {
        const char *payload;
        size_t n;
        const char *reason;
    } rows[] = {
        {"{}", 2, NULL},
        {"{\"a\":{\"b\":[1,2.5,null,true]}}", 29, NULL},
        {"", 0, "payload of the ID token is not JSON"},
        {"text", 4, "payload of the ID token is not JSON"},
        {"[]", 2, "payload of the ID token is not a JSON object"},
        {"{} {}", 5, "payload of the ID token is not JSON"},
        {"{}\0", 3, "payload of the ID token is not JSON"},
        {"{\"sub\":\"a\",\"sub\":\"b\"}", 21, "a key stands twice"},
        {"{\"x\":{\"sub\":1,\"sub\":1}}", 23, "a key stands twice"},
        {"{\"sub\":\"a\\u0000b\"}", 18, "payload of the ID token is not JSON"},
        {"{\"sub\":\"a\0b\"}", 13, "payload of the ID token is not JSON"},
        {"{\"a\\u0000b\":1}", 14, "payload of the ID token is not JSON"},
        {"{\"sub\":\"\xc0\xaf\"}", 12, "payload of the ID token is not JSON"},
        {"\xef\xbb\xbf{}", 5, NULL},
        {"{\"exp\":99999999999999999999999}", 31, NULL}, /* JSON all the same; the claim is judged later */
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(mem_free_p) char *input = make_signing_input("{\"alg\":\"EdDSA\"}", rows[i].payload, rows[i].n);
        CLEANUP(mem_free_p) char *token = NULL;
        unsigned char signature[MAKER_SIGNATURE_MOST];
        size_t n = maker_sign("EdDSA", ED_A, input, strlen(input), signature);

        token = make_token_with(input, signature, n);
        check_token(rows[i].payload, token, rows[i].reason);
    }
}

/* A provider that changes its key, and names none or gives the new one the old name: the new keys are fetched. */
static void test_wrong_signature_may_mean_old_keys(void)
{
    static const struct {
        const char *header;
        enum maker_key key;
        bool unknown;
    } rows[] = {
        {"{\"alg\":\"EdDSA\"}", ED_A, false},
        {"{\"alg\":\"EdDSA\"}", ED_B, true},
        {"{\"alg\":\"EdDSA\",\"kid\":\"ed\"}", ED_B, true},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(mem_free_p) char *token = make_token(rows[i].header, PAYLOAD_TEXT, "EdDSA", rows[i].key);
        CLEANUP(json_release_p) json_t *payload = NULL;
        struct moidc_err err;
        bool unknown_key = !rows[i].unknown;

        CHECK((jws_verify(token, strlen(token), all_keys, &unknown_key, &payload, &err) == MOIDC_OK) == (i == 0));
        CHECK(unknown_key == rows[i].unknown);
    }
}

static void test_deep_payload_is_refused(void)
{
    CLEANUP(strbuf_free) struct strbuf deep = STRBUF_INIT(MAKER_MOST);
    CLEANUP(mem_free_p) char *token = NULL;

    strbuf_add_text(&deep, "{\"a\":");
    for (int i = 0; i < 20000; i++) {
        strbuf_add_text(&deep, "[");
    }
    token = make_token("{\"alg\":\"EdDSA\"}", strbuf_text(&deep), "EdDSA", ED_A);
    check_token("20000 levels", token, "nested deeper");
}

/* Every place of the right token where something may stand that does not belong there. */
static void test_compact_form_is_strict(void)
{
    CLEANUP(mem_free_p) char *token = make_token("{\"alg\":\"EdDSA\"}", PAYLOAD_TEXT, "EdDSA", ED_A);
    static const struct {
        const char *name;
        const char *format; /* with the header, payload and signature */
        const char *reason;
    } rows[] = {
        {"right", "%s.%s.%s", NULL},
        {"unsigned", "%s.%s.", "signature of the wrong length"},
        {"two parts", "%s.%s", "three parts"},
        {"one part", "%s", "three parts"},
        {"empty", "", "three parts"},
        {"dots", "..", "header of the ID token is not JSON"},
        {"four parts", "%s.%s.%s.", "three parts"},
        {"five parts", "%s.%s.%s..", "JWE"},
        {"six parts", "%s.%s.%s...", "three parts"},
        {"space before", " %s.%s.%s", "header of the ID token is not base64url"},
        {"line feed after", "%s.%s.%s\n", "signature of the ID token is not base64url"},
        {"padded header", "%s=.%s.%s", "header of the ID token is not base64url"},
        {"padded payload", "%s.%s==.%s", "wrong signature"},
        {"padded signature", "%s.%s.%s==", "signature of the ID token is not base64url"},
        {"plus", "%s.%s.+%s", "signature of the ID token is not base64url"},
        {"slash", "%s.%s./%s", "signature of the ID token is not base64url"},
        {"colon", "%s.%s.%s:AA", "signature of the ID token is not base64url"},
        {"bytes more", "%s.%s.%sAA", "signature of the wrong length"},
    };
    char parts[3][256] = {{0}};

    MUST(sscanf(token, "%255[^.].%255[^.].%255s", parts[0], parts[1], parts[2]) == 3);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[1024];

        snprintf(text, sizeof text, rows[i].format, parts[0], parts[1], parts[2]);
        check_token(rows[i].name, text, rows[i].reason);
    }
    /* 64 bytes leave 2 of 6 bits in the last character: the other ones must be zero (RFC 4648 §3.5) */
    parts[2][strlen(parts[2]) - 1]++;
    snprintf(token, strlen(token) + 1, "%s.%s.%s", parts[0], parts[1], parts[2]);
    check_token("bits left over", token, "signature of the ID token is not base64url");
}

/* The signature covers the text, so that a signer can sign what is no base64url. */
static void test_signed_payload_that_is_no_base64url_is_refused(void)
{
    static const struct {
        const char *input;
        const char *reason;
    } rows[] = {
        {"eyJhbGciOiJFZERTQSJ9.e30", NULL},
        {"eyJhbGciOiJFZERTQSJ9.e30=", "payload of the ID token is not base64url"},
        {"eyJhbGciOiJFZERTQSJ9.e31", "payload of the ID token is not base64url"}, /* bits left over */
        {"eyJhbGciOiJFZERTQSJ9.e3 0", "payload of the ID token is not base64url"},
        {"eyJhbGciOiJFZERTQSJ9.e30\n", "payload of the ID token is not base64url"},
        {"eyJhbGciOiJFZERTQSJ9.", "payload of the ID token is not JSON"},
        {"eyJhbGciOiJFZERTQSJ9=.e30", "header of the ID token is not base64url"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unsigned char signature[MAKER_SIGNATURE_MOST];
        size_t n = maker_sign("EdDSA", ED_A, rows[i].input, strlen(rows[i].input), signature);
        CLEANUP(mem_free_p) char *token = make_token_with(rows[i].input, signature, n);
        bool is_proper = rows[i].reason == NULL || strstr(rows[i].reason, "JSON") != NULL;
        bool unknown_key = true;
        struct moidc_err err;

        check_token(rows[i].input, token, rows[i].reason);
        CHECK((jws_verify_signature(token, strlen(token), all_keys, &unknown_key, &err) == MOIDC_OK) == is_proper);
        CHECK(!unknown_key);
    }
}

static void test_nul_in_the_token_is_refused(void)
{
    CLEANUP(mem_free_p) char *token = make_token("{\"alg\":\"EdDSA\"}", PAYLOAD_TEXT, "EdDSA", ED_A);
    size_t n = strlen(token);

    check_bytes("its NUL too", token, n + 1, all_keys, "signature of the ID token is not base64url", false);
    check_bytes("right", token, n, all_keys, NULL, false);
    token[3] = '\0';
    check_bytes("in the header", token, n, all_keys, "header of the ID token is not base64url", false);
}

static void test_token_of_64_kib_is_the_largest(void)
{
    CLEANUP(strbuf_free) struct strbuf payload = STRBUF_INIT(MAKER_MOST);

    strbuf_add_text(&payload, "{\"a\":\"");
    for (int i = 0; i < 49050; i++) {
        strbuf_add_text(&payload, "a");
    }
    strbuf_add_text(&payload, "\"}");
    for (int more = 0; more < 60; more++) {
        CLEANUP(mem_free_p) char *token = NULL;

        strbuf_add_text(&payload, " ");
        token = make_token("{\"alg\":\"EdDSA\"}", strbuf_text(&payload), "EdDSA", ED_A);
        check_token("size", token, strlen(token) <= 65536 ? NULL : "larger than 65536 bytes");
    }
}

static void test_payload_without_check(void)
{
    static const struct {
        const char *token;
        const char *reason;
    } rows[] = {
        {"e30.eyJleHAiOjd9.AAAA", NULL},
        {"!.eyJleHAiOjd9.!", NULL}, /* neither header nor signature is looked at */
        {"e30.eyJleHAiOjd9", "three parts"},
        {"e30.eyJleHAiOjd9.a.b.c", "JWE"},
        {"e30.eyJleHAiOjd9=.AAAA", "not base64url"},
        {"e30.W10.AAAA", "not a JSON object"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(json_release_p) json_t *payload = NULL;
        struct moidc_err err = {0};
        enum moidc_code rc = jws_payload_unchecked(rows[i].token, strlen(rows[i].token), &payload, &err);
        int64_t exp = 0;

        CHECK(rc == (rows[i].reason == NULL ? MOIDC_OK : MOIDC_E_PROTOCOL));
        CHECK_CONTAINS(err.what, rows[i].reason != NULL ? rows[i].reason : "");
        CHECK((payload != NULL && json_seconds(payload, "exp", &exp) && exp == 7) == (rows[i].reason == NULL));
    }
}

static enum moidc_code verify_once(void *ctx, struct moidc_err *err)
{
    CLEANUP(json_release_p) json_t *payload = NULL;
    bool unknown_key;

    return jws_verify(ctx, strlen(ctx), all_keys, &unknown_key, &payload, err);
}

static void test_memory_that_is_out_is_told(void)
{
    CLEANUP(mem_free_p) char *ec = make_token("{\"alg\":\"ES256\"}", PAYLOAD_TEXT, "ES256", P256_A);
    CLEANUP(mem_free_p) char *rsa = make_token("{\"alg\":\"PS256\",\"kid\":\"rsa\"}", PAYLOAD_TEXT, "PS256", RSA_A);

    for (int sticky = 0; sticky <= 1; sticky++) {
        fail_each_allocation(verify_once, ec, sticky);
        fail_each_allocation(verify_once, rsa, sticky);
    }
}

int main(void)
{
    keys_begin();
    RUN(test_headers);
    RUN(test_keys_that_the_token_brings_are_ignored);
    RUN(test_payloads);
    RUN(test_wrong_signature_may_mean_old_keys);
    RUN(test_deep_payload_is_refused);
    RUN(test_compact_form_is_strict);
    RUN(test_signed_payload_that_is_no_base64url_is_refused);
    RUN(test_nul_in_the_token_is_refused);
    RUN(test_token_of_64_kib_is_the_largest);
    RUN(test_payload_without_check);
    RUN(test_memory_that_is_out_is_told);
    keys_end();
    return check_summary();
}
