/* SPDX-License-Identifier: MIT */
#include "oauth/pasted.h"

#include "check.h"

#define REDIRECT "http://127.0.0.1:39303/oauth2/callback"

static char line[512];
static const char *why;

static const char *paste_for(const char *redirect_uri, const char *text)
{
    snprintf(line, sizeof line, "%s", text);
    why = "unset";
    return pasted_query(line, redirect_uri, &why);
}

static void check_query(const char *text, const char *query)
{
    CHECK_TEXT(paste_for(REDIRECT, text), query);
    CHECK(why == NULL);
}

static void check_wrong(const char *text, const char *reason)
{
    CHECK(paste_for(REDIRECT, text) == NULL);
    CHECK(why != NULL);
    CHECK_CONTAINS(why != NULL ? why : "", reason);
}

static void test_the_whole_address_or_its_query_does(void)
{
    check_query(REDIRECT "?code=a&state=b", "code=a&state=b");
    check_query("127.0.0.1:39303/oauth2/callback?code=a&state=b", "code=a&state=b");
    check_query("?code=a&state=b", "code=a&state=b");
    check_query("code=a&state=b", "code=a&state=b");
    check_query("code=a&iss=https://auth.example.com/?x&state=b", "code=a&iss=https://auth.example.com/?x&state=b");
    check_query(REDIRECT "?code=a&iss=https://auth.example.com", "code=a&iss=https://auth.example.com");
    check_query("error=access_denied&state=b", "error=access_denied&state=b");
}

static void test_what_surrounds_it_and_the_fragment_are_left_out(void)
{
    check_query("  <" REDIRECT "?code=a&state=b>\r\n", "code=a&state=b");
    check_query("\"" REDIRECT "?code=a&state=b#_=_\"", "code=a&state=b");
    check_query("\tcode=a&state=b \n", "code=a&state=b");
}

static void test_scheme_and_host_are_compared_in_any_case_and_the_path_exactly(void)
{
    CHECK_TEXT(paste_for("http://localhost:1/cb", "HTTP://LocalHost:1/cb?x=1"), "x=1");
    CHECK(paste_for("http://localhost:1/cb", "http://localhost:1/CB?x=1") == NULL);
    CHECK_TEXT(paste_for("http://[::1]:1/cb", "http://[::1]:1/cb?x=1"), "x=1");
    CHECK_TEXT(paste_for("http://127.0.0.1:80/cb", "http://127.0.0.1/cb?x=1"), "x=1"); /* as browsers show it */
}

static void test_another_address_is_refused(void)
{
    static const char *const others[] = {
        "https://127.0.0.1:39303/oauth2/callback?code=a&state=b",
        "http://127.0.0.1:39304/oauth2/callback?code=a&state=b",
        "http://127.0.0.1/oauth2/callback?code=a&state=b",
        "http://localhost:39303/oauth2/callback?code=a&state=b",
        "http://127.0.0.1:39303/oauth2/callback/?code=a&state=b",
        "http://127.0.0.1:39303/oauth2?code=a&state=b",
        "http://127.0.0.1:39303?code=a&state=b",
        "http://evil.example/oauth2/callback?code=a&state=b",
        "http://127.0.0.1:39303@evil.example/oauth2/callback?code=a&state=b",
        "http://a@127.0.0.1:39303/oauth2/callback?code=a&state=b",
        "https://auth.example.com/authorize?client_id=app&state=b",
        "127.0.0.1:39303/other?code=a&state=b",
        "127.0.0.1:39303/oauth2/callback/x?code=a",
        "x?code=a&state=b",
        "://?code=a",
    };

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        check_wrong(others[i], "another address");
    }
}

static void test_what_holds_no_answer_says_so(void)
{
    check_wrong(REDIRECT, "nothing follows");
    check_wrong(REDIRECT "#code=a", "nothing follows");
    check_wrong("SplxlOBeZQQYbYS6WxSbIA", "not the code alone");
    check_wrong("127.0.0.1:39303/oauth2/callback", "nothing follows");
}

static void test_nothing_typed_is_nothing_wrong(void)
{
    static const char *const nothing[] = {"", " \t ", "\r\n", "#", "\"\"", "<>"};

    for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++) {
        CHECK(paste_for(REDIRECT, nothing[i]) == NULL);
        CHECK(why == NULL);
    }
}

int main(void)
{
    RUN(test_the_whole_address_or_its_query_does);
    RUN(test_what_surrounds_it_and_the_fragment_are_left_out);
    RUN(test_scheme_and_host_are_compared_in_any_case_and_the_path_exactly);
    RUN(test_another_address_is_refused);
    RUN(test_what_holds_no_answer_says_so);
    RUN(test_nothing_typed_is_nothing_wrong);
    return check_summary();
}
