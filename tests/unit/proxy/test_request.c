/* SPDX-License-Identifier: MIT */
#include "proxy/request.h"

#include "check.h"

/* Reads a head of these lines, joined by CR LF, between a request line and the empty line. */
static struct verdict read_with(const char *line, const char *fields, struct proxy_request *ret)
{
    static char head[4096];

    snprintf(head, sizeof head, "%s\r\nHost: 127.0.0.1:8080\r\n%s\r\n", line, fields);
    return proxy_request_read(head, strlen(head), ret);
}

static int status_with(const char *line, const char *fields)
{
    struct proxy_request request;
    struct verdict verdict = read_with(line, fields, &request);

    CHECK((verdict.status == 0) == (verdict.why == NULL));
    return verdict.status;
}

static void test_framing_is_read(void)
{
    struct proxy_request request;

    CHECK(read_with("GET /x?y HTTP/1.1", "", &request).status == 0);
    CHECK(request.body == BODY_NONE && request.keep_alive && span_is(request.target, "/x?y"));
    CHECK(read_with("POST / HTTP/1.1", "content-length: 007\r\nConnection: x, Close\r\n", &request).status == 0);
    CHECK(request.body == BODY_LENGTH && request.length == 7 && !request.keep_alive);
    CHECK(read_with("POST / HTTP/1.1", "Transfer-Encoding:\tCHUNKED \r\nExpect: 100-Continue\r\n", &request).status ==
          0);
    CHECK(request.body == BODY_CHUNKED && request.expects_continue);
    CHECK(read_with("GET / HTTP/1.0", "Connection: keep-alive\r\n", &request).status == 0 && request.keep_alive);
    CHECK(read_with("GET / HTTP/1.0", "", &request).status == 0 && !request.keep_alive);
    CHECK(read_with("GET / HTTP/1.1", "Expect: 100-continue\r\n", &request).status == 0 && !request.expects_continue);
    CHECK(read_with("GET / HTTP/1.1", "Content-Length: 999999999999999999\r\n", &request).status == 0);
    CHECK(request.length == 999999999999999999);
}

