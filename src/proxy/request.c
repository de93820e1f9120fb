/* SPDX-License-Identifier: MIT */
#include "proxy/request.h"

#include <string.h>

#define COOKIE_PREFIX "mlflow-oidc-"

/* What is counted while the fields are read. */
struct tally {
    int hosts;
    int lengths;
    int codings;
    int authorizations;
    bool close;
    bool keep_alive;
};

static struct verdict refused(int status, const char *why)
{
    return (struct verdict){status, why};
}

static struct verdict fine(void)
{
    return (struct verdict){0, NULL};
}

/* RFC 9110 §8.6: digits alone. 18 of them fit and are more than anybody has. */
static bool read_length(struct span value, int64_t *ret)
{
    int64_t length = 0;

    for (size_t i = 0; i < value.length; i++) {
        if (i >= 18 || value.bytes[i] < '0' || value.bytes[i] > '9') {
            return false;
        }
        length = length * 10 + (value.bytes[i] - '0');
    }
    *ret = length;
    return value.length > 0;
}

static void read_connection(struct span value, struct tally *tally)
{
    struct span element;

    while (span_cut_element(&value, &element)) {
        tally->close = tally->close || span_is_nocase(element, "close");
        tally->keep_alive = tally->keep_alive || span_is_nocase(element, "keep-alive");
    }
}

static struct verdict read_framing(struct span name, struct span value, struct proxy_request *request,
                                   struct tally *tally)
{
    if (span_is_nocase(name, "Content-Length")) {
        request->body = BODY_LENGTH;
        return tally->lengths++ > 0                    ? refused(400, "several Content-Length")
               : !read_length(value, &request->length) ? refused(400, "a Content-Length that is no number")
                                                       : fine();
    }
    if (span_is_nocase(name, "Transfer-Encoding")) {
        request->body = BODY_CHUNKED;
        return tally->codings++ > 0                ? refused(400, "several Transfer-Encoding")
               : !span_is_nocase(value, "chunked") ? refused(400, "a transfer coding other than chunked")
                                                   : fine();
    }
    if (span_is_nocase(name, "Connection")) {
        read_connection(value, tally);
    } else if (span_is_nocase(name, "Expect")) {
        request->expects_continue = span_is_nocase(value, "100-continue");
        return request->expects_continue ? fine() : refused(417, "an expectation other than 100-continue");
    }
    return fine();
}

static void read_known(struct span name, struct span value, struct proxy_request *request, struct tally *tally)
{
    const struct {
        const char *name;
        struct span *field;
    } known[] = {
        {"Host", &request->host},
        {"Authorization", &request->authorization},
        {"Origin", &request->origin},
        {"Referer", &request->referer},
        {"Accept", &request->accept},
        {"Sec-Fetch-Site", &request->fetch_site},
        {"Sec-Fetch-Mode", &request->fetch_mode},
        {"Sec-Fetch-Dest", &request->fetch_dest},
    };

    tally->hosts += span_is_nocase(name, "Host");
    tally->authorizations += span_is_nocase(name, "Authorization");
    request->fetched_ahead = request->fetched_ahead || span_is_nocase(name, "Sec-Purpose");
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (span_is_nocase(name, known[i].name)) {
            /* of a field that came twice the joined value counts (RFC 9110 §5.2), which is right for none of these */
            *known[i].field = known[i].field->bytes == NULL ? value : (struct span){"twice", 5};
        }
    }
}

static struct verdict read_fields(struct proxy_request *request, struct tally *tally)
{
    struct span rest = request->fields;

    for (struct span line = request_head_next_line(&rest); line.length > 0; line = request_head_next_line(&rest)) {
        struct verdict verdict;
        struct span name;
        struct span value;

        if (!request_head_field(line, &name, &value)) {
            return refused(400, "a header field that is none");
        }
        verdict = read_framing(name, value, request, tally);
        if (verdict.status != 0) {
            return verdict;
        }
        read_known(name, value, request, tally);
    }
    return fine();
}

/* RFC 9112 §3.2: origin-form, or absolute-form that names the host of the Host field. */
static struct verdict read_target(struct proxy_request *request)
{
    static const char scheme[] = "http://";
    struct span target = request->line.target;
    struct span host = {NULL, 0};

