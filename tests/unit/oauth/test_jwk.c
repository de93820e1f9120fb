/* SPDX-License-Identifier: MIT */
#include "oauth/jwk.h"

#include "check.h"
#include "oauth/token_maker.h"
#include "oauth/fail_memory.h"

#include <openssl/crypto.h>

static struct jwks *parse(const char *text)
{
    struct jwks *jwks = NULL;
    struct moidc_err err;

    MUST(jwks_parse(text, strlen(text), &jwks, &err) == MOIDC_OK);
    return jwks;
}

/* Whether the set `text` has the key for `alg` and `kid`. */
static bool finds(const char *text, const char *alg, const char *kid)
{
    CLEANUP(jwks_free_p) struct jwks *jwks = parse(text);

    return jwks_find(jwks, alg, kid, 0) != NULL;
}

static void check_row(const char *name, bool got, bool expected)
{
    if (got != expected) {
        fprintf(stderr, "row \"%s\"\n", name);
    }
    CHECK(got == expected);
}

static void test_alg_fits_only_its_kind_of_key_and_curve(void)
{
    static const struct {
        const char *alg;
        enum maker_key key;
    } right[] = {
        {"RS256", RSA_A},  {"RS384", RSA_A}, {"RS512", RSA_A}, {"PS256", RSA_A}, {"PS384", RSA_A},  {"PS512", RSA_A},
        {"ES256", P256_A}, {"ES384", P384},  {"ES512", P521},  {"EdDSA", ED_A},  {"Ed25519", ED_A},
    };
    static const enum maker_key keys[] = {RSA_A, P256_A, P384, P521, ED_A};

    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        for (size_t j = 0; j < sizeof keys / sizeof keys[0]; j++) {
            CLEANUP(mem_free_p) char *jwks = make_jwks_of(keys[j], "");

            check_row(right[i].alg, finds(jwks, right[i].alg, NULL), right[i].key == keys[j]);
        }
    }
}

static void test_unknown_algorithms_have_no_key(void)
{
    static const char *const names[] = {"none", "HS256", "rs256", "RS257", "", "RS256 ", "ES256K", "Ed448", "RSA-OAEP"};
    CLEANUP(mem_free_p) char *jwks = make_jwks_of(RSA_A, "");

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        check_row(names[i], finds(jwks, names[i], NULL), false);
    }
}

static void test_eddsa_and_ed25519_are_one_algorithm(void)
{
    static const char *const names[] = {"EdDSA", "Ed25519"};

    for (size_t i = 0; i < 4; i++) {
        char more[32];
        CLEANUP(mem_free_p) char *jwks = NULL;

        snprintf(more, sizeof more, ",\"alg\":\"%s\"", names[i / 2]);
        jwks = make_jwks_of(ED_A, more);
        check_row(more, finds(jwks, names[i % 2], NULL), true);
    }
}

static void test_members_that_say_what_a_key_is_for_are_respected(void)
{
    static const struct {
        const char *more;
        bool found; /* for PS256, kid "a" */
    } rows[] = {
        {",\"kid\":\"a\"", true},
        {",\"kid\":\"b\"", false},
        {",\"kid\":\"A\"", false},
        {",\"kid\":\"a \"", false},
        {",\"kid\":\"\"", false},
        {"", true}, /* the only one, and it has no name */
        {",\"kid\":7", false},
        {",\"kid\":null", true},
        {",\"kid\":\"a\",\"use\":\"sig\"", true},
        {",\"kid\":\"a\",\"use\":\"enc\"", false},
        {",\"kid\":\"a\",\"use\":\"SIG\"", false},
        {",\"kid\":\"a\",\"use\":7", false},
        {",\"kid\":\"a\",\"use\":null,\"alg\":null,\"key_ops\":null", true},
        {",\"kid\":\"a\",\"key_ops\":[\"verify\"]", true},
        {",\"kid\":\"a\",\"key_ops\":[\"sign\",\"verify\"]", true},
        {",\"kid\":\"a\",\"key_ops\":[\"sign\"]", false},
        {",\"kid\":\"a\",\"key_ops\":[]", false},
        {",\"kid\":\"a\",\"key_ops\":\"verify\"", false},
        {",\"kid\":\"a\",\"use\":\"enc\",\"key_ops\":[\"verify\"]", false},
        {",\"kid\":\"a\",\"alg\":\"PS256\"", true},
        {",\"kid\":\"a\",\"alg\":\"RS256\"", false},
        {",\"kid\":\"a\",\"alg\":\"ES256\"", false},
        {",\"kid\":\"a\",\"alg\":\"RSA-OAEP\"", false},
        {",\"kid\":\"a\",\"alg\":\"ps256\"", false},
        {",\"kid\":\"a\",\"alg\":256", false},
        {",\"kid\":\"a\",\"x5c\":[\"rubbish\"],\"x5t\":7,\"unknown\":{}", true},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(mem_free_p) char *jwks = make_jwks_of(RSA_A, rows[i].more);

        check_row(rows[i].more, finds(jwks, "PS256", "a"), rows[i].found);
    }
}

