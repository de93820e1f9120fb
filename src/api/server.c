/* SPDX-License-Identifier: MIT */
#include "flow/met.h"
#include "flow/refusal.h"

void moidc_server_peek(struct moidc_client *client, const char *uri, struct moidc_server **ret)
{
    struct moidc_server *server;
    struct url url;

    pthread_mutex_lock(&client->mutex);
    server = met_settled_at(client, uri);
    if (server == NULL && url_parse(uri, &url)) {
        server = met_settled(client, &url);
        if (server != NULL) {
            met_note_request(client, uri);
        }
    }
    if (server != NULL) {
        server_hold(server);
    }
    pthread_mutex_unlock(&client->mutex);
    *ret = server;
}

enum moidc_code moidc_server_find(struct moidc_client *client, const char *uri, const struct moidc_lookup *lookup,
                                  struct moidc_server **ret, struct moidc_err *err)
{
    struct moidc_server *server = NULL;
    struct url url;
    enum moidc_code rc = MOIDC_OK;
    bool odd;

    *ret = NULL;
    if (!url_parse(uri, &url)) {
        return lookup_check_unread(lookup, uri, err);
    }
    odd = url_is_ambiguous(&url);
    pthread_mutex_lock(&client->mutex);
    server = odd ? NULL : met_settled(client, &url);
    if (odd) {
        rc = lookup_check_odd(client, lookup, &url, err);
    } else if (server == NULL && !lookup_is_known_stranger(client, lookup, &url)) {
        rc = lookup_server(client, lookup, &url, &server, err);
    }
    if (rc == MOIDC_OK && server != NULL) {
        *ret = server_hold(server);
    }
    pthread_mutex_unlock(&client->mutex);
    return rc == MOIDC_OK && server == NULL ? lookup_check(lookup, &url, err) : rc;
}

void moidc_server_release(struct moidc_server *server)
{
    if (server != NULL && atomic_fetch_sub_explicit(&server->references, 1, memory_order_acq_rel) == 1) {
        settings_free(server->settings);
        moidc_env_free(server->env);
        mem_free(server->token_hint);
        mem_free(server);
    }
}

const char *moidc_server_uri(const struct moidc_server *server)
{
    return server->settings->uri;
}

bool moidc_server_covers(const struct moidc_server *server, const char *uri)
{
    struct url url;

    return url_parse(uri, &url) && url_is_below(&url, &server->url);
}

const char *moidc_server_header_name(const struct moidc_server *server)
{
    return server->settings->header;
}

const char *moidc_server_header_prefix(const struct moidc_server *server)
{
    return settings_header_prefix(server->settings);
}

const char *moidc_server_token_hint(const struct moidc_server *server)
{
    return server->token_hint;
}

enum moidc_code moidc_server_refused(const struct moidc_server *server, const char *challenge, const char *const *sent,
                                     struct moidc_err *err)
{
    struct refusal refusal = {
        .server_uri = server->settings->uri,
        .token_hint = server->token_hint,
        .challenge = challenge,
        .sent = sent,
    };

    return refusal_set(&refusal, err);
}