    if (target.bytes[0] != '/') {
        if (!span_begins_nocase(target, scheme)) {
            return refused(400, "a target that is no path");
        }
        target = span_after(target, sizeof scheme - 1);
        host = (struct span){target.bytes, 0};
        while (host.length < target.length && host.bytes[host.length] != '/' && host.bytes[host.length] != '?') {
            host.length++;
        }
        target = span_after(target, host.length);
        if (host.length != request->host.length || memcmp(host.bytes, request->host.bytes, host.length) != 0) {
            return refused(421, "a target at another host");
        }
        if (target.length == 0 || target.bytes[0] != '/') {
            return refused(400, "a target without a path");
        }
    }
    request->target = target;
    return fine();
}

static struct verdict judge(struct proxy_request *request, const struct tally *tally)
{
    bool old = request->line.minor == 0;
    bool has_body = request->body == BODY_CHUNKED || (request->body == BODY_LENGTH && request->length > 0);

    if (tally->hosts != 1) {
        return refused(400, tally->hosts == 0 ? "no Host" : "several Host"); /* RFC 9112 §3.2 */
    }
    if (tally->lengths > 0 && tally->codings > 0) {
        return refused(400, "both Content-Length and Transfer-Encoding"); /* RFC 9112 §6.1 */
    }
    if (tally->codings > 0 && old) {
        return refused(400, "a transfer coding in HTTP/1.0");
    }
    if (tally->authorizations > 1) {
        return refused(400, "several Authorization");
    }
    /* TRACE would say the token back (RFC 9110 §9.3.8) */
    if (span_is(request->line.method, "TRACE") || span_is(request->line.method, "CONNECT")) {
        return refused(405, "this method is not handed on");
    }
    if (span_is(request->line.method, "HEAD") && has_body) {
        return refused(400, "a body with HEAD");
    }
    request->expects_continue = request->expects_continue && has_body && !old;
    request->keep_alive = !tally->close && (!old || tally->keep_alive);
    return read_target(request);
}

struct verdict proxy_request_read(const char *head, size_t n, struct proxy_request *ret)
{
    struct proxy_request request = {.fields = {head, n}};
    struct tally tally = {0};
    struct verdict verdict = {request_head_line(request_head_next_line(&request.fields), &request.line), NULL};

    if (verdict.status != 0) {
        verdict.why = verdict.status == 505 ? "a version of HTTP other than 1.1 and 1.0" : "no request line";
    }
    verdict = verdict.status == 0 ? read_fields(&request, &tally) : verdict;
    verdict = verdict.status == 0 ? judge(&request, &tally) : verdict;
    *ret = request;
    return verdict;
}

bool proxy_request_is_for_page(const struct proxy_request *request)
{
    struct span rest = request->accept;
    struct span element;

    if (request->fetch_mode.bytes != NULL) {
        return span_is(request->fetch_mode, "navigate");
    }
    while (span_cut_element(&rest, &element)) {
        if (span_begins_nocase(element, "text/html")) {
            return true;
        }
    }
    return false;
}

bool proxy_cookie_is_ours(struct span name)
{
    return span_begins(name, COOKIE_PREFIX);
}

bool proxy_cookie_next(struct span *rest, struct span *name, struct span *value)
{
    struct span pair;

    if (rest->bytes == NULL) {
        return false;
    }
    if (!span_cut(rest, ';', &pair)) {
        pair = *rest;
        *rest = (struct span){NULL, 0};
    }
    pair = span_trimmed(pair);
    *value = pair;
    if (!span_cut(value, '=', name)) {
        *name = pair;
        *value = (struct span){"", 0};
    }
    return true;
}

static void add_field(struct strbuf *ret, const char *name, struct span value)
{
    strbuf_add_text(ret, name);
    strbuf_add_text(ret, ": ");
    strbuf_add(ret, value.bytes, value.length);
    strbuf_add(ret, "\n", 1);
}

