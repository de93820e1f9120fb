/* SPDX-License-Identifier: MIT */
/* Each allocation of each public call fails in turn: MOIDC_E_MEMORY or success, no crash, no leak. Needs the build with
 * -Dfail-alloc=true. */
#include "session_fixture.h"

static struct moidc_token *token;
static bool removed;

static void nothing(void)
{
}

static enum moidc_code call_client_new(void)
{
    return moidc_client_new("/some/where", &client, &err);
}

static void free_client(void)
{
    moidc_client_free(client);
    client = NULL;
}

static void test_client_new(void)
{
    client = NULL;
    fail_each(nothing, call_client_new, free_client, 0);
}

static enum moidc_code call_env_new(void)
{
    static const char *const variables[] = {"A=1", "B=2", NULL};

    return moidc_env_new(variables, &env, &err);
}

static void free_env(void)
{
    moidc_env_free(env);
    env = NULL;
}

static void test_env_new(void)
{
    env = NULL;
    fail_each(nothing, call_env_new, free_env, 0);
}

static void prepare_find(void)
{
    server = NULL;
    CHECK(moidc_client_new(scratch, &client, &err) == MOIDC_OK);
}

static enum moidc_code call_find(void)
{
    return find_server(client, &server);
}

static void release_server(void)
{
    moidc_server_release(server);
    server = NULL;
    free_client();
}

static void test_server_find_by_variables_and_files(void)
{
    scratch_begin();
    env = session_env();
    put_file(in_scratch("pyproject.toml"),
             "[[tool.mlflow-oidc-client.tracking-servers]]\nuri = 'https://other.example/'\n"
             "issuer = 'https://i/'\nclient-id = 'x'\nclient_id = 'unknown key'\n",
             0600);
    fail_each(prepare_find, call_find, release_server, 0);
    fail_each(prepare_find, call_find, release_server, 1);
    free_env();
    scratch_end();
}

/* A client with an empty cache. */
static void prepare_get(void)
{
    session_begin();
    token = NULL;
}

static void prepare_logout(void)
{
    prepare_get();
    check_get("T1");
}

static enum moidc_code call_get(void)
{
    struct moidc_token_request request = {.env = env};

    return moidc_token_get(server, &request, &token, &err);
}

static enum moidc_code call_logout(void)
{
    struct moidc_token_request request = {.env = env};

    return moidc_logout(server, &request, &removed, &err);
}

/* The client is of use afterwards: what failed for want of memory keeps nothing from being done. */
static void tidy_get(void)
{
    CHECK((token != NULL) == (err.code == MOIDC_OK));
    moidc_token_release(token);
    CHECK(get(NULL, &token) == MOIDC_OK);
    moidc_token_release(token);
    session_end();
}

static void tidy_logout(void)
{
    CHECK(get(NULL, &token) == MOIDC_OK);
    moidc_token_release(token);
    session_end();
}

static void test_token_get(void)
{
    fail_each(prepare_get, call_get, tidy_get, 0);
    fail_each(prepare_get, call_get, tidy_get, 1);
}

/* Another client finds on disk what the first one saved. */
static void prepare_disk(void)
{
    prepare_logout();
    close_client();
    open_client();
}

static void test_token_get_from_disk(void)
{
    fail_each(prepare_disk, call_get, tidy_get, 0);
    fail_each(prepare_disk, call_get, tidy_get, 1);
    CHECK(provider.token_requests == 1);
}

static enum moidc_code call_login(void)
{
    struct moidc_token_request request = {.env = env};

    return moidc_login(server, &request, &token, &err);
}

static void test_login(void)
{
    fail_each(prepare_logout, call_login, tidy_get, 0);
}

/* A fifth of the token's life is left. */
static void prepare_peek(void)
{
    prepare_get();
    provider.expires_in = 100;
    check_get("T1");
    clock_shift_s(85);
}

/* The renewal in the background fails, and is nobody's failure. */
static enum moidc_code call_peek(void)
{
    moidc_token_peek(server, 0, &token);
    CHECK(token != NULL);
    moidc_client_stop(client, 10000);
    return MOIDC_OK;
}

static void test_token_peek_and_the_renewal_that_it_begins(void)
{
    fail_each(prepare_peek, call_peek, tidy_get, 0);
}

static enum moidc_code call_refused(void)
{
    static const char *const sent[] = {"T1", "T2", NULL};
    enum moidc_code rc = moidc_server_refused(server, "Bearer error=\"invalid_token\"", sent, &err);

    CHECK(moidc_server_covers(server, SERVER "/a") && !moidc_server_covers(server, "https://other.example"));
    CHECK(rc != MOIDC_E_PROVIDER || strstr(err.next, moidc_server_token_hint(server)) != NULL);
    return rc == MOIDC_E_PROVIDER ? MOIDC_OK : rc;
}

static void test_server_refused(void)
{
    fail_each(prepare_get, call_refused, session_end, 0);
    fail_each(prepare_get, call_refused, session_end, 1);
}

static void test_logout(void)
{
    fail_each(prepare_logout, call_logout, tidy_logout, 0);
    fail_each(prepare_logout, call_logout, tidy_logout, 1);
}

int main(void)
{
    provider_start();
    RUN(test_client_new);
    RUN(test_env_new);
    RUN(test_server_find_by_variables_and_files);
    RUN(test_token_get);
    RUN(test_token_get_from_disk);
    RUN(test_login);
    RUN(test_token_peek_and_the_renewal_that_it_begins);
    RUN(test_server_refused);
    RUN(test_logout);
    provider_end();
    return check_summary();
}
