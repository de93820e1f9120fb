/* SPDX-License-Identifier: MIT */
#include "oauth/pushed.h"

#include "check.h"
#include "oauth/fail_memory.h"

#include <string.h>

static enum moidc_code parse(int status, const char *body, char **ret, struct moidc_err *err)
{
    CLEANUP(http_response_free_p) struct http_response *reply = http_response_new(4096);

    *ret = NULL;
    CHECK(reply != NULL);
    reply->status = status;
    strbuf_add_text(&reply->body, body);
    return pushed_response_parse(reply, ret, err);
}

static void check_fails(int status, const char *body, enum moidc_code code, const char *what)
{
    struct moidc_err err;
    char *uri;

    CHECK(parse(status, body, &uri, &err) == code && uri == NULL);
    CHECK(strstr(err.what, what) != NULL);
    CHECK(err.next[0] != '\0' && err.http_status == status);
}

static void test_request_uri_is_taken(void)
{
    static const int statuses[] = {200, 201};

    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        CLEANUP(mem_free_p) char *uri = NULL;
        struct moidc_err err;

        CHECK(parse(statuses[i], "{\"request_uri\":\"urn:x:1\",\"expires_in\":60}", &uri, &err) == MOIDC_OK);
        CHECK_TEXT(uri, "urn:x:1");
    }
}

static void test_an_empty_error_is_none(void)
{
    CLEANUP(mem_free_p) char *uri = NULL;
    struct moidc_err err;

    CHECK(parse(201, "{\"request_uri\":\"urn:x:1\",\"error\":\"\",\"error_description\":\"\"}", &uri, &err) ==
          MOIDC_OK);
    CHECK_TEXT(uri, "urn:x:1");
}

static void test_refusals_say_what_the_provider_says(void)
{
    check_fails(400, "{\"error\":\"invalid_request\",\"error_description\":\"no such redirect_uri\"}", MOIDC_E_PROVIDER,
                "invalid_request (no such redirect_uri)");
    check_fails(201, "{\"error\":\"invalid_scope\"}", MOIDC_E_PROVIDER, "invalid_scope");
    check_fails(404, "<html>", MOIDC_E_PROVIDER, "HTTP status 404");
    check_fails(302, "", MOIDC_E_PROVIDER, "HTTP status 302");
    check_fails(503, "{}", MOIDC_E_PROVIDER, "HTTP status 503");
    check_fails(503, "{\"error\":\"Service Unavailable\"}", MOIDC_E_PROVIDER, "HTTP status 503");
}

static void test_answers_without_a_proper_request_uri_are_refused(void)
{
    static const char *const rows[] = {"{}",
                                       "{\"request_uri\":\"\"}",
                                       "{\"request_uri\":1}",
                                       "{\"request_uri\":\"urn:a b\"}",
                                       "{\"request_uri\":\"urn:\\u001b[2J\"}",
                                       "{\"request_uri\":\"urn:\u00e4\"}"};
    char body[3000];
    int n = snprintf(body, sizeof body, "{\"request_uri\":\"");

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        check_fails(201, rows[i], MOIDC_E_PROTOCOL, "holds no proper request_uri");
    }
    check_fails(201, "<html>", MOIDC_E_PROTOCOL, "is not JSON");
    memset(body + n, 'x', 2049);
    strcpy(body + n + 2049, "\"}");
    check_fails(201, body, MOIDC_E_PROTOCOL, "holds no proper request_uri");
}

static enum moidc_code parse_one(void *ctx, struct moidc_err *failure)
{
    CLEANUP(mem_free_p) char *uri = NULL;

    return pushed_response_parse(ctx, &uri, failure);
}

static void test_every_failed_allocation_is_told(void)
{
    struct http_response reply = {.status = 201, .body = STRBUF_INIT(4096)};

    strbuf_add_text(&reply.body, "{\"request_uri\":\"urn:x:1\"}");
    for (int sticky = 0; sticky < 2; sticky++) {
        fail_each_allocation(parse_one, &reply, sticky);
    }
    strbuf_free(&reply.body);
}

int main(void)
{
    RUN(test_request_uri_is_taken);
    RUN(test_an_empty_error_is_none);
    RUN(test_refusals_say_what_the_provider_says);
    RUN(test_answers_without_a_proper_request_uri_are_refused);
    RUN(test_every_failed_allocation_is_told);
    return check_summary();
}
