/* SPDX-License-Identifier: MIT */
#include "flow/farewell.h"

#include "flow/client.h"
#include "flow/client_auth.h"
#include "flow/failure_note.h"
#include "flow/person.h"
#include "io/browser.h"
#include "io/clock.h"

#include <stdio.h>
#include <string.h>

enum { LOCK_STEP_MS = 25, LOCK_MOST_MS = 2000, NAME_HASH_END = 23 /* of "tokens-0123456789abcdef" */ };

static enum moidc_code revoke(struct session *session, const struct wish *wish, const struct cache_entry *entry,
                              const struct token_grant *grant, struct moidc_err *err)
{
    CLEANUP(http_request_free_p) struct http_request *request = NULL;
    CLEANUP(http_response_free_p) struct http_response *reply = NULL;
    const struct settings *settings = wish->settings;
    const char *endpoint = session->provider.metadata->revocation_endpoint;
    struct client client = {
        .client_id = settings->client_id,
        .client_secret = settings->client_secret,
        .auth = client_auth_of(session, settings, entry->client_auth),
    };
    enum moidc_code rc;

    client_auth_announce(session, wish);
    rc = token_request_new(endpoint, &client, grant, &request, err);
    rc = rc == MOIDC_OK ? provider_send(&session->provider, &wish->call, request, &reply, err) : rc;
    if (rc == MOIDC_OK && (reply->status < 200 || reply->status > 299)) {
        err_set(err, MOIDC_E_PROVIDER, "the provider did not revoke the %s token (HTTP status %d)",
                grant->grant == GRANT_REVOCATION ? "refresh" : "access", reply->status);
        err_reply(err, reply->status, NULL);
        rc = err_where(err, "%s", endpoint);
    }
    return rc;
}

enum moidc_code farewell_revoke(struct session *session, const struct wish *wish, const struct cache_entry *entry,
                                struct moidc_err *err)
{
    struct token_grant refresh = {.grant = GRANT_REVOCATION, .refresh_token = entry->refresh_token};
    struct token_grant access = {.grant = GRANT_REVOCATION_ACCESS, .access_token = entry->access_token};
    struct moidc_err fault;
    enum moidc_code rc = provider_discover(&session->provider, &wish->call, err);

    if (rc != MOIDC_OK) {
        return rc;
    }
    if (session->provider.metadata->revocation_endpoint == NULL) {
        notices_add(&session->client->notices, MOIDC_INFO,
                    "%s offers no revocation (RFC 7009): tokens that were handed out stay valid there until they end",
                    wish->settings->issuer);
        return MOIDC_OK;
    }
    if (entry->refresh_token != NULL) {
        rc = revoke(session, wish, entry, &refresh, err);
    }
    if (rc == MOIDC_OK && entry->access_token != NULL && revoke(session, wish, entry, &access, &fault) != MOIDC_OK) {
        notices_add(&session->client->notices, MOIDC_DEBUG, "revoke.access result=%s status=%d",
                    moidc_code_info(fault.code)->name, fault.http_status);
    }
    return rc;
}

/* RP-Initiated Logout §2. It goes through the person's browser, which holds the session. id_token_hint is left out: the
 * ID token may be what the tracking server takes, and an address is seen by many; client_id says who asks, and the
 * provider asks the person. */
static enum moidc_code end_session_url(const struct session *session, const struct settings *settings, char **ret,
                                       struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf url = STRBUF_INIT(16 * 1024);
    const char *endpoint = session->provider.metadata->end_session_endpoint;

    if (endpoint == NULL) {
        err_set(err, MOIDC_E_PROTOCOL, "the provider's metadata names no end_session_endpoint");
        err_where(err, "%s", settings->issuer);
        return err_next(err, "end the session on the provider's own pages");
    }
    strbuf_add_text(&url, endpoint);
    strbuf_add_text(&url, strchr(endpoint, '?') != NULL ? "&client_id=" : "?client_id=");
    strbuf_add_percent(&url, settings->client_id, strlen(settings->client_id));
    *ret = strbuf_take(&url);
    return *ret != NULL ? MOIDC_OK : strbuf_error(&url, "the address", err);
}

