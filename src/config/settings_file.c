/* SPDX-License-Identifier: MIT */
#include "config/settings_file.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum { MOST_BLOCKS = 1024 };

static void block_value_free(struct block_value *value)
{
    mem_free(value->text);
    secret_free(value->secret);
}

void settings_file_free(struct settings_file *file)
{
    if (file == NULL) {
        return;
    }
    for (size_t i = 0; i < file->count; i++) {
        for (size_t j = 0; j < SETTING_COUNT; j++) {
            block_value_free(&file->blocks[i].values[j]);
        }
        mem_free(file->blocks[i].uri);
    }
    for (size_t i = 0; i < file->warning_count; i++) {
        mem_free(file->warnings[i]);
    }
    mem_free(file->blocks);
    mem_free(file->path);
    mem_free(file);
}

/* What the visitor needs. */
struct reading {
    struct settings_file *file;
    struct moidc_err *err; /* filled when the visitor stops */
};

static enum moidc_code block_begin(struct reading *reading, int line)
{
    struct settings_file *file = reading->file;

    if (file->count == MOST_BLOCKS) {
        err_set(reading->err, MOIDC_E_CONFIGURATION, "the file has more than %d tracking servers", MOST_BLOCKS);
        err_where(reading->err, "%s line %d", file->shown, line);
        return err_next(reading->err, "remove those that are not used");
    }
    if (file->count == file->size) {
        size_t size = file->size != 0 ? file->size * 2 : 4;
        struct settings_block *blocks = mem_realloc(file->blocks, size * sizeof *blocks);

        if (blocks == NULL) {
            return err_memory(reading->err);
        }
        file->blocks = blocks;
        file->size = size;
    }
    file->blocks[file->count++] = (struct settings_block){.line = line};
    return MOIDC_OK;
}

static enum moidc_code warn(struct reading *reading, char *text)
{
    struct settings_file *file = reading->file;

    if (file->warning_count == sizeof file->warnings / sizeof file->warnings[0]) {
        return MOIDC_OK;
    }
    text_make_printable(text);
    file->warnings[file->warning_count] = mem_strdup(text);
    if (file->warnings[file->warning_count] == NULL) {
        return err_memory(reading->err);
    }
    file->warning_count++;
    return MOIDC_OK;
}

static enum moidc_code warn_of_key(struct reading *reading, const struct toml_value *value)
{
    const char *near = setting_nearest_key(value->key);
    char text[512];

    snprintf(text, sizeof text, "unknown key `%.64s` in %s line %d%s%s%s", value->key, reading->file->shown,
             value->line, near != NULL ? ": did you mean `" : ": it is ignored", near != NULL ? near : "",
             near != NULL ? "`?" : "");
    return warn(reading, text);
}

/* Who misspells the table would never hear of it: a server that nothing describes gets its requests without a token. */
static enum moidc_code warn_of_stray(struct reading *reading, const struct toml_result *result)
{
    char text[512];

    if (result->stray[0] == '\0') {
        return MOIDC_OK;
    }
    snprintf(text, sizeof text, "unknown key `%s` in %s line %d: servers stand under [[%stracking-servers]]",
             result->stray, reading->file->shown, result->stray_line,
             reading->file->project ? "tool.mlflow-oidc-client." : "");
    return warn(reading, text);
}

static enum moidc_code keep_value(struct reading *reading, const struct setting_info *info,
                                  const struct toml_value *value)
{
    struct block_value *kept = &reading->file->blocks[reading->file->count - 1].values[info->id];

    kept->line = value->line;
    kept->kind = value->kind;
    kept->length = value->length;
    if (info->kind == SETTING_SECRET && value->kind != TOML_OTHER) {
        kept->secret = secret_new(value->text, value->length);
    } else {
        kept->text = mem_strndup(value->text, value->length);
    }
    return kept->secret != NULL || kept->text != NULL ? MOIDC_OK : err_memory(reading->err);
}

static int visit(void *ctx, const struct toml_value *value)
{
    struct reading *reading = ctx;
    const struct setting_info *info = NULL;

    if (value->key == NULL) {
        return block_begin(reading, value->line);
    }
    info = setting_by_key(value->key);
    return info != NULL ? keep_value(reading, info, value) : warn_of_key(reading, value);
}

/* Normalises the block's own URI: without one nobody could say which server the block is for. */
static enum moidc_code take_uri(struct settings_file *file, struct settings_block *block, struct moidc_err *err)
{
    const struct block_value *value = &block->values[SETTING_URI];
    const char *fault = NULL;
    struct url url;

    if (value->line == 0) {
        fault = "a block has no `uri`";
    } else if (value->kind != TOML_STRING || value->length > SETTING_MOST_BYTES ||
               strlen(value->text) != value->length || !url_parse(value->text, &url)) {
        fault = value->text == NULL || text_is_ascii(value->text)
                    ? "the `uri` of a block is not an http or https URI"
                    : "the `uri` of a block holds a character outside of ASCII: write a host as xn--..., a path "
                      "percent-encoded";
    } else if (url.query != NULL || url.fragment || url_is_ambiguous(&url)) {
        fault = "the `uri` of a block holds user info, a query, a fragment, dot segments or encoded slashes";
    }
    if (fault != NULL) {
        err_set(err, MOIDC_E_CONFIGURATION, "%s", fault);
        err_where(err, "`uri`, %s line %d", file->shown, value->line != 0 ? value->line : block->line);
        return err_next(err, "write the address of the tracking server: uri = \"https://mlflow.example.com/\"");
    }
    block->uri = url_normalised(&url);
    return block->uri != NULL ? MOIDC_OK : err_memory(err);
}

