/* SPDX-License-Identifier: MIT */
#include "session_fixture.h"

#include "io/cache.h"
#include "io/lock.h"

#include <dlfcn.h>
#include <sys/wait.h>

/* In the place of the C library's, for the library's own joins: POSIX has that of a detached thread undefined, glibc returns
 * an error, musl ends the process. */
int pthread_join(pthread_t thread, void **ret)
{
    int (*join)(pthread_t, void **) = NULL;
    int error;

    *(void **)&join = dlsym(RTLD_NEXT, "pthread_join");
    error = join(thread, ret);
    CHECK(error == 0);
    return error;
}

static void test_second_call_is_answered_from_memory_and_another_client_from_disk(void)
{
    session_begin();
    check_peek(0, NULL);
    check_get("T1");
    check_peek(0, "T1");
    check_get("T1");
    close_client();
    open_client();
    check_peek(0, NULL);
    check_get("T1");
    CHECK(provider.token_requests == 1);
    session_end();
}

static void test_renewal_begins_when_a_fifth_is_left(void)
{
    session_begin();
    provider.expires_in = 100;
    check_get("T1");
    clock_shift_s(75);
    check_peek(0, "T1");
    usleep(150000);
    CHECK(provider.token_requests == 1);
    provider.delay_ms = 300;
    clock_shift_s(6);
    check_peek(0, "T1"); /* nobody waits: the old one is still good */
    wait_until(&provider.token_requests, 2);
    moidc_client_stop(client, 5000); /* but the end of the program does */
    check_peek(0, "T2");
    session_end();
}

static void test_renewal_begins_at_most_a_minute_before_the_end(void)
{
    session_begin();
    check_get("T1");
    clock_shift_s(3600 - 70);
    check_peek(0, "T1");
    usleep(150000);
    CHECK(provider.token_requests == 1);
    clock_shift_s(11);
    check_peek(0, "T1");
    wait_until(&provider.answered, 2);
    session_end();
}

static void test_failed_renewal_leaves_the_token_and_is_not_hammered(void)
{
    session_begin();
    provider.expires_in = 100;
    check_get("T1");
    provider.error = "invalid_scope";
    clock_shift_s(85);
    for (int i = 0; i < 20; i++) {
        check_peek(0, "T1");
        usleep(10000);
    }
    wait_until(&provider.answered, 2);
    session_end();
}

static void test_nothing_is_sent_after_its_end(void)
{
    struct moidc_token *token;

    session_begin();
    provider.expires_in = 100;
    check_get("T1");
    check_peek(90, "T1");
    check_peek(101, NULL);
    provider.error = "invalid_scope";
    clock_shift_s(101);
    check_peek(0, NULL);
    CHECK(get(NULL, &token) == MOIDC_E_PROVIDER && token == NULL);
    CHECK_TEXT(err.oauth_error, "invalid_scope");
    close_client();
    open_client(); /* nor is it taken from the disk */
    CHECK(get(NULL, &token) == MOIDC_E_PROVIDER && token == NULL);
    session_end();
}

static void test_token_without_an_end_is_used_until_it_is_rejected(void)
{
    struct moidc_token *first;
    struct moidc_token *second;

    session_begin();
    provider.expires_in = 0;
    CHECK(get(NULL, &first) == MOIDC_OK && moidc_token_expires_at_s(first) == 0);
    clock_shift_s(86400);
    check_peek(3600, "T1");
    CHECK(get(first, &second) == MOIDC_OK);
    CHECK_TEXT(moidc_token_reveal(second), "T2");
    moidc_token_release(first);
    moidc_token_release(second);
    session_end();
}

