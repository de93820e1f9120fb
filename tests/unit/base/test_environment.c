/* SPDX-License-Identifier: MIT */
#include "base/environment.h"

#include "check.h"

static struct moidc_err err;

static struct moidc_env *env_of(const char *const *variables)
{
    struct moidc_env *env = NULL;

    CHECK(moidc_env_new(variables, &env, &err) == MOIDC_OK);
    return env;
}

static void test_values_are_copies(void)
{
    char home[] = "HOME=/home/me";
    const char *variables[] = {home, "EMPTY=", "EQUALS=a=b", "NOVALUE", NULL};
    CLEANUP(moidc_env_free_p) struct moidc_env *env = env_of(variables);

    home[5] = 'X';
    CHECK_TEXT(env_get(env, "HOME"), "/home/me");
    CHECK_TEXT(env_get(env, "EQUALS"), "a=b");
    CHECK(env_get(env, "EMPTY") == NULL && env_get(env, "NOVALUE") == NULL);
    CHECK(env_get(env, "HOM") == NULL && env_get(env, "HOMES") == NULL && env_get(env, "home") == NULL);
}

static void test_prefix_is_counted_through(void)
{
    static const char *const variables[] = {"A_ONE=1", "B=2", "A_EMPTY=", "A_TWO=2", "A_", "A_=3", NULL};
    CLEANUP(moidc_env_free_p) struct moidc_env *env = env_of(variables);

    CHECK_TEXT(env_nth(env, "A_", 0), "A_ONE=1");
    CHECK_TEXT(env_nth(env, "A_", 1), "A_TWO=2");
    CHECK_TEXT(env_nth(env, "A_", 2), "A_=3");
    CHECK(env_nth(env, "A_", 3) == NULL && env_nth(env, "C", 0) == NULL);
}

static void test_first_of_two_counts_everywhere(void)
{
    static const char *const variables[] = {"A_X=1", "A_X=2", "A_EMPTY=", "A_EMPTY=3", "A_XY=4", NULL};
    CLEANUP(moidc_env_free_p) struct moidc_env *env = env_of(variables);

    CHECK_TEXT(env_get(env, "A_X"), "1");
    CHECK(env_get(env, "A_EMPTY") == NULL);
    CHECK_TEXT(env_nth(env, "A_", 0), "A_X=1");
    CHECK_TEXT(env_nth(env, "A_", 1), "A_XY=4");
    CHECK(env_nth(env, "A_", 2) == NULL);
}

static void test_no_environment_is_an_empty_one(void)
{
    CLEANUP(moidc_env_free_p) struct moidc_env *env = env_of(NULL);
    struct moidc_env *copy = NULL;

    CHECK(env_get(NULL, "A") == NULL && env_nth(NULL, "", 0) == NULL && env_all(NULL)[0] == NULL);
    CHECK(env_get(env, "A") == NULL && env_nth(env, "", 0) == NULL && env_all(env)[0] == NULL);
    CHECK(env_copy(NULL, &copy, &err) == MOIDC_OK);
    CHECK(env_all(copy)[0] == NULL);
    moidc_env_free(copy);
    moidc_env_free(NULL);
}

static void test_copy_holds_everything(void)
{
    static const char *const variables[] = {"A=1", "A=2", "ODD", "", NULL};
    struct moidc_env *env = env_of(variables);
    struct moidc_env *copy = NULL;

    CHECK(env_copy(env, &copy, &err) == MOIDC_OK);
    moidc_env_free(env);
    for (size_t i = 0; i < 4; i++) {
        CHECK_TEXT(env_all(copy)[i], variables[i]);
    }
    CHECK(env_all(copy)[4] == NULL);
    moidc_env_free(copy);
}

static void test_every_failing_allocation_is_told(void)
{
    static const char *const variables[] = {"A=1", "B=2", NULL};

    for (unsigned long n = 1;; n++) {
        struct moidc_env *env = NULL;
        unsigned long count;
        enum moidc_code rc;

        mem_fail_at(n, n % 2 != 0);
        rc = moidc_env_new(variables, &env, &err);
        count = mem_fail_at(0, 0);
        CHECK(rc == (count < n ? MOIDC_OK : MOIDC_E_MEMORY) && (env == NULL) == (rc != MOIDC_OK));
        moidc_env_free(env);
        if (count < n) {
            return;
        }
    }
}

int main(void)
{
    RUN(test_values_are_copies);
    RUN(test_prefix_is_counted_through);
    RUN(test_first_of_two_counts_everywhere);
    RUN(test_no_environment_is_an_empty_one);
    RUN(test_copy_holds_everything);
    RUN(test_every_failing_allocation_is_told);
    return check_summary();
}
