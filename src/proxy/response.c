/* SPDX-License-Identifier: MIT */
#include "proxy/response.h"

#include <string.h>

void response_init(struct response *response)
{
    *response = (struct response){
        .fields = STRBUF_INIT(RESPONSE_HEAD_MOST_BYTES),
        .reason = STRBUF_INIT(1024),
        .length = -1,
    };
}

void response_clear(struct response *response)
{
    strbuf_free(&response->fields);
    strbuf_free(&response->reason);
}

static bool fault(struct response *response, const char *why)
{
    response->fault = why;
    return false;
}

/* "HTTP/1.1 200 OK" (RFC 9112 §4). */
static bool take_status(struct response *response, struct span line)
{
    size_t bytes = response->bytes;
    struct span version;
    struct span status;

    if (!span_cut(&line, ' ', &version) || !(span_is(version, "HTTP/1.1") || span_is(version, "HTTP/1.0"))) {
        return fault(response, "it does not speak HTTP/1.1");
    }
    if (!span_cut(&line, ' ', &status)) {
        status = line;
        line = (struct span){"", 0};
    }
    if (status.length != 3 || status.bytes[0] < '1' || status.bytes[0] > '5') {
        return fault(response, "its status is none");
    }
    for (size_t i = 1; i < 3; i++) {
        if (status.bytes[i] < '0' || status.bytes[i] > '9') {
            return fault(response, "its status is none");
        }
    }
    response_clear(response);
    response_init(response);
    response->bytes = bytes;
    response->status = (status.bytes[0] - '0') * 100 + (status.bytes[1] - '0') * 10 + (status.bytes[2] - '0');
    if (response->status == 101) {
        return fault(response, "it changed the protocol without being asked");
    }
    strbuf_add(&response->reason, line.bytes, line.length);
    return true;
}

static bool take_length(struct response *response, struct span value)
{
    int64_t length = 0;

    for (size_t i = 0; i < value.length; i++) {
        if (value.bytes[i] < '0' || value.bytes[i] > '9' || i >= 18) {
            return fault(response, "its Content-Length is no number");
        }
        length = length * 10 + (value.bytes[i] - '0');
    }
    if (value.length == 0 || (response->length >= 0 && response->length != length)) {
        return fault(response, "its Content-Length is not one number");
    }
    response->length = length;
    return true;
}

static bool take_field(struct response *response, struct span line)
{
    struct span name;
    struct span value;

    /* a folded line ends here too: RFC 9112 §5.2 leaves that to us */
    if (!request_head_field(line, &name, &value)) {
        return fault(response, "a header field of it is none");
    }
    if (span_is_nocase(name, "Content-Length") && !take_length(response, value)) {
        return false;
    }
    if (span_is_nocase(name, "Transfer-Encoding")) {
        if (response->chunked || !span_is_nocase(value, "chunked")) {
            return fault(response, "its transfer coding was not asked for");
        }
        response->chunked = true;
    }
    strbuf_add(&response->fields, line.bytes, line.length);
    strbuf_add(&response->fields, "\n", 1);
    return !response->fields.failed || fault(response, "its head is too large");
}

static bool take_end(struct response *response)
{
    if (response->chunked && response->length >= 0) {
        return fault(response, "it has both Content-Length and Transfer-Encoding");
    }
    response->complete = response->status >= 200;
    response->status = response->complete ? response->status : 0;
    return true;
}

bool response_take_line(struct response *response, const char *bytes, size_t n)
{
    struct span line = {bytes, n};

    response->bytes += n;
    if (response->bytes > RESPONSE_HEAD_MOST_BYTES) {
        return fault(response, "its head is too large");
    }
    if (response->complete) {
        return true; /* a trailer */
    }
    if (line.length > 0 && line.bytes[line.length - 1] == '\n') {
        line.length--;
    }
    if (line.length > 0 && line.bytes[line.length - 1] == '\r') {
        line.length--;
    }
    for (size_t i = 0; i < line.length; i++) {
        unsigned char c = (unsigned char)line.bytes[i];

        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return fault(response, "its head has control characters in it");
        }
    }
    if (response->status == 0) {
        return take_status(response, line);
    }
    return line.length > 0 ? take_field(response, line) : take_end(response);
}

