/* SPDX-License-Identifier: MIT */
#include "proxy/access.h"

#include "base/base64url.h"
#include "io/clock.h"
#include "io/random.h"

#include <stdio.h>
#include <string.h>

enum { CREDENTIALS_MOST = 1024 };

enum moidc_code access_secret(struct secret **ret, struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf text = STRBUF_INIT(ACCESS_SECRET_LENGTH + 1);
    unsigned char bytes[ACCESS_SECRET_BYTES];
    enum moidc_code rc = random_bytes(bytes, sizeof bytes, err);

    if (rc != MOIDC_OK) {
        return rc;
    }
    base64url_encode(&text, bytes, sizeof bytes);
    mem_wipe(bytes, sizeof bytes);
    *ret = text.failed ? NULL : secret_new(text.bytes, text.length);
    return *ret != NULL ? MOIDC_OK : err_memory(err);
}

enum moidc_code access_init(struct access *access, const char *host, int port, struct moidc_err *err)
{
    enum moidc_code rc;

    *access = (struct access){.mutex = PTHREAD_MUTEX_INITIALIZER, .open = host == NULL};
    if (access->open) {
        return MOIDC_OK;
    }
    snprintf(access->hosts[0], sizeof access->hosts[0], "%s:%d", host, port);
    snprintf(access->hosts[1], sizeof access->hosts[1], "localhost:%d", port);
    if (port == 80) {
        snprintf(access->hosts[0], sizeof access->hosts[0], "%s", host); /* browsers leave the default port out */
        snprintf(access->hosts[1], sizeof access->hosts[1], "localhost");
    }
    snprintf(access->cookie_name, sizeof access->cookie_name, "mlflow-oidc-%d", port);
    rc = access_secret(&access->key, err);
    return rc == MOIDC_OK ? access_secret(&access->cookie, err) : rc;
}

void access_clear(struct access *access)
{
    secret_free(access->key);
    secret_free(access->cookie);
    for (size_t i = 0; i < ACCESS_LINKS_MOST; i++) {
        secret_free(access->links[i].once);
    }
}

static struct verdict refused(int status, const char *why)
{
    return (struct verdict){status, why};
}

static bool host_is_ours(const struct access *access, struct span host)
{
    return span_is_nocase(host, access->hosts[0]) || span_is_nocase(host, access->hosts[1]);
}

/* True when the URI is of the origin that the request was sent to. */
static bool is_same_origin(const struct proxy_request *request, struct span uri)
{
    struct span host;

    if (!span_begins_nocase(uri, "http://")) {
        return false;
    }
    host = span_after(uri, 7);
    if (host.length < request->host.length ||
        (host.length > request->host.length && host.bytes[request->host.length] != '/')) {
        return false;
    }
    host.length = request->host.length;
    return span_equals_nocase(host, request->host);
}

struct verdict access_check_origin(const struct access *access, const struct proxy_request *request, bool entering)
{
    bool navigation = span_is(request->fetch_mode, "navigate") && span_is(request->fetch_dest, "document");

    if (access->open) {
        return refused(0, NULL);
    }
    if (!host_is_ours(access, request->host)) {
        return refused(421, "this is not the host that the proxy answers for");
    }
    if (entering && (request->fetch_mode.bytes == NULL || navigation)) {
        return refused(0, NULL);
    }
    if (request->fetch_site.bytes != NULL && !span_is(request->fetch_site, "same-origin") &&
        !span_is(request->fetch_site, "none")) {
        return refused(403, "a page of another origin sent this");
    }
    if (request->origin.bytes != NULL &&
        (!is_same_origin(request, request->origin) || request->origin.length != request->host.length + 7)) {
        return refused(403, "a page of another origin sent this");
    }
    if (request->referer.bytes != NULL && !is_same_origin(request, request->referer)) {
        return refused(403, "a page of another origin led here");
    }
    return refused(0, NULL);
}

