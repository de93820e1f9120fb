/* SPDX-License-Identifier: MIT */
#include "proxy/reply.h"

#include <string.h>

enum { BODY_MOST_BYTES = 16 * 1024 };

static const struct {
    int status;
    const char *reason;
    const char *error_code; /* of MLflow's ErrorCode, from release 2.0.1 on */
} STATUSES[] = {
    {200, "OK", ""},
    {303, "See Other", ""},
    {400, "Bad Request", "BAD_REQUEST"},
    {401, "Unauthorized", "CUSTOMER_UNAUTHORIZED"},
    {403, "Forbidden", "PERMISSION_DENIED"},
    {404, "Not Found", "ENDPOINT_NOT_FOUND"},
    {405, "Method Not Allowed", "BAD_REQUEST"},
    {408, "Request Timeout", "BAD_REQUEST"},
    {414, "URI Too Long", "BAD_REQUEST"},
    {417, "Expectation Failed", "BAD_REQUEST"},
    {421, "Misdirected Request", "BAD_REQUEST"},
    {431, "Request Header Fields Too Large", "BAD_REQUEST"},
    {500, "Internal Server Error", "INTERNAL_ERROR"},
    {502, "Bad Gateway", "TEMPORARILY_UNAVAILABLE"},
    {503, "Service Unavailable", "TEMPORARILY_UNAVAILABLE"},
    {504, "Gateway Timeout", "TEMPORARILY_UNAVAILABLE"},
    {505, "HTTP Version Not Supported", "BAD_REQUEST"},
};

static size_t row_of(int status)
{
    size_t i = 0;

    while (i < sizeof STATUSES / sizeof STATUSES[0] && STATUSES[i].status != status) {
        i++;
    }
    return i;
}

const char *reply_reason(int status)
{
    size_t i = row_of(status);

    return i < sizeof STATUSES / sizeof STATUSES[0] ? STATUSES[i].reason : "Status";
}

/* The texts have no control characters: err_set() saw to it. */
static void add_json_text(struct strbuf *ret, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            strbuf_add(ret, "\\", 1);
        }
        strbuf_add(ret, text, 1);
    }
}

static void add_html_text(struct strbuf *ret, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<':
            strbuf_add_text(ret, "&lt;");
            break;
        case '>':
            strbuf_add_text(ret, "&gt;");
            break;
        case '&':
            strbuf_add_text(ret, "&amp;");
            break;
        case '"':
            strbuf_add_text(ret, "&quot;");
            break;
        default:
            strbuf_add(ret, text, 1);
        }
    }
}

static void add_page(struct strbuf *ret, const char *title, const char *head, const char *text)
{
    strbuf_add_text(ret, "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">"
                         "<meta name=\"viewport\" content=\"width=device-width\">");
    strbuf_add_text(ret, head);
    strbuf_add_text(ret, "<title>");
    add_html_text(ret, title);
    strbuf_add_text(ret,
                    "</title><style>body{font:1.1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:15vh auto;"
                    "padding:0 1rem;color:#222;background:#fff;color-scheme:light dark}"
                    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}}</style></head><body><h1>");
    add_html_text(ret, title);
    strbuf_add_text(ret, "</h1><p>");
    add_html_text(ret, text);
    strbuf_add_text(ret, "</p></body></html>\n");
}

/* What each answer of our own is sent with: it is kept nowhere, runs nothing and is framed by nobody. */
static void add_head(struct strbuf *ret, int status, const char *type, size_t length)
{
    strbuf_add_format(ret, "HTTP/1.1 %d %s\r\n", status, reply_reason(status));
    strbuf_add_format(ret, "Content-Type: %s\r\nContent-Length: %zu\r\n", type, length);
    strbuf_add_text(ret,
                    "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n"
                    "X-Frame-Options: DENY\r\n"
                    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n");
}

static void add_end(struct strbuf *ret, bool keep_alive, const struct strbuf *body, bool with_body)
{
    strbuf_add_text(ret, keep_alive ? "\r\n" : "Connection: close\r\n\r\n");
    if (with_body) {
        strbuf_add(ret, strbuf_text(body), body->length);
    }
    ret->failed = ret->failed || body->failed;
}

void reply_write(const struct reply *reply, struct strbuf *ret)
{
    CLEANUP(strbuf_free) struct strbuf body = STRBUF_INIT(BODY_MOST_BYTES);
    size_t row = row_of(reply->status);
    const char *code = row < sizeof STATUSES / sizeof STATUSES[0] ? STATUSES[row].error_code : "INTERNAL_ERROR";

    if (reply->page) {
        add_page(&body, reply_reason(reply->status), "", reply->message);
    } else {
        strbuf_add_format(&body, "{\"error_code\": \"%s\", \"message\": \"", code);
        add_json_text(&body, reply->message);
        strbuf_add_text(&body, "\"}\n");
    }
    add_head(ret, reply->status, reply->page ? "text/html; charset=utf-8" : "application/json", body.length);
    if (reply->status == 401) {
        /* RFC 9110 §11.6.1. Not Basic: a browser would ask for a password, and then send it by itself */
        strbuf_add_text(ret, "WWW-Authenticate: Bearer realm=\"mlflow-oidc proxy\"\r\n");
    }
    if (reply->status == 405) {
        strbuf_add_text(ret, "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"); /* RFC 9110 §15.5.6 */
    }
    if (reply->retry_after_s > 0) {
        strbuf_add_format(ret, "Retry-After: %d\r\n", reply->retry_after_s);
    }
    add_end(ret, reply->keep_alive, &body, reply->body);
}

void reply_write_entry(const char *cookie_name, const struct secret *cookie, bool by_page, struct strbuf *ret)
{
    CLEANUP(strbuf_free) struct strbuf body = STRBUF_INIT(BODY_MOST_BYTES);

    add_page(&body, "You are in", by_page ? "<meta http-equiv=\"refresh\" content=\"0;url=/\">" : "",
             "This browser may use the proxy now. The tracking server is at /.");
    add_head(ret, by_page ? 200 : 303, "text/html; charset=utf-8", body.length);
    strbuf_add_format(ret, "Set-Cookie: %s=", cookie_name);
    strbuf_add(ret, secret_reveal(cookie), secret_length(cookie));
    strbuf_add_text(ret, "; Path=/; HttpOnly; SameSite=Strict\r\n");
    strbuf_add_text(ret, by_page ? "" : "Location: /\r\n");
    add_end(ret, false, &body, true);
}

void reply_write_text(const char *text, bool keep_alive, struct strbuf *ret)
{
    CLEANUP(strbuf_free) struct strbuf body = STRBUF_INIT(BODY_MOST_BYTES);

    strbuf_add_text(&body, text);
    strbuf_add_text(&body, "\n");
    add_head(ret, 200, "text/plain; charset=utf-8", body.length);
    add_end(ret, keep_alive, &body, true);
}