static void test_rejected_token_is_renewed_at_most_once_a_minute(void)
{
    struct moidc_token *first;
    struct moidc_token *second;
    struct moidc_token *third;

    session_begin();
    CHECK(get(NULL, &first) == MOIDC_OK && get(first, &second) == MOIDC_OK);
    CHECK_TEXT(moidc_token_reveal(second), "T2");
    CHECK(get(first, &third) == MOIDC_OK); /* the newer one that is there is taken */
    CHECK_TEXT(moidc_token_reveal(third), "T2");
    moidc_token_release(third);
    CHECK(get(second, &third) == MOIDC_E_PROVIDER && third == NULL && err.http_status == 401);
    CHECK_CONTAINS(err.where, SERVER);
    clock_shift_s(59);
    CHECK(get(second, &third) == MOIDC_E_PROVIDER && third == NULL);
    CHECK(provider.token_requests == 2);
    check_get("T2"); /* other calls go on */
    clock_shift_s(2);
    CHECK(get(second, &third) == MOIDC_OK);
    CHECK_TEXT(third != NULL ? moidc_token_reveal(third) : NULL, "T3");
    moidc_token_release(first);
    moidc_token_release(second);
    moidc_token_release(third);
    session_end();
}

enum { THREADS = 16 };

static void *get_one(void *arg)
{
    struct moidc_token_request request = {.env = env};
    struct moidc_token *token = NULL;
    struct moidc_err own;

    (void)arg;
    return moidc_token_get(server, &request, &token, &own) == MOIDC_OK ? token : NULL;
}

/* Sixteen threads ask at once; each must get `expected`, or fail where that is NULL. */
static void check_threads(const char *expected)
{
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, get_one, NULL) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *token = NULL;

        pthread_join(threads[i], &token);
        CHECK((token != NULL) == (expected != NULL));
        if (token != NULL && expected != NULL) {
            CHECK_TEXT(moidc_token_reveal(token), expected);
        }
        moidc_token_release(token);
    }
    CHECK(provider.token_requests == 1);
}

static void test_sixteen_threads_make_one_request(void)
{
    session_begin();
    provider.delay_ms = 100;
    check_threads("T1");
    session_end();
}

static void test_sixteen_threads_share_one_refusal(void)
{
    session_begin();
    provider.delay_ms = 200;
    provider.error = "invalid_scope";
    check_threads(NULL);
    session_end();
}

static void test_without_a_cache_folder_memory_and_one_notice_do(void)
{
    struct moidc_token *first;
    struct moidc_token *second;
    struct moidc_token *third;
    struct moidc_notice notice;
    int warnings = 0;

    session_begin();
    put_file(in_scratch("mlflow-oidc-client"), "in the folder's place", 0600);
    provider.delay_ms = 100;
    check_threads("T1"); /* although there are no locks either */
    CHECK(get(NULL, &first) == MOIDC_OK && get(first, &second) == MOIDC_OK);
    CHECK(get(second, &third) == MOIDC_E_PROVIDER && provider.token_requests == 2);
    moidc_token_release(first);
    moidc_token_release(second);
    while (moidc_notice_next(client, &notice)) {
        warnings += strstr(notice.text, "kept in memory only") != NULL;
    }
    CHECK(warnings == 1);
    session_end();
}

static void test_refusal_is_not_asked_again_for_a_minute(void)
{
    struct moidc_token *token;

    session_begin();
    provider.error = "invalid_scope";
    CHECK(get(NULL, &token) == MOIDC_E_PROVIDER && provider.token_requests == 1);
    provider.error = NULL;
    clock_shift_s(58);
    CHECK(get(NULL, &token) == MOIDC_E_PROVIDER && provider.token_requests == 1);
    CHECK_TEXT(err.oauth_error, "invalid_scope");
    CHECK_CONTAINS(err.next, "not tried again for");
    clock_shift_s(3);
    check_get("T2");
    session_end();
}

