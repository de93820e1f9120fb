/* SPDX-License-Identifier: MIT */
#include "base/notices.h"

#include "check.h"

static struct notices notices;
static struct moidc_notice notice;

static void test_notices_come_in_order(void)
{
    CHECK(notices_init(&notices));
    CHECK(!notices_next(&notices, &notice));
    notices_add(&notices, MOIDC_WARNING, "one %d", 1);
    notices_add(&notices, MOIDC_DEBUG, "two");
    CHECK(notices_next(&notices, &notice) && notice.level == MOIDC_WARNING);
    CHECK_TEXT(notice.text, "one 1");
    CHECK(notices_next(&notices, &notice) && notice.level == MOIDC_DEBUG);
    CHECK_TEXT(notice.text, "two");
    CHECK(!notices_next(&notices, &notice));
    notices_destroy(&notices);
}

static void test_oldest_goes_when_it_is_full(void)
{
    char text[16];

    CHECK(notices_init(&notices));
    for (int i = 0; i < NOTICES_MOST + 3; i++) {
        notices_add(&notices, MOIDC_INFO, "%d", i);
    }
    for (int i = 3; i < NOTICES_MOST + 3; i++) {
        snprintf(text, sizeof text, "%d", i);
        CHECK(notices_next(&notices, &notice));
        CHECK_TEXT(notice.text, text);
    }
    CHECK(!notices_next(&notices, &notice));
    notices_destroy(&notices);
}

static void test_debug_events_push_no_warning_out(void)
{
    int count = 0;

    CHECK(notices_init(&notices));
    notices_add(&notices, MOIDC_WARNING, "keep");
    for (int i = 0; i < 10 * NOTICES_MOST; i++) {
        notices_add(&notices, MOIDC_DEBUG, "%d", i);
    }
    for (int i = 0; i < NOTICES_MOST / 4; i++) {
        notices_add(&notices, MOIDC_WARNING, "more");
    }
    CHECK(notices_next(&notices, &notice));
    CHECK_TEXT(notice.text, "keep");
    while (notices_next(&notices, &notice)) {
        count++;
    }
    CHECK(count == NOTICES_MOST - 1);
    notices_destroy(&notices);
}

static void test_long_and_hostile_texts_are_cut_and_cleaned(void)
{
    char text[2000];

    CHECK(notices_init(&notices));
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    text[sizeof notice.text - 2] = '\xc3'; /* cut in the middle of a character */
    text[sizeof notice.text - 1] = '\xa4';
    notices_add(&notices, MOIDC_WARNING, "%s", text);
    notices_add(&notices, MOIDC_WARNING, "a\x1b[2Jb\n%s", "\xff");
    CHECK(notices_next(&notices, &notice));
    CHECK(strlen(notice.text) == sizeof notice.text - 1 && notice.text[sizeof notice.text - 2] == '?');
    CHECK(notices_next(&notices, &notice));
    CHECK_TEXT(notice.text, "a?[2Jb??");
    notices_destroy(&notices);
}

enum { THREADS = 4, EACH = 1000 };

static void *add_many(void *arg)
{
    for (int i = 0; i < EACH; i++) {
        notices_add(&notices, MOIDC_INFO, "%s", (const char *)arg);
    }
    return NULL;
}

static void test_threads_may_add_and_take_at_once(void)
{
    pthread_t threads[THREADS];
    int taken = 0;

    CHECK(notices_init(&notices));
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, add_many, "whole") == 0);
    }
    for (int i = 0; i < EACH; i++) {
        if (notices_next(&notices, &notice)) {
            CHECK_TEXT(notice.text, "whole");
            taken++;
        }
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    while (notices_next(&notices, &notice)) {
        taken++;
    }
    CHECK(taken > 0 && taken <= THREADS * EACH);
    notices_destroy(&notices);
}

int main(void)
{
    RUN(test_notices_come_in_order);
    RUN(test_oldest_goes_when_it_is_full);
    RUN(test_debug_events_push_no_warning_out);
    RUN(test_long_and_hostile_texts_are_cut_and_cleaned);
    RUN(test_threads_may_add_and_take_at_once);
    return check_summary();
}
