/* SPDX-License-Identifier: MIT */
/* Which files settings are read from (contract: "The file"). */
#ifndef FLOW_SETTINGS_FILE_FIND_H
#define FLOW_SETTINGS_FILE_FIND_H

#include "config/settings.h"

/* Where a sentence for the user goes, a file's own warnings among them; it may come again at the next search. */
struct warning_sink {
    void *ctx;
    void (*warn)(void *ctx, const char *text);
};

/* The nearest pyproject.toml that holds the table, from `start_dir` (may be NULL) upwards, else from the working
 * directory upwards. One above the start counts only when it belongs to this user or root and nobody else can write it;
 * else that is told to `sink`. *ret is the caller's, NULL: none. */
enum moidc_code settings_file_find_project(const char *start_dir, const struct warning_sink *sink,
                                           struct settings_file **ret, struct moidc_err *err) MUST_CHECK;

/* The user's own, $XDG_CONFIG_HOME/mlflow-oidc-client/config.toml. */
enum moidc_code settings_file_find_own(const struct moidc_env *env, const struct warning_sink *sink,
                                       struct settings_file **ret, struct moidc_err *err) MUST_CHECK;

#endif
