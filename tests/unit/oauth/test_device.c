/* SPDX-License-Identifier: MIT */
#include "oauth/device.h"

#include "check.h"
#include "oauth/fail_memory.h"
#include "oauth/oauth_error.h"

#define CODES "\"device_code\":\"DC-S3cr3t\",\"user_code\":\"WDJB-MJHT\""
#define URI "\"verification_uri\":\"https://h/device\""
#define END "\"expires_in\":1800"

static struct moidc_err err;

static struct device_response *parse_reply(int status, const char *body, bool loopback)
{
    struct http_response reply = {.status = status, .body = STRBUF_INIT(1 << 20), .content_type = "text/x"};
    struct device_response *response = NULL;
    enum moidc_code rc;

    memset(&err, 0, sizeof err);
    strbuf_add_text(&reply.body, body);
    rc = device_response_parse(&reply, loopback, &response, &err);
    CHECK(rc == err.code && (response != NULL) == (rc == MOIDC_OK));
    CHECK(strstr(err.what, "S3cr3t") == NULL && strstr(err.next, "S3cr3t") == NULL);
    strbuf_free(&reply.body);
    return response;
}

static struct device_response *parse(const char *body)
{
    return parse_reply(200, body, false);
}

static void check_broken(const char *body, const char *what)
{
    struct device_response *response = parse(body);

    CHECK(response == NULL && err.code == MOIDC_E_PROTOCOL);
    CHECK_CONTAINS(err.what, what);
    device_response_free(response);
}

static void test_example_of_rfc_8628(void)
{
    struct device_response *response =
        parse("{\"device_code\":\"GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS\",\"user_code\":\"WDJB-MJHT\","
              "\"verification_uri\":\"https://example.com/device\",\"verification_uri_complete\":"
              "\"https://example.com/device?user_code=WDJB-MJHT\",\"expires_in\":1800,\"interval\":5}");

    CHECK(response != NULL);
    if (response != NULL) {
        CHECK_TEXT(secret_reveal(response->device_code), "GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS");
        CHECK_TEXT(response->user_code, "WDJB-MJHT");
        CHECK_TEXT(response->verification_uri, "https://example.com/device");
        CHECK_TEXT(response->verification_uri_complete, "https://example.com/device?user_code=WDJB-MJHT");
        CHECK(response->expires_in_s == 1800 && response->interval_s == 5);
    }
    device_response_free(response);
}

static void check_times(const char *members, int64_t expires_in_s, int64_t interval_s)
{
    char body[512];
    struct device_response *response;

    snprintf(body, sizeof body, "{" CODES "," URI ",%s}", members);
    response = parse(body);
    CHECK(response != NULL && response->expires_in_s == expires_in_s && response->interval_s == interval_s);
    device_response_free(response);
}

static void test_without_an_interval_it_is_5_s(void)
{
    check_times(END, 1800, 5);
    check_times(END ",\"interval\":null", 1800, 5);
    check_times(END ",\"interval\":\"soon\"", 1800, 5);
    check_times(END ",\"interval\":[1]", 1800, 5);
}

static void test_odd_times_are_brought_into_bounds(void)
{
    check_times(END ",\"interval\":0", 1800, 1);
    check_times(END ",\"interval\":-7", 1800, 1);
    check_times(END ",\"interval\":1000000000", 1800, DEVICE_INTERVAL_MOST_S);
    check_times(END ",\"interval\":2.9", 1800, 2);
    check_times("\"expires_in\":4000000000", 86400, 5);
    check_times("\"expires_in\":\"900\",\"interval\":\"7\"", 900, 7);
}

static void test_a_code_without_a_lifetime_is_refused(void)
{
    static const char *const bad[] = {"\"x\":1",
                                      "\"expires_in\":0",
                                      "\"expires_in\":-1",
                                      "\"expires_in\":null",
                                      "\"expires_in\":\"\"",
                                      "\"expires_in\":\"1e3\"",
                                      "\"expires_in\":\"-5\"",
                                      "\"expires_in\":\"9999999999999999\"",
                                      "\"expires_in\":1e300",
                                      "\"expires_in\":true"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char body[512];

        snprintf(body, sizeof body, "{" CODES "," URI ",%s}", bad[i]);
        check_broken(body, "expires_in");
    }
}