enum moidc_code farewell_end_session(struct session *session, const struct wish *wish, struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf text = STRBUF_INIT(20 * 1024);
    CLEANUP(mem_free_p) char *url = NULL;
    const struct moidc_ui *ui = wish->call.ui;
    enum moidc_code rc = provider_discover(&session->provider, &wish->call, err);
    struct moidc_err fault;

    rc = rc == MOIDC_OK ? end_session_url(session, wish->settings, &url, err) : rc;
    if (rc != MOIDC_OK) {
        return rc;
    }
    strbuf_add_format(&text, "mlflow-oidc-client: to end your session at %s, open this address in your browser:\n%s",
                      wish->settings->issuer, url);
    if (text.failed) {
        return strbuf_error(&text, "the address", err);
    }
    if (ui != NULL && ui->show != NULL) {
        ui->show(ui->ctx, strbuf_text(&text));
    }
    if (!wish->no_browser && browser_available(wish->call.env) && person_check(&wish->call, &fault) == MOIDC_OK &&
        browser_open(wish->call.env, url, &fault) != MOIDC_OK) {
        notices_add(&session->client->notices, MOIDC_WARNING, "no browser was opened: %s", fault.what);
    }
    return MOIDC_OK;
}

/* What is being cleared. */
struct clearing {
    struct moidc_client *client;
    const struct cache_dir *dir;
    const struct call *call;
    size_t removed;
    struct moidc_err fault; /* of the first file that could not be removed; code MOIDC_OK: none */
};

/* Waits a little for a process that works on the identity; then it is done without the lock. */
static struct lock *lock_briefly(const struct clearing *clearing, const char *file)
{
    int64_t end_ms = clock_steady_ms() + LOCK_MOST_MS;
    struct lock *lock = NULL;
    struct moidc_err ignored;
    char name[CACHE_NAME_SIZE];

    snprintf(name, sizeof name, "%.*s.lock", NAME_HASH_END, file);
    while (lock_try(clearing->dir, name, &lock, &ignored) == LOCK_BUSY && clock_steady_ms() < end_ms) {
        if (!call_wait(clearing->call, LOCK_STEP_MS)) {
            break;
        }
    }
    return lock;
}

static void clear_file(void *ctx, const char *name)
{
    struct clearing *clearing = ctx;
    CLEANUP(lock_release_p) struct lock *lock = NULL;
    struct moidc_err err;
    bool removed = false;

    if (strncmp(name, "tokens-", 7) != 0 || strstr(name, ".json") == NULL) {
        return;
    }
    lock = lock_briefly(clearing, name);
    if (lock != NULL) {
        logout_note_write(lock); /* so that no process brings back what it has in memory */
    }
    if (cache_dir_remove(clearing->dir, name, &removed, &err) != MOIDC_OK && clearing->fault.code == MOIDC_OK) {
        clearing->fault = err;
    }
    clearing->removed += removed;
}

enum moidc_code farewell_clear_cache(struct moidc_client *client, const struct call *call, size_t *removed,
                                     struct moidc_err *err)
{
    CLEANUP(cache_dir_close_p) struct cache_dir *dir = NULL;
    struct clearing clearing = {.client = client, .call = call};
    enum moidc_code rc = cache_dir_open(call->env, &dir, err);

    *removed = 0;
    if (rc != MOIDC_OK) {
        return rc;
    }
    clearing.dir = dir;
    rc = cache_dir_each(dir, clear_file, &clearing, err);
    *removed = clearing.removed;
    if (rc == MOIDC_OK && clearing.fault.code != MOIDC_OK) {
        *err = clearing.fault;
        rc = err->code;
    }
    return rc;
}
