/* SPDX-License-Identifier: MIT */
#include "config/setting_table.h"

#include "base/text.h"

#include <string.h>

static const struct setting_info SETTINGS[SETTING_COUNT] = {
    [SETTING_URI] = {SETTING_URI, SETTING_TEXT, "MLFLOW_TRACKING_URI", "uri", "none",
                     "the tracking server that the block is for"},
    [SETTING_ISSUER] = {SETTING_ISSUER, SETTING_TEXT, SETTING_VARIABLES "ISSUER", "issuer", "required", "issuer URI"},
    [SETTING_CLIENT_ID] = {SETTING_CLIENT_ID, SETTING_TEXT, SETTING_VARIABLES "CLIENT_ID", "client-id", "required",
                           "client ID"},
    [SETTING_CLIENT_SECRET] = {SETTING_CLIENT_SECRET, SETTING_SECRET, SETTING_VARIABLES "CLIENT_SECRET",
                               "client-secret", "none", "client secret; public client without"},
    [SETTING_REDIRECT_URI] = {SETTING_REDIRECT_URI, SETTING_TEXT, SETTING_VARIABLES "REDIRECT_URI", "redirect-uri",
                              "`" SETTING_DEFAULT_REDIRECT_URI "`", "where the browser comes back to"},
    [SETTING_SCOPE] = {SETTING_SCOPE, SETTING_TEXT, SETTING_VARIABLES "SCOPE", "scope", "`" SETTING_DEFAULT_SCOPE "`",
                       "requested scope"},
    [SETTING_AUDIENCE] = {SETTING_AUDIENCE, SETTING_TEXT, SETTING_VARIABLES "AUDIENCE", "audience", "the client ID",
                          "token audience"},
    [SETTING_INTERACTIVE] = {SETTING_INTERACTIVE, SETTING_BOOLEAN, SETTING_VARIABLES "INTERACTIVE", "interactive",
                             "true when there is no client secret", "a person signs in with a browser"},
    [SETTING_USE_ID_TOKEN] = {SETTING_USE_ID_TOKEN, SETTING_BOOLEAN, SETTING_VARIABLES "USE_ID_TOKEN", "use-id-token",
                              "true when there is no client secret", "send the ID token, not the access token"},
    [SETTING_LOGIN_TIMEOUT] = {SETTING_LOGIN_TIMEOUT, SETTING_SECONDS, SETTING_VARIABLES "LOGIN_TIMEOUT",
                               "login-timeout", "`300`", "seconds that a sign-in waits for the person, 1 to 3600"},
    [SETTING_FLOW] = {SETTING_FLOW, SETTING_CHOICE, SETTING_VARIABLES "FLOW", "flow", "`auto`",
                      "how a person signs in: `auto`, `browser`, `device` or `paste`"},
    [SETTING_LOGIN_HINT] = {SETTING_LOGIN_HINT, SETTING_TEXT, SETTING_VARIABLES "LOGIN_HINT", "login-hint", "none",
                            "who is to sign in, for the provider's page"},
    [SETTING_PROMPT] = {SETTING_PROMPT, SETTING_TEXT, SETTING_VARIABLES "PROMPT", "prompt", "none",
                        "what the provider is to ask: `none`, or some of `login`, `consent`, `select_account`"},
    [SETTING_RESOURCE] = {SETTING_RESOURCE, SETTING_LIST, SETTING_VARIABLES "RESOURCE", "resource", "none",
                          "URIs of what the token is for (RFC 8707)"},
    [SETTING_AUTHORIZE_PARAMS] = {SETTING_AUTHORIZE_PARAMS, SETTING_PAIRS, SETTING_VARIABLES "AUTHORIZE_PARAMS",
                                  "authorize-params", "none", "the provider's own parameters of the sign-in"},
    [SETTING_CLIENT_AUTH] = {SETTING_CLIENT_AUTH, SETTING_CHOICE, SETTING_VARIABLES "CLIENT_AUTH", "client-auth",
                             "`auto`", "how the client secret is sent: `auto`, `post`, `basic` or `none`"},
    [SETTING_CA_FILE] = {SETTING_CA_FILE, SETTING_TEXT, SETTING_VARIABLES "CA_FILE", "ca-file", "the system's",
                         "PEM file of the certificates that the issuer's is checked against"},
    [SETTING_HEADER] = {SETTING_HEADER, SETTING_TEXT, SETTING_VARIABLES "HEADER", "header",
                        "`" SETTING_DEFAULT_HEADER "`", "the header that carries the token"},
    [SETTING_CACHE] = {SETTING_CACHE, SETTING_TEXT, SETTING_VARIABLES "CACHE", "cache", "`file`",
                       "where tokens are kept: `file`, `memory` or `helper:COMMAND`"},
    [SETTING_REFRESH_MARGIN] = {SETTING_REFRESH_MARGIN, SETTING_SECONDS, SETTING_VARIABLES "REFRESH_MARGIN",
                                "refresh-margin", "a fifth of the lifetime, at most 60",
                                "seconds before a token's end when its renewal starts, 1 to 3600"},
    [SETTING_LISTEN_ADDRESS] = {SETTING_LISTEN_ADDRESS, SETTING_TEXT, SETTING_VARIABLES "LISTEN_ADDRESS",
                                "listen-address", "that of the redirect URI",
                                "IP address and port where the browser's return is awaited, for containers"},
};

const struct setting_info *setting_info(enum setting_id i)
{
    return &SETTINGS[i];
}

const struct setting_info *setting_by_key(const char *key)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (strcmp(SETTINGS[i].key, key) == 0) {
            return &SETTINGS[i];
        }
    }
    return NULL;
}

const struct setting_info *setting_by_variable(const char *variable)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (strcmp(SETTINGS[i].variable, variable) == 0) {
            return &SETTINGS[i];
        }
    }
    return NULL;
}

/* Spells `name` as a key is spelt: CLIENT_ID and client_id are slips of the same finger. */
static bool spell_as_key(const char *name, char *key, size_t size)
{
    size_t n = strlen(name);

    if (n >= size) {
        return false;
    }
    for (size_t i = 0; i <= n; i++) {
        char c = name[i];

        key[i] = c == '_' ? '-' : text_lower(c);
    }
    return true;
}

static const struct setting_info *nearest(const char *name)
{
    const struct setting_info *best = NULL;
    int best_distance = 0;
    char key[64];

    if (!spell_as_key(name, key, sizeof key)) {
        return NULL;
    }
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        int distance = text_distance(key, SETTINGS[i].key);

        /* One letter in three may be wrong: further away it is a guess, not a slip. */
        if (distance * 3 <= (int)strlen(SETTINGS[i].key) && (best == NULL || distance < best_distance)) {
            best = &SETTINGS[i];
            best_distance = distance;
        }
    }
    return best;
}

const char *setting_nearest_key(const char *name)
{
    const struct setting_info *info = nearest(name);

    return info != NULL ? info->key : NULL;
}

const char *setting_nearest_variable(const char *name)
{
    size_t prefix = sizeof SETTING_VARIABLES - 1;
    const struct setting_info *info = strncmp(name, SETTING_VARIABLES, prefix) == 0 ? nearest(name + prefix) : NULL;

    return info != NULL ? info->variable : NULL;
}