static void test_login_is_not_held_up_by_a_refusal(void)
{
    struct moidc_token_request request = {0};
    struct moidc_token *token = NULL;

    session_begin();
    request.env = env;
    provider.error = "invalid_scope";
    CHECK(get(NULL, &token) == MOIDC_E_PROVIDER);
    provider.error = NULL;
    CHECK(moidc_login(server, &request, &token, &err) == MOIDC_OK);
    CHECK_TEXT(token != NULL ? moidc_token_reveal(token) : NULL, "T2");
    moidc_token_release(token);
    check_get("T2");
    session_end();
}

static void test_refused_way_of_authenticating_is_followed_by_the_other_once(void)
{
    struct moidc_token *token;

    session_begin();
    provider.error = "invalid_client";
    CHECK(get(NULL, &token) == MOIDC_E_PROVIDER && provider.token_requests == 2);
    CHECK_TEXT(err.oauth_error, "invalid_client");
    session_end();
}

static void test_logout_leaves_nothing_in_memory_or_on_disk(void)
{
    struct moidc_token_request request = {0};
    bool removed = false;

    session_begin();
    request.env = env;
    check_get("T1");
    CHECK(moidc_logout(server, &request, &removed, &err) == MOIDC_OK && removed);
    check_peek(0, NULL);
    CHECK(moidc_logout(server, &request, &removed, &err) == MOIDC_OK && !removed);
    check_get("T2");
    session_end();
}

/* What a forked child gets: 0 for a token that begins with T. */
static int child_gets_token(void)
{
    struct moidc_token_request request = {.env = env};
    struct moidc_token *token = NULL;
    struct moidc_err own;

    alarm(60);
    return moidc_token_get(server, &request, &token, &own) == MOIDC_OK && moidc_token_reveal(token)[0] == 'T' ? 0 : 1;
}

