/* SPDX-License-Identifier: MIT */
/* HTTP to the tracking server for the proxy, by libcurl: streams both ways without ever holding more than a buffer, waits
 * for the client's socket and the server's at once, follows no redirect, and changes nothing on the way.
 *
 * Unlike io/http.c this does not go through the fork gate: many transfers run at once, and each may take hours. Whoever
 * forks meanwhile may do so only to exec. */
#ifndef IO_UPSTREAM_H
#define IO_UPSTREAM_H

#include "base/strbuf.h"
#include "io/upstream_route.h"

#include <sys/types.h>

/* A connection to the server: one user at a time. *ret is the caller's, upstream_free(). */
struct upstream;
enum moidc_code upstream_new(const struct upstream_route *route, struct upstream **ret,
                             struct moidc_err *err) MUST_CHECK;
void upstream_free(struct upstream *upstream);
DEFINE_CLEANUP(struct upstream *, upstream_free)

enum upstream_body {
    UPSTREAM_NO_BODY,
    UPSTREAM_BYTES,  /* in memory */
    UPSTREAM_STREAM, /* from read(), `length` bytes */
    UPSTREAM_CHUNKED /* from read(), in chunks, until it says the end */
};

struct upstream_request {
    const char *method;
    const char *url;
    const struct strbuf *fields; /* lines "Name: value" or "Name;" (without a value), each ended by LF */
    enum upstream_body body;
    const char *bytes; /* of UPSTREAM_BYTES */
    int64_t length;
    bool await_continue; /* Expect: 100-continue: a refusal comes before the body where the server does that */
    bool repeatable;     /* may go out twice: on a kept connection that turned out to be dead (RFC 9110 §9.2.2) */
};

enum { UPSTREAM_END = 0, UPSTREAM_AGAIN = -1, UPSTREAM_FAIL = -2 };

/* What the caller does meanwhile; all are called in its own thread. */
struct upstream_calls {
    void *ctx;
    /* A line of the answer's head, of 1xx too, or a trailer. False ends the transfer. */
    bool (*line)(void *ctx, const char *bytes, size_t n);
    /* A piece of the body: true when it was taken, all of it; else *again tells whether to offer it later. */
    bool (*body)(void *ctx, const char *bytes, size_t n, bool *again);
    /* Bytes for the body: how many were put into `bytes`, or UPSTREAM_END, UPSTREAM_AGAIN, UPSTREAM_FAIL. */
    ssize_t (*read)(void *ctx, char *bytes, size_t size);
    /* Before each wait. Sets what to wait for at *fd (-1: nothing), POLLIN and POLLOUT. False ends the transfer.
     * `came`: the last wait found some of that. */
    bool (*turn)(void *ctx, bool came, int *fd, short *events);
    /* True when what was put off (body() or read()) can go on. */
    bool (*ready)(void *ctx, bool reading);
};

enum upstream_result {
    UPSTREAM_DONE,
    UPSTREAM_STOPPED,   /* by line(), body(), read() or turn() */
    UPSTREAM_UNTRUSTED, /* its certificate */
    UPSTREAM_UNREACHED, /* no connection was made: name, address, TLS */
    UPSTREAM_LATE,      /* ... in time */
    UPSTREAM_BROKEN,    /* the connection ended too early, or what came is no HTTP */
};

/* Sends the request and hands the answer over.
 *   why  what libcurl says of a failure, borrowed until the next call */
enum upstream_result upstream_send(struct upstream *upstream, const struct upstream_request *request,
                                   const struct upstream_calls *calls, const char **why);

#endif
