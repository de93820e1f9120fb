/* SPDX-License-Identifier: MIT */
#include "io/http_headers.h"

#include "check.h"
#include "io/clock.h"

#include <stdlib.h>

static struct http_response *response;
static struct http_route route;

/* Takes `line` as libcurl hands it over: no NUL need be behind it, so that a sanitizer sees who reads on. */
static void take(const char *line)
{
    size_t n = strlen(line);
    char *bytes = malloc(n > 0 ? n : 1);

    memcpy(bytes, line, n);
    http_headers_take(bytes, n, response, &route);
    free(bytes);
}

static void begin(void)
{
    struct moidc_err err;

    CHECK(libraries_load(&err) == MOIDC_OK);
    response = http_response_new(10);
    memset(&route, 0, sizeof route);
}

static void test_type_is_without_parameters_and_in_lower_case(void)
{
    static const struct {
        const char *line;
        const char *type;
    } rows[] = {
        {"Content-Type: application/json\r\n", "application/json"},
        {"content-type:Application/JSON;charset=UTF-8\r\n", "application/json"},
        {"CONTENT-TYPE: \t text/html ; charset=x\r\n", "text/html"},
        {"Content-Type: application/json", "application/json"},
        {"Content-Type:\r\n", ""},
        {"Content-Type:", ""},
        {"Content-Type", ""},
        {"Content-Typed: x\r\n", ""},
        {"Content-Type : x\r\n", ""},
        {"X-Content-Type: x\r\n", ""},
        {"Content-Type: a\x1b[2J\r\n", "a"},
        {"", ""},
        {"\r\n", ""},
        {":", ""},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin();
        take(rows[i].line);
        CHECK_TEXT(response->content_type, rows[i].type);
        http_response_free(response);
    }
}

static void test_retry_after_is_a_number_of_seconds_or_a_date(void)
{
    static const struct {
        const char *value;
        int64_t seconds;
    } rows[] = {
        {"0", 0},
        {"5", 5},
        {" 120 ", 120},
        {"999999999", 999999999},
        {"1000000000", -1},
        {"99999999999999999999", -1},
        {"-5", -1},
        {"+5", -1},
        {"1.5", -1},
        {"5 s", -1},
        {"soon", -1},
        {"", -1},
        {"Thu, 01 Jan 1970 00:00:00 GMT", -1},
        {"Fri, 01 Jan 1999 00:00:00 GMT", 0},
        /* the older forms of a date (RFC 9110 §5.6.7) */
        {"Friday, 01-Jan-99 00:00:00 GMT", 0},
        {"Fri Jan  1 00:00:00 1999", 0},
    };
    char line[128];
    int64_t most_s;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin();
        CHECK(response->retry_after_s == -1);
        snprintf(line, sizeof line, "Retry-After: %s\r\n", rows[i].value);
        take(line);
        CHECK(response->retry_after_s == rows[i].seconds);
        line[strcspn(line, "\r")] = '\0'; /* the same without an end of the line */
        take(line);
        CHECK(response->retry_after_s == rows[i].seconds);
        http_response_free(response);
    }
    begin();
    most_s = 4102444800 - clock_now_s(); /* the clock goes on meanwhile */
    take("Retry-After: Fri, 01 Jan 2100 00:00:00 GMT\r\n");
    CHECK(response->retry_after_s > 0 && response->retry_after_s <= most_s);
    http_response_free(response);
}

static void test_another_answer_begins_with_nothing(void)
{
    begin();
    take("Content-Type: text/html\r\n");
    take("Retry-After: 5\r\n");
    take("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    take("Location: https://h/\r\n");
    take("WWW-Authenticate: Bearer a=b\r\n");
    http_headers_forget(response, &route);
    CHECK_TEXT(response->content_type, "");
    CHECK(response->retry_after_s == -1 && route.date_s == 0);
    CHECK_TEXT(route.location, "");
    CHECK_TEXT(route.challenge, "");
    http_headers_forget(response, NULL);
    http_response_free(response);
}

static void test_the_way_of_a_reply_is_told(void)
{
    char longer[2048] = "Location: ";

    begin();
    take("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    CHECK(route.date_s == 784111777);
    take("Date: rubbish\r\n");
    CHECK(route.date_s == 0);
    take("Location: https://h/\x1b[2J\r\n");
    CHECK_TEXT(route.location, "https://h/?[2J");
    memset(longer + 10, 'x', sizeof longer - 11);
    take(longer);
    CHECK(strlen(route.location) == sizeof route.location - 1);
    take("WWW-Authenticate: Bearer a=b\r\n");
    take("www-authenticate:Basic\r\n");
    CHECK_TEXT(route.challenge, "Bearer a=b, Basic");
    for (int i = 0; i < 100; i++) {
        memcpy(longer, "WWW-Authenticate: ", 18);
        take(longer);
    }
    CHECK(strlen(route.challenge) == sizeof route.challenge - 1);
    CHECK(response->retry_after_s == -1 && response->content_type[0] == '\0');
    http_headers_take("Location: x", 11, response, NULL); /* nobody wants to know */
    http_response_free(response);
}

int main(void)
{
    RUN(test_type_is_without_parameters_and_in_lower_case);
    RUN(test_retry_after_is_a_number_of_seconds_or_a_date);
    RUN(test_another_answer_begins_with_nothing);
    RUN(test_the_way_of_a_reply_is_told);
    return check_summary();
}
