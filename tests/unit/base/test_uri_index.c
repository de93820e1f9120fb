/* SPDX-License-Identifier: MIT */
#include "base/uri_index.h"

#include "check.h"

#include <stdlib.h>

static const char *const URIS[] = {
    "https://h",     "https://h/a", "https://h/a/b",    "https://h/a-b",     "https://h/a//b",  "https://h:8443",
    "https://h.b/a", "http://h/a",  "http://[::1]:5/a", "https://h/a/b/c/d", "https://other/x", "https://h-2/a",
};
enum { COUNT = sizeof URIS / sizeof URIS[0] };

static struct uri_index *index_of(const char *const *uris, size_t count)
{
    struct uri_index *index = uri_index_new();

    CHECK(index != NULL);
    for (size_t i = 0; i < count; i++) {
        CHECK(uri_index_add(index, uris[i], (void *)uris[i]));
    }
    uri_index_sort(index);
    return index;
}

/* The value that is found for `text`; NULL: nothing covers it. */
static const char *found(const struct uri_index *index, const char *text)
{
    struct url url;
    void *value = NULL;

    CHECK(url_parse(text, &url));
    return uri_index_find(index, &url, &value) ? value : NULL;
}

static void test_the_longest_that_covers_it_is_found(void)
{
    CLEANUP(uri_index_free_p) struct uri_index *index = index_of(URIS, COUNT);

    CHECK_TEXT(found(index, "https://h/a/b/c?x=/a/b/c/d"), "https://h/a/b");
    CHECK_TEXT(found(index, "HTTPS://H:443/a/"), "https://h/a");
    CHECK_TEXT(found(index, "https://h/ab"), "https://h");
    CHECK_TEXT(found(index, "https://h/a-b/c"), "https://h/a-b");
    CHECK_TEXT(found(index, "https://h/a//b/c"), "https://h/a//b");
    CHECK_TEXT(found(index, "https://h/a///b"), "https://h/a");
    CHECK_TEXT(found(index, "https://h:8443/a/b"), "https://h:8443");
    CHECK_TEXT(found(index, "http://[::1]:5/a/x"), "http://[::1]:5/a");
    CHECK(found(index, "http://[::1]:6/a/x") == NULL);
    CHECK(found(index, "http://h/b") == NULL && found(index, "https://h2/a") == NULL);
    CHECK(found(index, "https://h/a/../x") == NULL && found(index, "https://u@h/a") == NULL);
}

static void test_an_empty_one_covers_nothing(void)
{
    CLEANUP(uri_index_free_p) struct uri_index *index = index_of(URIS, 0);

    CHECK(found(index, "https://h/a") == NULL && !uri_index_any_below(index, "https://h"));
    CHECK(!uri_index_any_within(index, "https://h"));
}

static void test_what_lies_below_is_not_what_only_begins_so(void)
{
    CLEANUP(uri_index_free_p) struct uri_index *index = index_of(URIS, COUNT);

    CHECK(uri_index_any_below(index, "https://h") && uri_index_any_below(index, "https://h/a"));
    CHECK(uri_index_any_below(index, "https://h/a/b/c") && !uri_index_any_below(index, "https://h/a/b/c/d"));
    CHECK(!uri_index_any_below(index, "https://h:8443") && !uri_index_any_below(index, "https://h/a-b"));
    CHECK(uri_index_any_below(index, "http://[::1]:5") && !uri_index_any_below(index, "http://[::1]"));
    CHECK(uri_index_any_within(index, "https://h") && uri_index_any_within(index, "https://h/a/b/c/d"));
    CHECK(!uri_index_any_within(index, "https://h/a/b/c/d/e") && !uri_index_any_within(index, "https://h/a-"));
}

static void test_of_two_for_one_uri_the_one_with_a_value_counts(void)
{
    for (int turn = 0; turn < 2; turn++) {
        CLEANUP(uri_index_free_p) struct uri_index *index = uri_index_new();

        CHECK(index != NULL && uri_index_add(index, "https://h/a", turn == 0 ? NULL : "met"));
        CHECK(uri_index_add(index, "https://h/a", turn == 0 ? "met" : NULL));
        uri_index_sort(index);
        CHECK_TEXT(found(index, "https://h/a/x"), "met");
    }
}

/* One of a few paths of few letters, so that many lie below one another. */
static void random_uri(char *text, size_t size)
{
    static const char *const hosts[] = {"https://h", "https://h:8443", "https://hh", "http://h"};
    static const char *const segments[] = {"/a", "/b", "/aa", "/a-", "/", "/.x"};
    int n = snprintf(text, size, "%s", hosts[rand() % 4]);

    for (int i = rand() % 5; i > 0; i--) {
        n += snprintf(text + n, size - (size_t)n, "%s", segments[rand() % 6]);
    }
}

static void test_it_finds_what_a_look_at_each_finds(void)
{
    enum { MANY = 40 };

    srand(1);
    for (int round = 0; round < 200; round++) {
        char *uris[MANY];
        CLEANUP(uri_index_free_p) struct uri_index *index = uri_index_new();

        for (size_t i = 0; i < MANY; i++) {
            char text[128];
            struct url url;

            random_uri(text, sizeof text);
            CHECK(url_parse(text, &url));
            uris[i] = url_normalised(&url);
            CHECK(uri_index_add(index, uris[i], uris[i]));
        }
        uri_index_sort(index);
        for (int i = 0; i < 100; i++) {
            const char *best = NULL;
            const char *one;
            char text[128];
            struct url url;
            struct url base;

            random_uri(text, sizeof text);
            CHECK(url_parse(text, &url));
            for (size_t j = 0; j < MANY; j++) {
                CHECK(url_parse(uris[j], &base));
                if (url_is_below(&url, &base) && (best == NULL || strlen(uris[j]) > strlen(best))) {
                    best = uris[j];
                }
            }
            one = found(index, text);
            CHECK(best == NULL ? one == NULL : one != NULL && strcmp(one, best) == 0);
        }
        for (size_t i = 0; i < MANY; i++) {
            mem_free(uris[i]);
        }
    }
}

static void test_memory_that_is_out_is_told(void)
{
    for (int n = 1;; n++) {
        struct uri_index *index;
        struct url url;
        void *value = NULL;
        bool fine;

        CHECK(url_parse("https://h/a/x", &url));
        mem_fail_at(n, 1);
        index = uri_index_new();
        fine = index != NULL && uri_index_add(index, "https://h/a", "value");
        if (fine) {
            uri_index_sort(index);
            fine = uri_index_find(index, &url, &value);
        }
        if (mem_fail_at(0, 0) < (unsigned long)n) {
            CHECK(fine && n > 3);
            uri_index_free(index);
            break;
        }
        CHECK(!fine);
        uri_index_free(index);
    }
}

int main(void)
{
    RUN(test_the_longest_that_covers_it_is_found);
    RUN(test_an_empty_one_covers_nothing);
    RUN(test_what_lies_below_is_not_what_only_begins_so);
    RUN(test_of_two_for_one_uri_the_one_with_a_value_counts);
    RUN(test_it_finds_what_a_look_at_each_finds);
    RUN(test_memory_that_is_out_is_told);
    return check_summary();
}
