/* SPDX-License-Identifier: MIT */
#include "io/upstream.h"

#include "io/http_failure.h"
#include "io/libcurl_start.h"
#include "io/transfer_words.h"
#include "io/upstream_route.h"

#include <poll.h>
#include <string.h>

enum { CONNECT_MS = 10 * 1000, EXPECT_MS = 1000, POLL_MS = 1000, IDLE_S = 60 };

struct upstream {
    const struct upstream_route *route;
    CURL *easy;
    CURLM *multi;
    const struct upstream_request *request;
    const struct upstream_calls *calls;
    struct curl_slist *fields;
    curl_socket_t socket; /* of the connection that is kept; CURL_SOCKET_BAD: none */
    int sent;             /* how often the request went out */
    bool touched;         /* its body was read from */
    bool read_paused;     /* read() said UPSTREAM_AGAIN */
    bool body_paused;
    bool stopped;
    bool set_up; /* `easy` has the route, the calls, and nothing of another request */
    char why[CURL_ERROR_SIZE];
};

enum moidc_code upstream_new(const struct upstream_route *route, struct upstream **ret, struct moidc_err *err)
{
    CLEANUP(upstream_free_p) struct upstream *upstream = NULL;
    enum moidc_code rc;

    rc = libcurl_start(err);
    if (rc != MOIDC_OK) {
        return rc;
    }
    upstream = mem_zalloc(sizeof *upstream);
    if (upstream == NULL) {
        return err_memory(err);
    }
    upstream->route = route;
    upstream->socket = CURL_SOCKET_BAD;
    upstream->easy = curl_easy_init();
    upstream->multi = curl_multi_init();
    if (upstream->easy == NULL || upstream->multi == NULL) {
        return http_failure_start(err);
    }
    curl_multi_setopt(upstream->multi, CURLMOPT_MAXCONNECTS, 1L);
    *ret = upstream;
    upstream = NULL;
    return MOIDC_OK;
}

void upstream_free(struct upstream *upstream)
{
    if (upstream != NULL) {
        curl_easy_cleanup(upstream->easy);
        if (upstream->multi != NULL) {
            curl_multi_cleanup(upstream->multi);
        }
        mem_free(upstream);
    }
}

static size_t on_line(char *bytes, size_t size, size_t count, void *ctx)
{
    struct upstream *upstream = ctx;

    if (upstream->calls->line(upstream->calls->ctx, bytes, size * count)) {
        return size * count;
    }
    upstream->stopped = true;
    return 0;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
    struct upstream *upstream = ctx;
    bool again = false;

    if (upstream->calls->body(upstream->calls->ctx, bytes, size * count, &again)) {
        return size * count;
    }
    upstream->body_paused = again;
    upstream->stopped = !again;
    return again ? CURL_WRITEFUNC_PAUSE : 0;
}

static size_t on_read(char *bytes, size_t size, size_t count, void *ctx)
{
    struct upstream *upstream = ctx;
    ssize_t n = upstream->calls->read(upstream->calls->ctx, bytes, size * count);

    upstream->touched = upstream->touched || n > 0;
    if (n >= 0) {
        return (size_t)n;
    }
    upstream->read_paused = n == UPSTREAM_AGAIN;
    upstream->stopped = n != UPSTREAM_AGAIN;
    return n == UPSTREAM_AGAIN ? CURL_READFUNC_PAUSE : CURL_READFUNC_ABORT;
}

/* Before each time that the request goes out. libcurl sends it again by itself where a kept connection was dead, which
 * nobody may do with what is not idempotent (RFC 9110 §9.2.2), unless the server was to say first that it wants the body. */
static int on_send(void *ctx, char *address, char *local, int port, int local_port)
{
    struct upstream *upstream = ctx;
    const struct upstream_request *request = upstream->request;

    (void)address;
    (void)local;
    (void)port;
    (void)local_port;
    return upstream->sent++ == 0 || request->repeatable || (request->await_continue && !upstream->touched)
               ? CURL_PREREQFUNC_OK
               : CURL_PREREQFUNC_ABORT;
}

