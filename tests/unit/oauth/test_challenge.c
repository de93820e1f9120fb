/* SPDX-License-Identifier: MIT */
#include "oauth/challenge.h"

#include "check.h"

#include <time.h>

static struct challenge parsed(const char *field)
{
    struct challenge challenge;

    memset(&challenge, 'x', sizeof challenge);
    challenge_parse(field, &challenge);
    return challenge;
}

static bool is_empty(const struct challenge *challenge)
{
    return !challenge->is_bearer && challenge->error[0] == '\0' && challenge->description[0] == '\0' &&
           challenge->scope[0] == '\0' && challenge->realm[0] == '\0' && challenge->resource_metadata[0] == '\0';
}

static void test_every_parameter_is_read(void)
{
    struct challenge challenge =
        parsed("Bearer realm=\"mlflow\", error=\"invalid_token\", error_description=\"The access "
               "token expired\", scope=\"openid email\", error_uri=\"https://x.example\", "
               "resource_metadata=\"https://x.example/.well-known/oauth-protected-resource\"");

    CHECK(challenge.is_bearer);
    CHECK_TEXT(challenge.realm, "mlflow");
    CHECK_TEXT(challenge.error, "invalid_token");
    CHECK_TEXT(challenge.description, "The access token expired");
    CHECK_TEXT(challenge.scope, "openid email");
    CHECK_TEXT(challenge.resource_metadata, "https://x.example/.well-known/oauth-protected-resource");
}

/* RFC 6750 §3, RFC 9728 §5.1, RFC 7235 §4.1 */
static void test_examples_of_the_rfcs(void)
{
    struct challenge challenge = parsed("Bearer realm=\"example\"");

    CHECK(challenge.is_bearer);
    CHECK_TEXT(challenge.realm, "example");
    CHECK_TEXT(challenge.error, "");
    challenge =
        parsed("Bearer realm=\"example\",\n   error=\"invalid_token\",\n   error_description=\"The access token "
               "expired\"");
    CHECK_TEXT(challenge.error, "invalid_token");
    CHECK_TEXT(challenge.description, "The access token expired");
    challenge = parsed("Bearer error=\"invalid_request\", error_description=\"No access token was provided in this "
                       "request\", resource_metadata=\"https://resource.example.com/.well-known/"
                       "oauth-protected-resource\"");
    CHECK_TEXT(challenge.error, "invalid_request");
    challenge = parsed("Newauth realm=\"apps\", type=1, title=\"Login to \\\"apps\\\"\", Basic realm=\"simple\"");
    CHECK(is_empty(&challenge));
}

static void test_it_is_found_among_others(void)
{
    static const char *const fields[] = {
        "Basic realm=\"a\", Bearer error=\"e\"",
        "Bearer error=\"e\", Basic realm=\"a\", error=\"not ours\"",
        "Negotiate, Bearer error=e, Digest realm=\"x\", qop=\"auth, auth-int\", nonce=\"n\", error=no",
        "Negotiate YWJj==, Bearer error=\"e\"",
        "NTLM TlRMTVNTUAAC/+-._~, , ,Bearer error=\"e\", , ",
        ",,, \tBearer \terror=\"e\"",
        "Basic realm=\"Bearer error=\\\"no\\\", Bearer error=no\", Bearer error=\"e\"",
        "\"Bearer error=no, \", Bearer error=e",
        "DPoP error=\"no\", algs=\"ES256\", bEARER ERROR=\"e\"",
        "Bearer, Basic realm=x, Bearer error=\"e\"",
        "Bearer realm=\"first\", Bearer error=\"e\"",
        "Bearer error=\"e\", Bearer error=\"second\"",
        "Bearer abc=, Bearer error=e",
    };

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        struct challenge challenge = parsed(fields[i]);

        CHECK(challenge.is_bearer);
        CHECK_TEXT(challenge.error, "e");
    }
}

static void test_what_names_no_bearer_challenge_is_none(void)
{
    static const char *const fields[] = {
        "",
        " ",
        ",",
        "\"",
        "\"Bearer error=x\"",
        "Bearer=\"x\", error=\"e\"",
        "error=\"e\", error_description=\"d\"",
        "Bearers error=\"e\"",
        "Bear error=\"e\"",
        "Basic Bearer error=\"e\"",
        "Basic realm=\"x\" Bearer error=\"e\"",
        "Basic realm=\"x, Bearer error=e",
        "\xff\xfe\x01\x02=\x03",
        "<html>Bearer error=\"e\"</html",
    };

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        struct challenge challenge = parsed(fields[i]);

        CHECK(is_empty(&challenge));
    }
}