static void test_what_is_required_is_required(void)
{
    check_broken("{\"user_code\":\"A\"," URI "," END "}", "device_code");
    check_broken("{\"device_code\":\"\",\"user_code\":\"A\"," URI "," END "}", "device_code");
    check_broken("{\"device_code\":7,\"user_code\":\"A\"," URI "," END "}", "device_code");
    check_broken("{\"device_code\":\"S3cr3t\"," URI "," END "}", "user_code");
    check_broken("{\"device_code\":\"S3cr3t\",\"user_code\":\"\"," URI "," END "}", "user_code");
    check_broken("{" CODES "," END "}", "verification_uri");
    check_broken("{" CODES ",\"verification_uri\":null," END "}", "verification_uri");
    check_broken("{" CODES ",\"verification_uri\":\"\"," END "}", "verification_uri");
    check_broken("[]", "answer");
    check_broken("<html>", "answer");
    check_broken("", "answer");
}

static void test_a_user_code_is_what_a_person_can_type(void)
{
    static const char *const bad[] = {"A\\u001b[2J", "A\\nB",         "\\u202eABCD", "\\u0410BCD",
                                      "A\\u007f",    "A\\u0000BCDEF", "A\\tB"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char body[512];
        struct device_response *response;

        snprintf(body, sizeof body, "{\"device_code\":\"S3cr3t\",\"user_code\":\"%s\"," URI "," END "}", bad[i]);
        response = parse(body);
        CHECK(response == NULL && err.code == MOIDC_E_PROTOCOL);
        device_response_free(response);
    }
    check_broken("{\"device_code\":\"D\",\"user_code\":\"0123456789012345678901234567890123456789012345678901234567890"
                 "1234\"," URI "," END "}",
                 "too long");
}

static void check_uri(const char *uri, bool loopback, bool good)
{
    static const char *const names[] = {"verification_uri", "verification_url", "verification_uri_complete"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char body[512];
        struct device_response *response;

        snprintf(body, sizeof body, "{" CODES "," END ",%s\"%s\":\"%s\"}", i == 2 ? URI "," : "", names[i], uri);
        response = parse_reply(200, body, loopback);
        CHECK((response != NULL) == good);
        CHECK(good || err.code == MOIDC_E_PROTOCOL);
        device_response_free(response);
    }
}

static void test_a_person_is_sent_to_https_alone(void)
{
    check_uri("https://login.example.com/device", false, true);
    check_uri("https://h/#/device?user_code=A", false, true);
    check_uri("http://login.example.com/device", false, false);
    check_uri("http://login.example.com/device", true, false);
    check_uri("http://127.0.0.1:8080/device", false, false);
    check_uri("http://127.0.0.1:8080/device", true, true);
    check_uri("https://accounts.example.com@evil.example/device", false, false);
    check_uri("javascript:alert(1)", false, false);
    check_uri("file:///etc/passwd", false, false);
    check_uri("//h/device", false, false);
    check_uri("https://h/\\u001b[2J", false, false);
    check_uri("https://h/ a", false, false);
    check_uri("https://h/\\u202etxt", false, false);
}

static void test_a_uri_that_is_too_long_is_refused(void)
{
    char body[4096] = "{" CODES "," END ",\"verification_uri\":\"https://h/";
    size_t n = strlen(body);

    memset(body + n, 'a', DEVICE_URI_MOST);
    snprintf(body + n + DEVICE_URI_MOST, 8, "\"}");
    check_broken(body, "verification_uri");
}

static void test_a_refusal_is_told_by_its_own_words(void)
{
    struct device_response *response;

    CHECK(parse_reply(400, "{\"error\":\"unauthorized_client\",\"error_description\":\"no device grant\"}", false) ==
          NULL);
    CHECK(err.code == MOIDC_E_PROVIDER && err.http_status == 400);
    CHECK_TEXT(err.oauth_error, "unauthorized_client");
    CHECK_CONTAINS(err.what, "no device grant");
    response = parse("{\"error\":\"\"," CODES "," URI "," END "}"); /* some write "" for none */
    CHECK(response != NULL);
    device_response_free(response);
    CHECK(parse("{\"error\":\"invalid_request\"," CODES "," URI "," END "}") == NULL);
    CHECK(err.code == MOIDC_E_PROVIDER);
    CHECK(parse_reply(404, "<html>", false) == NULL);
    CHECK(err.code == MOIDC_E_PROVIDER && err.http_status == 404 && err.oauth_error[0] == '\0');
    CHECK(parse_reply(302, "", false) == NULL);
    CHECK_CONTAINS(err.what, "redirect");
    CHECK(parse_reply(503, "", false) == NULL);
    CHECK_CONTAINS(err.next, "try again later");
    CHECK(parse_reply(500, "{\"error\":\"Internal Server Error\"}", false) == NULL);
    CHECK(err.code == MOIDC_E_PROVIDER && err.oauth_error[0] == '\0');
}

