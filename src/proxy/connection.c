/* SPDX-License-Identifier: MIT */
#include "proxy/connection.h"

#include "io/clock.h"
#include "io/loopback_socket.h"
#include "proxy/exchange.h"
#include "proxy/reply.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum {
    WAIT_STEP_MS = 1000,
    FIRST_WAIT_MS = 10 * 1000, /* for the first byte: nobody has shown a key yet */
    LINGER_MS = 2000,
    TURN_AWAY_MS = 200, /* nobody else is let in meanwhile */
    REPLY_MOST_BYTES = 16 * 1024,
};

bool connection_wait(struct connection *connection, short events, int64_t until_ms)
{
    struct pollfd wait = {.fd = connection->fd, .events = events};

    for (;;) {
        int64_t left_ms = until_ms - clock_steady_ms();
        int n;

        if (left_ms <= 0 || atomic_load(&connection->proxy->aborted)) {
            return false;
        }
        n = poll(&wait, 1, (int)(left_ms < WAIT_STEP_MS ? left_ms : WAIT_STEP_MS));
        if (n > 0) {
            return true;
        }
        if (n < 0 && errno != EINTR) {
            return false;
        }
    }
}

/* Moves what is unread to the front when there is no room behind it. */
static void make_room(struct connection *connection)
{
    if (connection->in_start == connection->in_end) {
        connection->in_start = connection->in_end = 0;
    } else if (connection->in_end == CONNECTION_HEAD_MOST_BYTES && connection->in_start > 0) {
        memmove(connection->in, connection->in + connection->in_start, connection->in_end - connection->in_start);
        connection->in_end -= connection->in_start;
        connection->in_start = 0;
    }
}

ssize_t connection_fill(struct connection *connection)
{
    ssize_t n;

    make_room(connection);
    n = loopback_socket_read(connection->fd, connection->in + connection->in_end,
                             CONNECTION_HEAD_MOST_BYTES - connection->in_end);
    connection->in_end += n > 0 ? (size_t)n : 0;
    connection->in_most = connection->in_end > connection->in_most ? connection->in_end : connection->in_most;
    return n;
}

bool connection_flush(struct connection *connection)
{
    while (!connection->gone && connection->out_start < connection->out_end) {
        ssize_t n = loopback_socket_write(connection->fd, connection->out + connection->out_start,
                                          connection->out_end - connection->out_start);

        if (n == 0) {
            return true;
        }
        connection->gone = n < 0;
        connection->out_start += n > 0 ? (size_t)n : 0;
    }
    connection->out_start = connection->out_end = 0;
    return !connection->gone;
}

bool connection_flush_all(struct connection *connection)
{
    while (connection_flush(connection) && connection->out_end > 0) {
        if (!connection_wait(connection, POLLOUT, clock_steady_ms() + CONNECTION_STALL_MS)) {
            connection->gone = true;
        }
    }
    return !connection->gone;
}

size_t connection_room(const struct connection *connection)
{
    return CONNECTION_OUT_BYTES - (connection->out_end - connection->out_start);
}

void connection_put(struct connection *connection, const char *bytes, size_t n)
{
    if (CONNECTION_OUT_BYTES - connection->out_end < n) {
        memmove(connection->out, connection->out + connection->out_start, connection->out_end - connection->out_start);
        connection->out_end -= connection->out_start;
        connection->out_start = 0;
    }
    memcpy(connection->out + connection->out_end, bytes, n);
    connection->out_end += n;
    connection->out_most = connection->out_end > connection->out_most ? connection->out_end : connection->out_most;
}

bool connection_put_all(struct connection *connection, const char *bytes, size_t n)
{
    while (n > 0 && !connection->gone) {
        size_t room = connection_room(connection);
        size_t piece = n < room ? n : room;

        connection_put(connection, bytes, piece);
        bytes += piece;
        n -= piece;
        if (n > 0) {
            connection_flush_all(connection);
        }
    }
    return !connection->gone;
}

static void refuse_head(struct connection *connection, int status, const char *why)
{
    CLEANUP(strbuf_free) struct strbuf text = STRBUF_INIT(REPLY_MOST_BYTES);
    struct reply reply = {.status = status, .message = why, .body = true};

    reply_write(&reply, &text);
    if (!text.failed) {
        connection_put_all(connection, text.bytes, text.length);
    }
    connection_flush_all(connection);
}

/* Reads up to the end of the next head, of *length bytes. False when there is none: the client closed, was told why, or was
 * sent away to make room. That is settled before a byte is read: what was read cannot be seen to lie unread any more. */
static bool read_head(struct connection *connection, bool first, size_t *length)
{
    struct request_scan scan = {0};
    int64_t until_ms = clock_steady_ms() + (first ? FIRST_WAIT_MS : CONNECTION_IDLE_WAIT_MS);
    bool begun = false;

    for (;;) {
        size_t waiting = connection->in_end - connection->in_start;
        ssize_t n;

        switch (request_head_scan(&scan, connection->in + connection->in_start, waiting)) {
        case REQUEST_COMPLETE:
            *length = scan.seen;
            return true;
        case REQUEST_BROKEN:
            refuse_head(connection, 400, "this is no head of a request: a control character, or a line without CR LF");
            return false;
        case REQUEST_PARTIAL:
            break;
        }
        if (waiting == CONNECTION_HEAD_MOST_BYTES) {
            refuse_head(connection, request_head_overflow(&scan), "the head of the request is larger than 64 KiB");
            return false;
        }
        if (waiting > 0 && !begun) {
            begun = true;
            until_ms = clock_steady_ms() + CONNECTION_HEAD_WAIT_MS;
        }
        if (!begun && !proxy_connection_begin(connection)) {
            return false;
        }
        n = connection_fill(connection);
        if (n == 0) {
            return false;
        }
        if (n < 0 && !begun) {
            proxy_connection_rest(connection);
        }
        if (n < 0 && !connection_wait(connection, POLLIN, until_ms)) {
            if (begun && !atomic_load(&connection->proxy->aborted)) {
                refuse_head(connection, 408, "the head of the request did not come in time");
            }
            return false;
        }
    }
}

