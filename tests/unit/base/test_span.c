/* SPDX-License-Identifier: MIT */
#include "base/span.h"

#include "check.h"

#define SPAN(literal) ((struct span){literal, sizeof(literal) - 1})

static void test_names_are_equal_but_for_case(void)
{
    CHECK(span_is_nocase(SPAN("Content-Length"), "content-LENGTH"));
    CHECK(span_is_nocase(SPAN(""), ""));
    CHECK(!span_is_nocase(SPAN("TE"), "T"));
    CHECK(!span_is_nocase(SPAN("T"), "TE"));
    CHECK(!span_is_nocase(SPAN(""), "TE"));
    CHECK(!span_is_nocase(SPAN("TE"), ""));
    CHECK(!span_is_nocase(SPAN("@"), "`")); /* the neighbours of A and a */
    CHECK(!span_is_nocase(SPAN("\xc3\x84"), "\xc3\xa4"));
}

static void test_a_nul_ends_no_span(void)
{
    CHECK(!span_is_nocase(SPAN("TE\0"), "te"));
    CHECK(!span_is_nocase(SPAN("TE\0x"), "te"));
    CHECK(!span_is(SPAN("TE\0"), "TE"));
}

static void test_only_the_span_is_looked_at(void)
{
    struct span front = {"Upgrade: h2c", 7};

    CHECK(span_is_nocase(front, "upgrade"));
    CHECK(!span_is_nocase(front, "upgrade:"));
}

int main(void)
{
    RUN(test_names_are_equal_but_for_case);
    RUN(test_a_nul_ends_no_span);
    RUN(test_only_the_span_is_looked_at);
    return check_summary();
}
