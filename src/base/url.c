/* SPDX-License-Identifier: MIT */
#include "base/url.h"

#include "base/strbuf.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <string.h>

enum { URL_MOST_BYTES = 64 * 1024, DECODED_MOST_BYTES = 16 * 1024, DECODED_MOST_TIMES = 5, ENCODED = 256 };

/* A bit for each character below 128. */
struct characters {
    uint64_t bits[2];
};

static bool is_one_of(char c, const struct characters *set)
{
    unsigned char u = (unsigned char)c;

    return u < 128 && (set->bits[u >> 6] >> (u & 63) & 1) != 0;
}

/* RFC 3986 has a place for them: printable ASCII but "<>\^`{|} */
static const struct characters allowed = {{0xaffffffa00000000, 0x47fffffeafffffff}};
/* Letters, digits, '-', '.', '_'. */
static const struct characters in_host = {{0x03ff600000000000, 0x07fffffe87fffffe}};
/* What need not be percent-encoded (RFC 3986 §2.3): letters, digits, '-', '.', '_', '~'; and brackets. */
static const struct characters plain = {{0x03ff600000000000, 0x47fffffeaffffffe}};

bool url_may_hold(char c)
{
    return is_one_of(c, &allowed);
}

/* Length of `text` when each of its characters may stand in a URI, else -1. */
static long allowed_length(const char *text)
{
    size_t n = 0;

    for (; url_may_hold(text[n]); n++) {
        if (text[n] == '%' && text_octet(text + n + 1) < 0) {
            return -1;
        }
    }
    return n <= URL_MOST_BYTES && text[n] == '\0' ? (long)n : -1;
}

static bool parse_port(const char *text, size_t n, struct url *url)
{
    int port = 0;

    if (n == 0) {
        return true; /* "http://host:/" names the default port (RFC 3986 §6.2.3) */
    }
    while (n > 1 && *text == '0') { /* of any number of digits (§3.2.3) */
        text++;
        n--;
    }
    if (n > 5) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        port = port * 10 + (text[i] - '0');
    }
    url->port = port;
    url->port_written = true;
    return port >= 1 && port <= 65535;
}

/* Copies the host for a function that wants a NUL behind it; false when it is no address for its length. */
static bool host_copy(const struct url *url, char ret[INET6_ADDRSTRLEN])
{
    if (url->host_length >= INET6_ADDRSTRLEN) {
        return false;
    }
    memcpy(ret, url->host, url->host_length);
    ret[url->host_length] = '\0';
    return true;
}

static bool host_is_ipv6(const struct url *url, struct in6_addr *ret)
{
    char text[INET6_ADDRSTRLEN];

    return host_copy(url, text) && inet_pton(AF_INET6, text, ret) == 1;
}

static bool host_is_plain(const struct url *url)
{
    struct in6_addr address;

    if (url->ipv6) {
        return host_is_ipv6(url, &address);
    }
    for (size_t i = 0; i < url->host_length; i++) {
        if (!is_one_of(url->host[i], &in_host)) {
            return false;
        }
    }
    return url->host_length > 0;
}

static bool parse_authority(const char *text, size_t n, struct url *url)
{
    const char *end = text + n;

    for (const char *at; (at = memchr(text, '@', (size_t)(end - text))) != NULL; text = at + 1) {
        url->userinfo = true; /* the last '@' counts, as it does to those who do not look closely */
    }
    if (text < end && *text == '[') {
        const char *close = memchr(text, ']', (size_t)(end - text));

        if (close == NULL || (close + 1 < end && close[1] != ':')) {
            return false;
        }
        url->ipv6 = true;
        url->host = text + 1;
        url->host_length = (size_t)(close - text - 1);
        text = close + 1;
    } else {
        const char *colon = memchr(text, ':', (size_t)(end - text));

        url->host = text;
        url->host_length = (size_t)((colon != NULL ? colon : end) - text);
        text += url->host_length;
    }
    if (text < end && !parse_port(text + 1, (size_t)(end - text - 1), url)) {
        return false;
    }
    return host_is_plain(url);
}

