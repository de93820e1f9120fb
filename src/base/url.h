/* SPDX-License-Identifier: MIT */
/* Absolute http and https URIs (RFC 3986), taken apart strictly: what is odd is refused, never repaired. */
#ifndef BASE_URL_H
#define BASE_URL_H

#include "base/error.h"

/* The parts, as they stand in the text that was parsed (borrowed from it). */
struct url {
    bool https;
    bool userinfo;    /* something stands before an '@' */
    const char *host; /* without the brackets of an IPv6 literal */
    size_t host_length;
    bool ipv6;
    int port; /* 80 or 443 where none is written */
    bool port_written;
    const char *path; /* from its '/', or "" */
    size_t path_length;
    const char *query; /* after the '?', NULL when there is none */
    size_t query_length;
    bool fragment;
};

/* Takes `text` apart. False when it is no absolute http(s) URI: another scheme, empty host, port out of 1 to 65535,
 * characters that RFC 3986 does not allow (controls, space, backslash, '"', '<', '>', '^', '`', '{', '|', '}', bytes
 * above 126), '%' without two hex digits. */
bool url_parse(const char *text, struct url *ret);

/* True when url_parse() allows the character, as it does '%' before two hex digits. */
bool url_may_hold(char c);

/* True when the path holds "." or ".." segments (also percent-encoded, even several times, or with parameters behind), an
 * encoded slash or backslash, an encoded NUL, or the URI has user info: nothing is ever matched against such a URI. So is
 * an encoded path of more than 16 KiB. */
bool url_is_ambiguous(const struct url *url);

/* True for 127.0.0.0/8, ::1 and the name localhost (RFC 8252 §7.3). */
bool url_is_loopback(const struct url *url);

/* True when both have the same scheme, host (any case) and port (RFC 6454). */
bool url_same_origin(const struct url *a, const struct url *b);

/* True when `url` lies at or below `base`: same origin, and its path is that of `base` or continues it after a '/'
 * (trailing slashes of `base` do not count), percent-encoded in whatever way (RFC 3986 §6.2.2). False where either is
 * ambiguous. */
bool url_is_below(const struct url *url, const struct url *base);

/* "https://host:port/path" in one spelling: scheme and host in lower case, no default port, no trailing slash, no query,
 * nothing percent-encoded that need not be, and the rest with upper-case digits. The caller's, mem_free(). NULL when
 * memory is out. */
char *url_normalised(const struct url *url) MUST_CHECK;

/* "https://host:port" alone, as above. */
char *url_origin(const struct url *url) MUST_CHECK;

#endif
