/* SPDX-License-Identifier: MIT */
/* The one thread that renews tokens before they end, so that no call waits for it (contract: rule 4). It lives as long
 * as there is something to renew. */
#include "flow/client.h"
#include "flow/worker.h"
#include "io/clock.h"

#include <signal.h>

enum { STACK_BYTES = 512 * 1024, FORKED_WAIT_MS = 3000 };

struct renewal {
    struct renewal *next;
    struct moidc_server *server; /* a reference */
};

static bool is_over(void *ctx)
{
    const struct moidc_client *client = ctx;

    return atomic_load(&client->stopped);
}

static void renew(struct moidc_client *client, struct moidc_server *server)
{
    struct moidc_ui ui = {.ctx = client, .cancelled = is_over};
    struct wish wish = {.settings = server->settings, .call = {.env = server->env, .ui = &ui}, .background = true};
    CLEANUP(token_release_p) struct moidc_token *token = NULL;
    struct moidc_err err;
    enum moidc_code rc = worker_obtain(server->session, &wish, &token, &err);

    notices_add(&client->notices, MOIDC_DEBUG, "renewal.end server=%s result=%s", server->settings->uri,
                moidc_code_info(rc)->name);
}

static void set_queued(struct session *session, bool queued)
{
    pthread_mutex_lock(&session->mutex);
    session->renewal_queued = queued;
    pthread_mutex_unlock(&session->mutex);
}

static void renewal_free(struct renewal *renewal)
{
    moidc_server_release(renewal->server);
    mem_free(renewal);
}

static void *run(void *arg)
{
    struct moidc_client *client = arg;

    pthread_mutex_lock(&client->mutex);
    while (client->queue != NULL) {
        struct renewal *renewal = client->queue;

        client->queue = renewal->next;
        pthread_mutex_unlock(&client->mutex);
        renew(client, renewal->server);
        set_queued(renewal->server->session, false);
        renewal_free(renewal);
        pthread_mutex_lock(&client->mutex);
    }
    client->thread_runs = false;
    client->thread_ended = true;
    pthread_cond_broadcast(&client->idle);
    pthread_mutex_unlock(&client->mutex);
    return NULL;
}

/* Starts the thread with every signal blocked: they are for the program's own threads. client->mutex held. */
static bool start(struct moidc_client *client)
{
    pthread_attr_t attributes;
    sigset_t all;
    sigset_t before;
    int failed;

    if (client->thread_ended) {
        pthread_join(client->thread, NULL); /* it is past its last statement: no wait */
        client->thread_ended = false;
    }
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&client->thread, &attributes, run, client);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    client->thread_runs = failed == 0;
    return failed == 0;
}

/* Many forked workers do one thing and end by _exit(), which waits for nobody: a renewal that such a one began would take
 * the refresh token with it. While the token serves, its parent or a later call may begin one. */
static bool is_just_forked(const struct moidc_client *client)
{
    return client->forked_ms != 0 && clock_steady_ms() - client->forked_ms < FORKED_WAIT_MS;
}

void renewer_queue(struct moidc_server *server)
{
    struct moidc_client *client = server->client;
    struct session *session = server->session;
    struct renewal *renewal = is_just_forked(client) ? NULL : mem_zalloc(sizeof *renewal);
    bool queued;

    if (renewal == NULL) {
        return; /* the next call tries again */
    }
    pthread_mutex_lock(&client->mutex);
    pthread_mutex_lock(&session->mutex);
    queued = session->renewal_queued || session->busy || client->stopping;
    session->renewal_queued = session->renewal_queued || !queued;
    pthread_mutex_unlock(&session->mutex);
    if (queued) {
        mem_free(renewal);
    } else {
        renewal->server = server_hold(server);
        renewal->next = client->queue;
        client->queue = renewal;
        if (!client->thread_runs && !start(client)) {
            renewer_drop(client);
        }
    }
    pthread_mutex_unlock(&client->mutex);
}

void renewer_drop(struct moidc_client *client)
{
    while (client->queue != NULL) {
        struct renewal *renewal = client->queue;

        client->queue = renewal->next;
        set_queued(renewal->server->session, false);
        renewal_free(renewal);
    }
}
