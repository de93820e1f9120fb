/* SPDX-License-Identifier: MIT */
#include "io/listener.h"

#include "io/clock.h"
#include "io/listener_sockets.h"
#include "io/loopback_socket.h"
#include "io/page_reply.h"
#include "io/request_head.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CONNECTIONS_MOST = 32,
    REQUEST_MOST_BYTES = 16 * 1024,
    REQUEST_WAIT_MS = 10 * 1000,
    CLOSE_WAIT_MS = 1000,
    ACCEPTS_A_ROUND = 8,
    HOST_MOST_BYTES = 32,
};

/* A browser (or a stray) that was let in. */
struct connection {
    int fd;               /* -1: the place is free */
    unsigned long number; /* they are counted as they come */
    int64_t ends_at_ms;
    bool answered; /* the reply is out; what else comes is thrown away until the other side closes */
    struct request_scan scan;
    struct strbuf head;
};

struct listener {
    struct listener_sockets sockets;
    char *path;
    char host[HOST_MOST_BYTES]; /* with the port */
    char bare[HOST_MOST_BYTES]; /* without */
    struct request_served served;
    unsigned long accepted;
    struct connection connections[CONNECTIONS_MOST];
};

struct listener_request {
    int fd;
    char *query;
};

static enum moidc_code listener_new(const struct listener_address *address, struct listener **ret,
                                    struct moidc_err *err)
{
    struct listener *listener = mem_zalloc(sizeof *listener);

    if (listener == NULL) {
        return err_memory(err);
    }
    for (int i = 0; i < LISTENER_FAMILIES; i++) {
        listener->sockets.fd[i] = -1;
    }
    for (int i = 0; i < CONNECTIONS_MOST; i++) {
        listener->connections[i].fd = -1;
    }
    listener->path = mem_strdup(address->path);
    if (listener->path == NULL) {
        listener_close(listener);
        return err_memory(err);
    }
    *ret = listener;
    return MOIDC_OK;
}

enum moidc_code listener_open(const struct listener_address *address, struct listener **ret, struct moidc_err *err)
{
    CLEANUP(listener_close_p) struct listener *listener = NULL;
    enum moidc_code rc;

    rc = listener_new(address, &listener, err);
    if (rc != MOIDC_OK) {
        return rc;
    }
    rc = listener_sockets_open(address, &listener->sockets, err);
    if (rc != MOIDC_OK) {
        return rc;
    }
    snprintf(listener->host, sizeof listener->host, "%s:%d", address->host, listener->sockets.port);
    snprintf(listener->bare, sizeof listener->bare, "%s", address->host);
    listener->served =
        (struct request_served){listener->path, listener->host, listener->sockets.port == 80 ? listener->bare : NULL};
    *ret = listener;
    listener = NULL;
    return MOIDC_OK;
}

static void connection_end(struct connection *connection)
{
    if (connection->fd >= 0) {
        close(connection->fd);
    }
    strbuf_free(&connection->head); /* wiped: it may hold a code */
    connection->fd = -1;
}

void listener_close(struct listener *listener)
{
    if (listener == NULL) {
        return;
    }
    listener_sockets_close(&listener->sockets);
    for (int i = 0; i < CONNECTIONS_MOST; i++) {
        connection_end(&listener->connections[i]);
    }
    mem_free(listener->path);
    mem_free(listener);
}

/* Answers a stray, and leaves the connection to be read out: closing with bytes unread sends RST, which may take the
 * reply back from the other side (RFC 9112 §9.6). */
static void connection_refuse(struct connection *connection, int status)
{
    bool with_body = strncmp(strbuf_text(&connection->head), "HEAD ", 5) != 0; /* RFC 9110 §9.3.2 */

    if (!page_reply_refuse(connection->fd, status, with_body)) {
        connection_end(connection);
        return;
    }
    strbuf_free(&connection->head);
    connection->answered = true;
    connection->ends_at_ms = clock_steady_ms() + CLOSE_WAIT_MS;
}

/* Hands the connection out as a request. */
static enum moidc_code connection_take(struct connection *connection, const char *query, size_t n,
                                       struct listener_request **ret, struct moidc_err *err)
{
    struct listener_request *request = mem_zalloc(sizeof *request);

