/* SPDX-License-Identifier: MIT */
#include "oauth/authz.h"

#include "check.h"
#include "oauth/fail_memory.h"

#define ISS "https://auth.example.com/"

static struct secret *state;
static struct secret *nonce;

static struct authz_request request_to(const char *endpoint)
{
    return (struct authz_request){
        .endpoint = endpoint,
        .client_id = "my app",
        .redirect_uri = "http://127.0.0.1:39303/oauth2/callback",
        .scope = "openid profile",
        .state = state,
        .nonce = nonce,
        .code_challenge = "E9-cM",
    };
}

static void check_url(const struct authz_request *request, const char *expected)
{
    CLEANUP(mem_free_p) char *url = NULL;
    struct moidc_err err;

    CHECK(authz_url(request, NULL, &url, &err) == MOIDC_OK);
    CHECK_TEXT(url, expected);
}

#define PARAMETERS                                                                                                     \
    "response_type=code&client_id=my+app&redirect_uri=http%3A%2F%2F127.0.0.1%3A39303%2Foauth2%2Fcallback&"             \
    "scope=openid+profile&state=St&nonce=No&code_challenge=E9-cM&code_challenge_method=S256"

static void test_request_holds_what_pkce_and_openid_want(void)
{
    struct authz_request request = request_to("https://h/authorize");

    check_url(&request, "https://h/authorize?" PARAMETERS);
    request.audience = "api://x&y";
    request.prompt = "consent";
    check_url(&request, "https://h/authorize?" PARAMETERS "&audience=api%3A%2F%2Fx%26y&prompt=consent");
}

/* RFC 9126 §4 */
static void test_pushed_request_is_named_and_nothing_else_is_sent(void)
{
    struct authz_request request = request_to("https://h/authorize?p=1");
    CLEANUP(mem_free_p) char *url = NULL;
    struct moidc_err err;

    request.audience = "api";
    CHECK(authz_url(&request, "urn:r:a&b", &url, &err) == MOIDC_OK);
    CHECK_TEXT(url, "https://h/authorize?p=1&client_id=my+app&request_uri=urn%3Ar%3Aa%26b");
}

static void test_request_holds_what_the_user_adds(void)
{
    struct authz_request request = request_to("https://h/authorize");

    request.login_hint = "j\xc3\xb6rg@x";
    request.resource = "https://a/ urn:b";
    request.parameters = "acr_values=2&x=y+z";
    check_url(&request, "https://h/authorize?" PARAMETERS "&login_hint=j%C3%B6rg%40x&resource=https%3A%2F%2Fa%2F"
                        "&resource=urn%3Ab&acr_values=2&x=y+z");
    request.login_hint = request.resource = request.parameters = request.prompt = "";
    check_url(&request, "https://h/authorize?" PARAMETERS);
}

static void test_query_of_the_endpoint_is_kept(void)
{
    struct authz_request request = request_to("https://h/authorize?tenant=1");

    check_url(&request, "https://h/authorize?tenant=1&" PARAMETERS);
    request = request_to("https://h/authorize?");
    check_url(&request, "https://h/authorize?" PARAMETERS);
    request = request_to("https://h/authorize?tenant=1&");
    check_url(&request, "https://h/authorize?tenant=1&" PARAMETERS);
}

static void test_endless_request_is_refused(void)
{
    static char scope[40000];
    struct authz_request request = request_to("https://h/");
    struct moidc_err err = {0};
    char *url = NULL;

    memset(scope, 'x', sizeof scope - 1);
    request.scope = scope;
    CHECK(authz_url(&request, NULL, &url, &err) == MOIDC_E_PROTOCOL && url == NULL);
    CHECK_CONTAINS(err.what, "is larger than");
}

static struct moidc_err last;

/* The outcome of an answer; *code_text is what the code says, "" when there is none. */
static enum authz_outcome answer(const char *query, bool iss_required, char code_text[64])
{
    struct authz_expect expect = {.state = state, .issuer = ISS, .iss_required = iss_required};
    struct secret *code = NULL;
    enum authz_outcome outcome;

    memset(&last, 0, sizeof last);
    outcome = authz_response_parse(query, &expect, &code, &last);
    CHECK((code != NULL) == (outcome == AUTHZ_CODE) && (last.code != MOIDC_OK) == (outcome == AUTHZ_REFUSED));
    snprintf(code_text, 64, "%s", code != NULL ? secret_reveal(code) : "");
    secret_free(code);
    return outcome;
}

static void check_code(const char *query, const char *expected)
{
    char code[64];

    CHECK(answer(query, false, code) == AUTHZ_CODE);
    CHECK_TEXT(code, expected);
}

static void check_stray(const char *query)
{
    char code[64];

    if (answer(query, false, code) != AUTHZ_STRAY) {
        fprintf(stderr, "no stray: %s\n", query);
        CHECK(false);
    }
}

static void check_refused(const char *query, bool iss_required, enum moidc_code expected, const char *what)
{
    char code[64];

    CHECK(answer(query, iss_required, code) == AUTHZ_REFUSED);
    CHECK(last.code == expected);
    CHECK_CONTAINS(last.what, what);
    CHECK(last.next[0] != '\0' || expected == MOIDC_E_PROTOCOL);
}

static void test_right_answer_brings_its_code(void)
{
    check_code("code=abc&state=St", "abc");
    check_code("state=St&code=a%2Bb+c%3d&session_state=1&x=%zz", "a+b c=");
    check_code("code=abc&state=St&iss=https%3A%2F%2Fauth.example.com%2F", "abc");
    check_code("%63ode=abc&%73tate=St", "abc");
}

