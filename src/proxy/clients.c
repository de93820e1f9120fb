/* SPDX-License-Identifier: MIT */
/* The clients that are served at a time: each in a thread of its own, up to a number that the system can bear. */
#include "io/clock.h"
#include "io/loopback_socket.h"
#include "proxy/proxy.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    STACK_BYTES = 512 * 1024,
    FULL_MS = 100,
    SPARE_THREADS_MOST = 16, /* who wait for a connection */
    TURNED_AWAY_MOST = 16,   /* who are told that there are too many, or are leaving */
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

bool proxy_connection_begin(struct connection *connection)
{
    struct moidc_proxy *proxy = connection->proxy;
    bool ours;

    pthread_mutex_lock(&proxy->mutex);
    ours = connection->state != CONNECTION_LEAVING;
    connection->state = ours ? CONNECTION_BUSY : CONNECTION_LEAVING;
    pthread_mutex_unlock(&proxy->mutex);
    return ours;
}

/* Mutex held. */
static void mark_leaving(struct connection *connection)
{
    if (connection->state != CONNECTION_LEAVING) {
        connection->state = CONNECTION_LEAVING;
        connection->proxy->leaving_count++;
    }
}

/* True where its client has sent something that its thread has not read yet: it is no idle one, though it looks so. */
static bool has_unread(const struct connection *connection)
{
    int n = 0;

    return ioctl(connection->fd, FIONREAD, &n) == 0 && n > 0;
}

/* Closes the connection that has waited for its next request for longest; the oldest of several. `served`: of those that have
 * a thread, which gets free so. Mutex held. */
static bool evict(struct moidc_proxy *proxy, bool served)
{
    struct connection *oldest = NULL;

    for (struct connection *connection = proxy->connections; connection != NULL; connection = connection->next) {
        if (connection->state == CONNECTION_IDLE && (connection->served || !served) &&
            (oldest == NULL || connection->idle_since_ms <= oldest->idle_since_ms) && !has_unread(connection)) {
            oldest = connection;
        }
    }
    if (oldest != NULL) {
        mark_leaving(oldest);
        shutdown(oldest->fd, SHUT_RDWR);
    }
    return oldest != NULL;
}

/* Where connections wait since the system gives no further thread: an idle one makes its thread free. Mutex held. */
static void free_thread(struct moidc_proxy *proxy)
{
    if (proxy->starved && proxy->queue_length > proxy->leaving_count) {
        evict(proxy, true);
    }
}

void proxy_connection_rest(struct connection *connection)
{
    struct moidc_proxy *proxy = connection->proxy;

    pthread_mutex_lock(&proxy->mutex);
    connection->state = CONNECTION_IDLE;
    connection->idle_since_ms = clock_steady_ms();
    free_thread(proxy);
    if (atomic_load(&proxy->stopping)) {
        shutdown(connection->fd, SHUT_RD); /* it would wait for a request that is not taken any more */
    }
    pthread_mutex_unlock(&proxy->mutex);
}

void proxy_connection_leave(struct connection *connection)
{
    pthread_mutex_lock(&connection->proxy->mutex);
    mark_leaving(connection);
    pthread_mutex_unlock(&connection->proxy->mutex);
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
    mark_leaving(connection);
    proxy->leaving_count--;
    proxy->connection_count--;
    pthread_mutex_unlock(&proxy->mutex);
    connection_free(connection);
}

/* The next connection that no thread serves; waits for one, unless enough threads wait. NULL: this thread is to end. */
static struct connection *next_connection(struct moidc_proxy *proxy)
{
    struct connection *connection;

    pthread_mutex_lock(&proxy->mutex);
    while (proxy->queue == NULL && proxy->spare_threads < SPARE_THREADS_MOST && !atomic_load(&proxy->stopping)) {
        proxy->spare_threads++;
        pthread_cond_wait(&proxy->queued, &proxy->mutex);
        proxy->spare_threads--;
    }
    connection = proxy->queue;
    if (connection != NULL) {
        connection->served = true;
        proxy->queue = connection->queue_next;
        proxy->queue_length--;
        proxy->starved = proxy->starved && proxy->queue != NULL;
    } else {
        proxy->thread_count--; /* the last touch: the proxy may be freed after it */
    }
    pthread_mutex_unlock(&proxy->mutex);
    return connection;
}