static void test_two_readings_are_none(void)
{
    CHECK(status_with("POST / HTTP/1.1", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n") == 400);
    CHECK(status_with("POST / HTTP/1.1", "Content-Length: 1\r\nContent-Length: 1\r\n") == 400);
    CHECK(status_with("POST / HTTP/1.1", "Content-Length: 9999999999999999999\r\n") == 400);
    CHECK(status_with("POST / HTTP/1.1", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") == 400);
    CHECK(status_with("POST / HTTP/1.0", "Transfer-Encoding: chunked\r\n") == 400);
    CHECK(status_with("GET / HTTP/1.1", "Host: 127.0.0.1:8080\r\n") == 400);
    CHECK(status_with("GET http://other/ HTTP/1.1", "") == 421);
    CHECK(status_with("GET http://127.0.0.1:8080 HTTP/1.1", "") == 400);
    CHECK(status_with("GET http://127.0.0.1:8080?x HTTP/1.1", "") == 400);
    CHECK(status_with("GET HTTP://127.0.0.1:8080/ HTTP/1.1", "") == 0);
    CHECK(status_with("TRACE / HTTP/1.1", "") == 405);
    CHECK(status_with("trace / HTTP/1.1", "") == 0); /* methods have a case (RFC 9110 §9.1): this is another one */
    CHECK(status_with("HEAD / HTTP/1.1", "Content-Length: 0\r\n") == 0);
    CHECK(status_with("HEAD / HTTP/1.1", "Content-Length: 1\r\n") == 400);
}

static void check_outgoing(const char *fields, const char *expected)
{
    const struct proxy_outgoing outgoing = {"https://server/base", "https://server", "X-Token"};
    struct strbuf text = STRBUF_INIT(4096);
    struct proxy_request request;

    CHECK(read_with("GET / HTTP/1.1", fields, &request).status == 0);
    proxy_request_outgoing(&request, &outgoing, &text);
    CHECK_TEXT(strbuf_text(&text), expected);
    strbuf_free(&text);
}

static void test_what_goes_on_is_what_is_not_for_us(void)
{
    check_outgoing("", "Accept: application/json\nVia: 1.1 mlflow-oidc\n");
    check_outgoing("Accept: */*\r\n", "Accept: application/json\nVia: 1.1 mlflow-oidc\n");
    check_outgoing("Accept: a/b\r\nX-A:\r\nX-B: c d\r\n", "Accept: a/b\nX-A;\nX-B: c d\nVia: 1.1 mlflow-oidc\n");
    check_outgoing("Accept: a\r\nauthorization: Bearer x\r\nx-token: y\r\nTE: z\r\nUpgrade: h2c\r\n",
                   "Accept: a\nVia: 1.1 mlflow-oidc\n");
    check_outgoing("Accept: a\r\nConnection: x-a\r\nX-A: 1\r\nConnection: X-B,,\r\nX-B: 2\r\nX-C: 3\r\n",
                   "Accept: a\nX-C: 3\nVia: 1.1 mlflow-oidc\n");
    check_outgoing("Accept: a\r\nVia: 1.0 x\r\nVia: 1.1 y\r\n", "Accept: a\nVia: 1.0 x, 1.1 y, 1.1 mlflow-oidc\n");
    check_outgoing("Accept: a\r\nCookie: a=b; mlflow-oidc-1=c;d=e\r\nCookie: mlflow-oidc-2=f\r\n",
                   "Accept: a\nCookie: a=b; d=e\nVia: 1.1 mlflow-oidc\n");
    check_outgoing("Accept: a\r\nOrigin: http://127.0.0.1:8080\r\nReferer: http://127.0.0.1:8080/x?y\r\n",
                   "Accept: a\nOrigin: https://server\nReferer: https://server/base/x?y\nVia: 1.1 mlflow-oidc\n");
}

static void check_url(const char *target, const char *expected)
{
    struct proxy_request request;
    struct moidc_err err;
    char line[256];
    char *url = NULL;

    snprintf(line, sizeof line, "GET %s HTTP/1.1", target);
    CHECK(read_with(line, "", &request).status == 0);
    CHECK(proxy_request_url(&request, "https://server/base", &url, &err) == MOIDC_OK);
    if (expected != NULL) {
        CHECK_TEXT(url, expected);
    } else {
        CHECK(url == NULL);
    }
    mem_free(url);
}

static void test_a_target_stays_below_the_server(void)
{
    check_url("/", "https://server/base/");
    check_url("/a%20b/c?d=/../e", "https://server/base/a%20b/c?d=/../e");
    check_url("//a", "https://server/base//a");
    check_url("/..", NULL);
    check_url("/a/../../b", NULL);
    check_url("/%2e%2e/b", NULL);
    check_url("/a%2fb", NULL);
    check_url("/a%5Cb", NULL);
    check_url("/a\\b", NULL);
    check_url("/a%00", NULL);
    check_url("/a%", NULL);
    check_url("/a{b}", "https://server/base/a%7Bb%7D");
    check_url("/a?%&b\\%4", "https://server/base/a?%25&b%5C%254");
    check_url("/a?%4a%", "https://server/base/a?%4a%25");
}

static void test_cookies_are_taken_apart(void)
{
    struct span rest = {" a=b ;; c ; d=e=f", 17};
    struct span name;
    struct span value;

    CHECK(proxy_cookie_next(&rest, &name, &value) && span_is(name, "a") && span_is(value, "b"));
    CHECK(proxy_cookie_next(&rest, &name, &value) && span_is(name, "") && span_is(value, ""));
    CHECK(proxy_cookie_next(&rest, &name, &value) && span_is(name, "c") && span_is(value, ""));
    CHECK(proxy_cookie_next(&rest, &name, &value) && span_is(name, "d") && span_is(value, "e=f"));
    CHECK(!proxy_cookie_next(&rest, &name, &value));
}

static void test_without_memory_nothing_half_goes_on(void)
{
    const struct proxy_outgoing outgoing = {"https://server/base", "https://server", "Authorization"};
    struct proxy_request request;

    CHECK(read_with("GET /x HTTP/1.1", "Via: 1.1 x\r\nCookie: a=b; c=d\r\nX: y\r\n", &request).status == 0);
    for (unsigned long n = 1; n < 20; n++) {
        struct strbuf text = STRBUF_INIT(4096);
        struct moidc_err err;
        char *url = NULL;

        mem_fail_at(n, 0);
        proxy_request_outgoing(&request, &outgoing, &text);
        CHECK(text.failed || strstr(strbuf_text(&text), "Via: 1.1 x, 1.1 mlflow-oidc\n") != NULL);
        mem_fail_at(n, 0);
        CHECK(proxy_request_url(&request, outgoing.server_uri, &url, &err) == MOIDC_OK ? url != NULL : url == NULL);
        mem_fail_at(0, 0);
        mem_free(url);
        strbuf_free(&text);
    }
}

int main(void)
{
    RUN(test_framing_is_read);
    RUN(test_two_readings_are_none);
    RUN(test_what_goes_on_is_what_is_not_for_us);
    RUN(test_a_target_stays_below_the_server);
    RUN(test_cookies_are_taken_apart);
    RUN(test_without_memory_nothing_half_goes_on);
    return check_summary();
}
