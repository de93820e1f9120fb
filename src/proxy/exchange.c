/* SPDX-License-Identifier: MIT */
#include "proxy/exchange.h"

#include "io/trust.h"
#include "proxy/reply.h"
#include "proxy/transfer.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { REPLY_MOST_BYTES = 64 * 1024 };

#define BROKEN_BODY "The body of the request is broken off or no chunked one"

DEFINE_CLEANUP(struct moidc_token *, moidc_token_release)

static void send_reply(struct exchange *exchange, const struct reply *reply)
{
    CLEANUP(strbuf_free) struct strbuf text = STRBUF_INIT(REPLY_MOST_BYTES);

    reply_write(reply, &text);
    if (!text.failed) {
        connection_put_all(exchange->connection, text.bytes, text.length);
    }
    connection_flush_all(exchange->connection);
}

void exchange_refuse(struct connection *connection, const struct proxy_request *request, int status,
                     const char *message)
{
    struct exchange exchange = {.connection = connection};
    struct reply reply = {
        .status = status,
        .message = message,
        .page = proxy_request_is_for_page(request),
        .body = !span_is(request->line.method, "HEAD"),
    };

    send_reply(&exchange, &reply);
}

/* Answers with a failure of ours or of the server's. The connection stays open where the request was read to its end. */
static bool answer_failure(struct exchange *exchange, int status, const char *message, int retry_after_s)
{
    struct reply reply = {
        .status = status,
        .message = message,
        .retry_after_s = retry_after_s,
        .page = proxy_request_is_for_page(exchange->request),
        .body = !span_is(exchange->request->line.method, "HEAD"),
        .keep_alive = exchange->request->keep_alive && exchange->request->line.minor == 1 && exchange->body.ended &&
                      !atomic_load(&exchange->proxy->stopping),
    };

    send_reply(exchange, &reply);
    return reply.keep_alive && !exchange->connection->gone;
}

/* The same of a call of the library. A person has to know where one has to act. */
static bool answer_error(struct exchange *exchange, const struct moidc_err *err)
{
    bool passes = err->code == MOIDC_E_NETWORK || err->code == MOIDC_E_TIMEOUT || err->code == MOIDC_E_MEMORY;
    int status = err->code == MOIDC_E_TIMEOUT ? 504 : err->code == MOIDC_E_CANCELLED ? 503 : 502;
    bool command = strncmp(err->next, "run: ", 5) == 0;
    char text[PROXY_SHOWN_BYTES];

    snprintf(text, sizeof text, "%s%s%s%s%s%s%s", err->what, err->where[0] != '\0' ? " [" : "", err->where,
             err->where[0] != '\0' ? "]" : "", err->next[0] != '\0' ? "; " : "", command ? "run " : "",
             command ? err->next + 5 : err->next);
    if (err->code != MOIDC_E_CANCELLED) {
        proxy_tell(exchange->proxy, text);
    }
    return answer_failure(exchange, status, text, passes ? 0 : 1);
}

static bool is_over(void *ctx)
{
    const struct moidc_proxy *proxy = ctx;

    return atomic_load(&proxy->aborted);
}

static enum moidc_code get_token(struct exchange *exchange, const struct moidc_token *rejected,
                                 struct moidc_token **ret, struct moidc_err *err)
{
    struct moidc_ui ui = {.ctx = exchange->proxy, .cancelled = is_over};
    struct moidc_token_request request = {
        .rejected = rejected, .env = exchange->proxy->env, .ui = &ui, .no_person = true};

    if (rejected == NULL) {
        moidc_token_peek(exchange->proxy->server, 0, ret);
        if (*ret != NULL) {
            return MOIDC_OK;
        }
    }
    return moidc_token_get(exchange->proxy->server, &request, ret, err);
}

/* The answer ended as it should: the client gets its end too. */
static bool end_answer(struct exchange *exchange)
{
    bool whole = exchange->mode != RESPONSE_LENGTH || exchange->left == 0;

    if (exchange->mode == RESPONSE_CHUNKED) {
        connection_put_all(exchange->connection, "0\r\n\r\n", 5);
    }
    return connection_flush_all(exchange->connection) && whole && exchange->keep_alive && exchange->body.ended;
}