static void *work(void *arg)
{
    struct connection *connection;

    while ((connection = next_connection(arg)) != NULL) {
        connection_serve(connection);
        forget(connection);
    }
    return NULL;
}

/* False when there is no room, not even to say so. Those that are leaving hold their descriptors for a moment only, but
 * not without bound. Mutex held. */
static bool make_room(struct moidc_proxy *proxy, struct connection *connection)
{
    if (proxy->connection_count >= proxy->connections_most + TURNED_AWAY_MOST) {
        return false;
    }
    connection->surplus =
        proxy->connection_count - proxy->leaving_count >= proxy->connections_most && !evict(proxy, false);
    return true;
}

/* Has the connection wait for a thread; *more: another one than those that wait is needed. Mutex held. */
static void enqueue(struct moidc_proxy *proxy, struct connection *connection, bool *more)
{
    struct connection **end = &proxy->queue;

    while (*end != NULL) {
        end = &(*end)->queue_next;
    }
    *end = connection;
    connection->next = proxy->connections;
    proxy->connections = connection;
    proxy->connection_count++;
    proxy->queue_length++;
    *more = proxy->queue_length > proxy->spare_threads;
    proxy->thread_count += *more;
}

/* Starts a thread with every signal blocked: they are for the program's own threads. */
static bool start(struct moidc_proxy *proxy)
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
    failed = pthread_create(&thread, &attributes, work, proxy);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return failed == 0;
}

/* No thread came to be for it. The connections that wait are served by those that there are, of which one that is idle makes
 * room; where there is none, the client is told. */
static void give_up_thread(struct moidc_proxy *proxy)
{
    struct connection *orphan = NULL;

    pthread_mutex_lock(&proxy->mutex);
    if (--proxy->thread_count == 0 && proxy->queue != NULL) {
        orphan = proxy->queue;
        proxy->queue = orphan->queue_next;
        proxy->queue_length--;
    } else if (proxy->queue != NULL) {
        proxy->starved = true;
        free_thread(proxy);
    }
    pthread_mutex_unlock(&proxy->mutex);
    if (orphan != NULL) {
        connection_turn_away(orphan);
        forget(orphan);
    }
}

/* Has the accepted `fd` served by a thread of its own, or closes it. */
static void admit(struct moidc_proxy *proxy, int fd)
{
    struct connection *connection = mem_zalloc(sizeof *connection);
    bool more = false;
    bool room;
    int one = 1;

    if (connection == NULL) {
        close(fd);
        return;
    }
    *connection = (struct connection){.proxy = proxy, .fd = fd, .idle_since_ms = clock_steady_ms()};
    connection->in = mem_alloc(CONNECTION_HEAD_MOST_BYTES);
    connection->out = mem_alloc(CONNECTION_OUT_BYTES);
    if (connection->in == NULL || connection->out == NULL ||
        local_listener_peer(proxy->listener, fd) == LOCAL_PEER_FOREIGN) {
        connection_free(connection);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* fails on a UNIX socket, which has no delay */
    pthread_mutex_lock(&proxy->mutex);
    room = make_room(proxy, connection);
    if (room) {
        enqueue(proxy, connection, &more);
    }
    pthread_mutex_unlock(&proxy->mutex);
    if (!room) {
        connection_free(connection);
        return;
    }
    pthread_cond_signal(&proxy->queued); /* after the mutex, which the thread that wakes wants */
    if (more && !start(proxy)) {
        give_up_thread(proxy);
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
    pthread_cond_broadcast(&proxy->queued);
    for (struct connection *connection = proxy->connections; connection != NULL; connection = connection->next) {
        if (all || connection->state == CONNECTION_IDLE) {
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
        ended = proxy->thread_count == 0;
        pthread_mutex_unlock(&proxy->mutex);
        if (!ended) {
            clock_sleep_ms(5);
        }
    }
}
