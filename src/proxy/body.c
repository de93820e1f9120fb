/* SPDX-License-Identifier: MIT */
#include "proxy/body.h"

#include "io/clock.h"
#include "io/loopback_socket.h"
#include "io/upstream.h"

#include <poll.h>
#include <string.h>

void body_init(struct body *body, struct connection *connection, const struct proxy_request *request)
{
    *body = (struct body){
        .connection = connection,
        .kind = request->body,
        .left = request->length,
        .wants_continue = request->expects_continue,
        .ended = request->body == BODY_NONE || (request->body == BODY_LENGTH && request->length == 0),
    };
}

static ssize_t fail(struct body *body)
{
    body->broken = true;
    return UPSTREAM_FAIL;
}

/* Nothing is there: has the client go on that waits for it. */
static ssize_t again(struct body *body)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

    if (body->wants_continue) {
        body->wants_continue = false;
        if (!connection_put_all(body->connection, go_on, sizeof go_on - 1) || !connection_flush(body->connection)) {
            return fail(body);
        }
    }
    return UPSTREAM_AGAIN;
}

static ssize_t note_read(struct body *body, ssize_t n)
{
    if (n == 0) {
        return fail(body); /* the client closed in the middle */
    }
    if (n < 0) {
        return again(body);
    }
    body->wants_continue = false;
    return n;
}

static ssize_t read_length(struct body *body, char *bytes, size_t size)
{
    struct connection *connection = body->connection;
    size_t waiting = connection->in_end - connection->in_start;
    ssize_t n;

    size = (int64_t)size < body->left ? size : (size_t)body->left;
    if (waiting > 0) {
        n = (ssize_t)(waiting < size ? waiting : size);
        memcpy(bytes, connection->in + connection->in_start, (size_t)n);
        connection->in_start += (size_t)n;
    } else {
        n = loopback_socket_read(connection->fd, bytes, size);
    }
    n = note_read(body, n);
    if (n > 0) {
        body->left -= n;
        body->ended = body->left == 0;
    }
    return n;
}

static ssize_t read_chunked(struct body *body, char *bytes, size_t size)
{
    struct connection *connection = body->connection;
    size_t written = 0;

    while (written == 0 && !body->ended) {
        size_t used = 0;

        if (connection->in_start == connection->in_end) {
            ssize_t n = note_read(body, connection_fill(connection));

            if (n < 0) {
                return n;
            }
        }
        body->wants_continue = false;
        written = chunked_decode(&body->chunked, connection->in + connection->in_start,
                                 connection->in_end - connection->in_start, &used, bytes, size);
        connection->in_start += used;
        if (body->chunked.state == CHUNKED_BROKEN) {
            return fail(body);
        }
        body->ended = body->chunked.state == CHUNKED_END;
    }
    return (ssize_t)written;
}

ssize_t body_read(struct body *body, char *bytes, size_t size)
{
    if (body->broken) {
        return UPSTREAM_FAIL;
    }
    if (body->ended) {
        return UPSTREAM_END;
    }
    return body->kind == BODY_LENGTH ? read_length(body, bytes, size) : read_chunked(body, bytes, size);
}

bool body_gather(struct body *body, struct strbuf *ret)
{
    char bytes[16 * 1024];

    while (!body->ended && ret->length < ret->most) {
        size_t room = ret->most - ret->length;
        ssize_t n = body_read(body, bytes, room < sizeof bytes ? room : sizeof bytes);

        if (n == UPSTREAM_FAIL) {
            return false;
        }
        if (n > 0) {
            strbuf_add(ret, bytes, (size_t)n);
        } else if (n == UPSTREAM_AGAIN &&
                   !connection_wait(body->connection, POLLIN, clock_steady_ms() + CONNECTION_STALL_MS)) {
            body->late = true;
            return false;
        }
        if (ret->failed) {
            return false;
        }
    }
    return true;
}
