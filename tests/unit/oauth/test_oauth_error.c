/* SPDX-License-Identifier: MIT */
#include "oauth/oauth_error.h"

#include "check.h"

static void test_every_known_error_says_what_to_do(void)
{
    struct moidc_err unknown;
    const char *error;
    size_t i;

    oauth_error_set(&unknown, "brand_new", "", "the sign-in");
    CHECK_CONTAINS(unknown.next, "operator");
    for (i = 0; (error = oauth_error_nth(i)) != NULL; i++) {
        struct moidc_err err;

        CHECK(oauth_error_set(&err, error, "why", "the sign-in") == MOIDC_E_PROVIDER);
        CHECK_TEXT(err.oauth_error, error);
        CHECK_CONTAINS(err.what, error);
        CHECK_CONTAINS(err.what, "the provider refused the sign-in: ");
        CHECK_CONTAINS(err.what, "(why)");
        CHECK(err.next[0] != '\0' && strcmp(err.next, unknown.next) != 0);
    }
    CHECK(i >= 20);
}

static void test_errors_of_the_standards_are_known(void)
{
    /* RFC 6749 §4.1.2.1, §5.2; OIDC Core §3.1.2.6; RFC 8707 §2; RFC 7009 §2.2.1; RFC 9449 §5, §8 */
    static const char *const names[] = {
        "invalid_request",
        "unauthorized_client",
        "access_denied",
        "unsupported_response_type",
        "invalid_scope",
        "server_error",
        "temporarily_unavailable",
        "invalid_client",
        "invalid_grant",
        "unsupported_grant_type",
        "interaction_required",
        "login_required",
        "consent_required",
        "invalid_request_uri",
        "invalid_request_object",
        "request_not_supported",
        "request_uri_not_supported",
        "registration_not_supported",
        "account_selection_required",
        "invalid_target",
        "unsupported_token_type",
        "invalid_dpop_proof",
        "use_dpop_nonce",
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        bool known = false;
        const char *error;

        for (size_t j = 0; (error = oauth_error_nth(j)) != NULL; j++) {
            known = known || strcmp(error, names[i]) == 0;
        }
        CHECK(known);
    }
}

static void test_not_now_is_not_no(void)
{
    CHECK(oauth_error_is_temporary("temporarily_unavailable") && oauth_error_is_temporary("server_error"));
    CHECK(oauth_error_is_temporary("slow_down"));
    CHECK(!oauth_error_is_temporary("invalid_grant") && !oauth_error_is_temporary("") &&
          !oauth_error_is_temporary("access_denied"));
}

static void test_known_is_what_the_table_has(void)
{
    CHECK(oauth_error_is_known("invalid_grant") && oauth_error_is_known("authorization_pending"));
    CHECK(!oauth_error_is_known("") && !oauth_error_is_known("invalid_grant ") &&
          !oauth_error_is_known("Invalid_grant"));
    CHECK(oauth_error_counts("x", 400) && oauth_error_counts("x", 401) && oauth_error_counts("server_error", 500));
    CHECK(!oauth_error_counts("x", 429) && !oauth_error_counts("Internal Server Error", 500));
}

static void test_without_description_there_are_no_brackets(void)
{
    struct moidc_err err;

    oauth_error_set(&err, "invalid_grant", "", "the renewal");
    CHECK_TEXT(err.what, "the provider refused the renewal: invalid_grant");
}

static void test_words_of_the_provider_are_cut_and_cleaned(void)
{
    struct moidc_err err;
    char text[5000];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    oauth_error_set(&err, text, text, "the sign-in");
    CHECK(strlen(err.what) < sizeof err.what - 1 && err.what[strlen(err.what) - 1] == ')');
    CHECK(strlen(err.oauth_error) == sizeof err.oauth_error - 1);
    oauth_error_set(&err, "a\nb", "\x1b[2J\xff", "the sign-in");
    CHECK_TEXT(err.what, "the provider refused the sign-in: a?b (?[2J?)");
    CHECK_TEXT(err.oauth_error, "a?b");
}

int main(void)
{
    RUN(test_every_known_error_says_what_to_do);
    RUN(test_errors_of_the_standards_are_known);
    RUN(test_not_now_is_not_no);
    RUN(test_known_is_what_the_table_has);
    RUN(test_without_description_there_are_no_brackets);
    RUN(test_words_of_the_provider_are_cut_and_cleaned);
    return check_summary();
}
