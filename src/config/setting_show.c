/* SPDX-License-Identifier: MIT */
#include "config/setting_show.h"

#include "base/text.h"

#include <stdio.h>

static const char *flow_name(enum moidc_flow flow)
{
    static const char *const names[] = {
        [MOIDC_FLOW_SETTINGS] = "auto", [MOIDC_FLOW_AUTO] = "auto",   [MOIDC_FLOW_BROWSER] = "browser",
        [MOIDC_FLOW_DEVICE] = "device", [MOIDC_FLOW_PASTE] = "paste",
    };

    return names[flow];
}

static const char *client_auth_word(enum settings_client_auth auth)
{
    static const char *const names[] = {
        [SETTINGS_AUTH_AUTO] = "auto",
        [SETTINGS_AUTH_POST] = "post",
        [SETTINGS_AUTH_BASIC] = "basic",
        [SETTINGS_AUTH_NONE] = "none",
    };

    return names[auth];
}

/* The settings that are texts already, or words; NULL for the others. */
static const char *text_of(const struct settings *settings, enum setting_id id)
{
    switch (id) {
    case SETTING_URI:
        return settings->uri;
    case SETTING_ISSUER:
        return settings->issuer;
    case SETTING_CLIENT_ID:
        return settings->client_id;
    case SETTING_CLIENT_SECRET:
        return settings->client_secret != NULL ? "(set)" : "";
    case SETTING_REDIRECT_URI:
        return settings->redirect_uri;
    case SETTING_SCOPE:
        return settings->scope;
    case SETTING_AUDIENCE:
        return settings->audience;
    case SETTING_INTERACTIVE:
        return settings->interactive ? "true" : "false";
    case SETTING_USE_ID_TOKEN:
        return settings->use_id_token ? "true" : "false";
    case SETTING_FLOW:
        return flow_name(settings->flow);
    case SETTING_LOGIN_HINT:
        return settings->login_hint;
    case SETTING_PROMPT:
        return settings->prompt;
    case SETTING_RESOURCE:
        return settings->resource;
    case SETTING_AUTHORIZE_PARAMS:
        return settings->authorize_params;
    case SETTING_CLIENT_AUTH:
        return client_auth_word(settings->client_auth);
    case SETTING_CA_FILE:
        return settings->ca_file;
    case SETTING_HEADER:
        return settings->header;
    default:
        return NULL;
    }
}

void setting_show(const struct settings *settings, enum setting_id id, char ret[SETTING_SHOWN_SIZE])
{
    const struct listen_address *listen = &settings->listen;
    const char *text = text_of(settings, id);

    ret[0] = '\0';
    if (text != NULL) {
        snprintf(ret, SETTING_SHOWN_SIZE, "%s", text);
    } else if (id == SETTING_LOGIN_TIMEOUT) {
        snprintf(ret, SETTING_SHOWN_SIZE, "%lld", (long long)settings->login_timeout_s);
    } else if (id == SETTING_REFRESH_MARGIN && settings->refresh_margin_s > 0) {
        snprintf(ret, SETTING_SHOWN_SIZE, "%lld", (long long)settings->refresh_margin_s);
    } else if (id == SETTING_CACHE) {
        bool helper = settings->cache == SETTINGS_CACHE_HELPER;

        snprintf(ret, SETTING_SHOWN_SIZE, "%s%s",
                 helper                                     ? "helper:"
                 : settings->cache == SETTINGS_CACHE_MEMORY ? "memory"
                                                            : "file",
                 helper ? settings->cache_helper : "");
    } else if (id == SETTING_LISTEN_ADDRESS && listen->port != 0) {
        snprintf(ret, SETTING_SHOWN_SIZE, listen->ipv6 ? "[%s]:%d" : "%s:%d", listen->host, listen->port);
    }
    text_make_printable(ret);
}
