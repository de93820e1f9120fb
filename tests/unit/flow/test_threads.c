/* SPDX-License-Identifier: MIT */
/* Sixteen threads on three servers of two identities: tokens asked for, renewed, refused by a server, logged out of,
 * while the clock runs, children are forked and the client is stopped. Under the thread sanitizer it shows races. */
#include "session_fixture.h"

#include <sys/wait.h>

enum { THREADS = 16, ROUNDS = 400, SERVERS = 3, FORKS = 6 };

static atomic_int got;      /* tokens that came */
static atomic_int rejected; /* that a second 401 within a minute was an error */
static atomic_int late;     /* that had ended when they came: the clock here runs fast */
static atomic_int wrong;    /* whatever else happened */
static atomic_bool stopping;

/* Which identity a server is of: the second and the third share one. */
static const char *const CLIENTS[SERVERS] = {"app", "other", "other"};

static void write_settings(void)
{
    char text[2048];
    size_t n = 0;

    for (int i = 0; i < SERVERS; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n,
                              "[[tool.mlflow-oidc-client.tracking-servers]]\nuri = \"https://server%d.example.com\"\n"
                              "issuer = \"http://127.0.0.1:%d\"\nclient-id = \"%s\"\nclient-secret = \"s3cr3t\"\n",
                              i, provider.port, CLIENTS[i]);
    }
    put_file(in_scratch("pyproject.toml"), text, 0600);
}

static void threads_begin(void)
{
    char home[128];
    char cache[128];
    const char *variables[] = {home, cache, "no_proxy=*", NULL};

    scratch_begin();
    CHECK(chdir(scratch) == 0);
    provider_reset();
    provider.expires_in = 100;
    snprintf(home, sizeof home, "HOME=%s", scratch);
    snprintf(cache, sizeof cache, "XDG_CACHE_HOME=%s", scratch);
    env = env_of(variables);
    write_settings();
    got = rejected = late = wrong = 0;
    stopping = false;
    CHECK(moidc_client_new(scratch, &client, &err) == MOIDC_OK);
}

static void threads_end(void)
{
    moidc_client_free(client);
    moidc_env_free(env);
    CHECK(chdir("/") == 0);
    scratch_end();
}

static struct moidc_server *server_no(int i)
{
    struct moidc_server *found = NULL;
    struct moidc_lookup lookup = {.env = env, .tracking_uri = "databricks"};
    struct moidc_err own;
    char url[128];

    snprintf(url, sizeof url, "https://server%d.example.com/api/2.0/mlflow/runs/get", i);
    moidc_server_peek(client, url, &found);
    if (found == NULL && moidc_server_find(client, url, &lookup, &found, &own) != MOIDC_OK) {
        atomic_fetch_add(&wrong, 1);
    }
    return found;
}

static bool cancelled(void *ctx)
{
    (void)ctx;
    return atomic_load(&stopping);
}

static void count(enum moidc_code rc, bool refused, const struct moidc_err *own)
{
    if (rc == MOIDC_OK) {
        atomic_fetch_add(&got, 1);
    } else if (refused && rc == MOIDC_E_PROVIDER && own->http_status == 401) {
        atomic_fetch_add(&rejected, 1);
    } else if (rc == MOIDC_E_PROTOCOL && strstr(own->what, "has ended already") != NULL) {
        atomic_fetch_add(&late, 1); /* a loaded machine let a whole lifetime pass between reply and return */
    } else if (!atomic_load(&stopping)) {
        fprintf(stderr, "%s: %s\n", moidc_code_info(rc)->name, own->what);
        atomic_fetch_add(&wrong, 1);
    }
}

