/* SPDX-License-Identifier: MIT */
#include "oauth/id_token.h"

#include "check.h"
#include "base/json.h"
#include "oauth/token_maker.h"
#include "oauth/fail_memory.h"

#define ISSUER "https://op.example"
#define CLIENT "client-1"
#define ACCESS_TOKEN "an-access-token"
/* SHA-256, SHA-384 and SHA-512 of ACCESS_TOKEN, the left half in base64url */
static char at_hash_256[64], at_hash_384[64], at_hash_512[64];

/* now 1700000000, leeway 60 */
enum { LEEWAY = 60 };
#define CLAIMS                                                                                                         \
    "{\"iss\":\"" ISSUER "\",\"sub\":\"alice\",\"aud\":\"" CLIENT "\",\"exp\":1700003600,\"iat\":1699999990,"          \
    "\"nonce\":\"n-1\"}"

static struct jwks *keys;
static struct secret *nonce;
static struct secret *access_token;

static void at_hash(const char *hash, char ret[64])
{
    CLEANUP(strbuf_free) struct strbuf buf = STRBUF_INIT(64);
    unsigned char digest[EVP_MAX_MD_SIZE];
    size_t n = 0;

    MUST(EVP_Q_digest(NULL, hash, NULL, ACCESS_TOKEN, strlen(ACCESS_TOKEN), digest, &n) == 1);
    base64url_encode(&buf, digest, n / 2);
    snprintf(ret, 64, "%s", strbuf_text(&buf));
}

static void begin(void)
{
    CLEANUP(mem_free_p) char *a = NULL;
    CLEANUP(mem_free_p) char *b = NULL;
    CLEANUP(mem_free_p) char *text = NULL;
    struct moidc_err err;

    maker_begin();
    a = make_jwk(RSA_A, "");
    b = make_jwk(ED_A, ",\"kid\":\"ed\"");
    text = make_jwks(a, b);
    MUST(jwks_parse(text, strlen(text), &keys, &err) == MOIDC_OK);
    nonce = secret_new_text("n-1");
    access_token = secret_new_text(ACCESS_TOKEN);
    MUST(nonce != NULL && access_token != NULL);
    at_hash("SHA256", at_hash_256);
    at_hash("SHA384", at_hash_384);
    at_hash("SHA512", at_hash_512);
}

static struct id_token_expect first_sign_in(void)
{
    return (struct id_token_expect){.issuer = ISSUER,
                                    .client_id = CLIENT,
                                    .nonce = nonce,
                                    .access_token = access_token,
                                    .now_s = 1700000000,
                                    .leeway_s = LEEWAY};
}

/* CLAIMS with the members of `set` (an object's text; NULL: none) put in, and the member `without` taken out. */
static char *claims_with(const char *set, const char *without)
{
    CLEANUP(json_release_p) json_t *claims = json_loads(CLAIMS, 0, NULL);
    CLEANUP(json_release_p) json_t *more = json_loads(set != NULL ? set : "{}", 0, NULL);
    char *dump;
    char *copy;

    MUST(claims != NULL && more != NULL && json_object_update(claims, more) == 0);
    if (without != NULL) {
        MUST(json_object_del(claims, without) == 0);
    }
    dump = json_dumps(claims, JSON_COMPACT);
    MUST(dump != NULL);
    copy = mem_strdup(dump);
    mem_free(dump); /* jansson's memory is ours: base/json.c */
    MUST(copy != NULL);
    return copy;
}