/* The copies that libcurl made of the fields, one with the token in it. */
static void drop_fields(struct upstream *upstream)
{
    for (struct curl_slist *field = upstream->fields; field != NULL; field = field->next) {
        mem_wipe(field->data, strlen(field->data));
    }
    curl_slist_free_all(upstream->fields);
    upstream->fields = NULL;
}

static bool add_field(struct upstream *upstream, const char *line)
{
    struct curl_slist *longer = curl_slist_append(upstream->fields, line);

    if (longer != NULL) {
        upstream->fields = longer;
    }
    return longer != NULL;
}

/* Those of the request, and none that libcurl would add by itself. */
static bool add_fields(struct upstream *upstream)
{
    const struct upstream_request *request = upstream->request;
    CLEANUP(strbuf_free) struct strbuf lines = STRBUF_INIT(request->fields->most + 1);
    char *rest;

    strbuf_add(&lines, strbuf_text(request->fields), request->fields->length);
    if (lines.failed || !add_field(upstream, request->await_continue ? "Expect: 100-continue" : "Expect:")) {
        return false;
    }
    rest = lines.bytes;
    while (rest != NULL && *rest != '\0') {
        char *end = strchr(rest, '\n');

        if (end == NULL) {
            break;
        }
        *end = '\0';
        if (!add_field(upstream, rest)) {
            return false;
        }
        rest = end + 1;
    }
    /* where the request has none of it */
    return request->body != UPSTREAM_BYTES || add_field(upstream, "Content-Type:");
}

static CURLcode set_options(CURL *easy)
{
    CURLcode rc = CURLE_OK;

    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_EXPECT_100_TIMEOUT_MS, (long)EXPECT_MS);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)IDLE_S);
    return rc;
}

static CURLcode set_calls(struct upstream *upstream)
{
    CURL *easy = upstream->easy;
    CURLcode rc = CURLE_OK;

    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_line);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_HEADERDATA, upstream);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_WRITEDATA, upstream);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_READDATA, upstream);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_send);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_PREREQDATA, upstream);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, upstream->why);
    return rc;
}

/* True where the kept connection must not be used: what the server said on it unasked (a 408 before it closes; or an
 * answer that is meant for somebody else's request) would pass for the answer to the next request. libcurl 7.88 does not
 * look. A fresh connection then takes the place of the kept one, as there is room for one. */
static bool has_unasked(const struct upstream *upstream)
{
    struct pollfd wait = {.fd = (int)upstream->socket, .events = POLLIN};

    return upstream->socket != CURL_SOCKET_BAD && poll(&wait, 1, 0) != 0;
}

static CURLcode set_request(struct upstream *upstream)
{
    const struct upstream_request *request = upstream->request;
    CURL *easy = upstream->easy;
    CURLcode rc = CURLE_OK;

    if (!upstream->set_up) {
        rc = rc ? rc : upstream_route_set(upstream->route, easy);
        rc = rc ? rc : set_options(easy);
        rc = rc ? rc : set_calls(upstream);
        upstream->set_up = rc == CURLE_OK;
    }
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, has_unasked(upstream) ? 1L : 0L);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_URL, request->url);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_HTTPHEADER, upstream->fields);
    switch (request->body) {
    case UPSTREAM_NO_BODY:
        break;
    case UPSTREAM_BYTES: /* goes out in one piece with the head */
        rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->length);
        rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->bytes);
        break;
    case UPSTREAM_STREAM:
    case UPSTREAM_CHUNKED:
        rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
        rc = rc ? rc
                : curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE,
                                   request->body == UPSTREAM_STREAM ? (curl_off_t)request->length : -1);
        break;
    }
    if (strcmp(request->method, "HEAD") == 0) {
        rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, NULL);
        rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else {
        rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    }
    return rc;
}

/* `easy` must not keep pointers to what ends with the request, nor anything for the next one but what is the same for
 * all; that need not be set again. */
static void clear_request(struct upstream *upstream)
{
    const struct upstream_request *request = upstream->request;
    bool plain =
        (request->body == UPSTREAM_NO_BODY || request->body == UPSTREAM_BYTES) && strcmp(request->method, "HEAD") != 0;
    CURL *easy = upstream->easy;
    CURLcode rc = CURLE_OK;

    if (plain) {
        rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL);
        rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)-1);
        rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
        rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
    }
    if (!plain || rc != CURLE_OK) {
        curl_easy_reset(easy);
        upstream->set_up = false;
    }
    drop_fields(upstream);
}