static enum moidc_code tell_malformed(const struct settings_file *file, const struct toml_result *result,
                                      struct moidc_err *err)
{
    err_set(err, MOIDC_E_CONFIGURATION, "the settings file cannot be read: %s", result->message);
    if (result->line > 0) {
        err_where(err, "%s line %d", file->shown, result->line);
    } else {
        err_where(err, "%s", file->shown);
    }
    return err_next(err, "mend that place; the README shows a block");
}

static enum moidc_code read_blocks(struct reading *reading, const char *bytes, size_t n, bool pyproject)
{
    static const char *const path[] = {"tool", "mlflow-oidc-client", "tracking-servers", NULL};
    struct toml_result result = {0};
    size_t blocks = 0;

    switch (toml_visit(bytes, n, pyproject ? path : path + 2, visit, reading, &blocks, &result)) {
    case TOML_OK:
        break;
    case TOML_ABSENT:
        return warn_of_stray(reading, &result);
    case TOML_MALFORMED:
        return tell_malformed(reading->file, &result, reading->err);
    case TOML_STOPPED:
        return reading->err->code;
    case TOML_NO_MEMORY:
    default:
        return err_memory(reading->err);
    }
    for (size_t i = 0; i < reading->file->count; i++) {
        enum moidc_code rc = take_uri(reading->file, &reading->file->blocks[i], reading->err);

        if (rc != MOIDC_OK) {
            return rc;
        }
    }
    reading->file->has_table = true;
    return warn_of_stray(reading, &result);
}

static const char OUR_NAME[] = "mlflow-oidc-client";

/* Whether our name stands in it, spelt with '_' or in capitals, as a table that was misspelt has it. */
static bool names_us_alike(const char *bytes, size_t n)
{
    size_t at = 0; /* how much of the name stands before bytes[i] */

    for (size_t i = 0; i < n && OUR_NAME[at] != '\0'; i++) {
        char c = bytes[i] == '_' ? '-' : bytes[i];

        c = text_lower(c);
        at = c == OUR_NAME[at] ? at + 1 : c == OUR_NAME[0]; /* no 'm' stands in the name but for its first letter */
    }
    return OUR_NAME[at] == '\0';
}

enum moidc_code settings_file_parse(const char *bytes, size_t n, const char *path, bool pyproject,
                                    struct settings_file **ret, struct moidc_err *err)
{
    CLEANUP(settings_file_free_p) struct settings_file *file = NULL;
    size_t length = strlen(path);
    bool about_us = !pyproject || memmem(bytes, n, OUR_NAME, sizeof OUR_NAME - 1) != NULL;
    struct moidc_err ignored = {0}; /* what is wrong with a file that is not about us is its owner's affair */
    struct reading reading = {.err = about_us ? err : &ignored};
    enum moidc_code rc;

    if (!about_us && !names_us_alike(bytes, n)) {
        *ret = NULL;
        return MOIDC_OK;
    }
    file = mem_zalloc(sizeof *file);
    if (file == NULL || (file->path = mem_strdup(path)) == NULL) {
        return err_memory(err);
    }
    file->project = pyproject;
    reading.file = file;
    snprintf(file->shown, sizeof file->shown, "%s%s", length < sizeof file->shown ? "" : "...",
             length < sizeof file->shown ? path : path + length - (sizeof file->shown - 4));
    rc = read_blocks(&reading, bytes, n, pyproject);
    if (rc == MOIDC_E_MEMORY) {
        return err_memory(err);
    }
    if (rc != MOIDC_OK && about_us) {
        return rc;
    }
    *ret = NULL;
    if (file->has_table || file->warning_count > 0) {
        *ret = file;
        file = NULL;
    }
    return MOIDC_OK;
}

size_t settings_file_blocks(const struct settings_file *file)
{
    return file->count;
}

bool settings_file_has_table(const struct settings_file *file)
{
    return file->has_table;
}

const char *settings_file_warning(const struct settings_file *file, size_t i)
{
    return i < file->warning_count ? file->warnings[i] : NULL;
}

bool settings_file_value(const struct settings_file *file, const struct settings_block *block,
                         const struct setting_info *info, struct setting_value *ret)
{
    const struct block_value *value = &block->values[info->id];

    if (value->line == 0) {
        return false;
    }
    *ret = (struct setting_value){.info = info, .kind = value->kind, .length = value->length, .in_file = true};
    ret->in_project = file->project;
    ret->text = value->secret != NULL ? secret_reveal(value->secret) : value->text; /* judged, never shown */
    snprintf(ret->source, sizeof ret->source, "%s line %d", file->shown, value->line);
    return true;
}
