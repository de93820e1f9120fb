/* SPDX-License-Identifier: MIT */
#include "proxy/transfer.h"

#include "io/clock.h"
#include "proxy/exchange.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum {
    ANSWER_WAIT_MS = 600 * 1000,  /* for the server's answer to begin */
    SERVER_STALL_MS = 300 * 1000, /* for any byte of it then, or for the server to take any byte of a body */
    HALF_CLOSED_MS = 10 * 1000,   /* for the answer to a client that sends no more, and may be gone */
    DROPPED_MOST_BYTES = 256 * 1024,
    CHUNK_FRAME_BYTES = 16,
};

/* The server's head is complete: the client's goes out, unless the attempt is to be repeated. */
static bool begin_answer(struct exchange *exchange)
{
    CLEANUP(strbuf_free) struct strbuf head = STRBUF_INIT(2 * RESPONSE_HEAD_MOST_BYTES);
    struct response_client client = {
        .server = &exchange->proxy->server_url,
        .host = exchange->request->host,
        .head_only = span_is(exchange->request->line.method, "HEAD"),
        .old = exchange->request->line.minor == 0,
        /* a client that still sends its body cannot be told where the next request begins */
        .keep_alive = exchange->request->keep_alive && exchange->body.ended && !atomic_load(&exchange->proxy->stopping),
    };

    if (exchange->response.status == 401) {
        exchange->refused = true;
        return true;
    }
    if (exchange->response.status == 417 && exchange->expects && !exchange->streamed) {
        exchange->expects_no_more = true; /* and not what libcurl does then: to send the same once more */
        return false;
    }
    exchange->mode = response_write(&exchange->response, &client, &head, &exchange->keep_alive);
    exchange->left = exchange->response.length;
    exchange->answered = true;
    exchange->body.wants_continue = false; /* too late for that */
    return !head.failed && connection_put_all(exchange->connection, head.bytes, head.length);
}

static bool on_line(void *ctx, const char *bytes, size_t n)
{
    struct exchange *exchange = ctx;
    bool was_complete = exchange->response.complete;

    exchange->moved = true;
    if (!response_take_line(&exchange->response, bytes, n)) {
        return false;
    }
    return was_complete || !exchange->response.complete || begin_answer(exchange);
}

static bool on_body(void *ctx, const char *bytes, size_t n, bool *again)
{
    struct exchange *exchange = ctx;
    struct connection *connection = exchange->connection;
    char frame[CHUNK_FRAME_BYTES + 1];

    exchange->moved = true;
    if (exchange->refused) {
        exchange->dropped += n;
        return exchange->dropped <= DROPPED_MOST_BYTES;
    }
    if (exchange->mode == RESPONSE_NO_BODY || n == 0) {
        return true;
    }
    if (exchange->mode == RESPONSE_LENGTH && (int64_t)n > exchange->left) {
        return false;
    }
    if (connection_room(connection) < n + CHUNK_FRAME_BYTES) {
        if (!connection_flush(connection)) {
            return false;
        }
        if (connection_room(connection) < n + CHUNK_FRAME_BYTES) {
            *again = true;
            return false;
        }
    }
    if (exchange->mode == RESPONSE_CHUNKED) {
        connection_put(connection, frame, (size_t)snprintf(frame, sizeof frame, "%zx\r\n", n));
    }
    connection_put(connection, bytes, n);
    if (exchange->mode == RESPONSE_CHUNKED) {
        connection_put(connection, "\r\n", 2);
    }
    exchange->left -= (int64_t)n;
    return true;
}

static ssize_t on_read(void *ctx, char *bytes, size_t size)
{
    struct exchange *exchange = ctx;
    size_t kept = exchange->kept.length - exchange->kept_sent;
    ssize_t n;

    if (kept > 0) {
        n = (ssize_t)(kept < size ? kept : size);
        memcpy(bytes, exchange->kept.bytes + exchange->kept_sent, (size_t)n);
        exchange->kept_sent += (size_t)n;
    } else {
        n = body_read(&exchange->body, bytes, size);
        exchange->streamed = exchange->streamed || n > 0;
    }
    exchange->waits_for_body = n == UPSTREAM_AGAIN;
    exchange->moved = true;
    return n;
}

static bool on_ready(void *ctx, bool reading)
{
    struct exchange *exchange = ctx;
    struct connection *connection = exchange->connection;
    struct pollfd wait = {.fd = connection->fd, .events = POLLIN};

    if (!reading) {
        return connection_room(connection) >= CONNECTION_OUT_BYTES / 2;
    }
    return connection->in_start < connection->in_end || poll(&wait, 1, 0) > 0;
}

/* Looks whether the client closed its side, where something came from it. One that sends its next request already is not
 * looked at any more. */
static bool client_is_there(struct exchange *exchange, bool came, int64_t now_ms)
{
    char byte;
    ssize_t n;

    if (!exchange->watches_client) {
        return exchange->half_closed_until_ms == 0 || now_ms < exchange->half_closed_until_ms;
    }
    if (!came) {
        return true;
    }
    n = recv(exchange->connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n < 0) {
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    }
    exchange->watches_client = false;
    exchange->half_closed_until_ms = n == 0 ? now_ms + HALF_CLOSED_MS : 0;
    return true;
}

