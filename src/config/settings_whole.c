/* SPDX-License-Identifier: MIT */
/* Settings that are complete: compared, asked, freed. */
#include "base/text.h"
#include "config/settings.h"

#include <string.h>

void settings_free(struct settings *settings)
{
    if (settings == NULL) {
        return;
    }
    mem_free(settings->uri);
    mem_free(settings->issuer);
    mem_free(settings->client_id);
    secret_free(settings->client_secret);
    mem_free(settings->redirect_uri);
    mem_free(settings->redirect.path);
    mem_free(settings->scope);
    mem_free(settings->audience);
    mem_free(settings->login_hint);
    mem_free(settings->prompt);
    mem_free(settings->resource);
    mem_free(settings->authorize_params);
    mem_free(settings->ca_file);
    mem_free(settings->header);
    mem_free(settings->cache_helper);
    mem_free(settings->issuer_file);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        mem_free(settings->source[i]);
    }
    mem_free(settings);
}

/* The settings beside those of the sign-in that the reference had. */
static bool further_equal(const struct settings *a, const struct settings *b)
{
    return a->login_timeout_s == b->login_timeout_s && a->flow == b->flow &&
           strcmp(a->login_hint, b->login_hint) == 0 && strcmp(a->prompt, b->prompt) == 0 &&
           strcmp(a->resource, b->resource) == 0 && strcmp(a->authorize_params, b->authorize_params) == 0 &&
           a->client_auth == b->client_auth && strcmp(a->ca_file, b->ca_file) == 0 &&
           strcmp(a->header, b->header) == 0 && a->cache == b->cache && strcmp(a->cache_helper, b->cache_helper) == 0 &&
           a->refresh_margin_s == b->refresh_margin_s && strcmp(a->listen.host, b->listen.host) == 0 &&
           a->listen.port == b->listen.port;
}

bool settings_equal(const struct settings *a, const struct settings *b)
{
    bool secrets_equal =
        a->client_secret == NULL ? b->client_secret == NULL : secret_equal(a->client_secret, b->client_secret);

    return secrets_equal && strcmp(a->uri, b->uri) == 0 && strcmp(a->issuer, b->issuer) == 0 &&
           strcmp(a->client_id, b->client_id) == 0 && strcmp(a->redirect_uri, b->redirect_uri) == 0 &&
           strcmp(a->scope, b->scope) == 0 && a->scope_set == b->scope_set && strcmp(a->audience, b->audience) == 0 &&
           a->audience_set == b->audience_set && a->interactive == b->interactive &&
           a->use_id_token == b->use_id_token && further_equal(a, b);
}

const char *settings_header_prefix(const struct settings *settings)
{
    bool standard = text_equal_nocase(settings->header, "Authorization") ||
                    text_equal_nocase(settings->header, "Proxy-Authorization");

    return standard ? "Bearer " : "";
}

const char *settings_token_audience(const struct settings *settings)
{
    if (settings->use_id_token) {
        return settings->client_id; /* OIDC Core §2 */
    }
    return settings->resource[0] != '\0' ? settings->resource : settings->audience;
}