    if (request != NULL) {
        request->query = mem_strndup(query, n);
    }
    if (request == NULL || request->query == NULL) {
        mem_free(request);
        connection_end(connection);
        return err_memory(err);
    }
    request->fd = connection->fd;
    connection->fd = -1;
    connection_end(connection);
    *ret = request;
    return MOIDC_OK;
}

/* Throws away what comes on an answered connection. */
static void connection_drain(struct connection *connection)
{
    char bytes[4096];
    ssize_t n = loopback_socket_read(connection->fd, bytes, sizeof bytes);

    if (n == 0) {
        connection_end(connection);
    }
}

/* Reads what came, and answers or hands out what is complete. */
static enum moidc_code connection_read(struct listener *listener, struct connection *connection,
                                       struct listener_request **ret, struct moidc_err *err)
{
    char bytes[4096];
    size_t room = connection->head.most - connection->head.length;
    ssize_t n = loopback_socket_read(connection->fd, bytes, room < sizeof bytes ? room : sizeof bytes);
    const char *query;
    size_t query_length;
    int status;

    if (n == 0) {
        connection_end(connection);
    }
    if (n <= 0) {
        return MOIDC_OK;
    }
    strbuf_add(&connection->head, bytes, (size_t)n);
    mem_wipe(bytes, (size_t)n);
    if (connection->head.failed) {
        connection_end(connection);
        return err_memory(err);
    }
    switch (request_head_scan(&connection->scan, connection->head.bytes, connection->head.length)) {
    case REQUEST_PARTIAL:
        if (connection->head.length == connection->head.most) {
            connection_refuse(connection, request_head_overflow(&connection->scan));
        }
        return MOIDC_OK;
    case REQUEST_BROKEN:
        connection_refuse(connection, 400);
        return MOIDC_OK;
    case REQUEST_COMPLETE:
        break;
    }
    status =
        request_head_judge(&listener->served, connection->head.bytes, connection->scan.seen, &query, &query_length);
    if (status == 200) {
        return connection_take(connection, query, query_length, ret, err);
    }
    connection_refuse(connection, status);
    return MOIDC_OK;
}

/* Ends those whose time is up. What has not said a word (a browser's preconnect) gets none. */
static void end_late(struct listener *listener)
{
    int64_t now = clock_steady_ms();

    for (int i = 0; i < CONNECTIONS_MOST; i++) {
        struct connection *connection = &listener->connections[i];

        if (connection->fd < 0 || connection->ends_at_ms > now) {
            continue;
        }
        if (connection->answered || connection->head.length == 0) {
            connection_end(connection);
        } else {
            connection_refuse(connection, 408);
        }
    }
}

/* A free place; if need be that of the connection that was answered, else that of the oldest: a newcomer is more likely
 * to be the browser than one that did not say its request while so many others came. */
static struct connection *free_place(struct listener *listener)
{
    struct connection *worst = NULL;

    for (int i = 0; i < CONNECTIONS_MOST; i++) {
        struct connection *connection = &listener->connections[i];

        if (connection->fd < 0) {
            return connection;
        }
        if (worst == NULL || connection->answered > worst->answered ||
            (connection->answered == worst->answered && connection->number < worst->number)) {
            worst = connection;
        }
    }
    connection_end(worst);
    return worst;
}

static enum moidc_code failed(const struct listener *listener, const char *what, int error, struct moidc_err *err)
{
    err_set(err, MOIDC_E_NETWORK, "%s: %s", what, strerror(error));
    err_where(err, "port %d", listener->sockets.port);
    return err_next(err, "%s", LISTENER_REMEDY);
}

/* Lets in who waits at `listening`, and reads at once what each has to say. */
static enum moidc_code accept_some(struct listener *listener, int listening, struct listener_request **ret,
                                   struct moidc_err *err)
{
    for (int i = 0; i < ACCEPTS_A_ROUND && *ret == NULL; i++) {
        struct connection *connection;
        enum moidc_code rc;
        int fd = -1;
        int error = loopback_socket_accept(listening, &fd);

        if (error == EMFILE || error == ENFILE || error == EBADF || error == EINVAL || error == ENOTSOCK ||
            error == ENOSYS) {
            return failed(listener, "cannot let the browser in", error, err);
        }
        if (error != 0) {
            return MOIDC_OK; /* nobody is left, or it was about that one connection (accept(2)) */
        }
        connection = free_place(listener);
        *connection = (struct connection){.fd = fd,
                                          .number = listener->accepted++,
                                          .ends_at_ms = clock_steady_ms() + REQUEST_WAIT_MS,
                                          .head = STRBUF_INIT(REQUEST_MOST_BYTES)};
        rc = connection_read(listener, connection, ret, err);
        if (rc != MOIDC_OK) {
            return rc;
        }
    }
    return MOIDC_OK;
}

