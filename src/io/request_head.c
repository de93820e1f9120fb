/* SPDX-License-Identifier: MIT */
#include "io/request_head.h"

#include <string.h>

/* What the header fields say, as far as it matters here. */
struct fields {
    int hosts;
    bool host_is_ours;
    bool body;  /* one is announced */
    bool stray; /* a browser says that this is no navigation of a tab */
};

enum request_scan_state request_head_scan(struct request_scan *scan, const char *bytes, size_t n)
{
    for (; scan->seen < n; scan->seen++) {
        size_t i = scan->seen;
        unsigned char c = (unsigned char)bytes[i];
        bool after_cr = i > 0 && bytes[i - 1] == '\r';

        /* RFC 9112 §2.2: a CR that no LF follows is refused; a bare LF may be taken for a line end, but need not. */
        if (after_cr != (c == '\n') || (c < ' ' && c != '\t' && c != '\r' && c != '\n') || c == 0x7f) {
            return REQUEST_BROKEN;
        }
        if (c != '\n') {
            continue;
        }
        if (i - scan->line_start == 1) {
            scan->seen++;
            return scan->line_start > 0 ? REQUEST_COMPLETE : REQUEST_BROKEN;
        }
        scan->line_start = i + 1;
    }
    return REQUEST_PARTIAL;
}

int request_head_overflow(const struct request_scan *scan)
{
    return scan->line_start == 0 ? 414 : 431;
}

struct span request_head_next_line(struct span *rest)
{
    struct span line = {rest->bytes, 0};

    if (span_cut(rest, '\n', &line) && line.length > 0) {
        line.length--;
    }
    return line;
}

bool request_head_field(struct span line, struct span *name, struct span *value)
{
    struct span rest = line;

    if (!span_cut(&rest, ':', name) || !span_is_token(*name)) {
        return false;
    }
    *value = span_trimmed(rest);
    return true;
}

static bool host_is_ours(const struct request_served *served, struct span host)
{
    return span_is_nocase(host, served->host) || (served->bare != NULL && span_is_nocase(host, served->bare));
}

static void read_field(const struct request_served *served, struct span name, struct span value, struct fields *fields)
{
    if (span_is_nocase(name, "Host")) {
        fields->hosts++;
        fields->host_is_ours = host_is_ours(served, value);
    } else if (span_is_nocase(name, "Content-Length")) {
        fields->body = fields->body || !span_is(value, "0");
    } else if (span_is_nocase(name, "Transfer-Encoding")) {
        fields->body = true;
    } else if (span_is_nocase(name, "Sec-Fetch-Mode")) {
        fields->stray = fields->stray || !span_is(value, "navigate");
    } else if (span_is_nocase(name, "Sec-Fetch-Dest")) {
        fields->stray = fields->stray || !span_is(value, "document");
    } else if (span_is_nocase(name, "Sec-Purpose")) {
        fields->stray = true; /* fetched ahead: nobody would see the page, and the code would be spent */
    }
}

static bool read_fields(const struct request_served *served, struct span rest, struct fields *fields)
{
    for (struct span line = request_head_next_line(&rest); line.length > 0; line = request_head_next_line(&rest)) {
        struct span value;
        struct span name;

        if (!request_head_field(line, &name, &value)) {
            return false;
        }
        read_field(served, name, value, fields);
    }
    return true;
}

int request_head_line(struct span line, struct request_line *ret)
{
    if (!span_cut(&line, ' ', &ret->method) || !span_is_token(ret->method) || !span_cut(&line, ' ', &ret->target)) {
        return 400;
    }
    for (size_t i = 0; i < ret->target.length; i++) {
        char c = ret->target.bytes[i];

        if (c <= ' ' || c > '~' || c == '#') {
            return 400;
        }
    }
    if (line.length != 8 || memcmp(line.bytes, "HTTP/", 5) != 0 || ret->target.length == 0) {
        return 400;
    }
    ret->minor = line.bytes[7] - '0';
    return span_is(line, "HTTP/1.1") || span_is(line, "HTTP/1.0") ? 0 : 505;
}

/* Takes "http://our-host" off the front of *target, as it stands in absolute-form (RFC 9112 §3.2.2). False when it
 * names another host. */
static bool strip_origin(const struct request_served *served, struct span *target)
{
    static const char scheme[] = "http://";
    struct span host;

    if (!span_begins_nocase(*target, scheme)) {
        return true;
    }
    *target = span_after(*target, sizeof scheme - 1);
    host = (struct span){target->bytes, 0};
    while (host.length < target->length && strchr("/?", host.bytes[host.length]) == NULL) {
        host.length++;
    }
    target->bytes += host.length;
    target->length -= host.length;
    return host_is_ours(served, host);
}

int request_head_judge(const struct request_served *served, const char *bytes, size_t n, const char **query,
                       size_t *query_length)
{
    struct span rest = {bytes, n};
    struct fields fields = {0};
    struct request_line line;
    struct span target;
    struct span path;
    int status = request_head_line(request_head_next_line(&rest), &line);

    if (status != 0) {
        return status;
    }
    if (!read_fields(served, rest, &fields) || fields.hosts != 1) {
        return 400; /* RFC 9112 §3.2 */
    }
    target = line.target;
    /* A name of a hostile page that resolves to the loopback address (DNS rebinding) ends here. */
    if (!fields.host_is_ours || !strip_origin(served, &target)) {
        return 421;
    }
    if (!span_cut(&target, '?', &path)) {
        path = target;
        target = (struct span){"", 0};
    }
    if (!span_is(path, served->path)) {
        return 404;
    }
    if (!span_is(line.method, "GET")) {
        return 405;
    }
    if (fields.body) {
        return 400;
    }
    if (fields.stray) {
        return 403;
    }
    *query = target.bytes;
    *query_length = target.length;
    return 200;
}