static void check_child(pid_t child)
{
    int status = -1;

    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_child_forked_during_a_request_gets_a_token(void)
{
    pthread_t thread;
    void *token = NULL;
    pid_t child;

    session_begin();
    provider.delay_ms = 300;
    CHECK(pthread_create(&thread, NULL, get_one, NULL) == 0);
    wait_until(&provider.token_requests, 1);
    child = fork();
    if (child == 0) {
        _exit(child_gets_token());
    }
    check_child(child);
    pthread_join(thread, &token);
    CHECK_TEXT(token != NULL ? moidc_token_reveal(token) : NULL, "T1");
    CHECK(provider.token_requests == 1); /* the child waited for its parent's request */
    moidc_token_release(token);
    session_end();
}

#ifndef __SANITIZE_ADDRESS__ /* its allocator keeps the locks of other threads over a fork, and the child waits for ever */

static atomic_bool enough;

static void *get_many(void *arg)
{
    while (!atomic_load(&enough)) {
        struct moidc_token *token;

        moidc_token_peek(server, 0, &token);
        moidc_token_release(token);
        moidc_token_release(get_one(arg));
    }
    return NULL;
}

static void test_children_forked_while_threads_hold_the_locks_get_a_token(void)
{
    pthread_t threads[4];

    session_begin();
    check_get("T1");
    enough = false;
    for (int i = 0; i < 4; i++) {
        CHECK(pthread_create(&threads[i], NULL, get_many, NULL) == 0);
    }
    for (int i = 0; i < 20; i++) {
        pid_t child = fork();

        if (child == 0) {
            _exit(child_gets_token());
        }
        check_child(child);
    }
    enough = true;
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    CHECK(provider.token_requests == 1);
    session_end();
}

#endif

/* The file of the tokens, put away and brought back while somebody waits. */
struct put_away {
    struct cache_dir *dir;
    char name[CACHE_NAME_SIZE];
    struct strbuf bytes;
    int asked; /* how often the one who waits asked whether to go on */
};

static void find_tokens(void *ctx, const char *name)
{
    struct put_away *away = ctx;
    size_t n = strlen(name);

    if (n < sizeof away->name && strcmp(name + n - 5, ".json") == 0) {
        memcpy(away->name, name, n + 1);
    }
}

static bool bring_back(void *ctx)
{
    struct put_away *away = ctx;
    struct moidc_err own;

    if (away->asked++ == 3) {
        CHECK(cache_dir_write(away->dir, away->name, away->bytes.bytes, away->bytes.length, &own) == MOIDC_OK);
    }
    return away->asked > 300; /* or it would wait for ever */
}

static void test_one_who_waits_takes_what_another_saved_before_its_turn_comes(void)
{
    struct put_away away = {.bytes = STRBUF_INIT(CACHE_FILE_MOST_BYTES)};
    struct moidc_ui ui = {.ctx = &away, .cancelled = bring_back};
    struct moidc_token_request request = {.env = env, .ui = &ui};
    struct moidc_token *token = NULL;
    struct lock *lock = NULL;
    char lock_name[CACHE_NAME_SIZE];
    bool there = false;

    session_begin();
    request.env = env;
    check_get("T1");
    CHECK(cache_dir_open(env, &away.dir, &err) == MOIDC_OK);
    CHECK(cache_dir_each(away.dir, find_tokens, &away, &err) == MOIDC_OK);
    CHECK(cache_dir_read(away.dir, away.name, &away.bytes, &there, &err) == MOIDC_OK && !there);
    CHECK(cache_dir_remove(away.dir, away.name, &there, &err) == MOIDC_OK && there);
    snprintf(lock_name, sizeof lock_name, "%.*s.lock", (int)strlen(away.name) - 5, away.name);
    CHECK(lock_try(away.dir, lock_name, &lock, &err) == LOCK_TAKEN);
    close_client();
    open_client();
    CHECK(moidc_token_get(server, &request, &token, &err) == MOIDC_OK);
    CHECK_TEXT(token != NULL ? moidc_token_reveal(token) : NULL, "T1");
    CHECK(away.asked > 3 && provider.token_requests == 1);
    moidc_token_release(token);
    lock_release(lock);
    strbuf_free(&away.bytes);
    cache_dir_close(away.dir);
    session_end();
}

static void test_stop_waits_for_the_request_in_flight(void)
{
    pthread_t thread;
    void *token = NULL;

    session_begin();
    provider.delay_ms = 300;
    CHECK(pthread_create(&thread, NULL, get_one, NULL) == 0);
    wait_until(&provider.token_requests, 1);
    moidc_client_stop(client, 5000);
    CHECK(provider.answered == 1);
    pthread_join(thread, &token);
    CHECK_TEXT(token != NULL ? moidc_token_reveal(token) : NULL, "T1");
    moidc_token_release(token);
    close_client();
    open_client();
    check_get("T1"); /* it was saved */
    CHECK(provider.token_requests == 1);
    session_end();
}

static void test_stop_gives_a_renewal_up_when_its_time_is_over(void)
{
    int64_t start_ms;

    session_begin();
    provider.expires_in = 100;
    check_get("T1");
    provider.delay_ms = 8000;
    clock_shift_s(85);
    check_peek(0, "T1");
    wait_until(&provider.token_requests, 2);
    start_ms = clock_steady_ms();
    moidc_client_stop(client, 100);
    CHECK(clock_steady_ms() - start_ms < 6000);
    check_peek(0, "T1"); /* what is there stays valid */
    session_end();
}

/* A cache helper that does not end before somebody opens the FIFO "gate" for writing, once there is a file "slow". */
static void put_slow_helper(void)
{
    static char variable[128];
    char script[512];

    snprintf(
        script, sizeof script,
        "#!/bin/sh\ncat >/dev/null\n[ \"$1\" = store ] && [ -e %s/slow ] && : >%s/storing && cat %s/gate\nexit 0\n",
        scratch, scratch, scratch);
    put_file(in_scratch("helper"), script, 0700);
    CHECK(mkfifo(in_scratch("gate"), 0600) == 0);
    snprintf(variable, sizeof variable, "MLFLOW_TRACKING_OIDC_CACHE=helper:%s/helper", scratch);
    one_more = variable;
    close_client();
    moidc_env_free(env);
    env = session_env();
    open_client();
    one_more = NULL;
}

/* What is stored is not given up: it may be the only refresh token that is left. */
static void test_stop_in_vain_is_followed_by_another(void)
{
    session_begin();
    put_slow_helper();
    provider.expires_in = 100;
    check_get("T1");
    put_file(in_scratch("slow"), "", 0600);
    clock_shift_s(85);
    check_peek(0, "T1");
    for (int i = 0; i < 3000 && access(in_scratch("storing"), F_OK) != 0; i++) {
        usleep(10000);
    }
    moidc_client_stop(client, 0);
    check_peek(0, "T1"); /* the thread hangs still */
    close(open(in_scratch("gate"), O_WRONLY));
    moidc_client_stop(client, 20000);
    check_peek(0, "T2");
    session_end();
}

/* What the caller's cancelled() asks for in the midst of a call, as a signal's handler does. */
static bool ask_within(void *ctx)
{
    struct moidc_token_request request = {.env = env};
    struct moidc_token *token = NULL;
    struct moidc_err own = {0};
    bool removed = false;
    int *refused = ctx;

    *refused += moidc_token_get(server, &request, &token, &own) == MOIDC_E_CANCELLED && token == NULL;
    *refused += moidc_login(server, &request, &token, &own) == MOIDC_E_CANCELLED && token == NULL;
    *refused += moidc_logout(server, &request, &removed, &own) == MOIDC_E_CANCELLED && !removed;
    CHECK_CONTAINS(own.what, "in the midst");
    return false;
}

static void test_call_within_a_call_of_its_thread_does_not_wait_for_itself(void)
{
    int refused = 0;
    struct moidc_ui ui = {.ctx = &refused, .cancelled = ask_within};
    struct moidc_token_request request = {.ui = &ui};
    struct moidc_token *token = NULL;

    session_begin();
    request.env = env;
    CHECK(moidc_token_get(server, &request, &token, &err) == MOIDC_OK);
    CHECK(refused > 0 && refused % 3 == 0);
    moidc_token_release(token);
    check_get("T1");
    session_end();
}

int main(void)
{
    provider_start();
    RUN(test_second_call_is_answered_from_memory_and_another_client_from_disk);
    RUN(test_renewal_begins_when_a_fifth_is_left);
    RUN(test_renewal_begins_at_most_a_minute_before_the_end);
    RUN(test_failed_renewal_leaves_the_token_and_is_not_hammered);
    RUN(test_nothing_is_sent_after_its_end);
    RUN(test_token_without_an_end_is_used_until_it_is_rejected);
    RUN(test_rejected_token_is_renewed_at_most_once_a_minute);
    RUN(test_sixteen_threads_make_one_request);
    RUN(test_sixteen_threads_share_one_refusal);
    RUN(test_without_a_cache_folder_memory_and_one_notice_do);
    RUN(test_refusal_is_not_asked_again_for_a_minute);
    RUN(test_login_is_not_held_up_by_a_refusal);
    RUN(test_refused_way_of_authenticating_is_followed_by_the_other_once);
    RUN(test_logout_leaves_nothing_in_memory_or_on_disk);
    RUN(test_child_forked_during_a_request_gets_a_token);
#ifndef __SANITIZE_ADDRESS__
    RUN(test_children_forked_while_threads_hold_the_locks_get_a_token);
#endif
    RUN(test_one_who_waits_takes_what_another_saved_before_its_turn_comes);
    RUN(test_stop_waits_for_the_request_in_flight);
    RUN(test_stop_gives_a_renewal_up_when_its_time_is_over);
    RUN(test_stop_in_vain_is_followed_by_another);
    RUN(test_call_within_a_call_of_its_thread_does_not_wait_for_itself);
    provider_end();
    return check_summary();
}