/* Base64url of `n` bytes, the first and the last one as told, zero between. */
static char *number(size_t n, unsigned char first, unsigned char last)
{
    CLEANUP(strbuf_free) struct strbuf buf = STRBUF_INIT(MAKER_MOST);
    unsigned char *bytes = mem_zalloc(n);

    MUST(bytes != NULL);
    bytes[n - 1] = last;
    bytes[0] = n > 1 ? first : last;
    base64url_encode(&buf, bytes, n);
    mem_free(bytes);
    return maker_take(&buf);
}

static void test_rsa_numbers_have_bounds(void)
{
    static const struct {
        const char *name;
        size_t n_bytes;
        unsigned char first, last;
        const char *e;
        bool found;
    } rows[] = {
        {"2048 bits", 256, 0x80, 1, "AQAB", true},
        {"2047 bits", 256, 0x7f, 1, "AQAB", false},
        {"1024 bits", 128, 0x80, 1, "AQAB", false},
        {"a zero byte of sign", 257, 0, 1, "AQAB", false}, /* and then too short */
        {"16384 bits", 2048, 0x80, 1, "AQAB", true},
        {"16385 bits", 2049, 1, 1, "AQAB", false},
        {"20000 bytes", 20000, 1, 1, "AQAB", false},
        {"even modulus", 256, 0x80, 2, "AQAB", false},
        {"exponent 3", 256, 0x80, 1, "Aw", true},
        {"exponent 1", 256, 0x80, 1, "AQ", false},
        {"exponent 0", 256, 0x80, 1, "AA", false},
        {"exponent 2", 256, 0x80, 1, "Ag", false},
        {"exponent 65536", 256, 0x80, 1, "AQAA", false},
        {"exponent of 32 bytes", 256, 0x80, 1, "_____________________________________________w8", false},
        {"empty exponent", 256, 0x80, 1, "", false},
        {"exponent with padding", 256, 0x80, 1, "Aw==", false},
        {"exponent with bits left over", 256, 0x80, 1, "Ax", false},
        {"exponent in the other alphabet", 256, 0x80, 1, "AQ+/", false},
        {"exponent with white space", 256, 0x80, 1, " AQAB", false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(mem_free_p) char *n = number(rows[i].n_bytes, rows[i].first, rows[i].last);
        CLEANUP(strbuf_free) struct strbuf jwks = STRBUF_INIT(MAKER_MOST);

        strbuf_add_format(&jwks, "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"}]}", n, rows[i].e);
        check_row(rows[i].name, finds(strbuf_text(&jwks), "RS256", NULL), rows[i].found);
    }
}