/* The descriptors to wait for: sockets first, then a place each; -1 is skipped by poll(). How many there are up to the
 * last that is used: poll() takes no more than the process may have open. */
static nfds_t fill_poll(const struct listener *listener, struct pollfd *polls)
{
    nfds_t count = LISTENER_FAMILIES;

    for (int i = 0; i < LISTENER_FAMILIES; i++) {
        polls[i] = (struct pollfd){.fd = listener->sockets.fd[i], .events = POLLIN};
    }
    for (int i = 0; i < CONNECTIONS_MOST; i++) {
        polls[LISTENER_FAMILIES + i] = (struct pollfd){.fd = listener->connections[i].fd, .events = POLLIN};
        count = listener->connections[i].fd >= 0 ? (nfds_t)(LISTENER_FAMILIES + i + 1) : count;
    }
    return count;
}

/* Milliseconds until something has to be done: a connection's end, or `until_ms`. */
static int time_left_ms(const struct listener *listener, int64_t until_ms)
{
    int64_t left;

    for (int i = 0; i < CONNECTIONS_MOST; i++) {
        const struct connection *connection = &listener->connections[i];

        if (connection->fd >= 0 && connection->ends_at_ms < until_ms) {
            until_ms = connection->ends_at_ms;
        }
    }
    left = until_ms - clock_steady_ms();
    return left > 0 ? (int)left : 0;
}

/* Serves what poll() found. Connections first: they were there before those that wait. */
static enum moidc_code serve(struct listener *listener, const struct pollfd *polls, struct listener_request **ret,
                             struct moidc_err *err)
{
    enum moidc_code rc = MOIDC_OK;

    for (int i = 0; i < CONNECTIONS_MOST && rc == MOIDC_OK && *ret == NULL; i++) {
        struct connection *connection = &listener->connections[i];

        if (polls[LISTENER_FAMILIES + i].revents == 0) {
            continue;
        }
        if (connection->answered) {
            connection_drain(connection);
        } else {
            rc = connection_read(listener, connection, ret, err);
        }
    }
    for (int i = 0; i < LISTENER_FAMILIES && rc == MOIDC_OK && *ret == NULL; i++) {
        if (polls[i].revents & (POLLERR | POLLNVAL)) {
            return failed(listener, "the socket that waits for the browser failed", EIO, err);
        }
        if (polls[i].revents != 0) {
            rc = accept_some(listener, listener->sockets.fd[i], ret, err);
        }
    }
    return rc;
}

enum moidc_code listener_next(struct listener *listener, int wait_ms, struct listener_request **ret,
                              struct moidc_err *err)
{
    int64_t until_ms = clock_steady_ms() + wait_ms;
    struct listener_request *request = NULL;
    enum moidc_code rc = MOIDC_OK;

    do {
        struct pollfd polls[LISTENER_FAMILIES + CONNECTIONS_MOST];
        nfds_t count = fill_poll(listener, polls);

        if (poll(polls, count, time_left_ms(listener, until_ms)) < 0) {
            if (errno == EINTR) {
                break; /* a signal: the caller wants to know */
            }
            return failed(listener, "cannot wait for the browser", errno, err);
        }
        rc = serve(listener, polls, &request, err);
        end_late(listener);
    } while (rc == MOIDC_OK && request == NULL && clock_steady_ms() < until_ms);
    if (rc == MOIDC_OK) {
        *ret = request;
    }
    return rc;
}

int listener_port(const struct listener *listener)
{
    return listener->sockets.port;
}

const char *listener_query(const struct listener_request *request)
{
    return request->query;
}

void listener_answer(struct listener_request *request, int status, const char *html, size_t length)
{
    page_reply_send(request->fd, status, html, length);
    mem_wipe(request->query, strlen(request->query));
    mem_free(request->query);
    mem_free(request);
}
