/* SPDX-License-Identifier: MIT */
#include "flow/settings_file_find.h"

#include "config/toml_shim.h"
#include "io/file.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LEVELS_MOST = 64 };

static void PRINTF(2, 3) warn(const struct warning_sink *sink, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    sink->warn(sink->ctx, text);
}

static bool is_ours(const struct strbuf *bytes)
{
    static const char name[] = "mlflow-oidc-client";

    return memmem(strbuf_text(bytes), bytes->length, name, sizeof name - 1) != NULL;
}

/* As settings_file_parse(), with its warnings told; a file without the table is passed over. */
static enum moidc_code parse(const struct strbuf *bytes, const char *path, bool pyproject,
                             const struct warning_sink *sink, struct settings_file **ret, struct moidc_err *err)
{
    CLEANUP(settings_file_free_p) struct settings_file *file = NULL;
    enum moidc_code rc = settings_file_parse(strbuf_text(bytes), bytes->length, path, pyproject, &file, err);
    const char *warning;

    if (rc != MOIDC_OK || file == NULL) {
        return rc;
    }
    for (size_t i = 0; (warning = settings_file_warning(file, i)) != NULL; i++) {
        sink->warn(sink->ctx, warning);
    }
    if (settings_file_has_table(file)) {
        *ret = file;
        file = NULL;
    }
    return MOIDC_OK;
}

/* Reads one pyproject.toml. A file above the start that others can write is passed over. */
static enum moidc_code read_project(const char *path, bool above, const struct warning_sink *sink,
                                    struct settings_file **ret, struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf bytes = STRBUF_INIT(TOML_MOST_BYTES);
    struct file_facts facts;
    enum moidc_code rc = file_read(path, &bytes, &facts, err);

    if ((rc == MOIDC_E_STORAGE || rc == MOIDC_E_CONFIGURATION) && (above || !is_ours(&bytes))) {
        /* too large or unreadable, and as far as can be seen not about us: no reason to stop every call */
        if (!above) {
            warn(sink, "%s (%s): it is not used", err->what, err->where);
        }
        return MOIDC_OK;
    }
    if (rc != MOIDC_OK || facts.absent) {
        return rc;
    }
    if (above && (!facts.trusted_owner || facts.others_can_write)) {
        if (is_ours(&bytes)) {
            warn(sink, "%s is not used: it lies above the working directory and %s", path,
                 facts.trusted_owner ? "others can write it (chmod go-w)" : "belongs to another user");
        }
        return MOIDC_OK;
    }
    return parse(&bytes, path, true, sink, ret, err);
}

static enum moidc_code search_upwards(const char *start, const struct warning_sink *sink, struct settings_file **ret,
                                      struct moidc_err *err)
{
    CLEANUP(mem_free_p) char *dir = mem_strdup(start);
    enum moidc_code rc = dir != NULL ? MOIDC_OK : err_memory(err);

    for (int level = 0; rc == MOIDC_OK && *ret == NULL && level < LEVELS_MOST; level++) {
        CLEANUP(strbuf_free) struct strbuf path = STRBUF_INIT(8192);
        char *slash = strrchr(dir, '/');

        strbuf_add_format(&path, "%s/pyproject.toml", strcmp(dir, "/") == 0 ? "" : dir);
        rc = path.failed ? strbuf_error(&path, "the path of the working directory", err)
                         : read_project(path.bytes, level > 0, sink, ret, err);
        if (slash == NULL || dir[1] == '\0' || dir[0] == '\0') {
            break;
        }
        slash[slash == dir ? 1 : 0] = '\0'; /* the root keeps its slash */
    }
    return rc;
}

enum moidc_code settings_file_find_project(const char *start_dir, const struct warning_sink *sink,
                                           struct settings_file **ret, struct moidc_err *err)
{
    CLEANUP(mem_free_p) char *here = NULL;
    enum moidc_code rc = MOIDC_OK;

    *ret = NULL;
    if (start_dir != NULL) {
        rc = search_upwards(start_dir, sink, ret, err);
    }
    if (rc == MOIDC_OK && *ret == NULL) {
        rc = file_working_directory(&here, err);
    }
    if (rc == MOIDC_OK && here != NULL && (start_dir == NULL || strcmp(here, start_dir) != 0)) {
        rc = search_upwards(here, sink, ret, err);
    }
    return rc;
}

enum moidc_code settings_file_find_own(const struct moidc_env *env, const struct warning_sink *sink,
                                       struct settings_file **ret, struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf bytes = STRBUF_INIT(TOML_MOST_BYTES);
    CLEANUP(mem_free_p) char *path = NULL;
    struct file_facts facts;
    enum moidc_code rc;

    *ret = NULL;
    rc = file_xdg_path(env, "XDG_CONFIG_HOME", ".config", "mlflow-oidc-client/config.toml", &path, err);
    if (rc != MOIDC_OK || path == NULL) {
        return rc;
    }
    rc = file_read(path, &bytes, &facts, err);
    if (facts.out_of_sight) {
        /* HOME is another user's, as in a container that is run by a number: no reason to stop every call */
        warn(sink, "%s (%s): it is not used", err->what, err->where);
        return MOIDC_OK;
    }
    if (rc != MOIDC_OK || facts.absent) {
        return rc;
    }
    if (!facts.trusted_owner || facts.others_can_write) {
        err_set(err, MOIDC_E_CONFIGURATION, "the user's own settings file can be written by others");
        err_where(err, "%s", path);
        return err_next(err, "make it yours alone: chmod go-w, and own it");
    }
    return parse(&bytes, path, false, sink, ret, err);
}
