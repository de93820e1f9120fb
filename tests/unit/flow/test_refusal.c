/* SPDX-License-Identifier: MIT */
#include "flow/refusal.h"

#include "check.h"

#include <stdlib.h>

#define WHAT "the tracking server refused the token, and the renewed one too (HTTP status 401)"
#define FIRST "eyJhbGciOiJSUzI1NiJ9.first-payload.first-signature"
#define SECOND "opaque+second/token=="

static struct moidc_err refused(const char *challenge)
{
    static const char *const sent[] = {FIRST, SECOND, NULL};
    struct refusal refusal = {
        .server_uri = "https://mlflow.example",
        .token_hint = "iss https://op.example and aud app",
        .challenge = challenge,
        .sent = sent,
    };
    struct moidc_err err;

    memset(&err, 'x', sizeof err);
    CHECK(refusal_set(&refusal, &err) == MOIDC_E_PROVIDER && err.code == MOIDC_E_PROVIDER);
    CHECK(err.http_status == 401);
    CHECK_TEXT(err.where, "https://mlflow.example");
    CHECK_CONTAINS(err.next, "what is sent: iss https://op.example and aud app");
    return err;
}

static void test_the_reason_that_the_server_gives_is_quoted(void)
{
    struct moidc_err err = refused("Basic realm=\"x\", Bearer realm=\"y\", error=\"invalid_token\", "
                                   "error_description=\"The token expired\"");

    CHECK_TEXT(err.what, WHAT ": invalid_token, The token expired");
    CHECK_TEXT(err.oauth_error, "invalid_token");
    err = refused("Bearer error=insufficient_scope, scope=\"read write\"");
    CHECK_TEXT(err.what, WHAT ": insufficient_scope, scope read write");
    err = refused("Bearer error_description=\"no\"");
    CHECK_TEXT(err.what, WHAT ": no");
    CHECK_TEXT(err.oauth_error, "");
    err = refused("Bearer scope=\"read\"");
    CHECK_TEXT(err.what, WHAT ": scope read");
}

static void test_without_a_reason_none_is_made_up(void)
{
    static const char *const challenges[] = {
        NULL, "", "Bearer", "Bearer realm=\"x\"", "Basic error=\"x\"", "rubbish \x1b[2J\xff"};

    for (size_t i = 0; i < sizeof challenges / sizeof challenges[0]; i++) {
        struct moidc_err err = refused(challenges[i]);

        CHECK_TEXT(err.what, WHAT);
        CHECK_TEXT(err.oauth_error, "");
    }
}

/* RFC 6750 §3: who looks at bearer tokens says so. oauth2-proxy without --skip-jwt-bearer-tokens does not. */
static void test_a_proxy_that_knows_no_bearer_tokens_is_told_from_one_that_does(void)
{
    static const char knows[] = "see that its proxy takes what is sent: ";
    static const char knows_not[] =
        "see that its proxy takes bearer tokens (oauth2-proxy: --skip-jwt-bearer-tokens), and ";
    struct moidc_err err = refused("Bearer realm=\"x\"");

    CHECK(strncmp(err.next, knows, sizeof knows - 1) == 0);
    err = refused("Basic realm=\"x\"");
    CHECK(strncmp(err.next, knows_not, sizeof knows_not - 1) == 0);
    err = refused(NULL);
    CHECK(strncmp(err.next, knows_not, sizeof knows_not - 1) == 0);
}

static void test_tokens_that_the_server_says_back_are_written_over(void)
{
    struct moidc_err err = refused("Bearer error=\"" FIRST "\", error_description=\"bad " SECOND " and " FIRST
                                   ".\", scope=\"" SECOND "\"");

    CHECK(strstr(err.what, "first") == NULL && strstr(err.what, "second") == NULL && strstr(err.what, "eyJ") == NULL);
    CHECK(strstr(err.oauth_error, "eyJ") == NULL);
    CHECK_CONTAINS(err.what, "bad ***");
    err = refused("Bearer error_description=\"\\e\\yJhbGciOiJSUzI1NiJ9.first-payload.first-sig...\"");
    CHECK(strstr(err.what, "eyJ") == NULL && strstr(err.what, "first") == NULL);
}

/* However the texts are cut, no more than the first characters of a token are left. */
static void test_no_beginning_of_a_token_is_left_at_a_cut(void)
{
    for (size_t n = 0; n < 600; n++) {
        static const char *const names[] = {"error", "error_description", "scope"};
        char challenge[1000];

        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            struct moidc_err err;

            snprintf(challenge, sizeof challenge, "Bearer %s=\"%0*d" FIRST "\"", names[i], (int)n, 0);
            err = refused(challenge);
            CHECK(strstr(err.what, "ey") == NULL && strstr(err.oauth_error, "ey") == NULL);
            CHECK(strlen(err.what) < sizeof WHAT + 220);
        }
    }
}

static void test_its_words_are_cleaned(void)
{
    struct moidc_err err = refused("Bearer error=\"a\x1b[31mb\", error_description=\"\xc2\x9b\r\n%s%n\"");

    CHECK_TEXT(err.what, WHAT ": a?[31mb, ???%s%n");
    CHECK_TEXT(err.oauth_error, "a?[31mb");
}

static void test_without_memory_nothing_is_quoted(void)
{
    static const char *const sent[] = {FIRST, SECOND, NULL};
    struct refusal refusal = {
        .server_uri = "u", .token_hint = "h", .challenge = "Bearer error=\"" FIRST "\"", .sent = sent};
    struct moidc_err err;
    unsigned long count;

    mem_fail_at(0, 0);
    CHECK(refusal_set(&refusal, &err) == MOIDC_E_PROVIDER);
    count = mem_fail_at(0, 0);
    CHECK(count >= 3);
    for (unsigned long i = 1; i <= count; i++) {
        mem_fail_at(i, 0);
        CHECK(refusal_set(&refusal, &err) == MOIDC_E_MEMORY && err.code == MOIDC_E_MEMORY);
        CHECK(strstr(err.what, "eyJ") == NULL);
        mem_fail_at(0, 0);
    }
}

int main(void)
{
    RUN(test_the_reason_that_the_server_gives_is_quoted);
    RUN(test_without_a_reason_none_is_made_up);
    RUN(test_a_proxy_that_knows_no_bearer_tokens_is_told_from_one_that_does);
    RUN(test_tokens_that_the_server_says_back_are_written_over);
    RUN(test_no_beginning_of_a_token_is_left_at_a_cut);
    RUN(test_its_words_are_cleaned);
    RUN(test_without_memory_nothing_is_quoted);
    return check_summary();
}
