/* SPDX-License-Identifier: MIT */
#include "io/http.h"

#include "base/fork_gate.h"
#include "base/openssl.h"
#include "base/url.h"
#include "io/clock.h"
#include "io/http_failure.h"
#include "io/http_headers.h"
#include "io/libcurl_start.h"
#include "io/transfer_options.h"

#include <string.h>

enum { POLL_MS = 50, HEADERS_MOST_BYTES = 64 * 1024, SLEPT_MS = 1000 };

struct http {
    CURL *easy;   /* while a request is made, else NULL: its buffers keep what was sent, in libcurl 8 */
    CURLM *multi; /* has the connections */
    struct trust trust;
    struct moidc_env *env;
    int64_t slept_ms; /* slept_ms() at the last request */
    bool sent;        /* the last request was, or a part of it; what a forward proxy is asked before is none */
};

/* Before the request is sent: notes that, and has OpenSSL wipe what it decrypts once libcurl has taken it. Not
 * CURLOPT_SSL_CTX_FUNCTION, for which libcurl reads the authorities before it greets the server; else it does while it waits
 * for the answer. */
static int on_connected(void *ctx, char *their_ip, char *our_ip, int their_port, int our_port)
{
    struct http *http = ctx;
    struct curl_tlssessioninfo *tls = NULL;

    (void)their_ip;
    (void)our_ip;
    (void)their_port;
    (void)our_port;
    http->sent = true;
    if (libcurl_has_openssl_3() && curl_easy_getinfo(http->easy, CURLINFO_TLS_SSL_PTR, &tls) == CURLE_OK &&
        tls != NULL && tls->internals != NULL) {
        SSL_set_options(tls->internals, SSL_OP_CLEANSE_PLAINTEXT);
    }
    return CURL_PREREQFUNC_OK;
}

/* How long the machine has slept, counted from some moment. */
static int64_t slept_ms(void)
{
    int64_t awake_ms = clock_awake_ms();

    return clock_steady_ms() - awake_ms;
}

enum moidc_code http_new(const struct moidc_env *env, const char *ca_file, struct http **ret, struct moidc_err *err)
{
    CLEANUP(http_free_p) struct http *http = NULL;
    enum moidc_code rc;

    rc = libcurl_start(err);
    if (rc != MOIDC_OK) {
        return rc;
    }
    http = mem_zalloc(sizeof *http);
    if (http == NULL) {
        return err_memory(err);
    }
    fork_gate_enter();
    http->multi = curl_multi_init();
    fork_gate_leave();
    if (http->multi == NULL) {
        return http_failure_start(err);
    }
    rc = trust_find(env, ca_file, &http->trust, err);
    rc = rc == MOIDC_OK ? env_copy(env, &http->env, err) : rc;
    if (rc == MOIDC_OK) {
        http->slept_ms = slept_ms();
        *ret = http;
        http = NULL;
    }
    return rc;
}

void http_free(struct http *http)
{
    if (http != NULL) {
        fork_gate_enter();
        curl_easy_cleanup(http->easy);
        if (http->multi != NULL) {
            curl_multi_cleanup(http->multi);
        }
        fork_gate_leave();
        trust_clear(&http->trust);
        moidc_env_free(http->env);
        mem_free(http);
    }
}

/* What the callbacks write to. */
struct transfer {
    struct http_response *response;
    struct http_route *route;
    size_t header_bytes;
    bool in_head;      /* of an answer, and not in the trailer section behind its body */
    const char *proxy; /* as trust_proxy() says */
};

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
    struct transfer *transfer = ctx;

    strbuf_add(&transfer->response->body, bytes, size * count);
    mem_wipe(bytes, size * count); /* newer ones of libcurl keep the buffer for the next transfer */
    return transfer->response->body.failed ? 0 : size * count;
}

/* What an interim answer (1xx) says is not said by the final one (RFC 9110 §15.2), and trailer fields are no header fields:
 * they must not be merged with those (§6.5.1). */
