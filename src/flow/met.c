/* SPDX-License-Identifier: MIT */
#include "flow/met.h"

#include <string.h>

static enum moidc_code find_session(struct moidc_client *client, const struct settings *settings, struct session **ret,
                                    struct moidc_err *err)
{
    enum moidc_code rc;

    for (struct session *session = client->sessions; session != NULL; session = session->next) {
        if (session_is_for(session, settings)) {
            *ret = session;
            return MOIDC_OK;
        }
    }
    rc = session_new(client, settings, ret, err);
    if (rc == MOIDC_OK) {
        (*ret)->next = client->sessions;
        client->sessions = *ret;
    }
    return rc;
}

static enum moidc_code make_token_hint(const struct settings *settings, char **ret, struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf text = STRBUF_INIT(16 * 1024);

    if (settings->use_id_token) {
        strbuf_add_format(&text, "the ID token, with iss %s and aud %s", settings->issuer, settings->client_id);
    } else {
        strbuf_add_format(&text, "an access token, with iss %s%s%s", settings->issuer,
                          settings_token_audience(settings)[0] != '\0' ? " and the audience " : "",
                          settings_token_audience(settings));
    }
    *ret = strbuf_take(&text);
    return *ret != NULL ? MOIDC_OK : strbuf_error(&text, "the settings", err);
}

/* Takes `settings` over. *ret has one reference. */
static enum moidc_code server_new(struct moidc_client *client, const struct moidc_env *env, struct settings **settings,
                                  struct moidc_server **ret, struct moidc_err *err)
{
    CLEANUP(moidc_server_release_p) struct moidc_server *server = mem_zalloc(sizeof *server);
    enum moidc_code rc;

    if (server == NULL) {
        return err_memory(err);
    }
    atomic_init(&server->references, 1);
    atomic_init(&server->failed, false);
    server->client = client;
    server->settings = *settings;
    *settings = NULL;
    rc = find_session(client, server->settings, &server->session, err);
    rc = rc == MOIDC_OK ? make_token_hint(server->settings, &server->token_hint, err) : rc;
    rc = rc == MOIDC_OK ? env_copy(env, &server->env, err) : rc;
    if (rc == MOIDC_OK && !url_parse(server->settings->uri, &server->url)) {
        rc = err_set(err, MOIDC_E_INTERNAL, "a normalised URI is none");
    }
    if (rc == MOIDC_OK) {
        *ret = server;
        server = NULL;
    }
    return rc;
}

static struct moidc_server **place_of(const struct moidc_client *client, const char *uri)
{
    for (size_t i = 0; i < client->server_count; i++) {
        if (strcmp(client->servers[i]->settings->uri, uri) == 0) {
            return &client->servers[i];
        }
    }
    return NULL;
}

static void set_latest(struct moidc_client *client, struct moidc_server *server)
{
    client->latest = server;
    client->latest_request[0] = '\0';
}

/* Puts `server` (its reference is taken over) into the place of the one with the same URI, or adds it. */
static enum moidc_code keep(struct moidc_client *client, struct moidc_server *server, struct moidc_err *err)
{
    struct moidc_server **place = place_of(client, server->settings->uri);
    struct moidc_server **longer;

    if (place != NULL) {
        if (!settings_equal((*place)->settings, server->settings)) {
            session_unblock(server->session); /* the user changed something: perhaps what was wrong */
        }
        uri_index_free(client->index); /* it names the one that goes */
        client->index = NULL;
        set_latest(client, NULL);
        moidc_server_release(*place);
        *place = server;
        return MOIDC_OK;
    }
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): it is a list of pointers */
    longer = mem_realloc(client->servers, (client->server_count + 1) * sizeof *longer);
    if (longer == NULL) {
        moidc_server_release(server);
        return err_memory(err);
    }
    client->servers = longer;
    client->servers[client->server_count++] = server;
    return MOIDC_OK;
}

enum moidc_code met_add(struct moidc_client *client, const struct moidc_env *env, struct settings **settings,
                        struct moidc_server **ret, struct moidc_err *err)
{
    struct moidc_server *server = NULL;
    enum moidc_code rc = server_new(client, env, settings, &server, err);

    rc = rc == MOIDC_OK ? keep(client, server, err) : rc;
    if (rc == MOIDC_OK) {
        *ret = server;
    }
    return rc;
}

struct moidc_server *met_with_uri(struct moidc_client *client, const char *uri)
{
    struct moidc_server **place = place_of(client, uri);

    return place != NULL ? *place : NULL;
}

struct moidc_server *met_longest(struct moidc_client *client, const struct url *url)
{
    struct moidc_server *best = NULL;
    size_t length = 0;

    for (size_t i = 0; i < client->server_count; i++) {
        struct moidc_server *server = client->servers[i];

        if (url_is_below(url, &server->url) && (best == NULL || strlen(server->settings->uri) > length)) {
            best = server;
            length = strlen(server->settings->uri);
        }
    }
    return best;
}

/* `server` if it needs no look-up. The next request is most likely for it too, and found faster. */
static struct moidc_server *settled(struct moidc_client *client, struct moidc_server *server)
{
    if (server == NULL || atomic_load(&server->failed)) {
        return NULL;
    }
    if (client->latest != server) {
        set_latest(client, server);
    }
    return server;
}

struct moidc_server *met_settled(struct moidc_client *client, const struct url *url)
{
    void *found = NULL;

    if (client->latest != NULL && !client->latest->nested && url_is_below(url, &client->latest->url)) {
        return settled(client, client->latest); /* nothing is below it, so no longer one covers the request */
    }
    if (client->index == NULL || !uri_index_find(client->index, url, &found)) {
        return NULL;
    }
    return settled(client, found);
}

struct moidc_server *met_settled_at(struct moidc_client *client, const char *uri)
{
    bool same = client->latest != NULL && uri[0] != '\0' &&
                (strcmp(client->latest_request, uri) == 0 || strcmp(client->latest->settings->uri, uri) == 0);

    return same ? settled(client, client->latest) : NULL; /* no longer one could cover it */
}

void met_note_request(struct moidc_client *client, const char *uri)
{
    size_t size = strlen(uri) + 1;

    if (size <= sizeof client->latest_request) {
        memcpy(client->latest_request, uri, size);
    }
}

struct indexing {
    struct uri_index *index;
    bool failed;
};

static void add(struct indexing *indexing, const char *uri, struct moidc_server *met)
{
    indexing->failed = !uri_index_add(indexing->index, uri, met) || indexing->failed;
}

static void add_described(void *ctx, const char *uri)
{
    add(ctx, uri, NULL);
}

enum moidc_code met_index(struct moidc_client *client, const struct settings_sources *sources, struct moidc_err *err)
{
    CLEANUP(uri_index_free_p) struct uri_index *index = uri_index_new();
    struct indexing indexing = {.index = index};
    enum moidc_code rc = index != NULL ? settings_each(sources, add_described, &indexing, err) : err_memory(err);

    for (size_t i = 0; rc == MOIDC_OK && i < client->server_count; i++) {
        add(&indexing, client->servers[i]->settings->uri, client->servers[i]);
    }
    if (rc != MOIDC_OK || indexing.failed) {
        return rc != MOIDC_OK ? rc : err_memory(err);
    }
    uri_index_sort(index);
    uri_index_free(client->index);
    client->index = index;
    index = NULL;
    client->latest_request[0] = '\0'; /* another may cover it now */
    for (size_t i = 0; i < client->server_count; i++) {
        client->servers[i]->nested = uri_index_any_below(client->index, client->servers[i]->settings->uri);
    }
    return MOIDC_OK;
}
