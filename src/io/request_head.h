/* SPDX-License-Identifier: MIT */
/* The head of an HTTP/1 request (RFC 9112): pure functions on the bytes that came, for the loopback listener and the
 * proxy. What is odd is refused, never repaired: the listener's only client that matters is a browser of today, and what
 * the proxy hands on must mean the same to the next server. */
#ifndef IO_REQUEST_HEAD_H
#define IO_REQUEST_HEAD_H

#include "base/span.h"

enum request_scan_state {
    REQUEST_PARTIAL,  /* more bytes are needed */
    REQUEST_COMPLETE, /* the empty line has come */
    REQUEST_BROKEN,   /* this will never be a request: control characters, bare CR or LF */
};

/* How far a head was looked at, so that no byte is looked at twice; starts as zeros. */
struct request_scan {
    size_t seen;       /* bytes that were looked at; the length of the head once it is complete */
    size_t line_start; /* where the line that is being read begins */
};

/* Looks at the bytes that came since the last call; `bytes` holds all `n` that came so far. */
enum request_scan_state request_head_scan(struct request_scan *scan, const char *bytes, size_t n);

/* The status for a head that is not complete although its room is used up: 414 or 431 (RFC 6585 §5). */
int request_head_overflow(const struct request_scan *scan);

/* Takes the next line off the front of *rest, without its CR LF; `rest` is of a complete head. Empty: it was the last. */
struct span request_head_next_line(struct span *rest);

struct request_line {
    struct span method;
    struct span target; /* printable ASCII without '#', not empty */
    int minor;          /* of the version: 0 or 1 */
};

/* Takes the request line apart (RFC 9112 §3). 0, or the status of the refusal: 400 or 505. */
int request_head_line(struct span line, struct request_line *ret);

/* Takes a field line apart. False where RFC 9112 §5.1 and §5.2 want a refusal: no colon, white space before it, a folded
 * line, a name that is no token. */
bool request_head_field(struct span line, struct span *name, struct span *value);

/* What is served. */
struct request_served {
    const char *path; /* exactly */
    const char *host; /* what Host must be, with the port: "127.0.0.1:39303"; any case */
    const char *bare; /* the same without the port, where the port is the scheme's (80); else NULL */
};

/* Judges the complete head of `n` bytes. Returns 200 for a navigation of a browser to what is served, with its query
 * (borrowed from `bytes`, without '?') in *query and *query_length; else the status of the refusal. */
int request_head_judge(const struct request_served *served, const char *bytes, size_t n, const char **query,
                       size_t *query_length);

#endif
