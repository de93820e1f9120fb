/* SPDX-License-Identifier: MIT */
#include "base/strbuf.h"

#include "check.h"

#include <stdlib.h>

static void test_text_grows_in_order(void)
{
    CLEANUP(strbuf_free) struct strbuf buf = STRBUF_INIT(10000);

    CHECK_TEXT(strbuf_text(&buf), "");
    strbuf_add(&buf, "ab", 2);
    strbuf_add_text(&buf, "");
    strbuf_add_text(&buf, "cd");
    strbuf_add_format(&buf, "-%d-%s", 7, "x");
    CHECK_TEXT(strbuf_text(&buf), "abcd-7-x");
    CHECK(buf.length == 8);
    for (int i = 0; i < 1000; i++) {
        strbuf_add(&buf, "0123456", 7);
    }
    CHECK(!buf.failed && buf.length == 7008 && strlen(strbuf_text(&buf)) == 7008);
    CHECK(memcmp(buf.bytes + 7001, "0123456", 8) == 0);
}

static void test_maximum_holds_to_the_byte(void)
{
    CLEANUP(strbuf_free) struct strbuf buf = STRBUF_INIT(4);

    strbuf_add(&buf, "abcd", 4);
    CHECK(!buf.failed);
    strbuf_add(&buf, "", 0);
    CHECK(!buf.failed);
    strbuf_add(&buf, "e", 1);
    CHECK(buf.failed && buf.too_long && buf.length == 4);
    CHECK_TEXT(strbuf_text(&buf), "abcd");
}

static void test_after_a_failure_nothing_is_added(void)
{
    CLEANUP(strbuf_free) struct strbuf buf = STRBUF_INIT(4);

    strbuf_add_text(&buf, "abcdef");
    strbuf_add_text(&buf, "x");
    strbuf_add_format(&buf, "%d", 1);
    strbuf_add_form(&buf, "x", 1);
    CHECK(buf.failed && buf.length == 0);
    CHECK(strbuf_take(&buf) == NULL);
}

static void test_sizes_that_overflow_are_refused(void)
{
    CLEANUP(strbuf_free) struct strbuf buf = STRBUF_INIT(100);

    strbuf_add_text(&buf, "abc");
    strbuf_add(&buf, "x", (size_t)-1);
    CHECK(buf.failed && buf.length == 3);
}

static void test_format_that_does_not_fit_adds_nothing(void)
{
    CLEANUP(strbuf_free) struct strbuf buf = STRBUF_INIT(5);

    strbuf_add_format(&buf, "%s", "12345");
    CHECK(!buf.failed);
    strbuf_add_format(&buf, "%s", "6");
    CHECK(buf.failed && buf.length == 5);
}

static void test_error_tells_too_long_from_out_of_memory(void)
{
    struct moidc_err err = {0};
    CLEANUP(strbuf_free) struct strbuf large = STRBUF_INIT(100);
    CLEANUP(strbuf_free) struct strbuf starved = STRBUF_INIT(100);
    char chunk[101];

    memset(chunk, 'x', sizeof chunk);
    strbuf_add(&large, chunk, sizeof chunk); /* at once, while the buffer is empty */
    CHECK(strbuf_error(&large, "the thing", &err) == MOIDC_E_PROTOCOL);
    CHECK_TEXT(err.what, "the thing is larger than 100 bytes");
    mem_fail_at(1, 0);
    strbuf_add(&starved, chunk, 90);
    mem_fail_at(0, 0);
    CHECK(starved.failed && !starved.too_long);
    CHECK(strbuf_error(&starved, "the thing", &err) == MOIDC_E_MEMORY);
}

static void test_form_encoding_is_that_of_rfc_6749_appendix_b(void)
{
    CLEANUP(strbuf_free) struct strbuf buf = STRBUF_INIT(1000);

    strbuf_add_form(&buf, " %&+\xc2\xa3\xe2\x82\xac", 9); /* the example of the appendix */
    CHECK_TEXT(strbuf_text(&buf), "+%25%26%2B%C2%A3%E2%82%AC");
    strbuf_free(&buf);
    strbuf_add_form(&buf, "azAZ09-._~*\0\r\n=;/?#", 19);
    CHECK_TEXT(strbuf_text(&buf), "azAZ09-._%7E%2A%00%0D%0A%3D%3B%2F%3F%23");
}

static void test_percent_encoding_leaves_the_unreserved(void)
{
    CLEANUP(strbuf_free) struct strbuf buf = STRBUF_INIT(1000);

    strbuf_add_percent(&buf, "azAZ09-._~ +/%", 14);
    CHECK_TEXT(strbuf_text(&buf), "azAZ09-._~%20%2B%2F%25");
}

static void test_taken_text_is_the_callers(void)
{
    struct strbuf buf = STRBUF_INIT(10);
    char *empty = strbuf_take(&buf);
    char *text;

    CHECK_TEXT(empty, "");
    strbuf_add_text(&buf, "abc");
    text = strbuf_take(&buf);
    CHECK_TEXT(text, "abc");
    CHECK(buf.bytes == NULL && buf.length == 0);
    strbuf_add_text(&buf, "0123456789"); /* it may be used again, with all its room */
    CHECK(!buf.failed);
    strbuf_free(&buf);
    strbuf_free(&buf);
    mem_free(empty);
    mem_free(text);
}

int main(void)
{
    RUN(test_text_grows_in_order);
    RUN(test_maximum_holds_to_the_byte);
    RUN(test_after_a_failure_nothing_is_added);
    RUN(test_sizes_that_overflow_are_refused);
    RUN(test_format_that_does_not_fit_adds_nothing);
    RUN(test_error_tells_too_long_from_out_of_memory);
    RUN(test_form_encoding_is_that_of_rfc_6749_appendix_b);
    RUN(test_percent_encoding_leaves_the_unreserved);
    RUN(test_taken_text_is_the_callers);
    return check_summary();
}
