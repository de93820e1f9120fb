/* SPDX-License-Identifier: MIT */
/* A client's request, read from its head: what it asks for, how its body ends, and what may be handed on. Pure functions
 * on the bytes that came. */
#ifndef PROXY_REQUEST_H
#define PROXY_REQUEST_H

#include "base/strbuf.h"
#include "io/request_head.h"

/* How the body of a request ends (RFC 9112 §6). */
enum body_kind { BODY_NONE, BODY_LENGTH, BODY_CHUNKED };

/* Spans borrow from the head; one whose field is missing has no bytes (NULL). */
struct proxy_request {
    struct request_line line;
    struct span fields; /* all field lines */
    struct span host;
    struct span target; /* in origin-form (RFC 9112 §3.2.1) */
    struct span authorization;
    struct span origin;
    struct span referer;
    struct span fetch_site;
    struct span fetch_mode;
    struct span fetch_dest;
    struct span accept;
    bool fetched_ahead; /* Sec-Purpose: nobody may ever see the answer */
    enum body_kind body;
    int64_t length; /* of BODY_LENGTH */
    bool expects_continue;
    bool keep_alive; /* the client wants the connection to stay open */
};

/* Why a request is refused. */
struct verdict {
    int status;      /* 0: it is not */
    const char *why; /* a static text */
};

/* Reads the complete head. verdict.status 0, or 400, 405, 417, 421, 501, 505: what could be taken for two different
 * requests is never handed on (RFC 9112 §11.2). */
struct verdict proxy_request_read(const char *head, size_t n, struct proxy_request *ret);

/* True for a browser's navigation to a page, which gets words in place of JSON. */
bool proxy_request_is_for_page(const struct proxy_request *request);

/* What the fields that are handed on are made with. */
struct proxy_outgoing {
    const char *server_uri;    /* the tracking server, normalised */
    const char *server_origin; /* its scheme, host and port */
    const char *token_header;  /* the field that the token goes into: the client's own is dropped */
};

/* Appends the field lines that may be handed on, each ended by LF: none of this hop (RFC 9110 §7.6.1), no credentials of
 * the client, no cookie of a proxy's, no framing. Origin and Referer, which access.c found to be ours, name the server
 * instead. A client that takes anything is said to want JSON, so that proxies refuse with 401 rather than with a login
 * page. Via is added (RFC 9110 §7.6.3). */
void proxy_request_outgoing(const struct proxy_request *request, const struct proxy_outgoing *outgoing,
                            struct strbuf *ret);

/* The address at the server for the target: `server_uri` followed by it; the caller's, mem_free(). NULL for one that
 * does not lie at or below the server's URI, or might not: dot segments, encoded slashes, characters that no URI has. */
enum moidc_code proxy_request_url(const struct proxy_request *request, const char *server_uri, char **ret,
                                  struct moidc_err *err) MUST_CHECK;

/* Names of cookies that are a proxy's own: this one's or, as cookies know no port, another one's. */
bool proxy_cookie_is_ours(struct span name);

/* Takes the next pair off the front of *rest, the value of a Cookie field (RFC 6265 §4.2.1). False after the last. */
bool proxy_cookie_next(struct span *rest, struct span *name, struct span *value);

#endif
