/* SPDX-License-Identifier: MIT */
#include "flow/outage.h"

#include "check.h"

static struct moidc_err failure(enum moidc_code code, int status)
{
    struct moidc_err err = {.code = code, .http_status = status};

    return err;
}

static void test_what_an_outage_looks_like(void)
{
    struct moidc_err err = failure(MOIDC_E_NETWORK, 0);

    CHECK(outage_shows(&err));
    err = failure(MOIDC_E_PROVIDER, 503);
    CHECK(outage_shows(&err));
    err = failure(MOIDC_E_PROVIDER, 429);
    CHECK(outage_shows(&err));
    err = failure(MOIDC_E_PROVIDER, 400);
    CHECK(!outage_shows(&err));
    err = failure(MOIDC_E_PROTOCOL, 503);
    CHECK(!outage_shows(&err));
}

static void test_two_failures_hold_nothing_up_and_more_do_for_longer_and_longer(void)
{
    static const int64_t expected_ms[] = {0, 0, 1000, 2000, 4000, 8000, 10000, 10000};
    struct outage outage = {0};

    for (size_t i = 0; i < sizeof expected_ms / sizeof expected_ms[0]; i++) {
        CHECK(outage_note(&outage, 0, -1, 0) == expected_ms[i]);
    }
    for (int i = 0; i < 10000; i++) {
        CHECK(outage_note(&outage, 0, -1, 0) == 10000);
    }
    for (unsigned dice = 0; dice < 100000; dice += 77) {
        int64_t ms = outage_note(&outage, 0, 0, dice);

        CHECK(ms >= 10000 && ms < 12500);
    }
    outage_end(&outage);
    CHECK(outage_note(&outage, 0, 0, 0) == 0);
}

static void test_what_the_provider_asks_for_is_kept_up_to_a_minute(void)
{
    struct outage outage = {0};

    CHECK(outage_note(&outage, 0, 7, 0) == 7000);
    CHECK(outage_note(&outage, 0, 3600, 0) == 60000);
    CHECK(outage_note(&outage, 0, -5, 0) == 1000);
    CHECK(outage_note(&outage, 0, 1, 0) == 2000);
    CHECK(outage_note(&outage, 0, (int64_t)1 << 31, 0) == 60000); /* a date in 2099 */
}

static void test_calls_hurry_for_a_minute_after_a_failure(void)
{
    struct outage outage = {0};

    CHECK(!outage_hurries(&outage, 5));
    outage_note(&outage, 1000, 0, 0);
    CHECK(outage_hurries(&outage, 1000) && outage_hurries(&outage, 60999));
    CHECK(!outage_hurries(&outage, 61000));
    outage_end(&outage);
    CHECK(!outage_hurries(&outage, 1000));
}

static void test_renewals_pause_longer_and_longer(void)
{
    static const int64_t expected_ms[] = {5000, 10000, 20000, 40000, 60000, 60000};

    for (int i = 0; i < 6; i++) {
        CHECK(outage_renewal_pause_ms(i, 0) == expected_ms[i]);
    }
    CHECK(outage_renewal_pause_ms(1000000, 0) == 60000);
    for (unsigned dice = 0; dice < 100000; dice += 77) {
        CHECK(outage_renewal_pause_ms(0, dice) >= 5000 && outage_renewal_pause_ms(0, dice) < 6250);
    }
}

int main(void)
{
    RUN(test_what_an_outage_looks_like);
    RUN(test_two_failures_hold_nothing_up_and_more_do_for_longer_and_longer);
    RUN(test_what_the_provider_asks_for_is_kept_up_to_a_minute);
    RUN(test_calls_hurry_for_a_minute_after_a_failure);
    RUN(test_renewals_pause_longer_and_longer);
    return check_summary();
}
