/* SPDX-License-Identifier: MIT */
/* struct moidc_client and struct moidc_server inside the flow layer. */
#ifndef FLOW_CLIENT_H
#define FLOW_CLIENT_H

#include "base/uri_index.h"
#include "flow/session.h"

struct moidc_server {
    atomic_uint references;
    struct moidc_client *client; /* borrowed */
    struct session *session;     /* borrowed from the client */
    struct settings *settings;
    struct moidc_env *env; /* as it was when the server was met: for the renewal thread */
    struct url url;        /* of settings->uri */
    char *token_hint;
    bool nested;        /* another server is described, or was met, below its URI (client->mutex) */
    atomic_bool failed; /* its last call failed: the settings are read again */
};

struct renewal; /* an entry of the queue */

struct moidc_client {
    struct notices notices;
    char *start_dir;
    struct moidc_client *next; /* of all clients, for fork() */

    pthread_mutex_t mutex; /* guards all below; taken before a session's, never held while anything is waited for */
    struct session *sessions;
    struct moidc_server **servers; /* the met ones whose settings are kept, each a reference */
    size_t server_count;
    struct moidc_server *latest; /* the one of them that was asked for last */
    char latest_request[256];    /* a request that it covers; "" none is noted */
    struct uri_index *index; /* of the URIs that were described at the last look, or met: with the met server or NULL */
    struct settings_file *files[2];
    char *first_server;    /* what the variables describe where the tracking URI is not http(s) */
    bool any_server;       /* settings of any server were found at the last look */
    char *stranger;        /* the origin of a request that nothing covered */
    uint64_t stranger_env; /* fingerprint of what was looked at */
    int64_t stranger_until_ms;
    char *warned[32]; /* warnings that were given: each once */
    size_t warned_count;

    pthread_cond_t idle; /* in_flight fell to 0 or the renewal thread ended */
    struct renewal *queue;
    bool thread_runs;
    bool thread_ended; /* and can be joined */
    pthread_t thread;
    unsigned in_flight;  /* token requests that are not saved yet */
    int64_t forked_ms;   /* when this process was forked with it; 0: it was not */
    bool stopping;       /* nothing is begun any more */
    atomic_bool stopped; /* the grace is over: transfers end */
};

/* Reads the settings and finds the server that covers `url`, a new one where it was not met or its last call failed.
 *   ret  borrowed; NULL when nothing covers it. client->mutex held. */
enum moidc_code lookup_server(struct moidc_client *client, const struct moidc_lookup *lookup, const struct url *url,
                              struct moidc_server **ret, struct moidc_err *err) MUST_CHECK;

/* Reads all that describes servers; *ret borrows from `client` and `lookup`, until the next look-up. `url` is that of the
 * request, NULL where none is made. client->mutex held. */
enum moidc_code lookup_sources(struct moidc_client *client, const struct moidc_lookup *lookup, const struct url *url,
                               struct settings_sources *ret, struct moidc_err *err) MUST_CHECK;

/* Of a `request` that nothing covers: MOIDC_E_CONFIGURATION where it goes to the origin of a tracking URI that the variables
 * describe and that nothing is ever matched against. It must not go out without a token. */
enum moidc_code lookup_check(const struct moidc_lookup *lookup, const struct url *request,
                             struct moidc_err *err) MUST_CHECK;

/* The same of a `request` that url_parse() does not take, where it goes to a tracking URI that is no better. It may be that
 * URI itself, and NULL where there is none. */
enum moidc_code lookup_check_unread(const struct moidc_lookup *lookup, const char *request,
                                    struct moidc_err *err) MUST_CHECK;

/* Of a request whose `url` is ambiguous, so that nothing ever covers it: reads the settings where its origin is none that is
 * known, since a block that is written in the same way is an error. client->mutex held. */
enum moidc_code lookup_check_odd(struct moidc_client *client, const struct moidc_lookup *lookup, const struct url *url,
                                 struct moidc_err *err) MUST_CHECK;

/* The request that nothing covers, so that it is not looked up again while nothing changed. client->mutex held. */
bool lookup_is_known_stranger(struct moidc_client *client, const struct moidc_lookup *lookup, const struct url *url);

/* Marks the time in which the process should not end: from a token request until its tokens are saved. */
void client_begin_request(struct moidc_client *client);
void client_end_request(struct moidc_client *client);

/* All clients of the process are made ready for fork() while this one lives. */
void client_register(struct moidc_client *client);
void client_unregister(struct moidc_client *client);

struct moidc_server *server_hold(struct moidc_server *server);
DEFINE_CLEANUP(struct moidc_server *, moidc_server_release)

/* Has the renewal thread renew the server's token; starts the thread when needed. Never waits. */
void renewer_queue(struct moidc_server *server);
/* Forgets what is queued and not begun. client->mutex held. */
void renewer_drop(struct moidc_client *client);

#endif
