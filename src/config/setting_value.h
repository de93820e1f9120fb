/* SPDX-License-Identifier: MIT */
/* One value of one setting: from what somebody wrote to what the program uses. */
#ifndef CONFIG_SETTING_VALUE_H
#define CONFIG_SETTING_VALUE_H

#include "base/secret.h"
#include "config/setting_table.h"
#include "config/toml_shim.h"

enum { SETTING_MOST_BYTES = 4096 };

/* A value as it was written, and where. */
struct setting_value {
    const struct setting_info *info;
    enum toml_kind kind; /* TOML_STRING for that of a variable */
    const char *text;    /* borrowed; see struct toml_value */
    size_t length;
    bool in_file;     /* else in a variable */
    bool in_project;  /* that file is a pyproject.toml */
    char source[320]; /* "MLFLOW_TRACKING_OIDC_ISSUER", "/home/me/pyproject.toml line 7" */
};

/* Each checks `value` and writes it in the type that fits its setting. *ret is the caller's, mem_free() or
 * secret_free(). MOIDC_E_CONFIGURATION: it is of the wrong type, empty (only `audience` may be), longer than
 * SETTING_MOST_BYTES or holds characters that the setting cannot have; the message shows nothing of the value. */
enum moidc_code setting_value_text(const struct setting_value *value, char **ret, struct moidc_err *err) MUST_CHECK;
enum moidc_code setting_value_secret(const struct setting_value *value, struct secret **ret,
                                     struct moidc_err *err) MUST_CHECK;
enum moidc_code setting_value_boolean(const struct setting_value *value, bool *ret, struct moidc_err *err) MUST_CHECK;
enum moidc_code setting_value_seconds(const struct setting_value *value, int64_t *ret,
                                      struct moidc_err *err) MUST_CHECK;

/* One word of a choice, and what it means. */
struct setting_choice {
    const char *word;
    int meaning;
};

/* The meaning of the word that `value` is, in any case; `choices` end with a NULL word. */
enum moidc_code setting_value_choice(const struct setting_value *value, const struct setting_choice *choices, int *ret,
                                     struct moidc_err *err) MUST_CHECK;

/* What is wrong with a text that may be any UTF-8 without control characters; NULL when nothing is. */
const char *setting_value_wrong_text(const char *text, size_t n);

/* The error that `value` is of another kind than `wanted`. */
enum moidc_code setting_value_wrong_kind(const struct setting_value *value, const char *wanted, struct moidc_err *err);

/* The error that `value` "is" (or "holds" ...) what `fault` says, with where it stands and an example of a good one. */
enum moidc_code setting_value_error(const struct setting_value *value, const char *fault, struct moidc_err *err);

#endif