static size_t on_header(char *bytes, size_t size, size_t count, void *ctx)
{
    struct transfer *transfer = ctx;
    size_t n = size * count;

    transfer->header_bytes += n;
    if (transfer->header_bytes > HEADERS_MOST_BYTES) {
        return 0;
    }
    if (n > 5 && memcmp(bytes, "HTTP/", 5) == 0) {
        transfer->in_head = true;
        http_headers_forget(transfer->response, transfer->route);
    } else if (n == 0 || *bytes == '\r' || *bytes == '\n') {
        transfer->in_head = false;
    } else if (transfer->in_head) {
        http_headers_take(bytes, n, transfer->response, transfer->route);
    }
    return n;
}

static void curl_slist_free_p(struct curl_slist **list)
{
    curl_slist_free_all(*list);
}

static bool add_header(struct curl_slist **list, const char *header)
{
    struct curl_slist *longer = curl_slist_append(*list, header);

    if (longer == NULL) {
        return false;
    }
    *list = longer;
    return true;
}

/* The type of a key set is that of RFC 7517 §8.5.2. Where a request says nothing of content codings, any of them is fine
 * (RFC 9110 §12.5.3), and none is decoded here. */
static bool add_accepted(struct curl_slist **list, const struct http_request *request)
{
    const char *accept =
        request->accept_keys ? "Accept: application/json, application/jwk-set+json" : "Accept: application/json";

    return add_header(list, accept) && add_header(list, "Accept-Encoding: identity");
}

static bool add_authorization(struct curl_slist **list, const struct http_request *request)
{
    CLEANUP(strbuf_free) struct strbuf header = STRBUF_INIT(128 * 1024);

    if (request->authorization == NULL) {
        return true;
    }
    strbuf_add_text(&header, request->header != NULL ? request->header : "Authorization");
    strbuf_add_text(&header, ": ");
    strbuf_add(&header, secret_reveal(request->authorization), secret_length(request->authorization));
    return !header.failed && add_header(list, strbuf_text(&header));
}

/* Options that are the same for every request. */
static CURLcode set_common(struct http *http, CURL *easy, const char *proxy)
{
    CURLcode rc = transfer_options_set(easy, http->env, proxy, &http->trust);

    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_PREREQDATA, http);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)HTTP_CONNECT_MS);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)HTTP_TOTAL_MS);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_USERAGENT, "mlflow-oidc-client/" MOIDC_VERSION);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    return rc;
}

static CURLcode set_request(CURL *easy, const struct http_request *request, struct curl_slist *headers,
                            struct transfer *transfer)
{
    CURLcode rc = curl_easy_setopt(easy, CURLOPT_URL, request->url);

    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_CERTINFO, request->route != NULL ? 1L : 0L);
    if (rc == CURLE_OK && request->body != NULL) {
        rc = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)secret_length(request->body));
        rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_POSTFIELDS, secret_reveal(request->body));
    }
    return rc;
}

bool http_was_sent(const struct http *http)
{
    return http->sent;
}

/* True when the caller cancelled and there is nothing (more) to wait for. *finish_at_ms is 0 before. */
static bool is_over(const struct http *http, const struct http_request *request, const struct moidc_ui *ui,
                    int64_t *finish_at_ms)
{
    if (ui == NULL || ui->cancelled == NULL || !ui->cancelled(ui->ctx)) {
        return false;
    }
    if (*finish_at_ms == 0) {
        *finish_at_ms = clock_steady_ms() + (http->sent ? request->finish_ms : 0);
    }
    return clock_steady_ms() >= *finish_at_ms;
}

/* Drives the transfer in short steps, so that a cancelled call ends at once. */
static CURLcode perform(struct http *http, const struct http_request *request, const struct moidc_ui *ui,
                        bool *cancelled)
{
    int64_t finish_at_ms = 0;
    CURLcode result = CURLE_FAILED_INIT;
    CURLMsg *message;
    CURLMcode step;
    int running = 1;
    int left;

    if (curl_multi_add_handle(http->multi, http->easy) != CURLM_OK) {
        return CURLE_OUT_OF_MEMORY;
    }
    while (running != 0) {
        if (is_over(http, request, ui, &finish_at_ms)) {
            *cancelled = true;
            break;
        }
        fork_gate_enter();
        step = curl_multi_perform(http->multi, &running);
        fork_gate_leave();
        if (step != CURLM_OK) {
            break;
        }
        if (running != 0) {
            curl_multi_poll(http->multi, NULL, 0, POLL_MS, NULL);
        }
    }
    while ((message = curl_multi_info_read(http->multi, &left)) != NULL) {
        if (message->msg == CURLMSG_DONE) {
            result = message->data.result;
        }
    }
    fork_gate_enter();
    curl_multi_remove_handle(http->multi, http->easy);
    fork_gate_leave();
    return result;
}

