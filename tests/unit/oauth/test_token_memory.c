/* SPDX-License-Identifier: MIT */
/* The allocations of OpenSSL fail in turn, together with ours: nothing leaks, nothing crashes, and above all no failure
 * makes a wrong signature right. Needs the build with -Dfail-alloc=true. */
#include "oauth/id_token.h"

#include "check.h"
#include "oauth/jws.h"
#include "oauth/token_maker.h"

#include <openssl/crypto.h>

static struct jwks *keys;
static char *keys_text;

static void *allocate(size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return mem_alloc(n);
}

static void *reallocate(void *p, size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return mem_realloc(p, n);
}

static void release(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    mem_free(p);
}

/* What a call may end with when an allocation failed: OpenSSL does not always say why it gave up. */
static bool is_failure(enum moidc_code rc)
{
    return rc == MOIDC_E_MEMORY || rc == MOIDC_E_INTERNAL || rc == MOIDC_E_PROTOCOL;
}

/* Verifies `token` with each allocation failing; `right` tells whether it may ever be accepted. */
static void fail_each(const char *token, bool right)
{
    for (unsigned long n = 1;; n++) {
        CLEANUP(json_release_p) json_t *payload = NULL;
        struct moidc_err err = {0};
        bool unknown_key;
        unsigned long count;
        enum moidc_code rc;

        mem_fail_at(n, 0);
        rc = jws_verify(token, strlen(token), keys, &unknown_key, &payload, &err);
        count = mem_fail_at(0, 0);
        CHECK(is_failure(rc) || (right && rc == MOIDC_OK));
        CHECK((payload != NULL) == (rc == MOIDC_OK));
        CHECK(ERR_peek_error() == 0);
        if (count < n) {
            CHECK(rc == (right ? MOIDC_OK : MOIDC_E_PROTOCOL));
            return;
        }
    }
}

static void test_no_failure_makes_a_wrong_signature_right(void)
{
    static const struct {
        const char *header;
        const char *how;
        enum maker_key right, wrong;
    } rows[] = {
        {"{\"alg\":\"RS256\"}", "RS256", RSA_A, RSA_B},
        {"{\"alg\":\"PS256\"}", "PS256", RSA_A, RSA_B},
        {"{\"alg\":\"ES256\"}", "ES256", P256_A, P256_B},
        {"{\"alg\":\"EdDSA\"}", "EdDSA", ED_A, ED_B},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(mem_free_p) char *right = make_token(rows[i].header, "{}", rows[i].how, rows[i].right);
        CLEANUP(mem_free_p) char *wrong = make_token(rows[i].header, "{}", rows[i].how, rows[i].wrong);

        fail_each(right, true);
        fail_each(wrong, false);
    }
}

static void test_key_set_under_failures(void)
{
    for (unsigned long n = 1;; n++) {
        CLEANUP(jwks_free_p) struct jwks *jwks = NULL;
        struct moidc_err err = {0};
        unsigned long count;
        enum moidc_code rc;

        mem_fail_at(n, 0);
        rc = jwks_parse(keys_text, strlen(keys_text), &jwks, &err);
        count = mem_fail_at(0, 0);
        CHECK(is_failure(rc) || rc == MOIDC_OK);
        CHECK((jwks != NULL) == (rc == MOIDC_OK));
        CHECK(ERR_peek_error() == 0);
        if (count < n) {
            CHECK(rc == MOIDC_OK);
            return;
        }
    }
}

static void begin(void)
{
    CLEANUP(strbuf_free) struct strbuf buf = STRBUF_INIT(MAKER_MOST);
    static const enum maker_key used[] = {RSA_A, P256_A, ED_A};
    struct moidc_err err;

    maker_begin();
    strbuf_add_text(&buf, "{\"keys\":[");
    for (size_t i = 0; i < sizeof used / sizeof used[0]; i++) {
        CLEANUP(mem_free_p) char *jwk = make_jwk(used[i], "");

        strbuf_add_format(&buf, "%s%s", i > 0 ? "," : "", jwk);
    }
    strbuf_add_text(&buf, "]}");
    keys_text = maker_take(&buf);
    MUST(jwks_parse(keys_text, strlen(keys_text), &keys, &err) == MOIDC_OK);
}

int main(void)
{
    MUST(CRYPTO_set_mem_functions(allocate, reallocate, release) == 1); /* before OpenSSL's first allocation */
    begin();
    RUN(test_no_failure_makes_a_wrong_signature_right);
    RUN(test_key_set_under_failures);
    jwks_free(keys);
    mem_free(keys_text);
    maker_end();
    return check_summary();
}
