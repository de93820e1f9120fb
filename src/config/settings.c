/* SPDX-License-Identifier: MIT */
#include "config/setting_local.h"
#include "config/setting_request.h"
#include "config/setting_uri.h"
#include "config/settings_match.h"

#include <stdio.h>
#include <string.h>

/* What the settings of one server are put together from, and the settings so far. */
struct resolving {
    struct block_match match;
    const struct moidc_env *env; /* NULL when the variables describe another server */
    struct settings *settings;
    struct moidc_err *err;
};

/* Keeps where the value of `id` came from. */
static enum moidc_code note_source(struct resolving *resolving, enum setting_id id, const char *source)
{
    resolving->settings->source[id] = mem_strdup(source);
    return resolving->settings->source[id] != NULL ? MOIDC_OK : err_memory(resolving->err);
}

/* The value in force for `id`; its text is NULL when only the default is left. */
static enum moidc_code find_value(struct resolving *resolving, enum setting_id id, struct setting_value *value)
{
    const struct setting_info *info = setting_info(id);
    const struct settings_block *block = resolving->match.block;
    const char *variable = env_get(resolving->env, info->variable);

    if (variable != NULL) {
        *value = (struct setting_value){.info = info, .kind = TOML_STRING, .text = variable};
        value->length = strlen(variable);
        snprintf(value->source, sizeof value->source, "%s", info->variable);
    } else if (block == NULL || !settings_file_value(resolving->match.file, block, info, value)) {
        *value = (struct setting_value){.info = info, .source = "default"};
    }
    return note_source(resolving, id, value->source);
}

/* The error for a required setting that nobody gave. */
static enum moidc_code tell_missing(const struct resolving *resolving, const struct setting_info *info)
{
    const struct settings_block *block = resolving->match.block;
    const char *variable = resolving->env != NULL ? info->variable : "";
    struct moidc_err *err = resolving->err;

    err_set(err, MOIDC_E_CONFIGURATION, "the setting `%s` for the tracking server %.200s is missing", info->key,
            resolving->settings->uri);
    if (block == NULL) {
        err_where(err, "`%s`: %s is not set, and no block of a file describes this server", info->key, variable);
        return err_next(err, "set %s, or unset the other " SETTING_VARIABLES "* variables", variable);
    }
    err_where(err, "`%s`: not in the block at %s line %d%s%s", info->key, resolving->match.file->shown, block->line,
              *variable != '\0' ? ", nor in " : "", variable);
    return err_next(err, "write %s = \"...\" into the block%s%s", info->key, *variable != '\0' ? ", or set " : "",
                    variable);
}

/* Finds and checks the text for `id`. Where nobody gave one: a copy of `fallback`, or an error when that is NULL. */
static enum moidc_code take_text(struct resolving *resolving, enum setting_id id, const char *fallback,
                                 struct setting_value *value, char **ret)
{
    enum moidc_code rc = find_value(resolving, id, value);

    if (rc != MOIDC_OK) {
        return rc;
    }
    if (value->text != NULL) {
        return setting_value_text(value, ret, resolving->err);
    }
    if (fallback == NULL) {
        return tell_missing(resolving, value->info);
    }
    *ret = mem_strdup(fallback);
    return *ret != NULL ? MOIDC_OK : err_memory(resolving->err);
}

static enum moidc_code take_issuer(struct resolving *resolving)
{
    struct settings *settings = resolving->settings;
    struct setting_value value;
    enum moidc_code rc = take_text(resolving, SETTING_ISSUER, NULL, &value, &settings->issuer);

    if (rc == MOIDC_OK) {
        rc = setting_uri_check_issuer(&value, settings->issuer, resolving->err);
    }
    if (rc == MOIDC_OK && value.in_file) {
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): what is in a file has a file */
        settings->issuer_file = mem_strdup(resolving->match.file->path);
        rc = settings->issuer_file != NULL ? MOIDC_OK : err_memory(resolving->err);
    }
    return rc;
}

static enum moidc_code take_client(struct resolving *resolving)
{
    struct settings *settings = resolving->settings;
    struct setting_value value;
    enum moidc_code rc = take_text(resolving, SETTING_CLIENT_ID, NULL, &value, &settings->client_id);

    if (rc == MOIDC_OK) {
        rc = find_value(resolving, SETTING_CLIENT_SECRET, &value);
    }
    if (rc == MOIDC_OK && value.text != NULL) {
        settings->secret_from_environment = !value.in_file;
        rc = setting_value_secret(&value, &settings->client_secret, resolving->err);
    }
    return rc;
}

static enum moidc_code take_request(struct resolving *resolving)
{
    struct settings *settings = resolving->settings;
    struct setting_value value;
    enum moidc_code rc =
        take_text(resolving, SETTING_REDIRECT_URI, SETTING_DEFAULT_REDIRECT_URI, &value, &settings->redirect_uri);

