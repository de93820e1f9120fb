/* SPDX-License-Identifier: MIT */
/* The head of an HTTP/1 request (RFC 9112) as the loopback listener judges it: pure functions on the bytes that came.
 * What is odd is refused, never repaired: the only client that matters is a browser of today. */
#ifndef IO_REQUEST_HEAD_H
#define IO_REQUEST_HEAD_H

#include <stdbool.h>
#include <stddef.h>

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