/* Takes the next of response->fields off the front of *rest. */
static bool next_field(struct span *rest, struct span *name, struct span *value)
{
    struct span line;

    return span_cut(rest, '\n', &line) && request_head_field(line, name, value);
}

static struct span all_fields(const struct response *response)
{
    return (struct span){strbuf_text(&response->fields), response->fields.length};
}

struct span response_field(const struct response *response, const char *wanted)
{
    struct span rest = all_fields(response);
    struct span name;
    struct span value;

    while (next_field(&rest, &name, &value)) {
        if (span_is_nocase(name, wanted)) {
            return value;
        }
    }
    return (struct span){NULL, 0};
}

static bool is_named_by_connection(const struct response *response, struct span wanted)
{
    struct span rest = all_fields(response);
    struct span name;
    struct span value;
    struct span element;

    while (next_field(&rest, &name, &value)) {
        while (span_is_nocase(name, "Connection") && span_cut_element(&value, &element)) {
            if (span_equals_nocase(element, wanted)) {
                return true;
            }
        }
    }
    return false;
}

static bool stays_here(struct span name)
{
    static const char *const names[] = {
        /* RFC 9110 §7.6.1 */
        "Connection",
        "Keep-Alive",
        "Proxy-Connection",
        "Proxy-Authenticate",
        "Proxy-Authentication-Info",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
        /* ours to say */
        "Content-Length",
        /* about the server's address, not the proxy's; the last would take our cookie and those of all local servers */
        "Alt-Svc",
        "Strict-Transport-Security",
        "Public-Key-Pins",
        "Clear-Site-Data",
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (span_is_nocase(name, names[i])) {
            return true;
        }
    }
    return false;
}

/* The server's path without slashes at its end: what the proxy maps "/" to. */
static struct span server_path(const struct url *server)
{
    struct span path = {server->path, server->path_length};

    while (path.length > 0 && path.bytes[path.length - 1] == '/') {
        path.length--;
    }
    return path;
}

/* True when `path` is that of the server or below it; *ret is then what follows. */
static bool path_is_below(const struct url *server, struct span path, struct span *ret)
{
    struct span base = server_path(server);

    if (path.length < base.length || (base.length > 0 && memcmp(path.bytes, base.bytes, base.length) != 0)) {
        return false;
    }
    *ret = span_after(path, base.length);
    return ret->length == 0 || strchr("/?#", ret->bytes[0]) != NULL;
}

static void add_server_origin(const struct url *server, struct strbuf *ret)
{
    char *origin = url_origin(server);

    strbuf_add_text(ret, origin != NULL ? origin : "");
    ret->failed = ret->failed || origin == NULL;
    mem_free(origin);
}

/* A path of the proxy. With the host before it: "//evil.example/" behind the server's path is a path there, and would be
 * a host here. */
static void add_own_address(const struct response_client *client, struct span path, struct strbuf *ret)
{
    strbuf_add_text(ret, "http://");
    strbuf_add(ret, client->host.bytes, client->host.length);
    strbuf_add_text(ret, path.length == 0 || path.bytes[0] != '/' ? "/" : "");
    strbuf_add(ret, path.bytes, path.length);
}

/* The part of an absolute URI that follows its authority, when that is of the server's origin. */
static bool is_at_server(const struct url *server, const char *text, struct span *path)
{
    struct url url;
    size_t n = strlen(text);

    if (!url_parse(text, &url) || url.userinfo || !url_same_origin(&url, server)) {
        return false;
    }
    *path = (struct span){url.path, n - (size_t)(url.path - text)};
    return true;
}

