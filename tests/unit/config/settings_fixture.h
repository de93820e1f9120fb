/* SPDX-License-Identifier: MIT */
/* What the tests of settings share: sources made of texts. */
#ifndef TESTS_UNIT_CONFIG_SETTINGS_FIXTURE_H
#define TESTS_UNIT_CONFIG_SETTINGS_FIXTURE_H

#include "config/settings.h"

#include "check.h"

#include <stdlib.h>

#define BLOCK "[[tracking-servers]]\nuri = \"https://mlflow.example.com/\"\n"
#define COMPLETE BLOCK "issuer = \"https://auth.example.com/\"\nclient-id = \"app\"\n"
#define URI "https://mlflow.example.com"
#define ENV_COMPLETE "MLFLOW_TRACKING_OIDC_ISSUER=https://i.example.com/", "MLFLOW_TRACKING_OIDC_CLIENT_ID=env-app"

static struct moidc_err err;

static inline struct settings_file *file_of_bytes(const char *bytes, size_t n, const char *path, bool pyproject)
{
    char *copy = malloc(n != 0 ? n : 1); /* of exactly that size, for the address sanitizer */
    struct settings_file *file = NULL;
    enum moidc_code rc;

    memset(&err, 0, sizeof err);
    memcpy(copy, bytes, n);
    rc = settings_file_parse(copy, n, path, pyproject, &file, &err);
    free(copy);
    CHECK(rc == err.code);
    CHECK(rc == MOIDC_OK || file == NULL);
    return file;
}

/* The user's own file. */
static inline struct settings_file *file_of(const char *text)
{
    return file_of_bytes(text, strlen(text), "/home/me/config.toml", false);
}

static inline struct moidc_env *env_of(const char *const *variables)
{
    struct moidc_env *env = NULL;

    CHECK(moidc_env_new(variables, &env, &err) == MOIDC_OK);
    return env;
}

static inline char *match(const struct settings_sources *sources, const char *request)
{
    char *uri = NULL;
    struct url url;

    memset(&err, 0, sizeof err);
    CHECK(url_parse(request, &url));
    CHECK(settings_match(sources, &url, &uri, &err) == MOIDC_OK);
    return uri;
}

/* NULL with *err when they cannot be used. */
static inline struct settings *resolve(const struct settings_sources *sources, const char *uri)
{
    struct settings *settings = NULL;

    memset(&err, 0, sizeof err);
    CHECK(settings_resolve(sources, uri, &settings, &err) == err.code);
    CHECK((settings == NULL) == (err.code != MOIDC_OK));
    CHECK(settings != NULL || (err.what[0] != '\0' && err.where[0] != '\0' && err.next[0] != '\0') ||
          err.code == MOIDC_E_MEMORY);
    return settings;
}

/* The settings of URI from the user's own file alone. */
static inline struct settings *from_file(const char *text)
{
    struct settings_file *file = file_of(text);
    struct settings_sources sources = {.files = {NULL, file}};
    struct settings *settings = NULL;

    CHECK(file != NULL);
    if (file != NULL) {
        settings = resolve(&sources, URI);
    }
    settings_file_free(file);
    return settings;
}

/* The settings of URI, which the variables describe; `text` NULL: no file. */
static inline struct settings *from_both(const char *text, const char *const *variables)
{
    struct settings_file *file = text != NULL ? file_of(text) : NULL;
    struct moidc_env *env = env_of(variables);
    struct settings_sources sources = {.files = {file, NULL}, .env = env, .env_uri = URI "/"};
    struct settings *settings = resolve(&sources, URI);

    settings_file_free(file);
    moidc_env_free(env);
    return settings;
}

/* A complete block with one line more (the fifth) is refused so. */
static inline void check_line(const char *line, const char *what)
{
    char text[16384];
    char key[32];
    struct settings *settings = NULL;

    snprintf(text, sizeof text, COMPLETE "%s\n", line);
    snprintf(key, sizeof key, "`%.*s`", (int)strcspn(line, " ="), line);
    settings = from_file(text);
    CHECK(settings == NULL);
    CHECK(err.code == MOIDC_E_CONFIGURATION);
    CHECK_CONTAINS(err.what, key);
    CHECK_CONTAINS(err.what, what);
    CHECK_CONTAINS(err.where, key);
    CHECK_CONTAINS(err.where, "/home/me/config.toml line 5");
    CHECK(strstr(err.what, "hunter2") == NULL && strstr(err.where, "hunter2") == NULL);
    CHECK(strstr(err.next, "hunter2") == NULL);
    settings_free(settings);
}

/* The same for a variable over complete others. */
static inline void check_variable(const char *variable, const char *what)
{
    const char *variables[] = {variable, ENV_COMPLETE, NULL};
    char name[64];
    struct settings *settings = from_both(NULL, variables);

    snprintf(name, sizeof name, "%.*s", (int)strcspn(variable, "="), variable);
    CHECK(settings == NULL);
    CHECK(err.code == MOIDC_E_CONFIGURATION);
    CHECK_CONTAINS(err.what, what);
    CHECK_CONTAINS(err.where, name);
    CHECK_CONTAINS(err.where, "`");
    CHECK(strstr(err.what, "hunter2") == NULL && strstr(err.where, "hunter2") == NULL);
    CHECK(strstr(err.next, "hunter2") == NULL);
    settings_free(settings);
}

#endif
