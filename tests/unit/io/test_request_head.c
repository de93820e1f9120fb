/* SPDX-License-Identifier: MIT */
#include "io/request_head.h"

#include "check.h"

#include <stdlib.h>

static const struct request_served SERVED = {"/oauth2/callback", "127.0.0.1:39303", NULL};
static const char GOOD[] = "GET /oauth2/callback?code=c0de&state=st4te HTTP/1.1\r\n"
                           "Host: 127.0.0.1:39303\r\n"
                           "User-Agent: Mozilla/5.0\r\n"
                           "\r\n";

/* The status for the `n` bytes when they come at once; 0 while more are needed. */
static int judge(const char *bytes, size_t n, const char **query, size_t *length)
{
    struct request_scan scan = {0};

    switch (request_head_scan(&scan, bytes, n)) {
    case REQUEST_PARTIAL:
        return 0;
    case REQUEST_BROKEN:
        return 400;
    case REQUEST_COMPLETE:
        break;
    }
    return request_head_judge(&SERVED, bytes, scan.seen, query, length);
}

static int judge_text(const char *text)
{
    const char *query;
    size_t length;

    return judge(text, strlen(text), &query, &length);
}

static void test_good_request_gives_its_query(void)
{
    const char *query = NULL;
    size_t length = 0;

    CHECK(judge(GOOD, sizeof GOOD - 1, &query, &length) == 200);
    CHECK(length == 21 && memcmp(query, "code=c0de&state=st4te", 21) == 0);
}

static void test_every_prefix_asks_for_more(void)
{
    const char *query;
    size_t length;

    for (size_t n = 0; n < sizeof GOOD - 1; n++) {
        CHECK(judge(GOOD, n, &query, &length) == 0);
    }
}

static void test_scan_gives_the_same_in_any_pieces(void)
{
    for (size_t cut = 0; cut < sizeof GOOD - 1; cut++) {
        struct request_scan scan = {0};

        CHECK(request_head_scan(&scan, GOOD, cut) == REQUEST_PARTIAL);
        CHECK(request_head_scan(&scan, GOOD, sizeof GOOD - 1) == REQUEST_COMPLETE);
        CHECK(scan.seen == sizeof GOOD - 1);
    }
}

/* Whatever one byte becomes: no crash (the bytes stand in a block of their own, under the address sanitizer), and what
 * is handed out stays within the request. */
static void test_any_byte_replaced_by_any_other_is_survived(void)
{
    size_t n = sizeof GOOD - 1;

    for (size_t i = 0; i < n; i++) {
        for (int c = 0; c < 256; c++) {
            char *bytes = malloc(n);
            const char *query = NULL;
            size_t length = 0;
            int status;

            memcpy(bytes, GOOD, n);
            bytes[i] = (char)c;
            status = judge(bytes, n, &query, &length);
            CHECK(status == 0 || status == 200 || (status >= 400 && status < 600));
            CHECK(status != 200 || (query >= bytes && query + length <= bytes + n));
            CHECK(status != 200 || i >= 21 || c == GOOD[i]); /* method and path: exactly */
            free(bytes);
        }
    }
}

static void test_control_characters_are_refused_wherever_they_stand(void)
{
    size_t n = sizeof GOOD - 1;

    for (size_t i = 0; i < n; i++) {
        for (int c = 0; c < 32; c++) {
            char bytes[sizeof GOOD];
            const char *query;
            size_t length;

            memcpy(bytes, GOOD, n);
            bytes[i] = (char)c;
            CHECK(c == GOOD[i] || c == '\t' || judge(bytes, n, &query, &length) != 200);
        }
    }
}