static enum moidc_code prepare(struct http *http, const struct http_request *request, struct curl_slist **headers,
                               struct transfer *transfer, struct moidc_err *err)
{
    struct url url;

    if (!url_parse(request->url, &url)) {
        return err_set(err, MOIDC_E_INTERNAL, "%s has a malformed URL", request->what);
    }
    transfer->proxy = trust_proxy(http->env, &url);
    if (!add_accepted(headers, request) || !add_header(headers, "Expect:") || !add_authorization(headers, request) ||
        set_common(http, http->easy, transfer->proxy) != CURLE_OK ||
        set_request(http->easy, request, *headers, transfer) != CURLE_OK) {
        return err_memory(err);
    }
    return MOIDC_OK;
}

static void end_request(struct http *http)
{
    fork_gate_enter();
    curl_easy_cleanup(http->easy);
    http->easy = NULL;
    fork_gate_leave();
}

/* Forgets the connections from before the machine slept: whoever is between has forgotten them too, and what is sent on
 * one may be answered by nobody. libcurl drops idle ones by a clock that stood still. */
static bool wake(struct http *http)
{
    int64_t now_ms = slept_ms();

    fork_gate_enter();
    if (now_ms - http->slept_ms > SLEPT_MS) {
        curl_multi_cleanup(http->multi);
        http->multi = curl_multi_init();
    }
    http->easy = http->easy != NULL ? http->easy : curl_easy_init();
    fork_gate_leave();
    http->slept_ms = now_ms;
    return http->multi != NULL && http->easy != NULL;
}

enum moidc_code http_send(struct http *http, const struct http_request *request, const struct moidc_ui *ui,
                          struct http_response **ret, struct moidc_err *err)
{
    CLEANUP(http_response_free_p) struct http_response *response = http_response_new(HTTP_REPLY_MOST_BYTES);
    CLEANUP(curl_slist_free_p) struct curl_slist *headers = NULL;
    struct transfer transfer = {.response = response, .route = request->route};
    char detail[CURL_ERROR_SIZE] = "";
    bool cancelled = false;
    long status = 0;
    int64_t began_ms;
    CURLcode result;
    enum moidc_code rc;

    http->sent = false;
    if (response == NULL) {
        return err_memory(err);
    }
    if (!wake(http)) {
        return http_failure_start(err);
    }
    rc = prepare(http, request, &headers, &transfer, err);
    if (rc != MOIDC_OK) {
        end_request(http);
        return rc;
    }
    curl_easy_setopt(http->easy, CURLOPT_ERRORBUFFER, detail);
    /* on a connection that turns out to be dead libcurl sends a request again by itself */
    curl_easy_setopt(http->easy, CURLOPT_FRESH_CONNECT, request->repeatable ? 0L : 1L);
    began_ms = clock_awake_ms();
    result = perform(http, request, ui, &cancelled);
    curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
    if (request->route != NULL) {
        http_route_take(http->easy, result, request->route);
    }
    end_request(http);
    if (cancelled) {
        err_set(err, MOIDC_E_CANCELLED, "the call was cancelled while %s was asked", request->what);
        err_where(err, "%.*s", (int)strcspn(request->url, "?"), request->url);
        return err->code;
    }
    if (result != CURLE_OK) {
        struct http_failure failure = {
            .result = result,
            .detail = detail,
            .trust_source = http->trust.source,
            .proxy = transfer.proxy,
            .waited_ms = clock_awake_ms() - began_ms,
        };

        return response->body.failed && response->body.length < response->body.most / 2
                   ? err_memory(err)
                   : http_failure_tell(&failure, request, err);
    }
    response->status = (int)status;
    *ret = response;
    response = NULL;
    return MOIDC_OK;
}
