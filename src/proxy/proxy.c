/* SPDX-License-Identifier: MIT */
#include "proxy/proxy.h"

#include "io/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

enum { STEP_MS = 100, GRACE_MS = 10 * 1000, ABORT_MS = 3 * 1000, SPARE_MS = 60 * 1000, SHOWN_MOST = 4 };

enum moidc_code proxy_upstream_take(struct moidc_proxy *proxy, struct upstream **ret, struct moidc_err *err)
{
    struct upstream *upstream = NULL;

    pthread_mutex_lock(&proxy->mutex);
    if (proxy->spare_count > 0) {
        upstream = proxy->spare[--proxy->spare_count].upstream;
    }
    pthread_mutex_unlock(&proxy->mutex);
    if (upstream == NULL) {
        return upstream_new(proxy->route, ret, err);
    }
    *ret = upstream;
    return MOIDC_OK;
}

void proxy_upstream_give(struct moidc_proxy *proxy, struct upstream *upstream)
{
    pthread_mutex_lock(&proxy->mutex);
    if (proxy->spare_count < PROXY_SPARE_MOST) {
        proxy->spare[proxy->spare_count++] = (struct proxy_spare){upstream, clock_steady_ms()};
        upstream = NULL;
    }
    pthread_mutex_unlock(&proxy->mutex);
    upstream_free(upstream);
}

/* Closes the one that was unused for longest, if that is long. They stand in the order of their last use. */
static void drop_old_spare(struct moidc_proxy *proxy)
{
    struct upstream *old = NULL;

    pthread_mutex_lock(&proxy->mutex);
    if (proxy->spare_count > 0 && clock_steady_ms() - proxy->spare[0].since_ms > SPARE_MS) {
        old = proxy->spare[0].upstream;
        proxy->spare_count--;
        memmove(proxy->spare, proxy->spare + 1, proxy->spare_count * sizeof proxy->spare[0]);
    }
    pthread_mutex_unlock(&proxy->mutex);
    upstream_free(old);
}

static enum moidc_code listen_at(struct moidc_proxy *proxy, const struct moidc_proxy_options *options,
                                 struct moidc_err *err)
{
    const char *address = options->listen != NULL ? options->listen : "127.0.0.1";
    char uri[64];
    enum moidc_code rc = options->unix_path != NULL
                             ? local_listener_open_unix(options->unix_path, &proxy->listener, err)
                             : local_listener_open(address, &proxy->listener, err);

    if (rc != MOIDC_OK) {
        return rc;
    }
    if (options->unix_path != NULL) {
        CLEANUP(strbuf_free) struct strbuf text = STRBUF_INIT(8192);

        strbuf_add_text(&text, "unix:");
        strbuf_add_text(&text, options->unix_path);
        proxy->uri = strbuf_take(&text);
    } else {
        snprintf(uri, sizeof uri, "http://%s:%d", local_listener_host(proxy->listener),
                 local_listener_port(proxy->listener));
        proxy->uri = mem_strdup(uri);
    }
    return proxy->uri != NULL ? MOIDC_OK : err_memory(err);
}

DEFINE_CLEANUP(struct moidc_proxy *, moidc_proxy_free)

enum moidc_code moidc_proxy_new(struct moidc_server *server, const struct moidc_proxy_options *options,
                                struct moidc_proxy **ret, struct moidc_err *err)
{
    CLEANUP(moidc_proxy_free_p) struct moidc_proxy *proxy = mem_zalloc(sizeof *proxy);
    enum moidc_code rc;

    if (proxy == NULL) {
        return err_memory(err);
    }
    pthread_mutex_init(&proxy->mutex, NULL);
    pthread_cond_init(&proxy->queued, NULL);
    atomic_init(&proxy->stopping, false);
    atomic_init(&proxy->aborted, false);
    proxy->server = server;
    proxy->grace_ms = options->grace_ms > 0 ? options->grace_ms : GRACE_MS;
    proxy->connections_most = proxy_clients_most();
    if (!url_parse(moidc_server_uri(server), &proxy->server_url)) {
        return err_set(err, MOIDC_E_INTERNAL, "a normalised URI is none");
    }
    proxy->server_origin = url_origin(&proxy->server_url);
    if (proxy->server_origin == NULL) {
        return err_memory(err);
    }
    rc = env_copy(options->env, &proxy->env, err);
    rc = rc == MOIDC_OK ? upstream_route_new(proxy->env, moidc_server_uri(server), &proxy->route, err) : rc;
    rc = rc == MOIDC_OK ? listen_at(proxy, options, err) : rc;
    rc = rc == MOIDC_OK ? access_init(&proxy->access, local_listener_host(proxy->listener),
                                      local_listener_port(proxy->listener), err)
                        : rc;
    if (rc == MOIDC_OK) {
        *ret = proxy;
        proxy = NULL;
    }
    return rc;
}

void proxy_tell(struct moidc_proxy *proxy, const char *text)
{
    pthread_mutex_lock(&proxy->mutex);
    snprintf(proxy->failure, sizeof proxy->failure, "%s", text);
    pthread_mutex_unlock(&proxy->mutex);
}