static void test_servers_that_are_careless_are_understood(void)
{
    struct challenge challenge = parsed("Bearer error=invalid_token error_description=\"no commas\" scope = \"a b\"");

    CHECK_TEXT(challenge.error, "invalid_token");
    CHECK_TEXT(challenge.description, "no commas");
    CHECK_TEXT(challenge.scope, "a b");
    challenge = parsed("Bearer scope=openid profile, error=https://a/b?c=d, realm=\"not closed, error=\"x");
    CHECK_TEXT(challenge.scope, "openid");
    CHECK_TEXT(challenge.error, "https://a/b?c=d");
    CHECK_TEXT(challenge.realm, "not closed, error=");
    challenge = parsed("Bearer error=\"first\", error=\"second\", {}[]();:@ realm=x");
    CHECK_TEXT(challenge.error, "first");
    CHECK_TEXT(challenge.realm, "x");
    challenge = parsed("Bearer error=\"e\\");
    CHECK_TEXT(challenge.error, "e\\");
    challenge = parsed("Bearer error=");
    CHECK(challenge.is_bearer);
    CHECK_TEXT(challenge.error, "");
    challenge = parsed("Bearer error=, realm=\"\", scope=x");
    CHECK_TEXT(challenge.error, "");
    CHECK_TEXT(challenge.scope, "x");
}

static void test_escapes_in_quotes_are_undone(void)
{
    struct challenge challenge = parsed("Bearer error_description=\"say \\\"no\\\", \\\\ \\x\", error=\"e\"");

    CHECK_TEXT(challenge.description, "say \"no\", \\ x");
    CHECK_TEXT(challenge.error, "e");
    challenge = parsed("Bearer error=a\\b");
    CHECK_TEXT(challenge.error, "a\\b");
}

static void test_no_control_character_comes_through(void)
{
    struct challenge challenge =
        parsed("Bearer error=\"a\x1b[2Jb\", error_description=\"\r\n\x07\xc2\x9b\xe2\x80\xae\xff ok "
               "\xc3\xa4\", realm=\"\\\x1b\", scope=\"\t\"");

    CHECK_TEXT(challenge.error, "a?[2Jb");
    CHECK_TEXT(challenge.description, "????\?? ok \xc3\xa4");
    CHECK_TEXT(challenge.realm, "?");
    CHECK_TEXT(challenge.scope, "?");
}

static void test_long_texts_are_cut(void)
{
    static char field[3 * CHALLENGE_MOST_BYTES];
    struct challenge challenge;

    memset(field, 'x', sizeof field - 1);
    memcpy(field, "Bearer error=\"", 14);
    challenge = parsed(field);
    CHECK(strlen(challenge.error) == sizeof challenge.error - 1);
    memset(field + 7, ',', CHALLENGE_MOST_BYTES);
    memcpy(field + CHALLENGE_MOST_BYTES, "error=e,", 8);
    challenge = parsed(field);
    CHECK(challenge.is_bearer);
    CHECK_TEXT(challenge.error, "");
    memcpy(field + CHALLENGE_MOST_BYTES - 7, "error=e,", 8);
    challenge = parsed(field);
    CHECK_TEXT(challenge.error, "e");
}

/* Each byte is looked at a few times at most, whatever the text: all these take a few ms. */
static void test_no_text_takes_long(void)
{
    static const char *const pieces[] = {
        "a/", "a ", " ", "a", "\"", "\\", "a=", "=", ",", "a,", "a /", "Bearer ", "a =", "a= "};
    static char field[CHALLENGE_MOST_BYTES + 1];
    clock_t began = clock();

    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        size_t n = strlen(pieces[i]);

        for (size_t j = 0; j + n < CHALLENGE_MOST_BYTES; j += n) {
            memcpy(field + j, pieces[i], n);
        }
        field[CHALLENGE_MOST_BYTES - 1] = '"';
        parsed(field);
    }
    CHECK(clock() - began < CLOCKS_PER_SEC / 2);
}

int main(void)
{
    RUN(test_every_parameter_is_read);
    RUN(test_examples_of_the_rfcs);
    RUN(test_it_is_found_among_others);
    RUN(test_what_names_no_bearer_challenge_is_none);
    RUN(test_servers_that_are_careless_are_understood);
    RUN(test_escapes_in_quotes_are_undone);
    RUN(test_no_control_character_comes_through);
    RUN(test_long_texts_are_cut);
    RUN(test_no_text_takes_long);
    return check_summary();
}
