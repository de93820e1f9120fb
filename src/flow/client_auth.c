/* SPDX-License-Identifier: MIT */
#include "flow/client_auth.h"

#include "base/text.h"
#include "flow/client.h"
#include "oauth/oauth_error.h"

#include <stdio.h>
#include <string.h>

void client_auth_announce(struct session *session, const struct wish *wish)
{
    const struct settings *settings = wish->settings;

    if (session->announced_secret || !settings->secret_from_environment || settings->issuer_file == NULL ||
        settings->client_auth == SETTINGS_AUTH_NONE) {
        return;
    }
    pthread_mutex_lock(&session->mutex);
    session->announced_secret = true;
    pthread_mutex_unlock(&session->mutex);
    if (wish->call.ui != NULL && wish->call.ui->show != NULL) {
        char line[512];

        snprintf(line, sizeof line,
                 "mlflow-oidc-client: the client secret of %s goes to the issuer %s, which %s names.",
                 settings->source[SETTING_CLIENT_SECRET], settings->issuer, settings->issuer_file);
        text_make_printable(line); /* the path may hold anything, and the line may end within a character */
        wish->call.ui->show(wish->call.ui->ctx, line);
    } else {
        notices_add(&session->client->notices, MOIDC_WARNING,
                    "the client secret of %s goes to the issuer %s, which %s names",
                    settings->source[SETTING_CLIENT_SECRET], settings->issuer, settings->issuer_file);
    }
}

void client_auth_hide(const struct secret *sent, struct moidc_err *err)
{
    secret_hide(sent, err->what);
    if (!oauth_error_is_known(err->oauth_error)) {
        secret_hide(sent, err->oauth_error);
    }
}

/* RFC 6749 §5.2: 401 is for a client that is refused; some send a page with it, Spring Security OAuth and what was made of
 * it "unauthorized". */
static bool is_about_client(const struct moidc_err *err)
{
    return strcmp(err->oauth_error, "invalid_client") == 0 || strcmp(err->oauth_error, "unauthorized_client") == 0 ||
           (!oauth_error_is_known(err->oauth_error) && err->http_status == 401);
}

enum client_auth client_auth_of(const struct session *session, const struct settings *settings, const char *remembered)
{
    switch (settings->client_auth) {
    case SETTINGS_AUTH_POST:
        return CLIENT_AUTH_POST;
    case SETTINGS_AUTH_BASIC:
        return CLIENT_AUTH_BASIC;
    case SETTINGS_AUTH_NONE:
        return CLIENT_AUTH_NONE;
    case SETTINGS_AUTH_AUTO:
        break;
    }
    if (remembered == NULL) {
        return client_auth_first(session->provider.metadata);
    }
    return strcmp(remembered, client_auth_name(CLIENT_AUTH_BASIC)) == 0 ? CLIENT_AUTH_BASIC : CLIENT_AUTH_POST;
}

enum moidc_code client_auth_send(struct session *session, const struct wish *wish,
                                 const struct client_auth_attempt *attempt, enum client_auth *worked,
                                 struct moidc_err *err)
{
    enum client_auth auth = client_auth_of(session, wish->settings, attempt->remembered);
    struct moidc_err first;
    enum moidc_code rc;

    client_auth_announce(session, wish);
    *worked = auth;
    rc = attempt->send(attempt->ctx, auth, err);
    if (rc != MOIDC_E_PROVIDER || wish->settings->client_secret == NULL || !is_about_client(err) ||
        wish->settings->client_auth != SETTINGS_AUTH_AUTO) {
        return rc;
    }
    first = *err;
    *worked = auth == CLIENT_AUTH_POST ? CLIENT_AUTH_BASIC : CLIENT_AUTH_POST;
    rc = attempt->send(attempt->ctx, *worked, err);
    if (rc != MOIDC_OK && is_about_client(err)) {
        *err = first;
    }
    return rc;
}