/* Whether the set of a key with this modulus has one for RS256. */
static bool finds_modulus(const BIGNUM *n)
{
    CLEANUP(strbuf_free) struct strbuf jwks = STRBUF_INIT(MAKER_MOST);
    unsigned char bytes[512];

    MUST((size_t)BN_num_bytes(n) <= sizeof bytes && BN_bn2bin(n, bytes) == BN_num_bytes(n));
    strbuf_add_text(&jwks, "{\"keys\":[{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"");
    base64url_encode(&jwks, bytes, (size_t)BN_num_bytes(n));
    strbuf_add_text(&jwks, "\"}]}");
    return finds(strbuf_text(&jwks), "RS256", NULL);
}

/* What tells such a key is that it is a power of 65537 modulo many small primes. */
static void test_keys_that_roca_breaks_are_left_out(void)
{
    CLEANUP(BN_free_p) BIGNUM *n = BN_new();

    MUST(n != NULL && BN_one(n));
    while (BN_num_bits(n) < 2048) {
        MUST(BN_mul_word(n, 65537));
    }
    CHECK(!finds_modulus(n));
    MUST(BN_add_word(n, 2));
    CHECK(finds_modulus(n));
}

/* The generator of P-256 (SEC 2 §2.4.2), and what is wrong around it. */
#define GX "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY"
#define GY "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"

static void test_points_lie_on_their_curve(void)
{
    static const struct {
        const char *name;
        const char *jwk;
        bool found;
    } rows[] = {
        {"right", "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" GX "\",\"y\":\"" GY "\"}", true},
        {"x and y exchanged", "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" GY "\",\"y\":\"" GX "\"}", false},
        {"another curve", "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" GX "\",\"y\":\"" GY "\"}", false},
        {"unknown curve", "{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"" GX "\",\"y\":\"" GY "\"}", false},
        {"curve by another name", "{\"kty\":\"EC\",\"crv\":\"prime256v1\",\"x\":\"" GX "\",\"y\":\"" GY "\"}", false},
        {"no curve", "{\"kty\":\"EC\",\"x\":\"" GX "\",\"y\":\"" GY "\"}", false},
        {"curve no string", "{\"kty\":\"EC\",\"crv\":256,\"x\":\"" GX "\",\"y\":\"" GY "\"}", false},
        {"kind of another family", "{\"kty\":\"OKP\",\"crv\":\"P-256\",\"x\":\"" GX "\",\"y\":\"" GY "\"}", false},
        {"kty in lower case", "{\"kty\":\"ec\",\"crv\":\"P-256\",\"x\":\"" GX "\",\"y\":\"" GY "\"}", false},
        {"zero",
         "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
         "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
         false},
        {"above the prime",
         "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"__________________________________________8\","
         "\"y\":\"" GY "\"}",
         false},
        {"a byte short",
         "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"F9Hy4SxCR_i85uVjpEDydwN9gS3rM6D0oTlF2JjClg\","
         "\"y\":\"" GY "\"}",
         false},
        {"a zero byte more",
         "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AGsX0fLhLEJH-Lzm5WOkQPJ3A32BLeszoPShOUXYmMKW\","
         "\"y\":\"" GY "\"}",
         false},
        {"no y", "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" GX "\"}", false},
        {"y no string", "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" GX "\",\"y\":7}", false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(mem_free_p) char *jwks = make_jwks(rows[i].jwk, NULL);

        check_row(rows[i].name, finds(jwks, "ES256", NULL), rows[i].found);
        CHECK(ERR_peek_error() == 0); /* the queue is shared with others */
    }
}

static void test_ed25519_keys_have_32_bytes(void)
{
    static const struct {
        const char *jwk;
        bool found;
    } rows[] = {
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}", true},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUQ\"}", false},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURoA\"}", false},
        {"{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}", false},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}", false},
        {"{\"kty\":\"EC\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}", false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(mem_free_p) char *jwks = make_jwks(rows[i].jwk, NULL);

        check_row(rows[i].jwk, finds(jwks, "EdDSA", NULL), rows[i].found);
    }
}

/* RFC 8037 A.1 is a private key: only its public part is read. */
static void test_private_parts_are_not_read(void)
{
    CLEANUP(mem_free_p)
    char *text = make_jwks("{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                           "\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\","
                           "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
                           NULL);
    CLEANUP(jwks_free_p) struct jwks *jwks = parse(text);
    EVP_PKEY *key = jwks_find(jwks, "EdDSA", NULL, 0);
    unsigned char secret[32];
    size_t n = sizeof secret;

    CHECK(key != NULL && EVP_PKEY_get_raw_private_key(key, secret, &n) != 1);
    ERR_clear_error();
}

