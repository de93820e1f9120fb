/* SPDX-License-Identifier: MIT */
#include "base/secret.h"

#include "check.h"

static void test_bytes_come_back_as_they_went_in(void)
{
    CLEANUP(secret_free_p) struct secret *text = secret_new_text("token");
    CLEANUP(secret_free_p) struct secret *bytes = secret_new("a\0b", 3);
    CLEANUP(secret_free_p) struct secret *empty = secret_new("", 0);

    CHECK_TEXT(secret_reveal(text), "token");
    CHECK(secret_length(text) == 5);
    CHECK(secret_length(bytes) == 3 && memcmp(secret_reveal(bytes), "a\0b", 4) == 0);
    CHECK(secret_length(empty) == 0 && secret_reveal(empty)[0] == '\0');
}

static void test_equal_means_every_byte(void)
{
    CLEANUP(secret_free_p) struct secret *a = secret_new_text("token");
    CLEANUP(secret_free_p) struct secret *b = secret_new_text("token");
    CLEANUP(secret_free_p) struct secret *first = secret_new_text("Token");
    CLEANUP(secret_free_p) struct secret *last = secret_new_text("tokeN");
    CLEANUP(secret_free_p) struct secret *longer = secret_new("token\0", 6);

    CHECK(secret_equal(a, b) && secret_equal(a, a));
    CHECK(!secret_equal(a, first) && !secret_equal(a, last) && !secret_equal(a, longer) && !secret_equal(longer, a));
    CHECK(secret_equal_bytes(a, "token", 5));
    CHECK(!secret_equal_bytes(a, "token", 4) && !secret_equal_bytes(a, "tokens", 6) && !secret_equal_bytes(a, "", 0));
}

static void test_nothing_equals_nothing(void)
{
    CLEANUP(secret_free_p) struct secret *empty = secret_new("", 0);

    CHECK(!secret_equal(NULL, NULL) && !secret_equal(empty, NULL) && !secret_equal(NULL, empty));
    CHECK(!secret_equal_bytes(NULL, "", 0));
    CHECK(secret_equal(empty, empty));
}

static void test_copy_is_another_secret(void)
{
    struct moidc_err err = {0};
    struct secret *original = secret_new("a\0b", 3);
    struct secret *copy = NULL;

    CHECK(secret_copy(original, &copy, &err) == MOIDC_OK);
    CHECK(copy != original && secret_equal(original, copy));
    secret_free(original);
    CHECK(secret_equal_bytes(copy, "a\0b", 3));
    secret_free(copy);
    copy = (struct secret *)&err;
    CHECK(secret_copy(NULL, &copy, &err) == MOIDC_OK && copy == NULL);
    secret_free(NULL);
}

static void test_memory_that_is_out_leaves_the_result_alone(void)
{
    CLEANUP(secret_free_p) struct secret *original = secret_new_text("token");
    struct moidc_err err = {0};
    struct secret *copy = original;

    mem_fail_at(1, 0);
    CHECK(secret_new("x", 1) == NULL);
    mem_fail_at(1, 0);
    CHECK(secret_copy(original, &copy, &err) == MOIDC_E_MEMORY && err.code == MOIDC_E_MEMORY);
    mem_fail_at(0, 0);
    CHECK(copy == original);
}

static void test_wiped_bytes_are_gone(void)
{
    char bytes[] = "token";

    mem_wipe(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        CHECK(bytes[i] == 0);
    }
    mem_wipe(NULL, 5);
}

static void test_hidden_wherever_it_stands(void)
{
    static const struct {
        const char *secret;
        const char *text;
        const char *hidden;
    } rows[] = {
        {"s3cr", "s3cr", "****"},
        {"s3cr", "it is s3cr, not s3crs3c", "it is ****, not ****s3c"},
        {"abc", "abc", "abc"},
        {"rt.0123456789abcdef", "rt.0123456789abcdef)", "*******************)"},
        {"rt.0123456789abcdef", "cut: rt.0123456789ab", "cut: ***************"},
        {"rt.0123456789abcdef", "rt.01234567", "rt.01234567"},
        {"rt.0123456789abcdef", "...3456789abcde, 3456789abcd", "...************, 3456789abcd"},
        {"0123456789abcdefghijklmno", "0123456789ab?cdefghijklmno", "************?*************"},
        {"0123456789abcdefghijklmno", "123456789abcdef0123456789abcdefg", "********************************"},
        {"aaaab", "aaaaab", "a*****"},
        {"", "text", "text"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(secret_free_p) struct secret *secret = secret_new_text(rows[i].secret);
        char text[64];

        snprintf(text, sizeof text, "%s", rows[i].text);
        secret_hide(secret, text);
        CHECK_TEXT(text, rows[i].hidden);
        secret_hide(NULL, text);
        CHECK_TEXT(text, rows[i].hidden);
    }
}

int main(void)
{
    RUN(test_bytes_come_back_as_they_went_in);
    RUN(test_equal_means_every_byte);
    RUN(test_nothing_equals_nothing);
    RUN(test_copy_is_another_secret);
    RUN(test_memory_that_is_out_leaves_the_result_alone);
    RUN(test_wiped_bytes_are_gone);
    RUN(test_hidden_wherever_it_stands);
    return check_summary();
}