/* Location (RFC 9110 §10.2.2) as the client is to see it. */
static void add_location(const struct response_client *client, struct span value, struct strbuf *ret)
{
    CLEANUP(strbuf_free) struct strbuf absolute = STRBUF_INIT(RESPONSE_HEAD_MOST_BYTES);
    struct span path;

    if (span_begins(value, "//")) {
        strbuf_add_text(&absolute, client->server->https ? "https:" : "http:");
    } else if (span_begins(value, "/")) {
        add_server_origin(client->server, &absolute);
    }
    strbuf_add(&absolute, value.bytes, value.length);
    if (is_at_server(client->server, strbuf_text(&absolute), &path) && path_is_below(client->server, path, &path)) {
        add_own_address(client, path, ret);
    } else {
        strbuf_add(ret, strbuf_text(&absolute), absolute.length);
    }
    ret->failed = ret->failed || absolute.failed;
}

/* A cookie of the server as one of the proxy: its Domain is another, the way here has no TLS and needs none, and its Path
 * loses what the proxy leaves out. Names that promise Secure keep it. */
static void add_cookie(const struct response_client *client, struct span value, struct strbuf *ret)
{
    bool secure = span_begins_nocase(value, "__Secure-") || span_begins_nocase(value, "__Host-");
    bool first = true;
    struct span name;
    struct span attribute;

    while (proxy_cookie_next(&value, &name, &attribute)) {
        struct span path;

        if (!first && (span_is_nocase(name, "Domain") || (span_is_nocase(name, "Secure") && !secure))) {
            continue;
        }
        strbuf_add_text(ret, first ? "" : "; ");
        strbuf_add(ret, name.bytes, name.length);
        if (!first && span_is_nocase(name, "Path") && path_is_below(client->server, attribute, &path)) {
            attribute = path.length > 0 ? path : (struct span){"/", 1};
        }
        if (first || attribute.length > 0) {
            strbuf_add(ret, "=", 1);
            strbuf_add(ret, attribute.bytes, attribute.length);
        }
        first = false;
    }
}

static bool is_cookie_of_ours(struct span value)
{
    struct span name;
    struct span content;

    return proxy_cookie_next(&value, &name, &content) && proxy_cookie_is_ours(name);
}

static void add_fields(const struct response *response, const struct response_client *client, struct strbuf *ret)
{
    struct span rest = all_fields(response);
    struct span name;
    struct span value;

    while (next_field(&rest, &name, &value)) {
        bool cookie = span_is_nocase(name, "Set-Cookie");

        if (stays_here(name) || is_named_by_connection(response, name) || (cookie && is_cookie_of_ours(value))) {
            continue;
        }
        strbuf_add(ret, name.bytes, name.length);
        strbuf_add_text(ret, ": ");
        if (cookie) {
            add_cookie(client, value, ret);
        } else if (span_is_nocase(name, "Location")) {
            add_location(client, value, ret);
        } else {
            strbuf_add(ret, value.bytes, value.length);
        }
        strbuf_add_text(ret, "\r\n");
    }
}

static enum response_body body_of(const struct response *response, const struct response_client *client)
{
    /* RFC 9112 §6.3 */
    if (client->head_only || response->status == 204 || response->status == 304) {
        return RESPONSE_NO_BODY;
    }
    return response->length >= 0 ? RESPONSE_LENGTH : client->old ? RESPONSE_CLOSE : RESPONSE_CHUNKED;
}

enum response_body response_write(const struct response *response, const struct response_client *client,
                                  struct strbuf *ret, bool *keep_alive)
{
    enum response_body body = body_of(response, client);

    *keep_alive = client->keep_alive && body != RESPONSE_CLOSE;
    strbuf_add_format(ret, "HTTP/1.1 %d ", response->status);
    strbuf_add(ret, strbuf_text(&response->reason), response->reason.length);
    strbuf_add_text(ret, "\r\n");
    add_fields(response, client, ret);
    if (response->length >= 0 && response->status != 204) {
        strbuf_add_format(ret, "Content-Length: %lld\r\n", (long long)response->length);
    } else if (body == RESPONSE_CHUNKED || (client->head_only && response->chunked && !client->old)) {
        strbuf_add_text(ret, "Transfer-Encoding: chunked\r\n");
    }
    if (!*keep_alive) {
        strbuf_add_text(ret, "Connection: close\r\n");
    } else if (client->old) {
        strbuf_add_text(ret, "Connection: keep-alive\r\n");
    }
    strbuf_add_text(ret, "\r\n");
    return body;
}