static int digit_of(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

/* Decodes base64 (RFC 4648 §4) into `out`, which has room for CREDENTIALS_MOST bytes. */
static long decode_basic(struct span text, char *out)
{
    unsigned bits = 0;
    unsigned count = 0;
    long length = 0;

    while (text.length > 0 && text.bytes[text.length - 1] == '=') {
        text.length--;
    }
    for (size_t i = 0; i < text.length; i++) {
        int digit = digit_of(text.bytes[i]);

        if (digit < 0 || length >= CREDENTIALS_MOST) {
            return -1;
        }
        bits = (bits << 6 | (unsigned)digit) & 0xffffff;
        count += 6;
        if (count >= 8) {
            count -= 8;
            out[length++] = (char)(bits >> count);
        }
    }
    return length;
}

/* The key as the password of any user (RFC 7617 §2). */
static bool basic_is_key(const struct access *access, struct span credentials)
{
    char text[CREDENTIALS_MOST];
    long length = decode_basic(credentials, text);
    struct span password = {text, length > 0 ? (size_t)length : 0};
    struct span user;
    bool same = length > 0 && span_cut(&password, ':', &user) &&
                secret_equal_bytes(access->key, password.bytes, password.length);

    mem_wipe(text, sizeof text);
    return same;
}

static bool authorization_is_key(const struct access *access, struct span value)
{
    struct span scheme;

    if (value.bytes == NULL || !span_cut(&value, ' ', &scheme)) {
        return false;
    }
    value = span_trimmed(value);
    return span_is_nocase(scheme, "Bearer") ? secret_equal_bytes(access->key, value.bytes, value.length)
                                            : span_is_nocase(scheme, "Basic") && basic_is_key(access, value);
}

static bool has_cookie(const struct access *access, struct span fields)
{
    for (struct span line = request_head_next_line(&fields); line.length > 0; line = request_head_next_line(&fields)) {
        struct span field;
        struct span rest;
        struct span name;
        struct span value;

        if (!request_head_field(line, &field, &rest) || !span_is_nocase(field, "Cookie")) {
            continue;
        }
        while (proxy_cookie_next(&rest, &name, &value)) {
            if (span_is(name, access->cookie_name) && secret_equal_bytes(access->cookie, value.bytes, value.length)) {
                return true;
            }
        }
    }
    return false;
}

struct verdict access_check_key(const struct access *access, const struct proxy_request *request, bool by_key)
{
    if (access->open || authorization_is_key(access, request->authorization) ||
        (!by_key && has_cookie(access, request->fields))) {
        return refused(0, NULL);
    }
    return refused(401, request->authorization.bytes != NULL
                            ? "this is not the key of this proxy; send the token that `mlflow-oidc proxy` printed"
                            : "a request needs the key of this proxy: send the token that `mlflow-oidc proxy` printed; "
                              "in a browser open the link that stood below it");
}

enum moidc_code access_link_new(struct access *access, struct strbuf *ret, struct moidc_err *err)
{
    struct secret *once = NULL;
    enum moidc_code rc = access_secret(&once, err);
    struct access_link *link;

    if (rc != MOIDC_OK) {
        return rc;
    }
    strbuf_add(ret, secret_reveal(once), secret_length(once));
    pthread_mutex_lock(&access->mutex);
    link = &access->links[access->next_link++ % ACCESS_LINKS_MOST];
    secret_free(link->once);
    *link = (struct access_link){once, clock_steady_ms() + (int64_t)ACCESS_LINK_VALID_S * 1000};
    pthread_mutex_unlock(&access->mutex);
    return ret->failed ? strbuf_error(ret, "the link", err) : MOIDC_OK;
}

bool access_link_use(struct access *access, struct span once)
{
    bool good = false;

    pthread_mutex_lock(&access->mutex);
    for (size_t i = 0; i < ACCESS_LINKS_MOST; i++) {
        struct access_link *link = &access->links[i];

        if (secret_equal_bytes(link->once, once.bytes, once.length)) {
            good = link->until_ms > clock_steady_ms();
            secret_free(link->once);
            link->once = NULL;
        }
    }
    pthread_mutex_unlock(&access->mutex);
    return good;
}