/* One call of a program: a token from memory or else by work, and now and then something that is rare. */
static void make_a_call(struct moidc_server *of, int chance)
{
    struct moidc_ui ui = {.cancelled = cancelled};
    struct moidc_token_request request = {.env = env, .ui = &ui};
    struct moidc_token *token = NULL;
    struct moidc_token *next = NULL;
    struct moidc_notice notice;
    struct moidc_err own = {0};
    bool removed;

    moidc_token_peek(of, 0, &token);
    if (token == NULL || chance % 4 == 0) {
        moidc_token_release(token);
        token = NULL;
        count(moidc_token_get(of, &request, &token, &own), false, &own);
    }
    if (chance % 16 == 1 && token != NULL) { /* the server answers 401 */
        request.rejected = token;
        count(moidc_token_get(of, &request, &next, &own), true, &own);
        moidc_token_release(next);
        request.rejected = NULL;
    } else if (chance % 64 == 2) {
        count(moidc_logout(of, &request, &removed, &own), false, &own);
    } else if (chance % 64 == 3) {
        next = NULL;
        count(moidc_login(of, &request, &next, &own), false, &own);
        moidc_token_release(next);
    } else if (chance % 16 == 4) {
        while (moidc_notice_next(client, &notice)) {
        }
    }
    moidc_token_release(token);
}

static void *call_many(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;

    for (int i = 0; i < ROUNDS && !atomic_load(&stopping); i++) {
        struct moidc_server *of = server_no(rand_r(&seed) % SERVERS);

        if (of != NULL) {
            make_a_call(of, rand_r(&seed) / 64);
            moidc_server_release(of);
        }
    }
    return NULL;
}

static void start_threads(pthread_t threads[THREADS])
{
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, call_many, (void *)(uintptr_t)(i + 1)) == 0);
    }
}

static void join_threads(pthread_t threads[THREADS])
{
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void test_sixteen_threads_on_three_servers_while_the_clock_runs(void)
{
    pthread_t threads[THREADS];

    threads_begin();
    start_threads(threads);
    for (int i = 0; i < 20; i++) {
        usleep(10000);
        clock_shift_s(17);
    }
    join_threads(threads);
    CHECK(wrong == 0 && got > THREADS);
    /* one work at a time for each of two identities: far fewer requests than calls */
    CHECK(provider.token_requests < got / 2);
    threads_end();
}

static void test_a_client_is_stopped_under_sixteen_threads(void)
{
    for (int round = 0; round < 5; round++) {
        pthread_t threads[THREADS];

        threads_begin();
        provider.delay_ms = 5;
        start_threads(threads);
        usleep((useconds_t)(20000 + 10000 * round));
        clock_shift_s(85);
        usleep(2000);
        stopping = true;
        moidc_client_stop(client, 1000);
        join_threads(threads);
        CHECK(wrong == 0);
        threads_end();
    }
}

#ifndef __SANITIZE_ADDRESS__
/* 0: the child got a token for each server. */
static int child_calls(void)
{
    struct moidc_token_request request = {.env = env};
    int failed = 0;

    alarm(60);
    for (int i = 0; i < SERVERS; i++) {
        struct moidc_server *of = server_no(i);
        struct moidc_token *token = NULL;
        struct moidc_err own;

        failed += of == NULL || moidc_token_get(of, &request, &token, &own) != MOIDC_OK;
        moidc_token_release(token);
        moidc_server_release(of);
    }
    return failed;
}

static void test_children_are_forked_under_sixteen_threads_that_renew(void)
{
    pthread_t threads[THREADS];

    threads_begin();
    provider.expires_in = 30;
    start_threads(threads);
    for (int i = 0; i < FORKS; i++) {
        int status = -1;
        pid_t child = fork();

        if (child == 0) {
            _exit(child_calls());
        }
        clock_shift_s(10); /* all together less than anybody waits for a lock that others are quicker to take */
        CHECK(child > 0 && waitpid(child, &status, 0) == child);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    join_threads(threads);
    CHECK(wrong == 0);
    threads_end();
}
#endif

int main(void)
{
    provider_start();
    RUN(test_sixteen_threads_on_three_servers_while_the_clock_runs);
    RUN(test_a_client_is_stopped_under_sixteen_threads);
#ifndef __SANITIZE_ADDRESS__ /* its allocator keeps the locks of other threads over a fork, and the child waits for ever */
    RUN(test_children_are_forked_under_sixteen_threads_that_renew);
#endif
    provider_end();
    return check_summary();
}