static enum device_poll next_of(enum moidc_code code, int status, const char *error)
{
    struct moidc_err failure;

    err_set(&failure, code, "x");
    err_reply(&failure, status, error);
    return device_poll_next(&failure);
}

static void test_errors_of_rfc_8628_say_what_to_do_next(void)
{
    CHECK(next_of(MOIDC_E_PROVIDER, 400, "authorization_pending") == DEVICE_WAIT);
    CHECK(next_of(MOIDC_E_PROVIDER, 400, "slow_down") == DEVICE_SLOW_DOWN);
    CHECK(next_of(MOIDC_E_PROVIDER, 400, "expired_token") == DEVICE_EXPIRED);
    CHECK(next_of(MOIDC_E_PROVIDER, 400, "access_denied") == DEVICE_FAILED);
    CHECK(next_of(MOIDC_E_PROVIDER, 400, "invalid_grant") == DEVICE_FAILED);
    CHECK(next_of(MOIDC_E_PROVIDER, 404, "") == DEVICE_FAILED);
    CHECK(next_of(MOIDC_E_PROTOCOL, 200, "") == DEVICE_FAILED);
    CHECK(next_of(MOIDC_E_CANCELLED, 0, "") == DEVICE_FAILED);
    CHECK(next_of(MOIDC_E_MEMORY, 0, "") == DEVICE_FAILED);
}

static void test_troubles_of_connection_and_provider_lower_the_pace(void)
{
    CHECK(next_of(MOIDC_E_TIMEOUT, 0, "") == DEVICE_BACK_OFF);
    CHECK(next_of(MOIDC_E_NETWORK, 0, "") == DEVICE_BACK_OFF);
    CHECK(next_of(MOIDC_E_PROVIDER, 500, "") == DEVICE_BACK_OFF);
    CHECK(next_of(MOIDC_E_PROVIDER, 429, "") == DEVICE_BACK_OFF);
    CHECK(next_of(MOIDC_E_PROVIDER, 503, "temporarily_unavailable") == DEVICE_BACK_OFF);
    CHECK(next_of(MOIDC_E_PROVIDER, 400, "temporarily_unavailable") == DEVICE_BACK_OFF);
}

static enum moidc_code parse_one(void *ctx, struct moidc_err *failure)
{
    struct http_response *reply = ctx;
    struct device_response *response = NULL;
    enum moidc_code rc = device_response_parse(reply, false, &response, failure);

    device_response_free(response);
    return rc;
}

static void test_every_failed_allocation_is_told(void)
{
    struct http_response reply = {.status = 200, .body = STRBUF_INIT(1 << 20)};

    strbuf_add_text(&reply.body, "{" CODES "," URI ",\"verification_uri_complete\":\"https://h/device?u=A\"," END
                                 ",\"interval\":5}");
    for (int sticky = 0; sticky < 2; sticky++) {
        fail_each_allocation(parse_one, &reply, sticky);
    }
    strbuf_free(&reply.body);
}

int main(void)
{
    RUN(test_example_of_rfc_8628);
    RUN(test_without_an_interval_it_is_5_s);
    RUN(test_odd_times_are_brought_into_bounds);
    RUN(test_a_code_without_a_lifetime_is_refused);
    RUN(test_what_is_required_is_required);
    RUN(test_a_user_code_is_what_a_person_can_type);
    RUN(test_a_person_is_sent_to_https_alone);
    RUN(test_a_uri_that_is_too_long_is_refused);
    RUN(test_a_refusal_is_told_by_its_own_words);
    RUN(test_errors_of_rfc_8628_say_what_to_do_next);
    RUN(test_troubles_of_connection_and_provider_lower_the_pace);
    RUN(test_every_failed_allocation_is_told);
    return check_summary();
}
