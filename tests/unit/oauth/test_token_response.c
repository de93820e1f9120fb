/* SPDX-License-Identifier: MIT */
#include "oauth/token_response.h"

#include "check.h"

#define OK_BEGIN "{\"access_token\":\"AT\",\"token_type\":\"Bearer\""

static struct moidc_err err;

static struct token_response *parse_bytes(int status, const char *body, size_t n)
{
    struct http_response reply = {.status = status, .body = STRBUF_INIT(1 << 20), .content_type = "text/x"};
    struct token_response *response = NULL;
    enum moidc_code rc;

    memset(&err, 0, sizeof err);
    strbuf_add(&reply.body, body, n);
    rc = token_response_parse(&reply, "the renewal", &response, &err);
    CHECK(rc == err.code && (response != NULL) == (rc == MOIDC_OK));
    strbuf_free(&reply.body);
    return response;
}

static struct token_response *parse(int status, const char *body)
{
    return parse_bytes(status, body, strlen(body));
}

static void check_broken(const char *body, const char *what)
{
    struct token_response *response = parse(200, body);

    CHECK(response == NULL && err.code == MOIDC_E_PROTOCOL);
    CHECK_CONTAINS(err.what, what);
    CHECK(strstr(err.what, "S3cr3t") == NULL && strstr(err.next, "S3cr3t") == NULL);
    token_response_free(response);
}

static void test_tokens_are_taken_over(void)
{
    struct token_response *response =
        parse(200, OK_BEGIN ",\"id_token\":\"h.p.s\",\"refresh_token\":\"RT\",\"expires_in\":3600,\"scope\":\"x\"}");

    CHECK(response != NULL);
    if (response != NULL) {
        CHECK_TEXT(secret_reveal(response->access_token), "AT");
        CHECK_TEXT(secret_reveal(response->id_token), "h.p.s");
        CHECK_TEXT(secret_reveal(response->refresh_token), "RT");
        CHECK(response->expires_in_s == 3600);
    }
    token_response_free(response);
    response = parse(200, OK_BEGIN ",\"id_token\":null,\"refresh_token\":null}");
    CHECK(response != NULL && response->id_token == NULL && response->refresh_token == NULL);
    CHECK(response != NULL && response->expires_in_s == -1);
    token_response_free(response);
}

static void test_an_empty_error_is_none(void)
{
    struct token_response *response = parse(200, OK_BEGIN ",\"error\":\"\",\"error_description\":\"\"}");

    CHECK(response != NULL);
    token_response_free(response);
}

static void test_type_is_bearer_in_any_case(void)
{
    static const char *const bad[] = {"\"DPoP\"", "\"mac\"", "\"Bearer \"", "\"\\u001b[2J\""};
    static const char *const none[] = {"\"\"", "1", "null"};
    char body[128];

    token_response_free(parse(200, "{\"access_token\":\"AT\",\"token_type\":\"bEARER\"}"));
    CHECK(err.code == MOIDC_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(body, sizeof body, "{\"access_token\":\"AT\",\"token_type\":%s}", bad[i]);
        check_broken(body, "not Bearer");
    }
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        snprintf(body, sizeof body, "{\"access_token\":\"AT\",\"token_type\":%s}", none[i]);
        check_broken(body, "names no token_type");
    }
    check_broken("{\"access_token\":\"AT\"}", "names no token_type");
    check_broken("{\"token_type\":\"Bearer\"}", "holds no access_token");
    check_broken("{\"token_type\":\"Bearer\",\"access_token\":null}", "holds no access_token");
}

/* The lifetime of a reply with that `expires_in`; -2: refused. */
static int64_t lifetime(const char *number)
{
    char body[256];
    struct token_response *response;
    int64_t seconds;

    snprintf(body, sizeof body, OK_BEGIN ",\"expires_in\":%s}", number);
    response = parse(200, body);
    seconds = response != NULL ? response->expires_in_s : -2;
    CHECK(response != NULL || err.next[0] != '\0');
    token_response_free(response);
    return seconds;
}