static void test_without_kid_exactly_one_key_must_fit(void)
{
    static const struct {
        const char *name;
        enum maker_key a, b;
        const char *more_a, *more_b;
        const char *kid;
        bool found; /* for RS256 */
    } rows[] = {
        {"two that fit", RSA_A, RSA_B, "", "", NULL, false},
        {"two that fit, with kids of their own", RSA_A, RSA_B, ",\"kid\":\"a\"", ",\"kid\":\"b\"", NULL, false},
        {"the kid decides", RSA_A, RSA_B, ",\"kid\":\"a\"", ",\"kid\":\"b\"", "b", true},
        {"a kid that none has", RSA_A, RSA_B, ",\"kid\":\"a\"", ",\"kid\":\"b\"", "c", false},
        {"one of another kind", RSA_A, P256_A, "", "", NULL, true},
        {"one for encryption", RSA_A, RSA_B, "", ",\"use\":\"enc\"", NULL, true},
        {"one for another alg", RSA_A, RSA_B, "", ",\"alg\":\"PS256\"", NULL, true},
        {"one that is too short", RSA_A, RSA_SHORT, "", "", NULL, true},
        {"one whose kid is no string", RSA_A, RSA_B, "", ",\"kid\":7", NULL, true},
        {"one without a kid beside one of another", RSA_A, RSA_B, "", ",\"kid\":\"b\"", "c", true},
        {"two without a kid", RSA_A, RSA_B, "", "", "c", false},
        {"one without a kid, and the one that is named", RSA_A, RSA_B, "", ",\"kid\":\"b\"", "b", true},
        {"one kid for two kinds", P256_A, RSA_A, ",\"kid\":\"a\"", ",\"kid\":\"a\"", "a", true},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(mem_free_p) char *a = make_jwk(rows[i].a, rows[i].more_a);
        CLEANUP(mem_free_p) char *b = make_jwk(rows[i].b, rows[i].more_b);
        CLEANUP(mem_free_p) char *jwks = make_jwks(a, b);

        check_row(rows[i].name, finds(jwks, "RS256", rows[i].kid), rows[i].found);
    }
}

static void test_keys_with_one_kid_are_told_one_after_the_other(void)
{
    CLEANUP(mem_free_p) char *a = make_jwk(RSA_A, ",\"kid\":\"a\"");
    CLEANUP(mem_free_p) char *b = make_jwk(RSA_B, ",\"kid\":\"a\"");
    CLEANUP(mem_free_p) char *text = make_jwks(a, b);
    CLEANUP(jwks_free_p) struct jwks *jwks = parse(text);

    CHECK(jwks_find(jwks, "RS256", "a", 0) != NULL && jwks_find(jwks, "RS256", "a", 1) != NULL);
    CHECK(jwks_find(jwks, "RS256", "a", 0) != jwks_find(jwks, "RS256", "a", 1));
    CHECK(jwks_find(jwks, "RS256", "a", 2) == NULL);
    CHECK(jwks_find(jwks, "ES256", "a", 0) == NULL && jwks_find(jwks, "RS256", NULL, 0) == NULL);
}

static void test_what_is_no_key_does_not_hide_the_one_that_is(void)
{
    static const char *const odd[] = {
        "null",
        "7",
        "\"text\"",
        "[]",
        "{}",
        "{\"kty\":\"oct\",\"k\":\"AAAA\"}",
        "{\"kty\":\"new\",\"kid\":\"a\"}",
        "{\"kty\":7}",
        "{\"kty\":\"RSA\"}",
        "{\"kty\":\"RSA\",\"n\":\"\",\"e\":\"\"}",
        "{\"kty\":\"RSA\",\"n\":[],\"e\":{}}",
        "{\"kty\":\"AKP\",\"alg\":\"ML-DSA-44\",\"pub\":\"AAAA\"}",
    };

    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        CLEANUP(mem_free_p) char *jwk = make_jwk(RSA_A, ",\"kid\":\"a\"");
        CLEANUP(mem_free_p) char *jwks = make_jwks(odd[i], jwk);

        check_row(odd[i], finds(jwks, "RS256", "a"), true);
    }
}