bool url_parse(const char *text, struct url *ret)
{
    struct url url = {0};
    long length = allowed_length(text);
    const char *end;
    const char *authority;
    const char *mark;

    if (length < 0) {
        return false;
    }
    end = text + length;
    if (text_begins_nocase(text, "https://", 8)) {
        url.https = true;
        url.port = 443;
        authority = text + 8;
    } else if (text_begins_nocase(text, "http://", 7)) {
        url.port = 80;
        authority = text + 7;
    } else {
        return false;
    }
    url.path = authority + strcspn(authority, "/?#");
    if (!parse_authority(authority, (size_t)(url.path - authority), &url)) {
        return false;
    }
    url.path_length = strcspn(url.path, "?#");
    mark = url.path + url.path_length;
    if (*mark == '?') {
        url.query = mark + 1;
        url.query_length = strcspn(url.query, "#");
        mark = url.query + url.query_length;
    }
    url.fragment = mark < end;
    *ret = url;
    return true;
}

/* "." or "..", also with parameters behind (RFC 3986 §3.3: "..;x"), which some servers take away. */
static bool segment_is_dots(const char *segment, size_t n)
{
    size_t dots = 0;

    while (dots < n && segment[dots] == '.') {
        dots++;
    }
    return (dots == 1 || dots == 2) && (dots == n || segment[dots] == ';');
}

static bool is_separator(char c)
{
    return c == '/' || c == '\\';
}

/* Looks only where a segment begins with a dot: almost every request of MLflow's has one elsewhere ("/api/2.0/"). */
static bool has_dot_segment(const char *path, size_t n)
{
    const char *end = path + n;

    for (const char *dot = path; (dot = memchr(dot, '.', (size_t)(end - dot))) != NULL; dot++) {
        const char *close = dot;

        if (dot > path && !is_separator(dot[-1])) {
            continue;
        }
        while (close < end && !is_separator(*close)) {
            close++;
        }
        if (segment_is_dots(dot, (size_t)(close - dot))) {
            return true;
        }
    }
    return false;
}

/* Decodes what is percent-encoded, in place; the length that is left. */
static size_t decode_once(char *text, size_t n)
{
    size_t out = 0;

    for (size_t i = 0; i < n; out++) {
        int octet = text[i] == '%' && n - i >= 3 ? text_octet(text + i + 1) : -1;

        text[out] = octet >= 0 ? (char)octet : text[i];
        i += octet >= 0 ? 3 : 1;
    }
    return out;
}

/* Dots may be encoded, and again ("%252e"): a proxy and the server behind it may both decode. Not inlined: its 16 KiB of
 * stack are for paths that have '%' in them. */
__attribute__((noinline)) static bool hides_dot_segment(const char *path, size_t n)
{
    char text[DECODED_MOST_BYTES];

    if (n > sizeof text) {
        return true;
    }
    memcpy(text, path, n);
    for (int times = 0; times < DECODED_MOST_TIMES; times++) {
        size_t shorter = decode_once(text, n);

        if (shorter == n) {
            return has_dot_segment(text, n);
        }
        n = shorter;
    }
    return true;
}

bool url_is_ambiguous(const struct url *url)
{
    const char *path = url->path;
    const char *end = path + url->path_length;
    const char *percent = memchr(path, '%', url->path_length);

    if (url->userinfo) {
        return true;
    }
    if (percent == NULL) {
        return has_dot_segment(path, url->path_length);
    }
    for (const char *p = percent; p < end; p++) {
        if (text_begins_nocase(p, "%2f", 3) || text_begins_nocase(p, "%5c", 3) || strncmp(p, "%00", 3) == 0) {
            return true;
        }
    }
    return hides_dot_segment(path, url->path_length);
}

static bool host_equals(const struct url *url, const char *host)
{
    return strlen(host) == url->host_length && text_begins_nocase(url->host, host, url->host_length);
}

