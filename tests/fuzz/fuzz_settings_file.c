/* SPDX-License-Identifier: MIT */
/* A TOML file through toml++, as a pyproject.toml and as the user's own file, and the settings of all its blocks. */
#include "config/settings_file.h"

#include "fuzz.h"

static void check_settings(const struct settings *settings)
{
    struct url url;

    HOLDS(url_parse(settings->uri, &url) && !url_is_ambiguous(&url));
    HOLDS(url_parse(settings->issuer, &url) && (url.https || url_is_loopback(&url)));
    HOLDS(settings->redirect.path[0] == '/');
    if (settings->redirect.port != 0) { /* a free one is no port that url_parse() takes */
        HOLDS(url_parse(settings->redirect_uri, &url) && !url.https && url_is_loopback(&url));
        HOLDS(settings->redirect.port == url.port);
    }
    HOLDS(settings->client_id[0] != '\0' && settings->scope[0] != '\0' && settings->audience != NULL);
    HOLDS(settings->login_timeout_s >= 1 && settings->login_timeout_s <= SETTING_MOST_SECONDS);
    HOLDS(!settings->secret_from_environment && settings->issuer_file != NULL);
    HOLDS(settings_equal(settings, settings));
}

static void check_block(const struct settings_sources *sources, const struct settings_block *block)
{
    CLEANUP(settings_free_p) struct settings *settings = NULL;
    CLEANUP(mem_free_p) char *match = NULL;
    struct moidc_err err;
    struct url url;
    enum moidc_code rc;

    HOLDS(block->line >= 1 && url_parse(block->uri, &url));
    HOLDS(settings_match(sources, &url, &match, &err) == MOIDC_OK && match != NULL && strcmp(match, block->uri) == 0);
    rc = settings_resolve(sources, block->uri, &settings, &err);
    HOLDS((rc == MOIDC_OK) == (settings != NULL));
    if (rc == MOIDC_OK) {
        HOLDS(strcmp(settings->uri, block->uri) == 0);
        check_settings(settings);
    } else {
        HOLDS(rc == MOIDC_E_CONFIGURATION);
        fuzz_check_err(rc, &err);
    }
}

static void check_file(const uint8_t *data, size_t size, bool pyproject)
{
    CLEANUP(settings_file_free_p) struct settings_file *file = NULL;
    struct settings_sources sources = {0};
    struct moidc_err err;
    enum moidc_code rc = settings_file_parse((const char *)data, size, pyproject ? "/x/pyproject.toml" : "/x/s.toml",
                                             pyproject, &file, &err);

    if (rc != MOIDC_OK) {
        HOLDS(file == NULL && rc == MOIDC_E_CONFIGURATION && strstr(err.where, "/x/") != NULL);
        fuzz_check_err(rc, &err);
        return;
    }
    for (size_t i = 0; file != NULL && settings_file_warning(file, i) != NULL; i++) {
        HOLDS(fuzz_is_printable(settings_file_warning(file, i)));
    }
    sources.files[0] = file;
    for (size_t i = 0; file != NULL && i < settings_file_blocks(file); i++) {
        check_block(&sources, &file->blocks[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_file(data, size, false);
    check_file(data, size, true);
    return 0;
}