static void test_odd_heads_are_refused(void)
{
    static const struct {
        const char *text;
        int status;
    } rows[] = {
#define FIELDS "Host: 127.0.0.1:39303\r\n\r\n"
        {"\r\nGET /oauth2/callback HTTP/1.1\r\n" FIELDS, 400},
        {"GET  /oauth2/callback HTTP/1.1\r\n" FIELDS, 400},
        {"GET /oauth2/callback  HTTP/1.1\r\n" FIELDS, 400},
        {"GET\t/oauth2/callback HTTP/1.1\r\n" FIELDS, 400},
        {" GET /oauth2/callback HTTP/1.1\r\n" FIELDS, 400},
        {"GET /oauth2/callback HTTP/1.1 \r\n" FIELDS, 400},
        {"GET /oauth2/callback\r\n" FIELDS, 400},
        {"GET /oauth2/callback \r\n" FIELDS, 400},
        {"GET\r\n" FIELDS, 400},
        {"GET /oauth2/callback http/1.1\r\n" FIELDS, 400},
        {"GET /oauth2/callback HTTP/1.10\r\n" FIELDS, 400},
        {"GET /oauth2/callback HTTP/2.0\r\n" FIELDS, 505},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        {"GET /oauth2/callback#code=1 HTTP/1.1\r\n" FIELDS, 400},
        {"GET /oauth2/callback?\xc3\xa4 HTTP/1.1\r\n" FIELDS, 400},
        {"G\xc3\xa4T /oauth2/callback HTTP/1.1\r\n" FIELDS, 400},
        {"GET /oauth2/callback HTTP/1.1\r\n Folded: yes\r\n" FIELDS, 400},
        {"GET /oauth2/callback HTTP/1.1\r\nA: b\r\n c\r\n" FIELDS, 400},
        {"GET /oauth2/callback HTTP/1.1\r\nName : value\r\n" FIELDS, 400},
        {"GET /oauth2/callback HTTP/1.1\r\nno colon\r\n" FIELDS, 400},
        {"GET /oauth2/callback HTTP/1.1\r\n: empty name\r\n" FIELDS, 400},
        {"GET /oauth2/callback HTTP/1.1\r\nHost : 127.0.0.1:39303\r\n\r\n", 400},
        {"GET /oauth2/callback HTTP/1.1\r\nHost:\r\n\r\n", 421},
        {"GET /oauth2/callback HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 421},
        {"GET /oauth2/callback HTTP/1.1\r\nHost: 127.0.0.1:39304\r\n\r\n", 421},
        {"GET /oauth2/callback HTTP/1.1\r\nHost: 127.0.0.1:39303:1\r\n\r\n", 421},
        {"GET /oauth2/callback HTTP/1.1\r\nHost: user@127.0.0.1:39303\r\n\r\n", 421},
        {"GET /oauth2/callback HTTP/1.1\r\nHost: 127.0.0.1:39303, evil.example\r\n\r\n", 421},
        {"GET /oauth2/callback HTTP/1.1\r\nContent-Length: 5\r\n" FIELDS, 400},
        {"GET /oauth2/callback HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" FIELDS, 400},
        {"GET /oauth2/callback/ HTTP/1.1\r\n" FIELDS, 404},
        {"GET /oauth2/callbac%6b HTTP/1.1\r\n" FIELDS, 404},
        {"GET /oauth2/./callback HTTP/1.1\r\n" FIELDS, 404},
        {"GET //oauth2/callback HTTP/1.1\r\n" FIELDS, 404},
        {"GET /OAUTH2/callback HTTP/1.1\r\n" FIELDS, 404},
        {"GET oauth2/callback HTTP/1.1\r\n" FIELDS, 404},
        {"GET * HTTP/1.1\r\n" FIELDS, 404},
        {"GET ?code=1 HTTP/1.1\r\n" FIELDS, 404},
        {"CONNECT 127.0.0.1:39303 HTTP/1.1\r\n" FIELDS, 404},
        {"get /oauth2/callback HTTP/1.1\r\n" FIELDS, 405},
        {"GETX /oauth2/callback HTTP/1.1\r\n" FIELDS, 405},
        {"GET http://127.0.0.1:39303 HTTP/1.1\r\n" FIELDS, 404},
        {"GET http:///oauth2/callback HTTP/1.1\r\n" FIELDS, 421},
        {"GET http://evil.example/oauth2/callback HTTP/1.1\r\n" FIELDS, 421},
        {"GET http://u@127.0.0.1:39303/oauth2/callback HTTP/1.1\r\n" FIELDS, 421},
        {"GET https://127.0.0.1:39303/oauth2/callback HTTP/1.1\r\n" FIELDS, 404},
        {"GET /oauth2/callback HTTP/1.1\r\nSec-Purpose: prefetch;prerender\r\n" FIELDS, 403},
        /* And what is all right. */
        {"GET /oauth2/callback HTTP/1.0\r\n" FIELDS, 200},
        {"GET /oauth2/callback? HTTP/1.1\r\n" FIELDS, 200},
        {"GET HTTP://127.0.0.1:39303/oauth2/callback?a=b HTTP/1.1\r\n" FIELDS, 200},
        {"GET /oauth2/callback?a?b/c HTTP/1.1\r\n" FIELDS, 200},
        {"GET /oauth2/callback HTTP/1.1\r\nContent-Length: 0\r\n" FIELDS, 200},
        {"GET /oauth2/callback HTTP/1.1\r\nCookie: n=\xc3\xa4\r\n" FIELDS, 200},
        {"GET /oauth2/callback HTTP/1.1\r\nhost:\t 127.0.0.1:39303 \t\r\n\r\n", 200},
#undef FIELDS
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int status = judge_text(rows[i].text);

        CHECK(status == rows[i].status);
        if (status != rows[i].status) {
            fprintf(stderr, "  %d, not %d: %s\n", status, rows[i].status, rows[i].text);
        }
    }
}

static void test_host_without_port_is_ours_on_port_80_only(void)
{
    static const char head[] = "GET / HTTP/1.1\r\nHost: LocalHost\r\n\r\n";
    const struct request_served usual = {"/", "localhost:80", "localhost"};
    const struct request_served other = {"/", "localhost:81", NULL};
    const char *query;
    size_t length;

    CHECK(request_head_judge(&usual, head, sizeof head - 1, &query, &length) == 200);
    CHECK(request_head_judge(&other, head, sizeof head - 1, &query, &length) == 421);
}

int main(void)
{
    RUN(test_good_request_gives_its_query);
    RUN(test_every_prefix_asks_for_more);
    RUN(test_scan_gives_the_same_in_any_pieces);
    RUN(test_any_byte_replaced_by_any_other_is_survived);
    RUN(test_control_characters_are_refused_wherever_they_stand);
    RUN(test_odd_heads_are_refused);
    RUN(test_host_without_port_is_ours_on_port_80_only);
    return check_summary();
}