    if (rc == MOIDC_OK) {
        rc = setting_uri_redirect(&value, settings->redirect_uri, &settings->redirect, resolving->err);
    }
    if (rc == MOIDC_OK) {
        rc = take_text(resolving, SETTING_SCOPE, SETTING_DEFAULT_SCOPE, &value, &settings->scope);
        settings->scope_set = rc == MOIDC_OK && value.text != NULL;
    }
    if (rc == MOIDC_OK) {
        rc = take_text(resolving, SETTING_AUDIENCE, settings->client_id, &value, &settings->audience);
        settings->audience_set = rc == MOIDC_OK && value.text != NULL;
    }
    return rc;
}

static enum moidc_code take_boolean(struct resolving *resolving, enum setting_id id, bool fallback, bool *ret)
{
    struct setting_value value;
    enum moidc_code rc = find_value(resolving, id, &value);

    if (rc != MOIDC_OK || value.text != NULL) {
        return rc != MOIDC_OK ? rc : setting_value_boolean(&value, ret, resolving->err);
    }
    *ret = fallback;
    return MOIDC_OK;
}

static enum moidc_code take_seconds(struct resolving *resolving, enum setting_id id, int64_t fallback, int64_t *ret)
{
    struct setting_value value;
    enum moidc_code rc = find_value(resolving, id, &value);

    if (rc != MOIDC_OK || value.text != NULL) {
        return rc != MOIDC_OK ? rc : setting_value_seconds(&value, ret, resolving->err);
    }
    *ret = fallback;
    return MOIDC_OK;
}

/* *ret stays when nobody gave one. */
static enum moidc_code take_choice(struct resolving *resolving, enum setting_id id,
                                   const struct setting_choice *choices, int *ret)
{
    struct setting_value value;
    enum moidc_code rc = find_value(resolving, id, &value);

    return rc == MOIDC_OK && value.text != NULL ? setting_value_choice(&value, choices, ret, resolving->err) : rc;
}

static enum moidc_code take_manner(struct resolving *resolving)
{
    static const struct setting_choice flows[] = {{"auto", MOIDC_FLOW_AUTO},
                                                  {"browser", MOIDC_FLOW_BROWSER},
                                                  {"device", MOIDC_FLOW_DEVICE},
                                                  {"paste", MOIDC_FLOW_PASTE},
                                                  {NULL, 0}};
    struct settings *settings = resolving->settings;
    bool public_client = settings->client_secret == NULL;
    int flow = MOIDC_FLOW_AUTO;
    enum moidc_code rc = take_boolean(resolving, SETTING_INTERACTIVE, public_client, &settings->interactive);

    if (rc == MOIDC_OK) {
        rc = take_boolean(resolving, SETTING_USE_ID_TOKEN, public_client, &settings->use_id_token);
    }
    if (rc == MOIDC_OK) {
        rc =
            take_seconds(resolving, SETTING_LOGIN_TIMEOUT, SETTING_DEFAULT_LOGIN_TIMEOUT_S, &settings->login_timeout_s);
    }
    if (rc == MOIDC_OK) {
        rc = take_seconds(resolving, SETTING_REFRESH_MARGIN, 0, &settings->refresh_margin_s);
    }
    if (rc == MOIDC_OK) {
        rc = take_choice(resolving, SETTING_FLOW, flows, &flow);
        settings->flow = (enum moidc_flow)flow;
    }
    return rc;
}

typedef enum moidc_code text_reader(const struct setting_value *value, char **ret, struct moidc_err *err);

/* As take_text(), for a text that is more than characters. */
static enum moidc_code take_read(struct resolving *resolving, enum setting_id id, text_reader *read,
                                 const char *fallback, char **ret)
{
    struct setting_value value;
    enum moidc_code rc = find_value(resolving, id, &value);

    if (rc != MOIDC_OK || value.text != NULL) {
        return rc != MOIDC_OK ? rc : read(&value, ret, resolving->err);
    }
    *ret = mem_strdup(fallback);
    return *ret != NULL ? MOIDC_OK : err_memory(resolving->err);
}

/* What goes to the provider. */
static enum moidc_code take_parameters(struct resolving *resolving)
{
    static const struct setting_choice ways[] = {{"auto", SETTINGS_AUTH_AUTO},
                                                 {"post", SETTINGS_AUTH_POST},
                                                 {"basic", SETTINGS_AUTH_BASIC},
                                                 {"none", SETTINGS_AUTH_NONE},
                                                 {"client_secret_post", SETTINGS_AUTH_POST},
                                                 {"client_secret_basic", SETTINGS_AUTH_BASIC},
                                                 {NULL, 0}};
    struct settings *settings = resolving->settings;
    int way = SETTINGS_AUTH_AUTO;
    enum moidc_code rc = take_read(resolving, SETTING_LOGIN_HINT, setting_value_text, "", &settings->login_hint);

    if (rc == MOIDC_OK) {
        rc = take_read(resolving, SETTING_PROMPT, setting_request_prompt, "", &settings->prompt);
    }
    if (rc == MOIDC_OK) {
        rc = take_read(resolving, SETTING_RESOURCE, setting_request_resource, "", &settings->resource);
    }
    if (rc == MOIDC_OK) {
        rc = take_read(resolving, SETTING_AUTHORIZE_PARAMS, setting_request_params, "", &settings->authorize_params);
    }
    if (rc == MOIDC_OK) {
        rc = take_choice(resolving, SETTING_CLIENT_AUTH, ways, &way);
        settings->client_auth = (enum settings_client_auth)way;
    }
    return rc;
}