static void test_documents_that_are_no_key_set_are_refused(void)
{
    static const struct {
        const char *text;
        const char *reason;
    } rows[] = {
        {"", "not JSON"},
        {"<html>", "not JSON"},
        {"{\"keys\":[]", "not JSON"},
        {"{\"keys\":[],\"keys\":[]}", "stands twice"},
        {"{\"keys\":[{\"kid\":\"a\",\"kid\":\"b\"}]}", "stands twice"},
        {"{\"keys\":[{\"kid\":\"a\\u0000b\"}]}", "not JSON"},
        {"[]", "not a JSON object"},
        {"{}", "no array"},
        {"{\"keys\":{}}", "no array"},
        {"{\"keys\":null}", "no array"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct jwks *jwks = NULL;
        struct moidc_err err = {0};

        CHECK(jwks_parse(rows[i].text, strlen(rows[i].text), &jwks, &err) == MOIDC_E_PROTOCOL);
        CHECK(jwks == NULL);
        CHECK_CONTAINS(err.what, rows[i].reason);
    }
}

static void test_an_empty_set_is_valid(void)
{
    CHECK(!finds("{\"keys\":[]}", "RS256", NULL));
    CHECK(!finds("{\"keys\":[],\"more\":1}", "RS256", "a"));
}

/* `n` times the same key with the kids 0, 1 ... */
static char *many(const char *jwk, size_t n)
{
    CLEANUP(strbuf_free) struct strbuf buf = STRBUF_INIT(MAKER_MOST);

    strbuf_add_text(&buf, "{\"keys\":[");
    for (size_t i = 0; i < n; i++) {
        strbuf_add(&buf, ",", i > 0);
        strbuf_add(&buf, jwk, strlen(jwk) - 1);
        strbuf_add_format(&buf, ",\"kid\":\"%zu\"}", i);
    }
    strbuf_add_text(&buf, "]}");
    return maker_take(&buf);
}

static void test_at_most_1000_keys_are_kept(void)
{
    CLEANUP(mem_free_p) char *jwk = make_jwk(P521, "");
    CLEANUP(mem_free_p) char *text = many(jwk, 1001);
    CLEANUP(jwks_free_p) struct jwks *jwks = parse(text);

    CHECK(jwks_find(jwks, "ES512", "0", 0) != NULL);
    CHECK(jwks_find(jwks, "ES512", "999", 0) != NULL);
    CHECK(jwks_find(jwks, "ES512", "1000", 0) == NULL);
    CHECK(jwks_find(jwks, "ES512", NULL, 0) == NULL);
}

static enum moidc_code parse_once(void *ctx, struct moidc_err *err)
{
    CLEANUP(jwks_free_p) struct jwks *jwks = NULL;

    return jwks_parse(ctx, strlen(ctx), &jwks, err);
}

static void test_memory_that_is_out_is_told(void)
{
    CLEANUP(mem_free_p) char *rsa = make_jwk(RSA_A, ",\"kid\":\"a\"");
    CLEANUP(mem_free_p) char *ec = make_jwk(P256_A, ",\"kid\":\"b\",\"use\":\"sig\",\"key_ops\":[\"verify\"]");
    CLEANUP(mem_free_p) char *text = make_jwks(rsa, ec);

    fail_each_allocation(parse_once, text, 0);
    fail_each_allocation(parse_once, text, 1);
}

int main(void)
{
    maker_begin();
    RUN(test_alg_fits_only_its_kind_of_key_and_curve);
    RUN(test_unknown_algorithms_have_no_key);
    RUN(test_eddsa_and_ed25519_are_one_algorithm);
    RUN(test_members_that_say_what_a_key_is_for_are_respected);
    RUN(test_rsa_numbers_have_bounds);
    RUN(test_keys_that_roca_breaks_are_left_out);
    RUN(test_points_lie_on_their_curve);
    RUN(test_ed25519_keys_have_32_bytes);
    RUN(test_private_parts_are_not_read);
    RUN(test_without_kid_exactly_one_key_must_fit);
    RUN(test_keys_with_one_kid_are_told_one_after_the_other);
    RUN(test_what_is_no_key_does_not_hide_the_one_that_is);
    RUN(test_documents_that_are_no_key_set_are_refused);
    RUN(test_an_empty_set_is_valid);
    RUN(test_at_most_1000_keys_are_kept);
    RUN(test_memory_that_is_out_is_told);
    maker_end();
    return check_summary();
}