/* What the person was shown, so that it is not shown again with each request. */
struct shown {
    char text[PROXY_SHOWN_BYTES];
    int64_t at_ms;
};

/* True for two texts that differ in numbers alone, as in how many milliseconds something took. */
static bool is_alike(const char *a, const char *b)
{
    static const char digits[] = "0123456789";

    for (;; a++, b++) {
        a += strspn(a, digits);
        b += strspn(b, digits);
        if (*a != *b || *a == '\0') {
            return *a == *b;
        }
    }
}

/* False where it was shown less than a minute ago; else it is noted in the place of the oldest. */
static bool is_news(struct shown shown[SHOWN_MOST], const char *text)
{
    enum { AGAIN_MS = 60 * 1000 };
    int64_t now_ms = clock_steady_ms();
    struct shown *oldest = shown;

    for (size_t i = 0; i < SHOWN_MOST; i++) {
        if (is_alike(text, shown[i].text) && now_ms - shown[i].at_ms < AGAIN_MS) {
            return false;
        }
        oldest = shown[i].at_ms < oldest->at_ms ? &shown[i] : oldest;
    }
    snprintf(oldest->text, sizeof oldest->text, "%s", text);
    oldest->at_ms = now_ms;
    return true;
}

static void show_failure(struct moidc_proxy *proxy, const struct moidc_ui *ui, struct shown shown[SHOWN_MOST])
{
    char text[PROXY_SHOWN_BYTES];

    pthread_mutex_lock(&proxy->mutex);
    memcpy(text, proxy->failure, sizeof text);
    proxy->failure[0] = '\0';
    pthread_mutex_unlock(&proxy->mutex);
    if (text[0] != '\0' && ui->show != NULL && is_news(shown, text)) {
        ui->show(ui->ctx, text);
    }
}

static bool is_cancelled(const struct moidc_ui *ui)
{
    return ui->cancelled != NULL && ui->cancelled(ui->ctx);
}

enum moidc_code moidc_proxy_run(struct moidc_proxy *proxy, const struct moidc_ui *ui, struct moidc_err *err)
{
    struct pollfd wait = {.fd = local_listener_fd(proxy->listener), .events = POLLIN};
    struct shown shown[SHOWN_MOST] = {{.text = ""}};
    enum moidc_code rc = MOIDC_OK;

    while (rc == MOIDC_OK && !is_cancelled(ui)) {
        int n = poll(&wait, 1, STEP_MS);

        if (n < 0 && errno != EINTR) {
            rc = err_set(err, MOIDC_E_NETWORK, "the proxy cannot wait for clients: %s", strerror(errno));
        } else if (n > 0 && wait.revents != POLLIN) {
            rc = err_set(err, MOIDC_E_NETWORK, "the proxy's socket failed");
        } else if (n > 0) {
            proxy_clients_accept(proxy);
        } else {
            drop_old_spare(proxy);
        }
        show_failure(proxy, ui, shown);
    }
    atomic_store(&proxy->stopping, true);
    local_listener_close(proxy->listener);
    proxy->listener = NULL;
    proxy_clients_end(proxy, false);
    proxy_clients_wait(proxy, proxy->grace_ms);
    atomic_store(&proxy->aborted, true);
    proxy_clients_end(proxy, true);
    proxy_clients_wait(proxy, ABORT_MS);
    show_failure(proxy, ui, shown);
    return rc;
}

const char *moidc_proxy_uri(const struct moidc_proxy *proxy)
{
    return proxy->uri;
}

const char *moidc_proxy_key(const struct moidc_proxy *proxy)
{
    return proxy->access.key != NULL ? secret_reveal(proxy->access.key) : NULL;
}

enum moidc_code moidc_proxy_link(struct moidc_proxy *proxy, char *ret, size_t size, struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf text = STRBUF_INIT(256);
    enum moidc_code rc;

    if (proxy->access.open) {
        return err_set(err, MOIDC_E_CONFIGURATION, "no browser can reach a UNIX socket");
    }
    strbuf_add_text(&text, proxy->uri);
    strbuf_add_text(&text, PROXY_ENTER_PATH "?once=");
    rc = access_link_new(&proxy->access, &text, err);
    if (rc == MOIDC_OK && text.length >= size) {
        rc = err_set(err, MOIDC_E_INTERNAL, "there is no room for the link");
    }
    if (rc == MOIDC_OK) {
        memcpy(ret, text.bytes, text.length + 1);
    }
    return rc;
}

void moidc_proxy_free(struct moidc_proxy *proxy)
{
    if (proxy == NULL) {
        return;
    }
    if (proxy->thread_count > 0) {
        return; /* a thread hangs in the system and may yet come back: better lost than freed under it */
    }
    while (proxy->spare_count > 0) {
        upstream_free(proxy->spare[--proxy->spare_count].upstream);
    }
    local_listener_close(proxy->listener);
    upstream_route_free(proxy->route);
    access_clear(&proxy->access);
    moidc_env_free(proxy->env);
    mem_free(proxy->server_origin);
    mem_free(proxy->uri);
    pthread_cond_destroy(&proxy->queued);
    pthread_mutex_destroy(&proxy->mutex);
    mem_free(proxy);
}
