/* SPDX-License-Identifier: MIT */
#include "oauth/form.h"

#include "check.h"

#include <stdlib.h>

static void test_pairs_are_joined_by_ampersands(void)
{
    CLEANUP(strbuf_free) struct strbuf buf = STRBUF_INIT(1000);
    CLEANUP(secret_free_p) struct secret *secret = secret_new("a&b=c\0", 6);

    form_add(&buf, "a", "1");
    form_add(&buf, "b", "x y&z=\xc3\xa4");
    form_add_secret(&buf, "c", secret);
    CHECK_TEXT(strbuf_text(&buf), "a=1&b=x+y%26z%3D%C3%A4&c=a%26b%3Dc%00");
}

static void test_nothing_to_say_adds_nothing(void)
{
    CLEANUP(strbuf_free) struct strbuf buf = STRBUF_INIT(1000);

    form_add(&buf, "a", NULL);
    form_add(&buf, "a", "");
    form_add_secret(&buf, "a", NULL);
    CHECK(buf.length == 0);
}

static void test_query_that_was_begun_goes_on(void)
{
    CLEANUP(strbuf_free) struct strbuf buf = STRBUF_INIT(1000);

    strbuf_add_text(&buf, "https://h/?");
    form_add(&buf, "a", "1");
    strbuf_add_text(&buf, "&");
    form_add(&buf, "b", "2");
    CHECK_TEXT(strbuf_text(&buf), "https://h/?a=1&b=2");
}

/* Checks how often `name` is there, and its value where that is once. */
static void check_get(const char *query, const char *name, int count, const char *value)
{
    char *copy = strdup(query);
    struct secret *got = NULL;

    CHECK(form_get(copy, name, &got) == count);
    free(copy);
    CHECK((got != NULL) == (count == 1));
    if (count == 1 && got != NULL) {
        CHECK_TEXT(secret_reveal(got), value);
    }
    secret_free(got);
}

static void test_values_are_decoded(void)
{
    check_get("state=abc", "state", 1, "abc");
    check_get("x=1&state=a+b%20c%2B%3d%26&y", "state", 1, "a b c+=&");
    check_get("state=%C3%A4", "state", 1, "\xc3\xa4");
    check_get("state=a=b", "state", 1, "a=b");
    check_get("state=", "state", 1, "");
    check_get("state", "state", 1, "");
    check_get("&&state=1&&", "state", 1, "1");
    check_get("", "state", 0, NULL);
    check_get("states=1&stat=2&State=3&=4", "state", 0, NULL);
    check_get("state;=1", "state", 0, NULL);
}

static void test_second_one_is_seen_however_it_is_spelt(void)
{
    check_get("state=1&state=1", "state", 2, NULL);
    check_get("state=1&state=2", "state", 2, NULL);
    check_get("state=1&%73tate=2", "state", 2, NULL);
    check_get("%73tate=1", "state", 1, "1");
    check_get("%73%74%61%74%65=1&state", "state", 2, NULL);
    check_get("state=1&state=%ff", "state", 2, NULL);
    check_get("state&state&state", "state", 3, NULL);
}

static void test_values_that_are_badly_encoded_are_refused(void)
{
    static const char *const queries[] = {"state=%",         "state=%4",    "state=%zz",    "state=%00",
                                          "state=a%00b",     "state=%ff",   "state=%c0%af", "state=\xff",
                                          "state=%ed%a0%80", "state=%&x=1", "state=%4&1=1"};

    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        check_get(queries[i], "state", -1, NULL);
    }
    check_get("x=%zz&%ff=1&%=2&state=1", "state", 1, "1"); /* of others, nobody asked */
}

static void test_endless_values_are_refused(void)
{
    static char query[20000];

    memset(query, 'a', sizeof query - 1);
    memcpy(query, "state=", 6);
    check_get(query, "state", -1, NULL);
    query[5] = 'a';
    check_get(query, "state", -1, NULL);
}

static void test_every_failing_allocation_is_told(void)
{
    for (unsigned long n = 1;; n++) {
        struct secret *got = NULL;
        unsigned long count;
        int times;

        mem_fail_at(n, 0);
        times = form_get("a=1&state=2&b=3", "state", &got);
        count = mem_fail_at(0, 0);
        CHECK(times == (count < n ? 1 : -1) && (got != NULL) == (times == 1));
        secret_free(got);
        if (count < n) {
            return;
        }
    }
}

int main(void)
{
    RUN(test_pairs_are_joined_by_ampersands);
    RUN(test_nothing_to_say_adds_nothing);
    RUN(test_query_that_was_begun_goes_on);
    RUN(test_values_are_decoded);
    RUN(test_second_one_is_seen_however_it_is_spelt);
    RUN(test_values_that_are_badly_encoded_are_refused);
    RUN(test_endless_values_are_refused);
    RUN(test_every_failing_allocation_is_told);
    return check_summary();
}
