/* SPDX-License-Identifier: MIT */
#include "flow/client.h"

#include "base/fork_gate.h"
#include "flow/settings_file_find.h"
#include "io/clock.h"

#include <time.h>

/* All clients of the process, for fork(). */
static pthread_mutex_t clients_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;
static struct moidc_client *clients;

static void before_fork(void)
{
    pthread_mutex_lock(&clients_mutex);
    for (struct moidc_client *client = clients; client != NULL; client = client->next) {
        pthread_mutex_lock(&client->mutex);
        for (struct session *session = client->sessions; session != NULL; session = session->next) {
            session_before_fork(session);
        }
        pthread_mutex_lock(&client->notices.mutex);
    }
    fork_gate_enter();
}

static void after_fork_parent(void)
{
    fork_gate_leave();
    for (struct moidc_client *client = clients; client != NULL; client = client->next) {
        pthread_mutex_unlock(&client->notices.mutex);
        for (struct session *session = client->sessions; session != NULL; session = session->next) {
            session_after_fork_parent(session);
        }
        pthread_mutex_unlock(&client->mutex);
    }
    pthread_mutex_unlock(&clients_mutex);
}

static void after_fork_child(void)
{
    int64_t now_ms = clock_steady_ms();

    fork_gate_reset();
    for (struct moidc_client *client = clients; client != NULL; client = client->next) {
        pthread_mutex_init(&client->notices.mutex, NULL);
        for (struct session *session = client->sessions; session != NULL; session = session->next) {
            session_after_fork_child(session);
        }
        pthread_mutex_init(&client->mutex, NULL);
        session_condition_init(&client->idle);
        client->queue = NULL; /* the thread that had it is not here; its servers' references are given up */
        client->thread_runs = false;
        client->thread_ended = false;
        client->in_flight = 0;
        client->forked_ms = now_ms;
    }
    pthread_mutex_init(&clients_mutex, NULL);
}

static void register_fork(void)
{
    pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

void client_register(struct moidc_client *client)
{
    pthread_once(&fork_once, register_fork);
    pthread_mutex_lock(&clients_mutex);
    client->next = clients;
    clients = client;
    pthread_mutex_unlock(&clients_mutex);
}

void client_unregister(struct moidc_client *client)
{
    pthread_mutex_lock(&clients_mutex);
    for (struct moidc_client **link = &clients; *link != NULL; link = &(*link)->next) {
        if (*link == client) {
            *link = client->next;
            break;
        }
    }
    pthread_mutex_unlock(&clients_mutex);
}

void client_begin_request(struct moidc_client *client)
{
    pthread_mutex_lock(&client->mutex);
    client->in_flight++;
    pthread_mutex_unlock(&client->mutex);
}

void client_end_request(struct moidc_client *client)
{
    pthread_mutex_lock(&client->mutex);
    if (client->in_flight > 0 && --client->in_flight == 0) {
        pthread_cond_broadcast(&client->idle);
    }
    pthread_mutex_unlock(&client->mutex);
}

struct moidc_server *server_hold(struct moidc_server *server)
{
    atomic_fetch_add_explicit(&server->references, 1, memory_order_relaxed);
    return server;
}