/* The client's cookies without those of a proxy; nothing when no other is left. */
static void add_cookies(struct strbuf *ret, struct span value)
{
    bool first = true;
    struct span pair_name;
    struct span pair_value;

    while (proxy_cookie_next(&value, &pair_name, &pair_value)) {
        if (pair_name.length == 0 || proxy_cookie_is_ours(pair_name)) {
            continue;
        }
        strbuf_add_text(ret, first ? "Cookie: " : "; ");
        first = false;
        strbuf_add(ret, pair_name.bytes, pair_name.length);
        strbuf_add(ret, "=", 1);
        strbuf_add(ret, pair_value.bytes, pair_value.length);
    }
    strbuf_add_text(ret, first ? "" : "\n");
}

/* "http://our-host/x" as it is called at the server. */
static void add_referer(struct strbuf *ret, struct span value, const char *server_uri)
{
    struct span path = span_begins_nocase(value, "http://") ? span_after(value, 7) : value;

    while (path.length > 0 && path.bytes[0] != '/') {
        path = span_after(path, 1);
    }
    strbuf_add_text(ret, "Referer: ");
    strbuf_add_text(ret, server_uri);
    strbuf_add(ret, path.bytes, path.length);
    strbuf_add(ret, "\n", 1);
}

/* True where a Connection field of the request names it (RFC 9110 §7.6.1). */
static bool is_named_by_connection(struct span fields, struct span wanted)
{
    for (struct span line = request_head_next_line(&fields); line.length > 0; line = request_head_next_line(&fields)) {
        struct span name;
        struct span value;
        struct span element;

        if (!request_head_field(line, &name, &value) || !span_is_nocase(name, "Connection")) {
            continue;
        }
        while (span_cut_element(&value, &element)) {
            if (span_equals_nocase(element, wanted)) {
                return true;
            }
        }
    }
    return false;
}

/* Of this hop, or of our own making. */
static bool stays_here(struct span name, const char *token_header)
{
    static const char *const names[] = {
        "Connection",         "Keep-Alive", "Proxy-Connection", "Proxy-Authorization",
        "Proxy-Authenticate", "TE",         "Trailer",          "Upgrade",
        "HTTP2-Settings",     "Host",       "Content-Length",   "Expect",
        "Transfer-Encoding",  "Via",        "Authorization",    "Cookie2",
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (span_is_nocase(name, names[i])) {
            return true;
        }
    }
    return span_is_nocase(name, token_header);
}

static void add_outgoing(struct span name, struct span value, const struct proxy_outgoing *outgoing, struct strbuf *ret)
{
    if (span_is_nocase(name, "Cookie")) {
        add_cookies(ret, value);
    } else if (span_is_nocase(name, "Origin")) {
        add_field(ret, "Origin", (struct span){outgoing->server_origin, strlen(outgoing->server_origin)});
    } else if (span_is_nocase(name, "Referer")) {
        add_referer(ret, value, outgoing->server_uri);
    } else if (span_is_nocase(name, "Accept") && span_is(value, "*/*")) {
        strbuf_add_text(ret, "Accept: application/json\n");
    } else {
        strbuf_add(ret, name.bytes, name.length);
        /* libcurl leaves out a field without a value unless it is written so */
        strbuf_add_text(ret, value.length > 0 ? ": " : ";");
        strbuf_add(ret, value.bytes, value.length);
        strbuf_add(ret, "\n", 1);
    }
}

void proxy_request_outgoing(const struct proxy_request *request, const struct proxy_outgoing *outgoing,
                            struct strbuf *ret)
{
    struct span rest = request->fields;
    struct strbuf via = STRBUF_INIT(64 * 1024);

    for (struct span line = request_head_next_line(&rest); line.length > 0; line = request_head_next_line(&rest)) {
        struct span name;
        struct span value;

        if (!request_head_field(line, &name, &value)) {
            continue;
        }
        if (span_is_nocase(name, "Via")) {
            strbuf_add(&via, value.bytes, value.length);
            strbuf_add_text(&via, ", ");
        }
        if (!stays_here(name, outgoing->token_header) && !is_named_by_connection(request->fields, name)) {
            add_outgoing(name, value, outgoing, ret);
        }
    }
    if (request->accept.bytes == NULL) {
        strbuf_add_text(ret, "Accept: application/json\n");
    }
    strbuf_add_format(ret, "Via: %s1.%d mlflow-oidc\n", strbuf_text(&via), request->line.minor);
    ret->failed = ret->failed || via.failed;
    strbuf_free(&via);
}