static bool is_path(const struct proxy_request *request, const char *path)
{
    size_t n = strlen(path);

    return span_begins(request->target, path) && (request->target.length == n || request->target.bytes[n] == '?');
}

/* The value of `once` in the query. */
static struct span once_of(struct span target)
{
    struct span path;

    if (!span_cut(&target, '?', &path) || !span_begins(target, "once=")) {
        return (struct span){"", 0};
    }
    return span_after(target, 5);
}

static void send_text(struct connection *connection, const struct strbuf *text)
{
    if (!text->failed) {
        connection_put_all(connection, text->bytes, text->length);
    }
    connection_flush_all(connection);
}

/* A browser that comes by the one-time link. */
static void serve_entry(struct connection *connection, const struct proxy_request *request)
{
    CLEANUP(strbuf_free) struct strbuf text = STRBUF_INIT(REPLY_MOST_BYTES);
    struct access *access = &connection->proxy->access;
    bool by_page = request->fetch_site.bytes != NULL && !span_is(request->fetch_site, "none");

    if (!span_is(request->line.method, "GET")) {
        exchange_refuse(connection, request, 405, "This address is for GET");
    } else if (request->fetched_ahead) {
        exchange_refuse(connection, request, 503, "The link is not used up for a page that nobody sees yet");
    } else if (!access_link_use(access, once_of(request->target))) {
        exchange_refuse(connection, request, 403,
                        "This link was used already, or is too old. A new one: ask " PROXY_LINK_PATH
                        " of this proxy, with its key as the bearer token");
    } else {
        reply_write_entry(access->cookie_name, access->cookie, by_page, &text);
        send_text(connection, &text);
    }
}

/* A new link, for whoever has the key. */
static void serve_link(struct connection *connection, const struct proxy_request *request)
{
    CLEANUP(strbuf_free) struct strbuf text = STRBUF_INIT(REPLY_MOST_BYTES);
    char link[MOIDC_PROXY_LINK_BYTES];
    struct moidc_err err;

    if (moidc_proxy_link(connection->proxy, link, sizeof link, &err) != MOIDC_OK) {
        exchange_refuse(connection, request, 404, err.what);
        return;
    }
    reply_write_text(link, false, &text);
    send_text(connection, &text);
}

/* Serves one request. True when the connection stays open for another one. */
static bool serve_request(struct connection *connection, const char *head, size_t length)
{
    struct access *access = &connection->proxy->access;
    struct proxy_request request;
    struct verdict verdict = proxy_request_read(head, length, &request);
    bool entering;
    bool linking;

    if (verdict.status == 0 && connection->surplus) {
        verdict = (struct verdict){503, "The proxy serves as many connections as it can; try again"};
    }
    entering = verdict.status == 0 && !access->open && is_path(&request, PROXY_ENTER_PATH);
    linking = verdict.status == 0 && !access->open && is_path(&request, PROXY_LINK_PATH);
    verdict = verdict.status == 0 ? access_check_origin(access, &request, entering) : verdict;
    if (verdict.status == 0 && !entering) {
        verdict = access_check_key(access, &request, linking);
    }
    if (verdict.status != 0) {
        exchange_refuse(connection, &request, verdict.status, verdict.why);
        return false;
    }
    if (entering) {
        serve_entry(connection, &request);
        return false;
    }
    if (linking) {
        serve_link(connection, &request);
        return false;
    }
    if (span_begins(request.target, PROXY_OWN_PATH)) {
        exchange_refuse(connection, &request, 404, "The proxy has no such page");
        return false;
    }
    return exchange_serve(connection, &request) && !connection->gone;
}

/* Lets the client read what was sent: closing with bytes unread sends RST, which may take the answer back from it
 * (RFC 9112 §9.6). */
static void linger(struct connection *connection, int most_ms)
{
    int64_t until_ms = clock_steady_ms() + most_ms;

    if (connection->over && connection->in_start == connection->in_end) {
        return;
    }
    shutdown(connection->fd, SHUT_WR);
    for (;;) {
        ssize_t n = loopback_socket_read(connection->fd, connection->in, CONNECTION_HEAD_MOST_BYTES);

        if (n == 0 || clock_steady_ms() > until_ms || (n < 0 && !connection_wait(connection, POLLIN, until_ms))) {
            return;
        }
    }
}

void connection_serve(struct connection *connection)
{
    bool keep = true;

    for (bool first = true; keep; first = false) {
        size_t length = 0;
        char *head;

        if (!read_head(connection, first, &length) || atomic_load(&connection->proxy->stopping)) {
            break;
        }
        head = mem_strndup(connection->in + connection->in_start, length);
        if (head == NULL) {
            refuse_head(connection, 503, "memory is out");
            break;
        }
        connection->in_start += length;
        keep = serve_request(connection, head, length);
        mem_wipe(head, length);
        mem_free(head);
    }
    proxy_connection_leave(connection);
    if (!connection->gone) {
        linger(connection, LINGER_MS);
    }
}

void connection_turn_away(struct connection *connection)
{
    refuse_head(connection, 503, "the system lets the proxy start no thread for another connection; try again");
    linger(connection, TURN_AWAY_MS);
}
