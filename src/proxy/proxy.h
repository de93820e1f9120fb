/* SPDX-License-Identifier: MIT */
/* struct moidc_proxy inside its layer. */
#ifndef PROXY_PROXY_H
#define PROXY_PROXY_H

#include "io/local_listener.h"
#include "io/upstream.h"
#include "proxy/access.h"
#include "proxy/connection.h"

#include <pthread.h>
#include <stdatomic.h>

enum { PROXY_CONNECTIONS_MOST = 256, PROXY_SPARE_MOST = 64, PROXY_SHOWN_BYTES = 1400 };

struct proxy_spare {
    struct upstream *upstream;
    int64_t since_ms;
};

struct moidc_proxy {
    struct moidc_server *server; /* borrowed */
    struct moidc_env *env;
    struct upstream_route *route;
    struct local_listener *listener;
    struct access access;
    struct url server_url;
    char *server_origin;
    char *uri;
    int grace_ms;
    size_t connections_most;
    atomic_bool stopping; /* no further request is taken */
    atomic_bool aborted;  /* and those in flight end */

    pthread_mutex_t mutex; /* guards all below; never held while anything is waited for */
    struct connection *connections;
    size_t connection_count;
    size_t leaving_count;     /* those of them in CONNECTION_LEAVING */
    struct connection *queue; /* those of them that no thread serves yet, the oldest first */
    size_t queue_length;
    bool starved;          /* they wait since the system gives no further thread */
    pthread_cond_t queued; /* ... or the proxy is stopping */
    size_t thread_count;
    size_t spare_threads;                       /* those of them that wait */
    struct proxy_spare spare[PROXY_SPARE_MOST]; /* connections to the server that nobody uses now, the last used last */
    size_t spare_count;
    char failure[PROXY_SHOWN_BYTES]; /* for the person, who may have to act; "": none is new */
};

/* How many connections the limit on open files has room for. */
size_t proxy_clients_most(void);
/* Lets in everybody who waits. */
void proxy_clients_accept(struct moidc_proxy *proxy);
/* Ends connections: those that wait for a request, or all. */
void proxy_clients_end(struct moidc_proxy *proxy, bool all);
/* Waits until nobody is served any more, in short steps, at most that long. */
void proxy_clients_wait(struct moidc_proxy *proxy, int wait_ms);

/* To be called before the first byte of a request is read. False when the connection was closed to make room: its client
 * cannot be answered, and sends its request again. */
bool proxy_connection_begin(struct connection *connection) MUST_CHECK;
/* No byte of its next request is there: it waits for one. */
void proxy_connection_rest(struct connection *connection);
/* No further request of it is served; it makes room for another one. */
void proxy_connection_leave(struct connection *connection);

/* A connection to the server; given back with proxy_upstream_give() once it may serve another request. */
enum moidc_code proxy_upstream_take(struct moidc_proxy *proxy, struct upstream **ret, struct moidc_err *err) MUST_CHECK;
void proxy_upstream_give(struct moidc_proxy *proxy, struct upstream *upstream);

/* Has the thread of moidc_proxy_run() tell the person, once. */
void proxy_tell(struct moidc_proxy *proxy, const char *text);

#endif
