/* SPDX-License-Identifier: MIT */
#include "flow/status.h"

#include "base/text.h"
#include "config/setting_show.h"
#include "flow/obtain.h"
#include "flow/worker.h"
#include "io/clock.h"
#include "oauth/claims.h"

#include <stdio.h>
#include <string.h>

void status_settings(const struct moidc_server *server, void (*each)(void *ctx, const struct moidc_setting *setting),
                     void *ctx)
{
    char value[SETTING_SHOWN_SIZE];
    char source[512] = "";

    for (int i = 0; i < SETTING_COUNT; i++) {
        const struct setting_info *info = setting_info((enum setting_id)i);
        struct moidc_setting setting = {
            .key = info->key,
            .variable = info->variable,
            .meaning = info->meaning,
            .value = server != NULL ? value : info->default_text,
            .source = source,
            .is_text = info->kind != SETTING_BOOLEAN && info->kind != SETTING_SECONDS,
        };

        if (server != NULL) {
            setting_show(server->settings, info->id, value);
            snprintf(source, sizeof source, "%s", server->settings->source[i]);
            text_make_printable(source);
        }
        each(ctx, &setting);
    }
}

/* The entry's texts about the person. Its ID token was checked when it came. */
static enum moidc_code take_person(const struct cache_entry *entry, struct moidc_status *ret, struct moidc_err *err)
{
    struct claims claims;
    bool readable = false;
    enum moidc_code rc = MOIDC_OK;

    if (entry->id_token != NULL) {
        rc = claims_of_token(entry->id_token, &readable, &claims, err);
    }
    if (rc == MOIDC_OK && readable) {
        snprintf(ret->subject, sizeof ret->subject, "%s", claims.subject);
        snprintf(ret->username, sizeof ret->username, "%s", claims.username);
        snprintf(ret->email, sizeof ret->email, "%s", claims.email);
    }
    return rc;
}

/* Session->entry is read without the mutex: the turn is ours. */
static enum moidc_code judge(const struct session *session, const struct settings *settings, struct moidc_status *ret,
                             struct moidc_err *err)
{
    const struct cache_entry *entry = session->entry;
    const struct secret *token = NULL;

    if (entry == NULL) {
        return MOIDC_OK;
    }
    if (!cache_entry_serves(entry, settings->uri)) {
        ret->state = MOIDC_STATE_OTHER_SERVER;
        return take_person(entry, ret, err);
    }
    token = settings->use_id_token ? entry->id_token : entry->access_token;
    ret->obtained_at_s = entry->obtained_at_s;
    ret->expires_at_s = settings->use_id_token ? entry->id_expires_at_s : entry->access_expires_at_s;
    ret->renewable = !ret->person || entry->refresh_token != NULL;
    if (token != NULL) {
        bool valid = ret->expires_at_s == 0 || ret->expires_at_s > clock_now_s();

        ret->state = valid ? MOIDC_STATE_VALID : MOIDC_STATE_ENDED;
    }
    return take_person(entry, ret, err);
}

enum moidc_code status_read(struct moidc_server *server, const struct wish *wish, struct moidc_status *ret,
                            struct moidc_err *err)
{
    const struct settings *settings = server->settings;
    struct moidc_status status = {
        .state = MOIDC_STATE_NONE,
        .issuer = settings->issuer,
        .person = session_is_person(server->session),
        .id_token = settings->use_id_token,
    };
    enum moidc_code rc = worker_begin(server->session, wish, err);

    if (rc != MOIDC_OK) {
        return rc;
    }
    status.renewable = !status.person;
    rc = obtain_look(server->session, wish, err);
    rc = rc == MOIDC_OK ? judge(server->session, settings, &status, err) : rc;
    worker_end(server->session);
    if (rc == MOIDC_OK) {
        *ret = status;
    }
    return rc;
}

/* OIDC Core §5.3.1: the access token goes in the header, as RFC 6750 §2.1 has it. */
static enum moidc_code userinfo_request(const char *endpoint, const struct moidc_token *token,
                                        struct http_request **ret, struct moidc_err *err)
{
    CLEANUP(http_request_free_p) struct http_request *request = NULL;
    enum moidc_code rc = http_request_new(endpoint, "the userinfo endpoint", &request, err);

    rc = rc == MOIDC_OK ? secret_prefixed("Bearer ", token_secret(token), &request->authorization, err) : rc;
    if (rc == MOIDC_OK) {
        request->repeatable = true;
        *ret = request;
        request = NULL;
    }
    return rc;
}

/* With the turn taken. */
static enum moidc_code ask(struct session *session, const struct wish *wish, const struct moidc_token *token,
                           struct claims *ret, struct moidc_err *err)
{
    CLEANUP(http_request_free_p) struct http_request *request = NULL;
    CLEANUP(http_response_free_p) struct http_response *reply = NULL;
    const char *subject = session->entry != NULL ? session->entry->subject : NULL;
    const char *endpoint = NULL;
    enum moidc_code rc = provider_discover(&session->provider, &wish->call, err);

    if (rc != MOIDC_OK) {
        return rc;
    }
    endpoint = session->provider.metadata->userinfo_endpoint;
    if (endpoint == NULL) {
        err_set(err, MOIDC_E_PROTOCOL, "the provider's metadata names no userinfo_endpoint: it cannot be asked");
        return err_where(err, "%s", wish->settings->issuer);
    }
    rc = userinfo_request(endpoint, token, &request, err);
    rc = rc == MOIDC_OK ? provider_send(&session->provider, &wish->call, request, &reply, err) : rc;
    if (rc != MOIDC_OK) {
        return rc;
    }
    rc = claims_of_userinfo(reply, subject, ret, err);
    if (rc != MOIDC_OK) {
        secret_hide(token_secret(token), err->what);
        err_where(err, "%s", endpoint);
    }
    return rc;
}

enum moidc_code status_userinfo(struct moidc_server *server, const struct wish *wish, struct moidc_userinfo *ret,
                                struct moidc_err *err)
{
    CLEANUP(token_release_p) struct moidc_token *token = NULL;
    struct settings settings = *server->settings; /* its texts are borrowed */
    struct wish asking = *wish;
    struct claims claims;
    enum moidc_code rc;

    settings.use_id_token = false; /* whatever the tracking server takes: here it is the access token */
    asking.settings = &settings;
    rc = worker_obtain(server->session, &asking, &token, err);
    rc = rc == MOIDC_OK ? worker_begin(server->session, wish, err) : rc;
    if (rc != MOIDC_OK) {
        return rc;
    }
    rc = ask(server->session, wish, token, &claims, err);
    if (rc == MOIDC_OK) {
        snprintf(ret->subject, sizeof ret->subject, "%s", claims.subject);
        snprintf(ret->username, sizeof ret->username, "%s", claims.username);
        snprintf(ret->email, sizeof ret->email, "%s", claims.email);
    } else {
        provider_clear(&server->session->provider); /* what was wrong there is looked at afresh next time */
    }
    worker_end(server->session);
    return rc;
}
