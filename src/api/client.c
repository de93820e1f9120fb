/* SPDX-License-Identifier: MIT */
#include "flow/client.h"

#include <string.h>
#include <time.h>

enum { LAST_WAIT_MS = 1000 };

enum moidc_code moidc_client_new(const char *start_dir, struct moidc_client **ret, struct moidc_err *err)
{
    CLEANUP(mem_free_p) char *start = start_dir != NULL ? mem_strdup(start_dir) : NULL;
    struct moidc_client *client = mem_zalloc(sizeof *client);

    if (client == NULL || (start_dir != NULL && start == NULL) || !notices_init(&client->notices)) {
        mem_free(client);
        return err_memory(err);
    }
    client->start_dir = start;
    start = NULL;
    pthread_mutex_init(&client->mutex, NULL);
    session_condition_init(&client->idle);
    atomic_init(&client->stopped, false);
    client_register(client);
    *ret = client;
    return MOIDC_OK;
}

/* Waits until nothing is in flight and the thread has ended, at most `wait_ms`. client->mutex held. */
static bool wait_idle(struct moidc_client *client, int wait_ms)
{
    struct timespec until = session_time_in(wait_ms);

    while (client->in_flight > 0 || client->thread_runs) {
        if (pthread_cond_timedwait(&client->idle, &client->mutex, &until) != 0) {
            return client->in_flight == 0 && !client->thread_runs;
        }
    }
    return true;
}

void moidc_client_stop(struct moidc_client *client, int wait_ms)
{
    pthread_mutex_lock(&client->mutex);
    client->stopping = true;
    renewer_drop(client);
    if (!wait_idle(client, wait_ms)) {
        atomic_store(&client->stopped, true);
        wait_idle(client, LAST_WAIT_MS); /* transfers notice within 100 ms */
    }
    atomic_store(&client->stopped, true);
    if (client->thread_ended) { /* else it hangs in the system, and whoever stops it once more may find it ended */
        pthread_join(client->thread, NULL);
        client->thread_ended = false;
    }
    pthread_mutex_unlock(&client->mutex);
}

void moidc_client_free(struct moidc_client *client)
{
    if (client == NULL) {
        return;
    }
    moidc_client_stop(client, 0);
    if (client->thread_runs) {
        return; /* it hangs in the system and may yet come back: better lost than freed under it */
    }
    client_unregister(client);
    for (size_t i = 0; i < client->server_count; i++) {
        moidc_server_release(client->servers[i]);
    }
    mem_free(client->servers);
    while (client->sessions != NULL) {
        struct session *session = client->sessions;

        client->sessions = session->next;
        session_free(session);
    }
    for (size_t i = 0; i < client->warned_count; i++) {
        mem_free(client->warned[i]);
    }
    settings_file_free(client->files[0]);
    settings_file_free(client->files[1]);
    mem_free(client->first_server);
    uri_index_free(client->index);
    mem_free(client->stranger);
    mem_free(client->start_dir);
    notices_destroy(&client->notices);
    pthread_cond_destroy(&client->idle);
    pthread_mutex_destroy(&client->mutex);
    mem_free(client);
}

bool moidc_client_has_servers(struct moidc_client *client)
{
    bool any;

    pthread_mutex_lock(&client->mutex);
    any = client->any_server;
    pthread_mutex_unlock(&client->mutex);
    return any;
}

bool moidc_notice_next(struct moidc_client *client, struct moidc_notice *ret)
{
    return notices_next(&client->notices, ret);
}
