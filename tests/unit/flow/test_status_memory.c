/* SPDX-License-Identifier: MIT */
/* As test_session_memory.c, for the calls that the program adds: settings, status, userinfo, logout, doctor. */
#include "session_fixture.h"

static struct moidc_token *token;
static size_t counted;

static void count_uri(void *ctx, const char *uri)
{
    (void)ctx;
    counted += strcmp(uri, SERVER) == 0;
}

static void count_setting(void *ctx, const struct moidc_setting *setting)
{
    (void)ctx;
    counted += setting->value != NULL;
}

static void count_finding(void *ctx, const struct moidc_finding *finding)
{
    (void)ctx;
    counted++;
    CHECK(finding->verdict != MOIDC_VERDICT_FAIL || finding->remedy[0] != '\0');
}

/* Somebody is signed in, on disk. */
static void prepare(void)
{
    session_begin();
    check_get("T1");
    close_client();
    open_client();
    counted = 0;
}

/* The client is of use afterwards. */
static void tidy(void)
{
    CHECK(get(NULL, &token) == MOIDC_OK);
    moidc_token_release(token);
    session_end();
}

static enum moidc_code call_list(void)
{
    struct moidc_lookup lookup = {.env = env, .tracking_uri = SERVER};
    enum moidc_code rc = moidc_servers_list(client, &lookup, count_uri, NULL, &err);

    CHECK(counted == (rc == MOIDC_OK));
    return rc;
}

static enum moidc_code call_status(void)
{
    struct moidc_token_request request = {.env = env};
    struct moidc_status status;
    enum moidc_code rc = moidc_server_status(server, &request, &status, &err);

    CHECK(rc != MOIDC_OK || (status.state == MOIDC_STATE_VALID && status.renewable && !status.person));
    moidc_server_settings(server, count_setting, NULL); /* takes no memory */
    CHECK(counted > 10);
    return rc;
}

static enum moidc_code call_userinfo(void)
{
    struct moidc_token_request request = {.env = env, .no_person = true};
    struct moidc_userinfo userinfo;
    enum moidc_code rc = moidc_userinfo(server, &request, &userinfo, &err);

    if (rc == MOIDC_OK) {
        CHECK_TEXT(userinfo.subject, "248289761001");
    }
    return rc;
}

static enum moidc_code call_provider_logout(void)
{
    struct moidc_token_request request = {.env = env, .no_browser = true};

    return moidc_provider_logout(server, &request, &err);
}

static enum moidc_code call_clear(void)
{
    struct moidc_token_request request = {.env = env};
    size_t removed = 0;
    enum moidc_code rc = moidc_cache_clear(client, &request, &removed, &err);

    CHECK(rc != MOIDC_OK || removed == 1);
    return rc;
}

static enum moidc_code call_doctor(void)
{
    struct moidc_token_request request = {.env = env};
    enum moidc_code rc = moidc_doctor(server, &request, true, count_finding, NULL, &err);

    CHECK(rc != MOIDC_OK || counted > 5);
    return rc;
}

static void test_servers_list(void)
{
    fail_each(prepare, call_list, tidy, 0);
    fail_each(prepare, call_list, tidy, 1);
}

static void test_server_status(void)
{
    fail_each(prepare, call_status, tidy, 0);
    fail_each(prepare, call_status, tidy, 1);
}

static void test_userinfo(void)
{
    fail_each(prepare, call_userinfo, tidy, 0);
    fail_each(prepare, call_userinfo, tidy, 1);
}

static void test_provider_logout(void)
{
    fail_each(prepare, call_provider_logout, tidy, 0);
    fail_each(prepare, call_provider_logout, tidy, 1);
}

static void test_cache_clear(void)
{
    fail_each(prepare, call_clear, tidy, 0);
    fail_each(prepare, call_clear, tidy, 1);
}

static void test_doctor(void)
{
    fail_each(prepare, call_doctor, tidy, 0);
    fail_each(prepare, call_doctor, tidy, 1);
}

int main(void)
{
    provider_start();
    RUN(test_servers_list);
    RUN(test_server_status);
    RUN(test_userinfo);
    RUN(test_provider_logout);
    RUN(test_cache_clear);
    RUN(test_doctor);
    provider_end();
    return check_summary();
}
