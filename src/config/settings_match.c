/* SPDX-License-Identifier: MIT */
#include "config/settings_match.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

struct block_match settings_match_block(const struct settings_sources *sources, const struct url *url)
{
    struct block_match best = {NULL, NULL};
    size_t best_length = 0;

    for (size_t f = 0; f < sizeof sources->files / sizeof sources->files[0]; f++) {
        const struct settings_file *file = sources->files[f];

        for (size_t i = 0; file != NULL && i < file->count; i++) {
            const struct settings_block *block = &file->blocks[i];
            size_t length = strlen(block->uri);
            struct url base;

            /* All that cover it have its origin, so the longer text is the longer path. */
            if (length > best_length && url_parse(block->uri, &base) && url_is_below(url, &base)) {
                best = (struct block_match){file, block};
                best_length = length;
            }
        }
    }
    return best;
}

bool settings_in_environment(const struct moidc_env *env)
{
    return env_nth(env, SETTING_VARIABLES, 0) != NULL;
}

bool settings_match_environment(const struct settings_sources *sources, struct url *url)
{
    return sources->env_uri != NULL && settings_in_environment(sources->env) && url_parse(sources->env_uri, url) &&
           !url_is_ambiguous(url);
}

bool settings_env_warning(const struct moidc_env *env, size_t i, char *text, size_t size)
{
    const char *variable = NULL;

    for (size_t j = 0; (variable = env_nth(env, SETTING_VARIABLES, j)) != NULL; j++) {
        char name[96];
        const char *near = NULL;

        snprintf(name, sizeof name, "%.*s", (int)strcspn(variable, "="), variable);
        if (setting_by_variable(name) != NULL || i-- > 0) {
            continue;
        }
        near = setting_nearest_variable(name);
        snprintf(text, size, "unknown variable %s%s%s%s", name, near != NULL ? ": did you mean " : ": it is ignored",
                 near != NULL ? near : "", near != NULL ? "?" : "");
        text_make_printable(text);
        return true;
    }
    return false;
}

enum moidc_code settings_match(const struct settings_sources *sources, const struct url *request, char **ret,
                               struct moidc_err *err)
{
    struct block_match match = settings_match_block(sources, request);
    struct url described;
    char *uri = NULL;

    if (settings_match_environment(sources, &described) && url_is_below(request, &described)) {
        uri = url_normalised(&described);
        if (uri == NULL) {
            return err_memory(err);
        }
    }
    if (match.block != NULL && (uri == NULL || strlen(match.block->uri) > strlen(uri))) {
        mem_free(uri);
        uri = mem_strdup(match.block->uri);
        if (uri == NULL) {
            return err_memory(err);
        }
    }
    *ret = uri;
    return MOIDC_OK;
}

bool settings_any(const struct settings_sources *sources)
{
    struct url url;

    for (size_t i = 0; i < sizeof sources->files / sizeof sources->files[0]; i++) {
        if (sources->files[i] != NULL && sources->files[i]->count > 0) {
            return true;
        }
    }
    return settings_match_environment(sources, &url);
}

enum moidc_code settings_each(const struct settings_sources *sources, void (*each)(void *ctx, const char *uri),
                              void *ctx, struct moidc_err *err)
{
    CLEANUP(mem_free_p) char *uri = NULL;
    struct url url;

    for (size_t i = 0; i < sizeof sources->files / sizeof sources->files[0]; i++) {
        for (size_t j = 0; sources->files[i] != NULL && j < sources->files[i]->count; j++) {
            each(ctx, sources->files[i]->blocks[j].uri);
        }
    }
    if (settings_match_environment(sources, &url)) {
        uri = url_normalised(&url);
        if (uri == NULL) {
            return err_memory(err);
        }
        each(ctx, uri);
    }
    return MOIDC_OK;
}
