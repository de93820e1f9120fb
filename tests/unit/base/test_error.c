/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include "base/text.h"
#include "check.h"

static void test_every_code_has_its_row(void)
{
    for (int i = 0; i < MOIDC_CODE_COUNT; i++) {
        const struct moidc_code_info *info = moidc_code_info((enum moidc_code)i);

        CHECK(info->name != NULL && info->name[0] != '\0' && info->exception != NULL);
        CHECK((info->exception[0] == '\0') == (i == MOIDC_OK) && (info->exit_status == 0) == (i == MOIDC_OK));
        for (int j = 0; j < i; j++) {
            CHECK(strcmp(info->name, moidc_code_info((enum moidc_code)j)->name) != 0);
        }
    }
}

static void test_number_that_is_no_code_is_a_defect_of_ours(void)
{
    CHECK(moidc_code_info(MOIDC_CODE_COUNT) == moidc_code_info(MOIDC_E_INTERNAL));
    CHECK(moidc_code_info((enum moidc_code) - 1) == moidc_code_info(MOIDC_E_INTERNAL));
    CHECK(moidc_code_info((enum moidc_code)9999) == moidc_code_info(MOIDC_E_INTERNAL));
}

static void test_error_starts_empty(void)
{
    struct moidc_err err;

    memset(&err, 'x', sizeof err);
    CHECK(err_set(&err, MOIDC_E_NETWORK, "no %s", "route") == MOIDC_E_NETWORK);
    CHECK_TEXT(err.what, "no route");
    CHECK(err.code == MOIDC_E_NETWORK && err.http_status == 0 && err.oauth_error[0] == '\0');
    CHECK(err.where[0] == '\0' && err.next[0] == '\0');
    CHECK(err_where(&err, "at %d", 1) == MOIDC_E_NETWORK && err_next(&err, "wait") == MOIDC_E_NETWORK);
    CHECK_TEXT(err.where, "at 1");
    CHECK_TEXT(err.next, "wait");
}

static void test_words_of_strangers_are_cleaned(void)
{
    struct moidc_err err;

    err_set(&err, MOIDC_E_PROVIDER, "a\x1b[0m%s", "\r\n\xff");
    CHECK_TEXT(err.what, "a?[0m???");
    err_where(&err, "%s", "\xe2\x80\xae");
    CHECK_TEXT(err.where, "?");
    err_next(&err, "%s", "\t");
    CHECK_TEXT(err.next, "?");
    err_reply(&err, 400, "in\nvalid");
    CHECK_TEXT(err.oauth_error, "in?valid");
    CHECK(err.http_status == 400);
}

static void test_long_texts_are_cut_to_well_formed_ones(void)
{
    struct moidc_err err;
    char text[4000];

    memset(text, 0, sizeof text);
    for (size_t i = 0; i + 2 < sizeof text; i += 2) {
        memcpy(text + i, "\xc3\xa4", 2);
    }
    err_set(&err, MOIDC_E_PROVIDER, "%s", text);
    err_where(&err, "%s", text);
    err_next(&err, "%s", text);
    err_reply(&err, 400, text);
    CHECK(strlen(err.what) == sizeof err.what - 1 && text_is_utf8(err.what, strlen(err.what)));
    CHECK(text_is_utf8(err.where, strlen(err.where)) && text_is_utf8(err.next, strlen(err.next)));
    CHECK(strlen(err.oauth_error) == sizeof err.oauth_error - 1);
    CHECK(text_is_utf8(err.oauth_error, strlen(err.oauth_error)));
}

static void test_no_word_of_the_provider_keeps_what_there_was(void)
{
    struct moidc_err err;

    err_set(&err, MOIDC_E_PROVIDER, "x");
    err_reply(&err, 400, "invalid_grant");
    err_reply(&err, 503, NULL);
    CHECK_TEXT(err.oauth_error, "invalid_grant");
    CHECK(err.http_status == 503);
}

static void test_error_for_memory_needs_none(void)
{
    struct moidc_err err;

    mem_fail_at(1, 1);
    CHECK(err_memory(&err) == MOIDC_E_MEMORY);
    CHECK(mem_fail_at(0, 0) == 0);
    CHECK_TEXT(err.what, "memory is out");
}

int main(void)
{
    RUN(test_every_code_has_its_row);
    RUN(test_number_that_is_no_code_is_a_defect_of_ours);
    RUN(test_error_starts_empty);
    RUN(test_words_of_strangers_are_cleaned);
    RUN(test_long_texts_are_cut_to_well_formed_ones);
    RUN(test_no_word_of_the_provider_keeps_what_there_was);
    RUN(test_error_for_memory_needs_none);
    return check_summary();
}
