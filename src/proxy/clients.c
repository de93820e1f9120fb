/* SPDX-License-Identifier: MIT */
/* The clients that are served at a time: each in a thread of its own, up to a number that the system can bear. */
#include "io/clock.h"
#include "io/loopback_socket.h"
#include "proxy/proxy.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    STACK_BYTES = 512 * 1024,
    FULL_MS = 100,
    TURNED_AWAY_MOST = 16,   /* who are told that there are too many */
    DESCRIPTORS_EACH = 4,    /* the client's, the server's, and libcurl's own pair */
    DESCRIPTORS_OTHERS = 64, /* the program's */
};

size_t proxy_clients_most(void)
{
    struct rlimit limit;
    size_t most = PROXY_CONNECTIONS_MOST;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        size_t room = limit.rlim_cur > DESCRIPTORS_OTHERS ? (size_t)limit.rlim_cur - DESCRIPTORS_OTHERS : 0;

        most = room / DESCRIPTORS_EACH < most ? room / DESCRIPTORS_EACH : most;
    }
    return most > 0 ? most : 1;
}

void proxy_connection_idle(struct connection *connection, bool idle)
{
    struct moidc_proxy *proxy = connection->proxy;

    pthread_mutex_lock(&proxy->mutex);
    connection->idle = idle;
    connection->idle_since_ms = clock_steady_ms();
    if (idle && atomic_load(&proxy->stopping)) {
        shutdown(connection->fd, SHUT_RD); /* it would wait for a request that is not taken any more */
    }
    pthread_mutex_unlock(&proxy->mutex);
}

static void connection_free(struct connection *connection)
{
    mem_wipe(connection->in, connection->in_most);
    mem_wipe(connection->out, connection->out_most);
    mem_free(connection->in);
    mem_free(connection->out);
    close(connection->fd);
    mem_free(connection);
}

static void forget(struct connection *connection)
{
    struct moidc_proxy *proxy = connection->proxy;

    pthread_mutex_lock(&proxy->mutex);
    for (struct connection **link = &proxy->connections; *link != NULL; link = &(*link)->next) {
        if (*link == connection) {
            *link = connection->next;
            break;
        }
    }
    pthread_mutex_unlock(&proxy->mutex);
    connection_free(connection);
    pthread_mutex_lock(&proxy->mutex);
    proxy->connection_count--; /* the last touch: the proxy may be freed after it */
    pthread_mutex_unlock(&proxy->mutex);
}

static void *serve(void *arg)
{
    connection_serve(arg);
    forget(arg);
    return NULL;
}

/* Closes the connection that has waited for its next request for longest; the oldest of several. Mutex held. */
static bool evict(struct moidc_proxy *proxy)
{
    struct connection *oldest = NULL;

    for (struct connection *connection = proxy->connections; connection != NULL; connection = connection->next) {
        if (connection->idle && (oldest == NULL || connection->idle_since_ms <= oldest->idle_since_ms)) {
            oldest = connection;
        }
    }
    if (oldest != NULL) {
        oldest->idle = false;
        shutdown(oldest->fd, SHUT_RDWR);
    }
    return oldest != NULL;
}

/* False when there is no room, not even to say so. */
static bool enlist(struct moidc_proxy *proxy, struct connection *connection)
{
    bool let_in = true;

    pthread_mutex_lock(&proxy->mutex);
    if (proxy->connection_count >= proxy->connections_most && !evict(proxy)) {
        connection->surplus = true;
        let_in = proxy->connection_count < proxy->connections_most + TURNED_AWAY_MOST;
    }
    if (let_in) {
        connection->next = proxy->connections;
        proxy->connections = connection;
        proxy->connection_count++;
    }
    pthread_mutex_unlock(&proxy->mutex);
    return let_in;
}

/* Starts a thread with every signal blocked: they are for the program's own threads. */
static bool start(struct connection *connection)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all;
    sigset_t before;
    int failed;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&thread, &attributes, serve, connection);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return failed == 0;
}

/* Serves the accepted `fd` in a thread of its own, or closes it. */
static void admit(struct moidc_proxy *proxy, int fd)
{
    struct connection *connection = mem_zalloc(sizeof *connection);
    int one = 1;

    if (connection == NULL) {
        close(fd);
        return;
    }
    *connection = (struct connection){.proxy = proxy, .fd = fd, .idle = true, .idle_since_ms = clock_steady_ms()};
    connection->in = mem_alloc(CONNECTION_HEAD_MOST_BYTES);
    connection->out = mem_alloc(CONNECTION_OUT_BYTES);
    if (connection->in == NULL || connection->out == NULL || local_peer_find(fd) == LOCAL_PEER_FOREIGN ||
        !enlist(proxy, connection)) {
        connection_free(connection);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* fails on a UNIX socket, which has no delay */
    if (!start(connection)) {
        forget(connection);
    }
}

void proxy_clients_accept(struct moidc_proxy *proxy)
{
    int fd = -1;
    int error;

    while ((error = loopback_socket_accept(local_listener_fd(proxy->listener), &fd)) == 0) {
        admit(proxy, fd);
    }
    if (error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS) {
        clock_sleep_ms(FULL_MS); /* until somebody leaves; poll() would not wait */
    }
}

void proxy_clients_end(struct moidc_proxy *proxy, bool all)
{
    pthread_mutex_lock(&proxy->mutex);
    for (struct connection *connection = proxy->connections; connection != NULL; connection = connection->next) {
        if (all || connection->idle) {
            shutdown(connection->fd, all ? SHUT_RDWR : SHUT_RD);
        }
    }
    pthread_mutex_unlock(&proxy->mutex);
}

void proxy_clients_wait(struct moidc_proxy *proxy, int wait_ms)
{
    int64_t until_ms = clock_steady_ms() + wait_ms;
    bool ended = false;

    while (!ended && clock_steady_ms() < until_ms) {
        pthread_mutex_lock(&proxy->mutex);
        ended = proxy->connection_count == 0;
        pthread_mutex_unlock(&proxy->mutex);
        if (!ended) {
            clock_sleep_ms(5);
        }
    }
}