/* Lets go on what was put off and can go on; false when there is nothing. */
static bool unpause(struct upstream *upstream)
{
    const struct upstream_calls *calls = upstream->calls;
    bool read = upstream->read_paused && calls->ready(calls->ctx, true);
    bool body = upstream->body_paused && calls->ready(calls->ctx, false);

    if (read || body) {
        upstream->read_paused = upstream->read_paused && !read;
        upstream->body_paused = upstream->body_paused && !body;
        curl_easy_pause(upstream->easy,
                        (upstream->read_paused ? CURLPAUSE_SEND : 0) | (upstream->body_paused ? CURLPAUSE_RECV : 0));
    }
    return read || body;
}

/* Waits for either side; true where it was the client's that had something. */
static bool wait_for_more(struct upstream *upstream, int fd, short events)
{
    struct curl_waitfd other = {.fd = fd};

    other.events = (short)((events & POLLIN ? CURL_WAIT_POLLIN : 0) | (events & POLLOUT ? CURL_WAIT_POLLOUT : 0));
    curl_multi_poll(upstream->multi, &other, fd >= 0 && events != 0 ? 1 : 0, POLL_MS, NULL);
    return other.revents != 0;
}

static CURLcode drive(struct upstream *upstream)
{
    const struct upstream_calls *calls = upstream->calls;
    CURLcode result = CURLE_FAILED_INIT;
    CURLMsg *message;
    bool came = false;
    int running = 1;
    int left;

    while (running != 0 && !upstream->stopped) {
        short events = 0;
        int fd = -1;

        if (curl_multi_perform(upstream->multi, &running) != CURLM_OK) {
            break;
        }
        if (running != 0 && !upstream->stopped) {
            if (!calls->turn(calls->ctx, came, &fd, &events)) {
                upstream->stopped = true;
                break;
            }
            came = false;
            if (!unpause(upstream)) {
                came = wait_for_more(upstream, fd, events);
                unpause(upstream);
            }
        }
    }
    while ((message = curl_multi_info_read(upstream->multi, &left)) != NULL) {
        if (message->msg == CURLMSG_DONE) {
            result = message->data.result;
        }
    }
    return result;
}

static enum upstream_result result_of(const struct upstream *upstream, CURLcode result)
{
    if (upstream->stopped) {
        return UPSTREAM_STOPPED;
    }
    switch (result) {
    case CURLE_OK:
        return UPSTREAM_DONE;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return UPSTREAM_UNTRUSTED;
    case CURLE_OPERATION_TIMEDOUT: /* only the connection's time is limited here */
        return UPSTREAM_LATE;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PROXY:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
        return UPSTREAM_UNREACHED;
    default:
        return upstream->sent > 0 ? UPSTREAM_BROKEN : UPSTREAM_UNREACHED;
    }
}

enum upstream_result upstream_send(struct upstream *upstream, const struct upstream_request *request,
                                   const struct upstream_calls *calls, const char **why)
{
    CURLcode result = CURLE_OUT_OF_MEMORY;

    upstream->request = request;
    upstream->calls = calls;
    upstream->sent = 0;
    upstream->touched = upstream->read_paused = upstream->body_paused = upstream->stopped = false;
    upstream->why[0] = '\0';
    if (add_fields(upstream) && set_request(upstream) == CURLE_OK &&
        curl_multi_add_handle(upstream->multi, upstream->easy) == CURLM_OK) {
        upstream->socket = CURL_SOCKET_BAD;
        result = drive(upstream);
        if (result == CURLE_OK && !upstream->stopped) {
            curl_easy_getinfo(upstream->easy, CURLINFO_ACTIVESOCKET, &upstream->socket);
        }
        curl_multi_remove_handle(upstream->multi, upstream->easy);
    }
    clear_request(upstream);
    *why = transfer_words(result, upstream->why);
    return result_of(upstream, result);
}