bool url_is_loopback(const struct url *url)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address6;
    struct in_addr address;

    if (url->ipv6) {
        return host_is_ipv6(url, &address6) && IN6_IS_ADDR_LOOPBACK(&address6);
    }
    if (host_equals(url, "localhost")) {
        return true; /* not "localhost.": libcurl asks the network who that is */
    }
    /* four plain numbers: neither a name such as 127.0.0.1.example.com nor a short or octal spelling */
    return host_copy(url, text) && inet_pton(AF_INET, text, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

bool url_same_origin(const struct url *a, const struct url *b)
{
    return a->https == b->https && a->port == b->port && a->ipv6 == b->ipv6 && a->host_length == b->host_length &&
           text_begins_nocase(a->host, b->host, a->host_length);
}

static size_t base_path_length(const struct url *url)
{
    size_t n = url->path_length;

    while (n > 0 && url->path[n - 1] == '/') {
        n--;
    }
    return n;
}

/* The next character of a path in its one spelling (RFC 3986 §6.2.2): one that need not be percent-encoded is not; the
 * others are ENCODED more than their value, in whatever case the digits are. Brackets stand in no path by the RFC, and are
 * written both ways. */
static int take_character(const char **path)
{
    const char *at = *path;
    int value;

    if (*at != '%') {
        *path = at + 1;
        return (unsigned char)*at;
    }
    value = text_octet(at + 1); /* url_parse() has seen them */
    *path = at + 3;
    return is_one_of((char)value, &plain) ? value : ENCODED + value;
}

/* Where `path` goes on behind `base`; NULL when it does not begin so. */
static const char *path_behind(const char *path, const char *end, const char *base, const char *base_end)
{
    while (base < base_end) {
        if (path == end || take_character(&path) != take_character(&base)) {
            return NULL;
        }
    }
    return path;
}

bool url_is_below(const struct url *url, const struct url *base)
{
    const char *end = url->path + url->path_length;
    size_t n = base_path_length(base);
    const char *rest;

    if (!url_same_origin(url, base) || url_is_ambiguous(url) || url_is_ambiguous(base)) {
        return false;
    }
    if (url->path_length >= n && memcmp(url->path, base->path, n) == 0) {
        rest = url->path + n;
    } else {
        rest = path_behind(url->path, end, base->path, base->path + n);
    }
    return rest != NULL && (rest == end || *rest == '/');
}

static void add_path(struct strbuf *buf, const char *path, size_t n)
{
    const char *end = path + n;

    for (const char *percent; (percent = memchr(path, '%', (size_t)(end - path))) != NULL;) {
        int value;

        strbuf_add(buf, path, (size_t)(percent - path));
        path = percent;
        value = take_character(&path);
        if (value < ENCODED) {
            strbuf_add(buf, &(char){(char)value}, 1);
        } else {
            strbuf_add_format(buf, "%%%02X", (unsigned)(value - ENCODED));
        }
    }
    strbuf_add(buf, path, (size_t)(end - path));
}

static void add_origin(struct strbuf *buf, const struct url *url)
{
    strbuf_add_text(buf, url->https ? "https://" : "http://");
    strbuf_add_text(buf, url->ipv6 ? "[" : "");
    for (size_t i = 0; i < url->host_length; i++) {
        char c = url->host[i];

        c = text_lower(c);
        strbuf_add(buf, &c, 1);
    }
    strbuf_add_text(buf, url->ipv6 ? "]" : "");
    if (url->port != (url->https ? 443 : 80)) {
        strbuf_add_format(buf, ":%d", url->port);
    }
}

char *url_origin(const struct url *url)
{
    CLEANUP(strbuf_free) struct strbuf buf = STRBUF_INIT(URL_MOST_BYTES);

    add_origin(&buf, url);
    return strbuf_take(&buf);
}

char *url_normalised(const struct url *url)
{
    CLEANUP(strbuf_free) struct strbuf buf = STRBUF_INIT(URL_MOST_BYTES);

    add_origin(&buf, url);
    add_path(&buf, url->path, base_path_length(url));
    return strbuf_take(&buf);
}