/* Signs `claims` and checks the token. `reason` NULL: it is accepted. */
static void check_claims(const char *claims, const char *alg, const struct id_token_expect *expect, const char *reason)
{
    CLEANUP(id_token_free_p) struct id_token *result = NULL;
    CLEANUP(secret_free_p) struct secret *token = NULL;
    CLEANUP(mem_free_p) char *text = NULL;
    struct moidc_err err = {0};
    char header[32];
    bool unknown_key = true;
    int faults = check_faults;
    enum moidc_code rc;

    snprintf(header, sizeof header, "{\"alg\":\"%s\"}", alg);
    text = make_token(header, claims, alg, strcmp(alg, "EdDSA") == 0 ? ED_A : RSA_A);
    token = secret_new_text(text);
    MUST(token != NULL);
    rc = id_token_check(token, keys, expect, &unknown_key, &result, &err);
    CHECK(rc == (reason == NULL ? MOIDC_OK : MOIDC_E_PROTOCOL));
    CHECK((result != NULL) == (reason == NULL));
    CHECK(!unknown_key);
    CHECK_CONTAINS(err.what, reason != NULL ? reason : "");
    CHECK(reason == NULL || strstr(reason, "is not JSON") != NULL || strstr(reason, "twice") != NULL ||
          err.next[0] != '\0');
    CHECK(strpbrk(err.what, "\r\n\033") == NULL);
    if (faults != check_faults) {
        fprintf(stderr, "claims %s: code %d \"%s\"\n", claims, (int)rc, err.what);
    }
}

struct row {
    const char *set;
    const char *without;
    const char *reason; /* NULL: accepted */
};

static void check_rows(const struct row *rows, size_t n, const struct id_token_expect *expect)
{
    for (size_t i = 0; i < n; i++) {
        CLEANUP(mem_free_p) char *claims = claims_with(rows[i].set, rows[i].without);

        check_claims(claims, "RS256", expect, rows[i].reason);
    }
}

#define CHECK_ROWS(rows, expect) check_rows((rows), sizeof(rows) / sizeof(rows)[0], (expect))

static void test_what_the_token_says_is_handed_out(void)
{
    CLEANUP(id_token_free_p) struct id_token *result = NULL;
    CLEANUP(mem_free_p) char *text = make_token("{\"alg\":\"RS256\"}", CLAIMS, "RS256", RSA_A);
    CLEANUP(secret_free_p) struct secret *token = secret_new_text(text);
    struct id_token_expect expect = first_sign_in();
    struct moidc_err err;
    bool unknown_key;

    CHECK(id_token_check(token, keys, &expect, &unknown_key, &result, &err) == MOIDC_OK);
    CHECK_TEXT(result != NULL ? result->subject : NULL, "alice");
    CHECK(result != NULL && result->expires_at_s == 1700003600 && result->issued_at_s == 1699999990);
}

/* oidcc-client-test-invalid-iss */
static void test_issuer_is_compared_byte_by_byte(void)
{
    static const struct row rows[] = {
        {NULL, NULL, NULL},
        {NULL, "iss", "has no issuer"},
        {"{\"iss\":\"\"}", NULL, "another issuer"},
        {"{\"iss\":null}", NULL, "has no issuer"},
        {"{\"iss\":7}", NULL, "has no issuer"},
        {"{\"iss\":[\"" ISSUER "\"]}", NULL, "has no issuer"},
        {"{\"iss\":\"https://evil.example\"}", NULL, "iss \"https://evil.example\", expected \"" ISSUER "\""},
        {"{\"iss\":\"" ISSUER "/\"}", NULL, "another issuer"},
        {"{\"iss\":\"https://OP.example\"}", NULL, "another issuer"},
        {"{\"iss\":\"http://op.example\"}", NULL, "another issuer"},
        {"{\"iss\":\"https://op.exampl\"}", NULL, "another issuer"},
        {"{\"iss\":\"https://op.example:443\"}", NULL, "another issuer"},
        {"{\"iss\":\" " ISSUER "\"}", NULL, "another issuer"},
        {"{\"iss\":\"\\u001b[2Jx\\r\\n\\u202e\"}", NULL, "iss \"?[2Jx???\""},
    };
    struct id_token_expect expect = first_sign_in();

    CHECK_ROWS(rows, &expect);
}

