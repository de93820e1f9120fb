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

#endif