/* It did not. Where only the end of the connection tells the client so, it must not look like a good one. */
static bool break_answer(struct exchange *exchange)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    connection_flush(exchange->connection);
    if (exchange->mode == RESPONSE_CLOSE) {
        setsockopt(exchange->connection->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    exchange->connection->gone = true;
    return false;
}

static bool answer_upstream_failure(struct exchange *exchange, enum upstream_result result, const char *why)
{
    const char *uri = moidc_server_uri(exchange->proxy->server);
    struct moidc_err err;

    if (exchange->answered) {
        return break_answer(exchange);
    }
    if (exchange->body.broken && !exchange->connection->gone) {
        return answer_failure(exchange, 400, BROKEN_BODY, 0);
    }
    if (exchange->connection->gone || atomic_load(&exchange->proxy->aborted)) {
        exchange->connection->gone = true;
        return false;
    }
    if (exchange->response.fault != NULL) {
        err_set(&err, MOIDC_E_PROTOCOL, "the tracking server's answer cannot be handed on: %s",
                exchange->response.fault);
    } else if (exchange->late || result == UPSTREAM_LATE) {
        err_set(&err, MOIDC_E_TIMEOUT, "the tracking server does not answer in time");
        err_next(&err, "check that it works, and that the network lets you reach it");
    } else if (result == UPSTREAM_UNTRUSTED) {
        err_set(&err, MOIDC_E_NETWORK, "the certificate of the tracking server is not trusted: %s", why);
        err_next(&err, "%s",
                 trust_remedy(why, "if your organisation has a CA of its own, set MLFLOW_TRACKING_SERVER_CERT_PATH to "
                                   "its PEM bundle"));
    } else if (result == UPSTREAM_UNREACHED) {
        err_set(&err, MOIDC_E_NETWORK, "the tracking server is not reached: %s", why);
        err_next(&err, "check that it runs, and that the network lets you reach it");
    } else {
        err_set(&err, MOIDC_E_NETWORK, "the tracking server broke the connection off before it had answered: %s", why);
        err_next(&err, "whether it did what was asked is not known: look, or ask again");
    }
    err_where(&err, "%s", uri);
    return answer_error(exchange, &err);
}

/* The server refused the renewed token too. */
static bool answer_second_refusal(struct exchange *exchange, const struct moidc_token *first,
                                  const struct moidc_token *second)
{
    struct span challenge = response_field(&exchange->response, "WWW-Authenticate");
    CLEANUP(mem_free_p) char *text = challenge.bytes != NULL ? mem_strndup(challenge.bytes, challenge.length) : NULL;
    const char *const sent[] = {moidc_token_reveal(first), moidc_token_reveal(second), NULL};
    struct moidc_err err;

    moidc_server_refused(exchange->proxy->server, text, sent, &err);
    return answer_error(exchange, &err);
}

/* The server refused the token: once more with another one, where the request can be repeated. */
static bool repeat(struct exchange *exchange, const struct moidc_token *first)
{
    CLEANUP(moidc_token_release_p) struct moidc_token *second = NULL;
    enum upstream_result result = UPSTREAM_DONE;
    struct moidc_err err;
    char why[256];

    if (get_token(exchange, first, &second, &err) != MOIDC_OK) {
        return answer_error(exchange, &err);
    }
    if (exchange->streamed) {
        return answer_failure(exchange, 502,
                              "The tracking server refused the token in the middle of the upload. The token is renewed "
                              "now: send the request again",
                              1);
    }
    if (transfer_run(exchange, second, &result, why, &err) != MOIDC_OK) {
        return answer_error(exchange, &err);
    }
    if (exchange->refused) {
        return answer_second_refusal(exchange, first, second);
    }
    return result == UPSTREAM_DONE ? end_answer(exchange) : answer_upstream_failure(exchange, result, why);
}

static bool run(struct exchange *exchange)
{
    CLEANUP(moidc_token_release_p) struct moidc_token *token = NULL;
    enum upstream_result result = UPSTREAM_DONE;
    struct moidc_err err;
    char why[256];

    if (get_token(exchange, NULL, &token, &err) != MOIDC_OK ||
        transfer_run(exchange, token, &result, why, &err) != MOIDC_OK) {
        return answer_error(exchange, &err);
    }
    if (exchange->refused) {
        return repeat(exchange, token);
    }
    return result == UPSTREAM_DONE ? end_answer(exchange) : answer_upstream_failure(exchange, result, why);
}

/* Reads the body, if it is small, and writes the fields that go on. False when the request ends here. */
static bool prepare(struct exchange *exchange)
{
    struct moidc_proxy *proxy = exchange->proxy;
    const struct proxy_request *request = exchange->request;
    struct proxy_outgoing outgoing = {
        .server_uri = moidc_server_uri(proxy->server),
        .server_origin = proxy->server_origin,
        .token_header = moidc_server_header_name(proxy->server),
    };
    bool small = request->body == BODY_CHUNKED || request->length <= EXCHANGE_KEPT_MOST_BYTES;
    struct moidc_err err;

    if (proxy_request_url(request, outgoing.server_uri, &exchange->url, &err) != MOIDC_OK) {
        answer_error(exchange, &err);
        return false;
    }
    if (exchange->url == NULL) {
        exchange_refuse(exchange->connection, request, 400,
                        "The path is refused: dot segments, encoded slashes and characters that stand in no URI "
                        "might lead elsewhere at the server");
        return false;
    }
    proxy_request_outgoing(request, &outgoing, &exchange->fields);
    if (small && !body_gather(&exchange->body, &exchange->kept) && !exchange->kept.failed) {
        exchange_refuse(exchange->connection, request, exchange->body.late ? 408 : 400,
                        exchange->body.late ? "The body of the request did not come in time" : BROKEN_BODY);
        return false;
    }
    if (exchange->fields.failed || exchange->kept.failed) {
        err_memory(&err);
        answer_error(exchange, &err);
        return false;
    }
    return true;
}

bool exchange_serve(struct connection *connection, const struct proxy_request *request)
{
    struct exchange exchange = {
        .connection = connection,
        .proxy = connection->proxy,
        .request = request,
        .fields = STRBUF_INIT(EXCHANGE_FIELDS_MOST_BYTES),
        .kept = STRBUF_INIT(EXCHANGE_KEPT_MOST_BYTES),
    };
    bool keep;

    body_init(&exchange.body, connection, request);
    response_init(&exchange.response);
    keep = prepare(&exchange) && run(&exchange);
    connection->over = !request->keep_alive && exchange.body.ended;
    response_clear(&exchange.response);
    strbuf_free(&exchange.fields);
    strbuf_free(&exchange.kept);
    mem_free(exchange.url);
    return keep;
}
