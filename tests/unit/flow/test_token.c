/* SPDX-License-Identifier: MIT */
#include "flow/token.h"

#include "check.h"
#include "io/clock.h"

static struct moidc_err err;

/* A token that came now and lives for `lifetime_s`; with 0, as long as nobody refuses it. */
static struct moidc_token *token_of(int64_t lifetime_s)
{
    CLEANUP(secret_free_p) struct secret *secret = secret_new_text("token");
    struct moidc_token *token = NULL;
    int64_t now_s = clock_now_s();

    CHECK(token_new(secret, now_s, lifetime_s != 0 ? now_s + lifetime_s : 0, &token, &err) == MOIDC_OK);
    return token;
}

/* Whether it is ending `after_s` after it came. */
static bool is_ending(int64_t lifetime_s, int64_t margin_s, int64_t after_s)
{
    CLEANUP(token_release_p) struct moidc_token *token = token_of(lifetime_s);

    clock_shift_s(after_s);
    return token_is_ending(token, margin_s);
}

static void test_without_a_margin_a_fifth_and_at_most_a_minute_is_left(void)
{
    CHECK(!is_ending(100, 0, 78) && is_ending(100, 0, 81));
    CHECK(!is_ending(3600, 0, 3538) && is_ending(3600, 0, 3541));
    CHECK(!is_ending(0, 0, 1000000));
}

static void test_margin_decides_when_it_is_ending(void)
{
    CHECK(!is_ending(300, 100, 198) && is_ending(300, 100, 201));
    CHECK(!is_ending(300, 5, 293) && is_ending(300, 5, 296));
    CHECK(!is_ending(3600, 600, 2998) && is_ending(3600, 600, 3001));
    CHECK(!is_ending(0, 100, 1000000));
}

static void test_token_is_not_ending_before_half_of_its_life_is_over(void)
{
    CHECK(!is_ending(300, 3600, 148) && is_ending(300, 3600, 151));
    CHECK(!is_ending(300, 300, 0) && !is_ending(10, 3600, 4) && is_ending(10, 3600, 6));
}

int main(void)
{
    RUN(test_without_a_margin_a_fifth_and_at_most_a_minute_is_left);
    RUN(test_margin_decides_when_it_is_ending);
    RUN(test_token_is_not_ending_before_half_of_its_life_is_over);
    return check_summary();
}