/* oidcc-client-test-missing-sub */
static void test_subject_is_a_string_of_1_to_255_bytes(void)
{
    static const struct row rows[] = {
        {NULL, "sub", "has no subject"},
        {"{\"sub\":\"\"}", NULL, "empty subject"},
        {"{\"sub\":null}", NULL, "has no subject"},
        {"{\"sub\":7}", NULL, "has no subject"},
        {"{\"sub\":{\"a\":1}}", NULL, "has no subject"},
        {"{\"sub\":\"a\"}", NULL, NULL},
        {"{\"sub\":\"\\u00e9\"}", NULL, NULL},
    };
    struct id_token_expect expect = first_sign_in();

    CHECK_ROWS(rows, &expect);
    for (int n = 254; n <= 257; n++) {
        char set[300];
        struct row row = {set, NULL, n <= 255 ? NULL : "more than 255 bytes"};

        snprintf(set, sizeof set, "{\"sub\":\"%0*d\"}", n, 0);
        check_rows(&row, 1, &expect);
    }
}

/* oidcc-client-test-invalid-aud, oidcc-client-test-missing-aud */
static void test_client_is_in_the_audience(void)
{
    static const struct row rows[] = {
        {"{\"aud\":\"" CLIENT "\"}", NULL, NULL},
        {"{\"aud\":[\"" CLIENT "\"]}", NULL, NULL},
        {NULL, "aud", "has no audience"},
        {"{\"aud\":\"\"}", NULL, "another audience"},
        {"{\"aud\":\"other\"}", NULL, "aud \"other\", expected \"" CLIENT "\""},
        {"{\"aud\":\"CLIENT-1\"}", NULL, "another audience"},
        {"{\"aud\":\"client-1 other\"}", NULL, "another audience"},
        {"{\"aud\":\"client-12\"}", NULL, "another audience"},
        {"{\"aud\":[]}", NULL, "another audience"},
        {"{\"aud\":[\"other\"]}", NULL, "another audience"},
        {"{\"aud\":[\"other\",\"third\"],\"azp\":\"" CLIENT "\"}", NULL, "aud \"other\" and others"},
        {"{\"aud\":null}", NULL, "neither a string nor an array"},
        {"{\"aud\":7}", NULL, "neither a string nor an array"},
        {"{\"aud\":{\"" CLIENT "\":1}}", NULL, "neither a string nor an array"},
        {"{\"aud\":[\"" CLIENT "\",7]}", NULL, "neither a string nor an array"},
        {"{\"aud\":[7,\"" CLIENT "\"],\"azp\":\"" CLIENT "\"}", NULL, "neither a string nor an array"},
        {"{\"aud\":[[\"" CLIENT "\"]]}", NULL, "neither a string nor an array"},
        {"{\"aud\":[\"" CLIENT "\",null]}", NULL, "neither a string nor an array"},
    };
    struct id_token_expect expect = first_sign_in();

    CHECK_ROWS(rows, &expect);
}

static void test_authorized_party_is_the_client(void)
{
    static const struct row rows[] = {
        {"{\"azp\":\"" CLIENT "\"}", NULL, NULL},
        {"{\"aud\":[\"" CLIENT "\",\"api\"],\"azp\":\"" CLIENT "\"}", NULL, NULL},
        {"{\"aud\":[\"api\",\"" CLIENT "\"],\"azp\":\"" CLIENT "\"}", NULL, NULL},
        {"{\"aud\":[\"" CLIENT "\",\"api\"]}", NULL, "several audiences (aud) and no authorized party (azp)"},
        {"{\"aud\":[\"" CLIENT "\",\"api\"],\"azp\":\"api\"}", NULL, "azp \"api\", expected \"" CLIENT "\""},
        {"{\"azp\":\"api\"}", NULL, "issued to another client"},
        {"{\"azp\":\"\"}", NULL, "issued to another client"},
        {"{\"azp\":7}", NULL, "(azp) that is no string"},
        {"{\"azp\":null}", NULL, NULL},
        {"{\"aud\":[\"" CLIENT "\",\"api\"],\"azp\":null}", NULL,
         "several audiences (aud) and no authorized party (azp)"},
        {"{\"azp\":[\"" CLIENT "\"]}", NULL, "(azp) that is no string"},
    };
    struct id_token_expect expect = first_sign_in();

    CHECK_ROWS(rows, &expect);
}

