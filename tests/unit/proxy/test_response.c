/* SPDX-License-Identifier: MIT */
#include "proxy/response.h"

#include "check.h"

/* Takes `head` line by line, as libcurl hands it over. */
static bool take(struct response *response, const char *head)
{
    bool good = true;

    while (good && *head != '\0') {
        size_t n = strcspn(head, "\n");

        n += head[n] == '\n';
        good = response_take_line(response, head, n);
        head += n;
    }
    CHECK(good == (response->fault == NULL));
    return good;
}

static void check_written(const char *head, struct response_client client, const char *expected)
{
    struct response response;
    struct strbuf text = STRBUF_INIT(8192);
    struct url server;
    bool keep_alive;

    CHECK(url_parse("https://server/base", &server));
    client.server = &server;
    client.host = (struct span){"127.0.0.1:8080", 14};
    response_init(&response);
    CHECK(take(&response, head) && response.complete);
    response_write(&response, &client, &text, &keep_alive);
    CHECK_TEXT(strbuf_text(&text), expected);
    CHECK((strstr(expected, "Connection: close") == NULL) == keep_alive);
    strbuf_free(&text);
    response_clear(&response);
}

static const struct response_client PLAIN = {.keep_alive = true};

static void test_framing_is_made_anew(void)
{
    check_written("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nConnection: X-A\r\nX-A: b\r\nX-C: d\r\n\r\n", PLAIN,
                  "HTTP/1.1 200 OK\r\nX-C: d\r\nContent-Length: 5\r\n\r\n");
    check_written("HTTP/1.0 200\r\n\r\n", PLAIN, "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n");
    check_written("HTTP/1.1 200 Fine then\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\n\r\n",
                  (struct response_client){.keep_alive = true, .old = true},
                  "HTTP/1.1 200 Fine then\r\nConnection: close\r\n\r\n");
    check_written("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
                  (struct response_client){.keep_alive = true, .old = true},
                  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n");
    check_written("HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", PLAIN, "HTTP/1.1 204 No\r\n\r\n");
    check_written("HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n", PLAIN,
                  "HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n");
    check_written("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", (struct response_client){.head_only = true},
                  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n");
    check_written("HTTP/1.1 103 Early\r\nX-A: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nX-Trailer: c\r\n",
                  PLAIN, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

static void check_field(const char *field, const char *expected)
{
    char head[1024];
    char whole[1024];

    snprintf(head, sizeof head, "HTTP/1.1 302 x\r\n%s\r\nContent-Length: 0\r\n\r\n", field);
    snprintf(whole, sizeof whole, "HTTP/1.1 302 x\r\n%s%sContent-Length: 0\r\n\r\n", expected,
             expected[0] != '\0' ? "\r\n" : "");
    check_written(head, PLAIN, whole);
}

static void test_locations_are_mapped_where_they_stay_at_the_server(void)
{
    check_field("Location: https://server/base/x?y#z", "Location: http://127.0.0.1:8080/x?y#z");
    check_field("location: HTTPS://SERVER:443/base", "location: http://127.0.0.1:8080/");
    check_field("Location: https://server/base?x", "Location: http://127.0.0.1:8080/?x");
    check_field("Location: //server/base/x", "Location: http://127.0.0.1:8080/x");
    check_field("Location: /base/x", "Location: http://127.0.0.1:8080/x");
    check_field("Location: /base//evil.example/", "Location: http://127.0.0.1:8080//evil.example/");
    check_field("Location: /other", "Location: https://server/other");
    check_field("Location: /basement", "Location: https://server/basement");
    check_field("Location: //evil.example/base", "Location: https://evil.example/base");
    check_field("Location: http://server/base/", "Location: http://server/base/");
    check_field("Location: https://server:444/base/", "Location: https://server:444/base/");
    check_field("Location: https://x@server/base/", "Location: https://x@server/base/");
    check_field("Location: x/y", "Location: x/y");
    check_field("Location: javascript:alert(1)", "Location: javascript:alert(1)");
    check_field("Location:", "Location: ");
}

static void test_cookies_are_mapped(void)
{
    check_field("Set-Cookie: a=b; Domain=x; Secure; Path=/base/y; HttpOnly", "Set-Cookie: a=b; Path=/y; HttpOnly");
    check_field("Set-Cookie: Secure; secure", "Set-Cookie: Secure=");
    check_field("Set-Cookie: mlflow-oidc-8080=x", "");
    check_field("Set-Cookie: __Secure-a=b; Secure", "Set-Cookie: __Secure-a=b; Secure");
}

static void test_heads_that_are_none_are_faults(void)
{
    static const char *const heads[] = {
        "",
        "\r\n",
        "HTTP/2 200 OK\r\n",
        "HTTP/1.1 99 x\r\n",
        "HTTP/1.1 601 x\r\n",
        "HTTP/1.1 2x0 x\r\n",
        "HTTP/1.1  200 x\r\n",
        "HTTP/1.1 101 x\r\n",
        "ICY 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n",
        "HTTP/1.1 200 OK\r\n folded: x\r\n",
        "HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\n",
        "HTTP/1.1 200 OK\r\nX-A : b\r\n",
        "HTTP/1.1 200 OK\r\nX-A: b\rc\r\n",
        "HTTP/1.1 200 OK\r\nX-A: b\001\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999999\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
    };

    for (size_t i = 1; i < sizeof heads / sizeof heads[0]; i++) {
        struct response response;

        response_init(&response);
        CHECK(!take(&response, heads[i]));
        response_clear(&response);
    }
}

static void test_a_head_is_bounded(void)
{
    struct response response;
    bool good = true;
    int lines = 0;

    response_init(&response);
    CHECK(response_take_line(&response, "HTTP/1.1 200 OK\r\n", 17));
    while (good && lines < 100000) {
        good = response_take_line(&response, "X-A: 0123456789\r\n", 17);
        lines++;
    }
    CHECK(!good && response.bytes < RESPONSE_HEAD_MOST_BYTES + 100);
    response_clear(&response);
}

static void test_without_memory_nothing_half_is_written(void)
{
    struct url server;

    CHECK(url_parse("https://server/base", &server));
    for (unsigned long n = 1; n < 20; n++) {
        const struct response_client client = {.server = &server, .host = {"h", 1}, .keep_alive = true};
        struct strbuf text = STRBUF_INIT(8192);
        struct response response;
        bool keep_alive;

        response_init(&response);
        mem_fail_at(n, 0);
        if (response_take_line(&response, "HTTP/1.1 302 x\r\n", 16) &&
            response_take_line(&response, "Location: /x\r\n", 14) && response_take_line(&response, "\r\n", 2)) {
            response_write(&response, &client, &text, &keep_alive);
            CHECK(text.failed || response.reason.failed ||
                  strstr(text.bytes, "Location: https://server/x\r\n") != NULL);
        } else {
            CHECK(response.fault != NULL);
        }
        mem_fail_at(0, 0);
        response_clear(&response);
        strbuf_free(&text);
    }
}

int main(void)
{
    RUN(test_framing_is_made_anew);
    RUN(test_locations_are_mapped_where_they_stay_at_the_server);
    RUN(test_cookies_are_mapped);
    RUN(test_heads_that_are_none_are_faults);
    RUN(test_a_head_is_bounded);
    RUN(test_without_memory_nothing_half_is_written);
    return check_summary();
}
