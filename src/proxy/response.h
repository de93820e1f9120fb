/* SPDX-License-Identifier: MIT */
/* The head of the tracking server's answer, made into the one that the client gets. Pure functions. */
#ifndef PROXY_RESPONSE_H
#define PROXY_RESPONSE_H

#include "base/strbuf.h"
#include "base/url.h"
#include "proxy/request.h"

enum { RESPONSE_HEAD_MOST_BYTES = 256 * 1024 };

/* What was gathered of an answer's head. */
struct response {
    struct strbuf fields; /* field lines, each ended by LF */
    struct strbuf reason; /* RFC 9112 §4 */
    size_t bytes;         /* of all heads, those of 1xx too */
    int status;           /* 0: no status line yet */
    bool complete;        /* the empty line of a final head has come: what follows are trailers */
    bool chunked;
    int64_t length;    /* Content-Length; -1: none */
    const char *fault; /* why it cannot be handed on, a static text; NULL: nothing is wrong */
};

void response_init(struct response *response);
void response_clear(struct response *response);

/* Takes the next line of the head, as it came. False when it cannot be handed on: response->fault. Heads of 1xx are passed
 * over, and so are trailers. */
bool response_take_line(struct response *response, const char *bytes, size_t n);

/* The first field of that name, borrowed; no bytes (NULL) when there is none. */
struct span response_field(const struct response *response, const char *name);

/* Who the head is made for. */
struct response_client {
    const struct url *server; /* the tracking server's URI */
    struct span host;         /* as the client calls the proxy */
    bool head_only;           /* HEAD asked */
    bool old;                 /* HTTP/1.0 */
    bool keep_alive;          /* the connection may stay open, if the answer allows it */
};

/* How the body goes to the client. */
enum response_body {
    RESPONSE_NO_BODY,
    RESPONSE_LENGTH,  /* as many bytes as Content-Length says */
    RESPONSE_CHUNKED, /* in chunks */
    RESPONSE_CLOSE,   /* until the connection is closed (HTTP/1.0) */
};

/* Appends the head for the client: no field of the hop behind us (RFC 9110 §7.6.1), none that is about the server's own
 * address (Alt-Svc, HSTS, Clear-Site-Data), Location mapped to the proxy where it points at or below the server's URI,
 * cookies without Domain and Secure and with their Path mapped. *keep_alive: whether the connection stays open. */
enum response_body response_write(const struct response *response, const struct response_client *client,
                                  struct strbuf *ret, bool *keep_alive);

#endif
