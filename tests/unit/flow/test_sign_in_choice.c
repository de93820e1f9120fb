/* SPDX-License-Identifier: MIT */
#include "flow/sign_in_choice.h"

#include "check.h"
#include "io/container.h"

static void test_what_is_wanted_is_done_wherever_it_is(void)
{
    static const enum moidc_flow wanted[] = {MOIDC_FLOW_BROWSER, MOIDC_FLOW_DEVICE, MOIDC_FLOW_PASTE};

    for (int bits = 0; bits < 16; bits++) {
        for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
            struct sign_in_place place = {.wanted = wanted[i],
                                          .no_browser = (bits & 1) != 0,
                                          .browser_here = (bits & 2) != 0,
                                          .reader = (bits & 4) != 0,
                                          .device_offered = (bits & 8) != 0};

            CHECK(sign_in_choose(&place) == wanted[i]);
        }
    }
}

static enum moidc_flow auto_choice(bool no_browser, bool browser_here, bool reader, bool device_offered)
{
    struct sign_in_place place = {.wanted = MOIDC_FLOW_AUTO,
                                  .no_browser = no_browser,
                                  .browser_here = browser_here,
                                  .reader = reader,
                                  .device_offered = device_offered};

    return sign_in_choose(&place);
}

static void test_auto_takes_a_browser_where_one_can_be_opened(void)
{
    CHECK(auto_choice(false, true, true, true) == MOIDC_FLOW_BROWSER);
    CHECK(auto_choice(false, true, false, false) == MOIDC_FLOW_BROWSER);
}

static void test_auto_takes_a_code_where_no_browser_can_be_opened_and_the_provider_offers_it(void)
{
    CHECK(auto_choice(false, false, true, true) == MOIDC_FLOW_DEVICE);
    CHECK(auto_choice(false, false, true, false) == MOIDC_FLOW_BROWSER);
    CHECK(auto_choice(false, false, false, true) == MOIDC_FLOW_BROWSER);
}

static void test_auto_shows_the_address_where_the_caller_wants_no_browser(void)
{
    CHECK(auto_choice(true, true, true, true) == MOIDC_FLOW_BROWSER);
    CHECK(auto_choice(true, false, true, true) == MOIDC_FLOW_BROWSER);
}

static void test_kubernetes_is_a_container(void)
{
    const char *const variables[] = {"KUBERNETES_SERVICE_HOST=10.0.0.1", NULL};
    struct moidc_env *env = NULL;
    struct moidc_err err;

    CHECK(moidc_env_new(variables, &env, &err) == MOIDC_OK);
    CHECK(container_present(env));
    moidc_env_free(env);
}

int main(void)
{
    RUN(test_what_is_wanted_is_done_wherever_it_is);
    RUN(test_auto_takes_a_browser_where_one_can_be_opened);
    RUN(test_auto_takes_a_code_where_no_browser_can_be_opened_and_the_provider_offers_it);
    RUN(test_auto_shows_the_address_where_the_caller_wants_no_browser);
    RUN(test_kubernetes_is_a_container);
    return check_summary();
}