static bool on_turn(void *ctx, bool came, int *fd, short *events)
{
    struct exchange *exchange = ctx;
    struct connection *connection = exchange->connection;
    int64_t now_ms = clock_steady_ms();
    bool sends;
    bool slow_client;
    int64_t patience_ms;

    if (!connection_flush(connection) || atomic_load(&exchange->proxy->aborted)) {
        return false;
    }
    sends = connection->out_start < connection->out_end;
    slow_client = sends || exchange->waits_for_body;
    if (!exchange->waits_for_body && !client_is_there(exchange, came, now_ms)) {
        connection->gone = true;
        return false;
    }
    patience_ms = slow_client                                         ? CONNECTION_STALL_MS
                  : exchange->response.complete || exchange->streamed ? SERVER_STALL_MS
                                                                      : ANSWER_WAIT_MS;
    exchange->moved_ms = exchange->moved ? now_ms : exchange->moved_ms;
    exchange->moved = false;
    if (now_ms - exchange->moved_ms > patience_ms) {
        exchange->late = true;
        connection->gone = connection->gone || slow_client;
        return false;
    }
    *events = (short)((sends ? POLLOUT : 0) | (exchange->waits_for_body || exchange->watches_client ? POLLIN : 0));
    *fd = *events != 0 ? connection->fd : -1;
    return true;
}

/* RFC 9110 §9.2.2 */
static bool is_idempotent(struct span method)
{
    static const char *const methods[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"};

    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (span_is(method, methods[i])) {
            return true;
        }
    }
    return false;
}

static void add_token(const struct exchange *exchange, const struct moidc_token *token, struct strbuf *fields)
{
    const struct moidc_server *server = exchange->proxy->server;

    strbuf_add(fields, strbuf_text(&exchange->fields), exchange->fields.length);
    strbuf_add_text(fields, moidc_server_header_name(server));
    strbuf_add_text(fields, ": ");
    strbuf_add_text(fields, moidc_server_header_prefix(server));
    strbuf_add_text(fields, moidc_token_reveal(token));
    strbuf_add_text(fields, "\n");
}

static void fill_request(const struct exchange *exchange, const char *method, struct upstream_request *ret)
{
    bool whole = exchange->body.ended && !exchange->streamed;

    *ret = (struct upstream_request){
        .method = method,
        .url = exchange->url,
        .repeatable = is_idempotent(exchange->request->line.method) && whole,
        .length = exchange->request->length,
    };
    if (exchange->request->body == BODY_NONE) {
        ret->body = UPSTREAM_NO_BODY;
    } else if (whole) {
        ret->body = UPSTREAM_BYTES;
        ret->bytes = strbuf_text(&exchange->kept);
        ret->length = (int64_t)exchange->kept.length;
    } else {
        ret->body = exchange->request->body == BODY_LENGTH ? UPSTREAM_STREAM : UPSTREAM_CHUNKED;
        ret->await_continue = !exchange->expects_no_more;
    }
}

static void begin_attempt(struct exchange *exchange)
{
    response_clear(&exchange->response);
    response_init(&exchange->response);
    exchange->kept_sent = 0;
    exchange->refused = false;
    exchange->dropped = 0;
    exchange->waits_for_body = false;
    exchange->watches_client = exchange->half_closed_until_ms == 0;
    exchange->moved = true;
}

static enum upstream_result send_once(struct exchange *exchange, struct upstream *upstream,
                                      const struct upstream_request *request, const char **why)
{
    const struct upstream_calls calls = {
        .ctx = exchange, .line = on_line, .body = on_body, .read = on_read, .turn = on_turn, .ready = on_ready};

    begin_attempt(exchange);
    exchange->expects = request->await_continue;
    return upstream_send(upstream, request, &calls, why);
}

enum moidc_code transfer_run(struct exchange *exchange, const struct moidc_token *token, enum upstream_result *result,
                             char why[256], struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf fields = STRBUF_INIT(2 * EXCHANGE_FIELDS_MOST_BYTES);
    CLEANUP(mem_free_p)
    char *method = mem_strndup(exchange->request->line.method.bytes, exchange->request->line.method.length);
    struct upstream *upstream = NULL;
    struct upstream_request request;
    const char *said = "";
    enum moidc_code rc;

    add_token(exchange, token, &fields);
    if (fields.failed || method == NULL) {
        return err_memory(err);
    }
    rc = proxy_upstream_take(exchange->proxy, &upstream, err);
    if (rc != MOIDC_OK) {
        return rc;
    }
    fill_request(exchange, method, &request);
    request.fields = &fields;
    *result = send_once(exchange, upstream, &request, &said);
    if (request.await_continue && exchange->expects_no_more) {
        request.await_continue = false; /* RFC 9110 §10.1.1: "repeat that request without a 100-continue" */
        *result = send_once(exchange, upstream, &request, &said);
    }
    if (*result == UPSTREAM_DONE && !exchange->response.complete) {
        *result = UPSTREAM_BROKEN; /* libcurl takes a head that is cut off for a whole one */
        said = "the head of its answer is cut off";
    }
    snprintf(why, 256, "%s", said);
    proxy_upstream_give(exchange->proxy, upstream);
    return MOIDC_OK;
}