static void test_lifetime_is_a_number_or_a_text_that_is_one(void)
{
    const int64_t most = (int64_t)10 * 365 * 86400;

    CHECK(lifetime("3600") == 3600 && lifetime("\"3600\"") == 3600);
    CHECK(lifetime("3600.9") == 3600 && lifetime("3.6e3") == 3600);
    CHECK(lifetime("1") == 1 && lifetime("1.5") == 1);
    CHECK(lifetime("\"1h\"") == -1 && lifetime("\"\"") == -1 && lifetime("\"x\"") == -1 && lifetime("\"36 00\"") == -1);
    CHECK(lifetime("null") == -1 && lifetime("true") == -1 && lifetime("[1]") == -1);
    CHECK(lifetime("315360000") == most && lifetime("315360001") == most);
    CHECK(lifetime("9223372036854775807") == most && lifetime("99999999999999999999999") == most);
    CHECK(lifetime("1e300") == most && lifetime("\"99999999999999999999999\"") == most);
}

static void test_token_that_has_ended_is_refused(void)
{
    static const char *const ended[] = {"0",
                                        "-1",
                                        "0.5",
                                        "-0.5",
                                        "\"0\"",
                                        "\"-5\"",
                                        "-9223372036854775808",
                                        "-1e300",
                                        "\"-99999999999999999999999\"",
                                        "-99999999999999999999999"};

    for (size_t i = 0; i < sizeof ended / sizeof ended[0]; i++) {
        CHECK(lifetime(ended[i]) == -2 && err.code == MOIDC_E_PROTOCOL);
        CHECK_CONTAINS(err.what, "already ended");
    }
}

static void test_tokens_can_stand_in_a_header(void)
{
    static const char *const bad[] = {"",        "a b",     "a\\r\\nSet-Cookie: x", "a\\n", "a\\u007f", "a\\t",
                                      "\\u00e4", "a\\u2028"};
    static const char *const names[] = {"access_token", "id_token", "refresh_token"};
    char body[256];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        for (size_t j = i == 0 ? 0 : 1; j < sizeof bad / sizeof bad[0]; j++) {
            snprintf(body, sizeof body, "{\"token_type\":\"Bearer\",%s\"%s\":\"%s\"}",
                     i == 0 ? "" : "\"access_token\":\"S3cr3t\",", names[i], bad[j]);
            check_broken(body, names[i]);
        }
        snprintf(body, sizeof body, "{\"token_type\":\"Bearer\",%s\"%s\":17}",
                 i == 0 ? "" : "\"access_token\":\"S3cr3t\",", names[i]);
        check_broken(body, names[i]);
    }
}

static void test_an_empty_refresh_or_id_token_is_none(void)
{
    struct token_response *response = parse(200, OK_BEGIN ",\"id_token\":\"\",\"refresh_token\":\"\"}");

    CHECK(response != NULL && response->id_token == NULL && response->refresh_token == NULL);
    token_response_free(response);
}

static void test_broken_json_names_what_answered(void)
{
    check_broken("", "is not JSON");
    check_broken("<html>S3cr3t</html>", "is not JSON");
    CHECK_CONTAINS(err.next, "text/x");
    CHECK(err.http_status == 200);
    check_broken("[\"S3cr3t\"]", "is not a JSON object");
    check_broken("{\"access_token\":\"S3cr3t\\u0000\",\"token_type\":\"Bearer\"}", "is not JSON");
    check_broken("{\"access_token\":\"\xff\",\"token_type\":\"Bearer\"}", "is not JSON");
    check_broken("{\"access_token\":\"\xed\xa0\x80\",\"token_type\":\"Bearer\"}", "is not JSON");
    check_broken("{\"access_token\":\"a\",\"access_token\":\"b\",\"token_type\":\"Bearer\"}", "a key stands twice");
    token_response_free(parse_bytes(200, "{\"access_token\":\"a\0\"}", 22));
    CHECK(err.code == MOIDC_E_PROTOCOL);
}