static void test_answers_to_others_are_strays(void)
{
    check_stray("");
    check_stray("code=abc");
    check_stray("code=abc&state=");
    check_stray("code=abc&state=st");
    check_stray("code=abc&state=Stx");
    check_stray("code=abc&state=S");
    check_stray("code=abc&state=St%00");
    check_stray("error=access_denied");
    check_stray("error=access_denied&state=other");
    check_stray("code=abc&State=St");
}

static void test_parameters_that_stand_twice_make_a_stray(void)
{
    check_stray("code=abc&state=St&state=St");
    check_stray("code=abc&state=St&%73tate=St");
    check_stray("code=abc&state=St&code=xyz");
    check_stray("code=abc&state=St&c%6Fde=abc");
    check_stray("code=abc&state=St&iss=" ISS "&iss=https://evil.example/");
    check_stray("error=a&state=St&error=b");
    check_stray("error=a&state=St&error_description=1&error_description=2");
}

static void test_badly_encoded_answers_are_strays(void)
{
    check_stray("code=%&state=St");
    check_stray("code=a%00b&state=St");
    check_stray("code=%ff&state=St");
    check_stray("code=abc&state=St&iss=%c0%af");
    check_stray("error=%ff&state=St");
}

static void test_a_description_that_cannot_be_read_does_not_hide_the_refusal(void)
{
    static const char *const odd[] = {"Zugriff+verweigert+f%FCr+dich", "100%", "a%00b", "%c0%af"};
    char query[128];

    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        snprintf(query, sizeof query, "error=access_denied&error_description=%s&state=St", odd[i]);
        check_refused(query, false, MOIDC_E_PROVIDER, "access_denied");
        CHECK_TEXT(last.oauth_error, "access_denied");
        CHECK(strchr(last.what, '(') == NULL);
    }
}

static void test_wrong_issuer_is_a_mix_up(void)
{
    static const char *const wrong[] = {"https://evil.example/", "https://auth.example.com",
                                        "HTTPS://auth.example.com/", "https://auth.example.com/x", ""};
    char query[128];

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        snprintf(query, sizeof query, "code=abc&state=St&iss=%s", wrong[i]);
        check_refused(query, false, MOIDC_E_PROTOCOL, "RFC 9207");
        snprintf(query, sizeof query, "error=access_denied&state=St&iss=%s", wrong[i]);
        check_refused(query, false, MOIDC_E_PROTOCOL, "RFC 9207");
        CHECK(last.oauth_error[0] == '\0');
    }
}

static void test_missing_issuer_is_refused_where_it_was_promised(void)
{
    char code[64];

    check_refused("code=abc&state=St", true, MOIDC_E_PROTOCOL, "lacks the `iss`");
    check_refused("error=access_denied&state=St", true, MOIDC_E_PROTOCOL, "lacks the `iss`");
    CHECK(answer("code=abc&state=St&iss=" ISS, true, code) == AUTHZ_CODE);
}

static void test_refusal_is_told_in_the_providers_words(void)
{
    check_refused("error=access_denied&error_description=No+entry&state=St", false, MOIDC_E_PROVIDER,
                  "access_denied (No entry)");
    CHECK_TEXT(last.oauth_error, "access_denied");
    check_refused("error=x&error_description=%1b%5b2J&state=St", false, MOIDC_E_PROVIDER, "x (?[2J)");
    check_refused("error=access_denied&code=abc&state=St", false, MOIDC_E_PROVIDER, "access_denied");
}

static void test_neither_code_nor_error_breaks_the_rules(void)
{
    check_refused("state=St", false, MOIDC_E_PROTOCOL, "neither a code nor an error");
    check_refused("state=St&code=", false, MOIDC_E_PROTOCOL, "neither a code nor an error");
}

static enum moidc_code make_url(void *ctx, struct moidc_err *err)
{
    struct authz_request request = request_to(ctx);
    CLEANUP(mem_free_p) char *url = NULL;

    return authz_url(&request, NULL, &url, err);
}

static void test_failing_allocations_give_no_code(void)
{
    fail_each_allocation(make_url, "https://h/", 0);
    for (unsigned long n = 1;; n++) {
        struct authz_expect expect = {.state = state, .issuer = ISS};
        struct secret *code = NULL;
        struct moidc_err err;
        unsigned long count;
        enum authz_outcome outcome;

        mem_fail_at(n, 0);
        outcome = authz_response_parse("code=abc&state=St&iss=" ISS, &expect, &code, &err);
        count = mem_fail_at(0, 0);
        CHECK(outcome == (count < n ? AUTHZ_CODE : AUTHZ_STRAY));
        secret_free(code);
        if (count < n) {
            return;
        }
    }
}

int main(void)
{
    state = secret_new_text("St");
    nonce = secret_new_text("No");
    RUN(test_request_holds_what_pkce_and_openid_want);
    RUN(test_pushed_request_is_named_and_nothing_else_is_sent);
    RUN(test_request_holds_what_the_user_adds);
    RUN(test_query_of_the_endpoint_is_kept);
    RUN(test_endless_request_is_refused);
    RUN(test_right_answer_brings_its_code);
    RUN(test_answers_to_others_are_strays);
    RUN(test_parameters_that_stand_twice_make_a_stray);
    RUN(test_badly_encoded_answers_are_strays);
    RUN(test_a_description_that_cannot_be_read_does_not_hide_the_refusal);
    RUN(test_wrong_issuer_is_a_mix_up);
    RUN(test_missing_issuer_is_refused_where_it_was_promised);
    RUN(test_refusal_is_told_in_the_providers_words);
    RUN(test_neither_code_nor_error_breaks_the_rules);
    RUN(test_failing_allocations_give_no_code);
    secret_free(state);
    secret_free(nonce);
    return check_summary();
}