/* oidcc-client-test-missing-iat and the exp cases of the FAPI2 client plan; now is 1700000000, the leeway 60 s */
static void test_times(void)
{
    static const struct row rows[] = {
        {NULL, "exp", "has no end"},
        {"{\"exp\":\"1700003600\"}", NULL, "has no end"},
        {"{\"exp\":null}", NULL, "has no end"},
        {"{\"exp\":true}", NULL, "has no end"},
        {"{\"exp\":9007199254740993}", NULL, "has no end"},
        {"{\"exp\":1e300}", NULL, "has no end"},
        {"{\"exp\":1700003600.5}", NULL, NULL},
        {"{\"exp\":1.7000036e9}", NULL, NULL},
        {"{\"exp\":1699999941,\"iat\":1699990000}", NULL, NULL}, /* the last second of the leeway */
        {"{\"exp\":1699999940,\"iat\":1699990000}", NULL, "expired: exp lies 60 s back"},
        {"{\"exp\":1,\"iat\":0}", NULL, "expired"},
        {"{\"exp\":0}", NULL, "does not end (exp) after"},
        {"{\"exp\":-1,\"iat\":-2}", NULL, "expired"},
        {"{\"exp\":-9007199254740991}", NULL, "does not end (exp) after"},
        {NULL, "iat", "has no time of issue"},
        {"{\"iat\":\"1699999990\"}", NULL, "has no time of issue"},
        {"{\"iat\":null}", NULL, "has no time of issue"},
        {"{\"iat\":1700000060}", NULL, NULL},
        {"{\"iat\":1700000061}", NULL, "issued in the future: iat lies 61 s ahead"},
        {"{\"iat\":1600000000}", NULL, NULL},
        {"{\"iat\":1700003599}", NULL, "issued in the future"},
        {"{\"iat\":1700000010,\"exp\":1700000010}", NULL, "does not end (exp) after"},
        {"{\"iat\":1700000010,\"exp\":1700000011}", NULL, NULL},
        {"{\"iat\":1700000010,\"exp\":1700000009}", NULL, "does not end (exp) after"},
        {"{\"nbf\":1700000060}", NULL, NULL},
        {"{\"nbf\":1700000061}", NULL, "not valid yet: nbf lies 61 s ahead"},
        {"{\"nbf\":0}", NULL, NULL},
        {"{\"nbf\":\"0\"}", NULL, "(nbf) that is no number"},
        {"{\"nbf\":null}", NULL, NULL},
        {"{\"nbf\":1e17}", NULL, "(nbf) that is no number"},
    };
    struct id_token_expect expect = first_sign_in();

    CHECK_ROWS(rows, &expect);
}

/* oidcc-client-test-nonce-invalid */
static void test_nonce_is_the_one_that_was_sent(void)
{
    static const struct row rows[] = {
        {NULL, NULL, NULL},
        {NULL, "nonce", "does not carry the nonce"},
        {"{\"nonce\":\"\"}", NULL, "nonce of another sign-in"},
        {"{\"nonce\":\"n-2\"}", NULL, "nonce of another sign-in"},
        {"{\"nonce\":\"n-1 \"}", NULL, "nonce of another sign-in"},
        {"{\"nonce\":\"N-1\"}", NULL, "nonce of another sign-in"},
        {"{\"nonce\":\"n-\"}", NULL, "nonce of another sign-in"},
        {"{\"nonce\":7}", NULL, "does not carry the nonce"},
        {"{\"nonce\":null}", NULL, "does not carry the nonce"},
        {"{\"nonce\":[\"n-1\"]}", NULL, "does not carry the nonce"},
    };
    static const struct row without[] = {
        {NULL, NULL, NULL}, {NULL, "nonce", NULL}, {"{\"nonce\":\"n-2\"}", NULL, NULL}};
    struct id_token_expect expect = first_sign_in();

    CHECK_ROWS(rows, &expect);
    expect.nonce = NULL;
    CHECK_ROWS(without, &expect);
}

