/* SPDX-License-Identifier: MIT */
/* The body of a client's request, as it comes in. */
#ifndef PROXY_BODY_H
#define PROXY_BODY_H

#include "proxy/chunked.h"
#include "proxy/connection.h"
#include "proxy/request.h"

struct body {
    struct connection *connection;
    enum body_kind kind;
    int64_t left; /* of BODY_LENGTH */
    struct chunked chunked;
    bool wants_continue; /* the client waits for "100 Continue" (RFC 9110 §10.1.1) */
    bool ended;
    bool broken; /* it is no chunked body, or the client closed in the middle of it */
    bool late;   /* the client sends nothing any more */
};

void body_init(struct body *body, struct connection *connection, const struct proxy_request *request);

/* Puts what is there of the body into bytes[size]: how many; UPSTREAM_END, UPSTREAM_AGAIN or UPSTREAM_FAIL of
 * io/upstream.h. Tells a client that waits to go on. */
ssize_t body_read(struct body *body, char *bytes, size_t size);

/* Reads, waiting for the client, until the end or until `ret` is full. False when that fails: body->broken,
 * body->late or ret->failed. */
bool body_gather(struct body *body, struct strbuf *ret);

#endif
