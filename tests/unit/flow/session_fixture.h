/* SPDX-License-Identifier: MIT */
/* A client with an empty cache of its own, whose server the variables describe, and the provider for it. */
#ifndef TESTS_UNIT_FLOW_SESSION_FIXTURE_H
#define TESTS_UNIT_FLOW_SESSION_FIXTURE_H

#include "base/memory.h"
#include "io/clock.h"
#include "mlflow_oidc.h"

#include "flow/provider_thread.h"
#include "io/scratch.h"

#define SERVER "https://mlflow.example.com"

static struct moidc_env *env;
static struct moidc_client *client;
static struct moidc_server *server;
static const char *one_more; /* a variable that is set, too; NULL: none */

static inline struct moidc_env *session_env(void)
{
    char home[128];
    char cache[128];
    char config[128];
    char issuer[128];
    const char *variables[] = {home,
                               cache,
                               config,
                               issuer,
                               "MLFLOW_TRACKING_OIDC_CLIENT_ID=app",
                               "MLFLOW_TRACKING_OIDC_CLIENT_SECRET=s3cr3t",
                               "no_proxy=*",
                               one_more,
                               NULL};

    snprintf(home, sizeof home, "HOME=%s", scratch);
    snprintf(cache, sizeof cache, "XDG_CACHE_HOME=%s", scratch);
    snprintf(config, sizeof config, "XDG_CONFIG_HOME=%s", scratch);
    snprintf(issuer, sizeof issuer, "MLFLOW_TRACKING_OIDC_ISSUER=http://127.0.0.1:%d", provider.port);
    return env_of(variables);
}

static inline enum moidc_code find_server(struct moidc_client *of, struct moidc_server **ret)
{
    struct moidc_lookup lookup = {.env = env, .tracking_uri = SERVER};

    return moidc_server_find(of, SERVER "/api/2.0/mlflow/runs/get", &lookup, ret, &err);
}

static inline void open_client(void)
{
    server = NULL;
    CHECK(moidc_client_new(scratch, &client, &err) == MOIDC_OK);
    CHECK(find_server(client, &server) == MOIDC_OK && server != NULL);
}

static inline void close_client(void)
{
    moidc_server_release(server);
    moidc_client_free(client);
}

static inline void session_begin(void)
{
    scratch_begin();
    CHECK(chdir(scratch) == 0); /* away from the pyproject.toml of whoever runs the tests */
    provider_reset();
    env = session_env();
    open_client();
}

static inline void session_end(void)
{
    close_client();
    moidc_env_free(env);
    CHECK(chdir("/") == 0);
    scratch_end();
}

/* A token by moidc_token_get(); its text in `text`, "" when it failed (err says why). */
static inline enum moidc_code get(const struct moidc_token *rejected, struct moidc_token **ret)
{
    struct moidc_token_request request = {.env = env, .rejected = rejected};

    *ret = NULL;
    memset(&err, 0, sizeof err);
    return moidc_token_get(server, &request, ret, &err);
}

static inline void check_get(const char *expected)
{
    struct moidc_token *token;

    if (get(NULL, &token) != MOIDC_OK) {
        fprintf(stderr, "%s: %s\n", moidc_code_info(err.code)->name, err.what);
    }
    CHECK(token != NULL);
    CHECK_TEXT(token != NULL ? moidc_token_reveal(token) : NULL, expected);
    moidc_token_release(token);
}

/* Checks what is in memory; NULL: nothing that is good for `min_valid_s`. */
static inline void check_peek(int64_t min_valid_s, const char *expected)
{
    struct moidc_token *token;

    moidc_token_peek(server, min_valid_s, &token);
    CHECK((token != NULL) == (expected != NULL));
    if (token != NULL && expected != NULL) {
        CHECK_TEXT(moidc_token_reveal(token), expected);
    }
    moidc_token_release(token);
}

/* Waits, 30 s at most, until `counter` is `n`. */
static inline void wait_until(atomic_int *counter, int n)
{
    for (int i = 0; i < 3000 && atomic_load(counter) < n; i++) {
        usleep(10000);
    }
    CHECK(atomic_load(counter) == n);
}

/* Calls `call` with the 1st, 2nd ... allocation failing until none is left; before each one `prepare`, after it
 * `tidy`. */
static inline void fail_each(void (*prepare)(void), enum moidc_code (*call)(void), void (*tidy)(void), int sticky)
{
    unsigned long count;
    unsigned long n = 1;

    do {
        enum moidc_code rc;

        prepare();
        memset(&err, 0, sizeof err);
        mem_fail_at(n, sticky);
        rc = call();
        count = mem_fail_at(0, 0);
        if (rc != MOIDC_OK && rc != MOIDC_E_MEMORY) {
            fprintf(stderr, "allocation %lu: %s, \"%s\"\n", n, moidc_code_info(rc)->name, err.what);
        }
        CHECK(rc == MOIDC_E_MEMORY || rc == MOIDC_OK);
        CHECK(rc == MOIDC_OK || (err.code == rc && count >= n));
        tidy();
    } while (count >= n++);
}

#endif