static void test_at_hash_is_that_of_the_access_token(void)
{
    static const struct {
        const char *alg;
        const char *at_hash;
        bool accepted;
    } rows[] = {
        {"RS256", at_hash_256, true},  {"PS256", at_hash_256, true},  {"RS384", at_hash_384, true},
        {"PS512", at_hash_512, true},  {"EdDSA", at_hash_512, true},  {"RS256", at_hash_384, false},
        {"RS384", at_hash_256, false}, {"EdDSA", at_hash_256, false}, {"RS256", "", false},
        {"RS256", "AAAA", false},
    };
    struct id_token_expect expect = first_sign_in();

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char set[128];
        CLEANUP(mem_free_p) char *claims = NULL;

        snprintf(set, sizeof set, "{\"at_hash\":\"%s\"}", rows[i].at_hash);
        claims = claims_with(set, NULL);
        check_claims(claims, rows[i].alg, &expect, rows[i].accepted ? NULL : "at_hash is wrong");
        expect.access_token = NULL; /* nothing to compare it with */
        check_claims(claims, rows[i].alg, &expect, NULL);
        expect.access_token = access_token;
    }
}

/* The first row is a value that another program computed (OIDC Core §3.1.3.6). */
static void test_at_hash_of_the_wrong_form_is_refused(void)
{
    static const struct row rows[] = {
        {"{\"at_hash\":\"YiHPD2T9DaX5B837XJXtow\"}", NULL, NULL},
        {"{\"at_hash\":\"YiHPD2T9DaX5B837XJXtow=\"}", NULL, "at_hash is wrong"},
        {"{\"at_hash\":\"YiHPD2T9DaX5B837XJXto32BKkT6ZcpVAT6si9f5KiY\"}", NULL, "at_hash is wrong"},
        {"{\"at_hash\":7}", NULL, "at_hash that is no string"},
        {"{\"at_hash\":null}", NULL, NULL},
        {"{\"at_hash\":[]}", NULL, "at_hash that is no string"},
    };
    struct id_token_expect expect = first_sign_in();

    CHECK_ROWS(rows, &expect);
    expect.access_token = NULL;
    check_rows(rows + 3, 3, &expect);
}

/* OIDC Core §12.2 */
static void test_renewed_token_is_of_the_same_subject(void)
{
    static const struct row rows[] = {
        {NULL, NULL, NULL},
        {NULL, "nonce", NULL},
        {"{\"sub\":\"bob\"}", NULL, "another subject"},
        {"{\"sub\":\"Alice\"}", NULL, "another subject"},
        {"{\"sub\":\"alice2\"}", NULL, "another subject"},
        {"{\"iss\":\"https://evil.example\"}", NULL, "another issuer"},
        {"{\"aud\":\"other\"}", NULL, "another audience"},
    };
    struct id_token_expect expect = first_sign_in();

    expect.nonce = NULL;
    expect.subject = "alice";
    CHECK_ROWS(rows, &expect);
}

/* What a lenient parser would read in two ways. */
static void test_claims_that_can_be_read_in_two_ways(void)
{
    static const struct {
        const char *claims;
        const char *reason;
    } rows[] = {
        {"{\"iss\":\"" ISSUER "\\u0000.evil\",\"sub\":\"alice\"}", "is not JSON"},
        {"{\"iss\":\"" ISSUER "\",\"sub\":\"alice\",\"aud\":\"" CLIENT "\\u0000\"}", "is not JSON"},
        {"{\"iss\":\"" ISSUER "\",\"sub\":\"al\\u0000ice\"}", "is not JSON"},
        {"{\"iss\":\"https://evil.example\",\"iss\":\"" ISSUER "\"}", "stands twice"},
        {"{\"aud\":\"" CLIENT "\",\"aud\":\"other\"}", "stands twice"},
        {"{\"exp\":1,\"\\u0065xp\":1700003600}", "stands twice"},
    };
    struct id_token_expect expect = first_sign_in();

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        check_claims(rows[i].claims, "RS256", &expect, rows[i].reason);
    }
}

