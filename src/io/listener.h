/* SPDX-License-Identifier: MIT */
/* The HTTP listener of the redirect URI (RFC 8252 §7.3): serves one path to one browser and ignores strays. */
#ifndef IO_LISTENER_H
#define IO_LISTENER_H

#include "base/strbuf.h"

struct listener;
struct listener_request;

/* Where to listen. */
struct listener_address {
    bool ipv4;        /* 127.0.0.1 */
    bool ipv6;        /* ::1; with both, a machine without IPv6 listens on IPv4 alone */
    int port;         /* of the redirect URI: 1 to 65535; 0: a free one (RFC 8252 §7.3) */
    const char *path; /* exactly this path is served; borrowed for the call */
    const char *host; /* as in the redirect URI: "127.0.0.1", "[::1]" or "localhost"; Host must be it with the port */
    /* for a container, whose loopback no browser reaches: an IP literal to listen on in place of the loopback addresses,
     * and its port; ipv4 or ipv6 says which it is. NULL: none. The browser still says the redirect URI's host and port. */
    const char *outside;
    int outside_port;
};

/* Opens the sockets (close-on-exec, non-blocking, no SO_REUSEPORT). *ret is the caller's, listener_close().
 * MOIDC_E_NETWORK where the port is taken: err then names it and, where the system tells, the program that holds it. */
enum moidc_code listener_open(const struct listener_address *address, struct listener **ret,
                              struct moidc_err *err) MUST_CHECK;
void listener_close(struct listener *listener);
DEFINE_CLEANUP(struct listener *, listener_close)

/* The port that the browser comes to: address->port, or the free one that was taken in its place. */
int listener_port(const struct listener *listener);

/* Works for up to `wait_ms`: takes connections (a bounded number; each has 10 s and 16 KiB to say its request), answers
 * what is not a GET of the path with the right Host by itself (400, 404, 405, 421 ..., Connection: close), and hands
 * out the first that is.
 *   ret  NULL when none came in time, or a signal came (look at cancelled() then); else the caller's, to be ended by
 *        listener_answer(), also after listener_close(). Its connection stays open, and others are still served by
 *        further calls.
 * MOIDC_E_NETWORK when the sockets fail. */
enum moidc_code listener_next(struct listener *listener, int wait_ms, struct listener_request **ret,
                              struct moidc_err *err) MUST_CHECK;

/* The query of the request, without '?' ("" when there was none); may hold a secret; borrowed. */
const char *listener_query(const struct listener_request *request);

/* Answers with an HTML page and frees the request. Sent with no-store, no-referrer, nosniff, X-Frame-Options and a
 * Content-Security-Policy that allows inline style and data: images alone (the empty icon, so that the browser asks for
 * none). Lets the browser read it all (at most 1 s, 0.2 s for a refusal; one that stays open without reason gets 0.1 s),
 * then closes. */
void listener_answer(struct listener_request *request, int status, const char *html, size_t length);

#endif