/* What stays here, or goes to the tracking server. */
static enum moidc_code take_local(struct resolving *resolving)
{
    struct settings *settings = resolving->settings;
    struct setting_value value;
    enum moidc_code rc = take_read(resolving, SETTING_CA_FILE, setting_local_ca_file, "", &settings->ca_file);

    if (rc == MOIDC_OK) {
        rc = take_read(resolving, SETTING_HEADER, setting_local_header, SETTING_DEFAULT_HEADER, &settings->header);
    }
    if (rc == MOIDC_OK) {
        rc = find_value(resolving, SETTING_LISTEN_ADDRESS, &value);
    }
    if (rc == MOIDC_OK && value.text != NULL) {
        rc = setting_local_listen(&value, &settings->listen, resolving->err);
    }
    if (rc == MOIDC_OK) {
        rc = find_value(resolving, SETTING_CACHE, &value);
    }
    if (rc != MOIDC_OK || value.text != NULL) {
        return rc != MOIDC_OK ? rc
                              : setting_local_cache(&value, &settings->cache, &settings->cache_helper, resolving->err);
    }
    settings->cache_helper = mem_strdup("");
    return settings->cache_helper != NULL ? MOIDC_OK : err_memory(resolving->err);
}

/* Finds what describes the server at `uri`, which is written to the settings: its block, or the one that env_uri lies
 * below when the variables are for this server. */
static enum moidc_code find_sources(struct resolving *resolving, const struct settings_sources *sources,
                                    const char *uri)
{
    CLEANUP(mem_free_p) char *described = NULL;
    const struct settings_block *block = NULL;
    char source[320] = "the tracking URI";
    struct url url;

    resolving->settings->uri = mem_strdup(uri);
    if (resolving->settings->uri == NULL) {
        return err_memory(resolving->err);
    }
    if (settings_match_environment(sources, &url)) {
        described = url_normalised(&url);
        if (described == NULL) {
            return err_memory(resolving->err);
        }
    }
    resolving->env = described != NULL && strcmp(described, uri) == 0 ? sources->env : NULL;
    if (url_parse(uri, &url)) {
        resolving->match = settings_match_block(sources, &url);
    }
    block = resolving->match.block;
    if (block != NULL && strcmp(block->uri, uri) == 0) {
        snprintf(source, sizeof source, "%s line %d", resolving->match.file->shown, block->values[SETTING_URI].line);
    } else if (resolving->env == NULL) {
        err_set(resolving->err, MOIDC_E_CONFIGURATION, "no settings describe the tracking server %.200s", uri);
        err_where(resolving->err, "`uri`: in no block of a file, nor in MLFLOW_TRACKING_URI");
        return err_next(resolving->err, "write a block for it, or set " SETTING_VARIABLES "ISSUER and CLIENT_ID");
    } else if (env_get(sources->env, "MLFLOW_TRACKING_URI") != NULL &&
               strcmp(env_get(sources->env, "MLFLOW_TRACKING_URI"), sources->env_uri) == 0) {
        snprintf(source, sizeof source, "MLFLOW_TRACKING_URI");
    }
    return note_source(resolving, SETTING_URI, source);
}

static enum moidc_code refuse_second_block(const struct resolving *resolving)
{
    const struct settings_file *file = resolving->match.file;
    const struct settings_block *first = resolving->match.block;

    if (first == NULL) {
        return MOIDC_OK;
    }
    for (const struct settings_block *block = first + 1; block < file->blocks + file->count; block++) {
        if (strcmp(block->uri, first->uri) == 0) {
            err_set(resolving->err, MOIDC_E_CONFIGURATION, "two blocks describe the tracking server %.200s",
                    first->uri);
            err_where(resolving->err, "`uri`, %s lines %d and %d", file->shown, first->values[SETTING_URI].line,
                      block->values[SETTING_URI].line);
            return err_next(resolving->err, "remove one of the two blocks");
        }
    }
    return MOIDC_OK;
}

enum moidc_code settings_resolve(const struct settings_sources *sources, const char *uri, struct settings **ret,
                                 struct moidc_err *err)
{
    static enum moidc_code (*const steps[])(struct resolving *) = {take_issuer, take_client,     take_request,
                                                                   take_manner, take_parameters, take_local};
    CLEANUP(settings_free_p) struct settings *settings = mem_zalloc(sizeof *settings);
    struct resolving resolving = {.settings = settings, .err = err};
    enum moidc_code rc;

    if (settings == NULL) {
        return err_memory(err);
    }
    rc = find_sources(&resolving, sources, uri);
    if (rc == MOIDC_OK) {
        rc = refuse_second_block(&resolving);
    }
    for (size_t i = 0; rc == MOIDC_OK && i < sizeof steps / sizeof steps[0]; i++) {
        rc = steps[i](&resolving);
    }
    if (rc == MOIDC_OK) {
        *ret = settings;
        settings = NULL;
    }
    return rc;
}