/* oidcc-client-test-invalid-sig-rs256, oidcc-client-test-idtoken-sig-none, oidcc-client-test-kid-absent-... */
static void test_signature_comes_before_the_claims(void)
{
    static const struct {
        const char *header;
        enum maker_key key;
        const char *how;
        const char *reason;
        bool unknown;
    } rows[] = {
        {"{\"alg\":\"RS256\"}", RSA_A, "RS256", NULL, false},
        {"{\"alg\":\"RS256\"}", RSA_B, "RS256", "wrong signature", true},
        {"{\"alg\":\"none\"}", RSA_A, "RS256", "is not signed", false},
        {"{\"alg\":\"EdDSA\",\"kid\":\"ed\"}", ED_A, "EdDSA", NULL, false},
        {"{\"alg\":\"EdDSA\",\"kid\":\"new\"}", ED_A, "EdDSA", "no key of the provider fits", true},
        {"{\"alg\":\"ES256\"}", P256_A, "ES256", "no key of the provider fits", true},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(id_token_free_p) struct id_token *result = NULL;
        CLEANUP(mem_free_p) char *text = make_token(rows[i].header, CLAIMS, rows[i].how, rows[i].key);
        CLEANUP(secret_free_p) struct secret *token = secret_new_text(text);
        struct id_token_expect expect = first_sign_in();
        struct moidc_err err = {0};
        bool unknown_key = !rows[i].unknown;
        enum moidc_code rc = id_token_check(token, keys, &expect, &unknown_key, &result, &err);

        CHECK(rc == (rows[i].reason == NULL ? MOIDC_OK : MOIDC_E_PROTOCOL));
        CHECK((result != NULL) == (rows[i].reason == NULL));
        CHECK_CONTAINS(err.what, rows[i].reason != NULL ? rows[i].reason : "");
        CHECK(unknown_key == rows[i].unknown);
    }
}

static enum moidc_code check_once(void *ctx, struct moidc_err *err)
{
    CLEANUP(id_token_free_p) struct id_token *result = NULL;
    struct id_token_expect expect = first_sign_in();
    bool unknown_key;

    return id_token_check(ctx, keys, &expect, &unknown_key, &result, err);
}

static void test_memory_that_is_out_is_told(void)
{
    CLEANUP(secret_free_p) struct secret *token = NULL;
    CLEANUP(mem_free_p) char *claims = NULL;
    CLEANUP(mem_free_p) char *text = NULL;
    char set[128];

    snprintf(set, sizeof set, "{\"at_hash\":\"%s\",\"aud\":[\"" CLIENT "\"]}", at_hash_256);
    claims = claims_with(set, NULL);
    text = make_token("{\"alg\":\"RS256\"}", claims, "RS256", RSA_A);
    token = secret_new_text(text);
    MUST(token != NULL);
    fail_each_allocation(check_once, token, 0);
    fail_each_allocation(check_once, token, 1);
}

int main(void)
{
    begin();
    RUN(test_what_the_token_says_is_handed_out);
    RUN(test_issuer_is_compared_byte_by_byte);
    RUN(test_subject_is_a_string_of_1_to_255_bytes);
    RUN(test_client_is_in_the_audience);
    RUN(test_authorized_party_is_the_client);
    RUN(test_times);
    RUN(test_nonce_is_the_one_that_was_sent);
    RUN(test_at_hash_is_that_of_the_access_token);
    RUN(test_at_hash_of_the_wrong_form_is_refused);
    RUN(test_renewed_token_is_of_the_same_subject);
    RUN(test_claims_that_can_be_read_in_two_ways);
    RUN(test_signature_comes_before_the_claims);
    RUN(test_memory_that_is_out_is_told);
    jwks_free(keys);
    secret_free(nonce);
    secret_free(access_token);
    maker_end();
    return check_summary();
}