static void check_refused(int status, const char *body, const char *oauth_error, const char *what)
{
    struct token_response *response = parse(status, body);

    CHECK(response == NULL && err.code == MOIDC_E_PROVIDER && err.http_status == status);
    CHECK_TEXT(err.oauth_error, oauth_error);
    CHECK_CONTAINS(err.what, what);
    CHECK(err.next[0] != '\0');
    token_response_free(response);
}

static void test_refusal_is_the_providers_word(void)
{
    check_refused(400, "{\"error\":\"invalid_grant\",\"error_description\":\"gone\"}", "invalid_grant",
                  "refused the renewal: invalid_grant (gone)");
    check_refused(401, "{\"error\":\"invalid_client\"}", "invalid_client", "invalid_client");
    check_refused(400, "{\"error\":\"x\",\"error_description\":7}", "x", "refused the renewal: x");
    check_refused(400, "{\"error\":\"a\\nb\",\"error_description\":\"\\u001b[2J\"}", "a?b", "a?b (?[2J)");
    check_refused(200, "{\"error\":\"invalid_grant\",\"access_token\":\"AT\",\"token_type\":\"Bearer\"}",
                  "invalid_grant", "invalid_grant");
}

static void test_status_speaks_where_no_error_does(void)
{
    check_refused(500, "<html>", "", "HTTP status 500");
    CHECK_CONTAINS(err.next, "try again later");
    check_refused(429, "", "", "HTTP status 429");
    check_refused(500, "{\"status\":500,\"error\":\"Internal Server Error\"}", "",
                  "HTTP status 500: Internal Server Error");
    CHECK_CONTAINS(err.next, "try again later");
    check_refused(429, "{\"error\":\"too_many_requests\"}", "", "HTTP status 429: too_many_requests");
    check_refused(503, "{\"error\":\"temporarily_unavailable\"}", "temporarily_unavailable", "refused the renewal");
    check_refused(404, "{}", "", "HTTP status 404");
    CHECK_CONTAINS(err.next, "issuer");
    check_refused(400, "{\"error\":\"\"}", "", "HTTP status 400");
    check_refused(400, "{\"error\":{}}", "", "HTTP status 400");
    check_refused(302, "", "", "a redirect, which is not followed");
    check_refused(201, OK_BEGIN "}", "", "HTTP status 201");
    check_refused(204, "", "", "HTTP status 204");
}

static void test_every_failing_allocation_is_told(void)
{
    static const char body[] = OK_BEGIN ",\"refresh_token\":\"RT\",\"id_token\":\"a.b.c\",\"expires_in\":\"5\"}";
    struct http_response reply = {.status = 200, .body = STRBUF_INIT(1000)};

    strbuf_add_text(&reply.body, body);
    for (unsigned long n = 1;; n++) {
        struct token_response *response = NULL;
        unsigned long count;
        enum moidc_code rc;

        mem_fail_at(n, 0);
        rc = token_response_parse(&reply, "the renewal", &response, &err);
        count = mem_fail_at(0, 0);
        CHECK(rc == (count < n ? MOIDC_OK : MOIDC_E_MEMORY));
        token_response_free(response);
        if (count < n) {
            break;
        }
    }
    strbuf_free(&reply.body);
}

int main(void)
{
    RUN(test_tokens_are_taken_over);
    RUN(test_an_empty_error_is_none);
    RUN(test_type_is_bearer_in_any_case);
    RUN(test_lifetime_is_a_number_or_a_text_that_is_one);
    RUN(test_token_that_has_ended_is_refused);
    RUN(test_tokens_can_stand_in_a_header);
    RUN(test_an_empty_refresh_or_id_token_is_none);
    RUN(test_broken_json_names_what_answered);
    RUN(test_refusal_is_the_providers_word);
    RUN(test_status_speaks_where_no_error_does);
    RUN(test_every_failing_allocation_is_told);
    return check_summary();
}
