/* SPDX-License-Identifier: MIT */
/* The one list of settings: names of variables and keys, defaults and the docs' table come from here. */
#ifndef CONFIG_SETTING_TABLE_H
#define CONFIG_SETTING_TABLE_H

#include <stdbool.h>
#include <stddef.h>

/* How the names of all variables begin but that of SETTING_URI, which is MLflow's own. */
#define SETTING_VARIABLES "MLFLOW_TRACKING_OIDC_"

#define SETTING_DEFAULT_REDIRECT_URI "http://127.0.0.1:39303/oauth2/callback"
#define SETTING_DEFAULT_SCOPE "openid profile email"
#define SETTING_DEFAULT_HEADER "Authorization"
enum { SETTING_DEFAULT_LOGIN_TIMEOUT_S = 300, SETTING_MOST_SECONDS = 3600 };

enum setting_id {
    SETTING_URI,
    SETTING_ISSUER,
    SETTING_CLIENT_ID,
    SETTING_CLIENT_SECRET,
    SETTING_REDIRECT_URI,
    SETTING_SCOPE,
    SETTING_AUDIENCE,
    SETTING_INTERACTIVE,
    SETTING_USE_ID_TOKEN,
    SETTING_LOGIN_TIMEOUT,
    SETTING_FLOW,
    SETTING_LOGIN_HINT,
    SETTING_PROMPT,
    SETTING_RESOURCE,
    SETTING_AUTHORIZE_PARAMS,
    SETTING_CLIENT_AUTH,
    SETTING_CA_FILE,
    SETTING_HEADER,
    SETTING_CACHE,
    SETTING_REFRESH_MARGIN,
    SETTING_LISTEN_ADDRESS,
    SETTING_COUNT
};

enum setting_kind {
    SETTING_TEXT,
    SETTING_SECRET,
    SETTING_BOOLEAN,
    SETTING_SECONDS,
    SETTING_CHOICE, /* one of a few words */
    SETTING_LIST,   /* of texts: an array in TOML, separated by spaces in a variable */
    SETTING_PAIRS   /* of names and texts: a table in TOML, form-urlencoded in a variable */
};

struct setting_info {
    enum setting_id id;
    enum setting_kind kind;
    const char *variable;     /* "MLFLOW_TRACKING_OIDC_ISSUER" */
    const char *key;          /* "issuer" */
    const char *default_text; /* as the docs show it: "required", "the client ID", "`openid profile email`" */
    const char *meaning;      /* one line for the docs */
};

/* The i-th setting, i < SETTING_COUNT, in the order of enum setting_id. Static. */
const struct setting_info *setting_info(enum setting_id i);

/* The setting with this TOML key or variable name; NULL when there is none. */
const struct setting_info *setting_by_key(const char *key);
const struct setting_info *setting_by_variable(const char *variable);

/* The known key (or variable, for a name that begins with SETTING_VARIABLES) that `name` is nearest to, if it is near
 * enough to be a slip; else NULL. Case, '-' and '_' do not count. */
const char *setting_nearest_key(const char *name);
const char *setting_nearest_variable(const char *name);

#endif
