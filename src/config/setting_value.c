/* SPDX-License-Identifier: MIT */
#include "config/setting_value.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

static const char *const EXAMPLES[SETTING_COUNT] = {
    [SETTING_URI] = "https://mlflow.example.com/",
    [SETTING_ISSUER] = "https://auth.example.com/",
    [SETTING_CLIENT_ID] = "<application ID>",
    [SETTING_CLIENT_SECRET] = "<client secret>",
    [SETTING_REDIRECT_URI] = SETTING_DEFAULT_REDIRECT_URI,
    [SETTING_SCOPE] = SETTING_DEFAULT_SCOPE,
    [SETTING_AUDIENCE] = "<token audience>",
    [SETTING_INTERACTIVE] = "true or false",
    [SETTING_USE_ID_TOKEN] = "true or false",
    [SETTING_LOGIN_TIMEOUT] = "300",
    [SETTING_FLOW] = "device",
    [SETTING_LOGIN_HINT] = "me@example.com",
    [SETTING_PROMPT] = "select_account",
    [SETTING_RESOURCE] = "https://mlflow.example.com/",
    [SETTING_AUTHORIZE_PARAMS] = "{ acr_values = \"2\" }",
    [SETTING_CLIENT_AUTH] = "basic",
    [SETTING_CA_FILE] = "/etc/ssl/my-ca.pem",
    [SETTING_HEADER] = "Proxy-Authorization",
    [SETTING_CACHE] = "memory",
    [SETTING_REFRESH_MARGIN] = "30",
    [SETTING_LISTEN_ADDRESS] = "0.0.0.0:39303",
};

static const char *quote_of(const struct setting_info *info)
{
    return info->kind == SETTING_BOOLEAN || info->kind == SETTING_SECONDS || info->kind == SETTING_PAIRS ? "" : "\"";
}

enum moidc_code setting_value_error(const struct setting_value *value, const char *fault, struct moidc_err *err)
{
    const struct setting_info *info = value->info;
    const char *example = EXAMPLES[info->id];

    err_set(err, MOIDC_E_CONFIGURATION, "the setting `%s` %s", info->key, fault);
    err_where(err, "`%s`, %s", info->key, value->source);
    if (value->in_file) {
        return err_next(err, "write %s = %s%s%s", info->key, quote_of(info), example, quote_of(info));
    }
    if (info->kind == SETTING_PAIRS) {
        example = "acr_values=2&ui_locales=de"; /* the other one is TOML */
    }
    return err_next(err, "set %s to a value such as %s", info->variable, example);
}

enum moidc_code setting_value_wrong_kind(const struct setting_value *value, const char *wanted, struct moidc_err *err)
{
    const char *kind = value->kind == TOML_STRING    ? "string"
                       : value->kind == TOML_BOOLEAN ? "boolean"
                       : value->kind == TOML_INTEGER ? "integer"
                       : value->kind == TOML_LIST    ? "array"
                       : value->kind == TOML_TABLE   ? "table"
                                                     : value->text;
    char fault[128];

    snprintf(fault, sizeof fault, "is of the kind \"%s\", not %s", kind, wanted);
    return setting_value_error(value, fault, err);
}

/* VSCHAR of RFC 6749 appendix A. */
static bool is_visible(char c)
{
    return c >= ' ' && c <= '~';
}

/* NQCHAR of RFC 6749 appendix A, and the space between two scopes. */
static bool is_scope_character(char c)
{
    return is_visible(c) && c != '"' && c != '\\';
}

/* C0, DEL, and C1 in UTF-8. */
static bool has_control(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c < 0x20 || c == 0x7f || (c == 0xc2 && i + 1 < n && (unsigned char)text[i + 1] < 0xa0)) {
            return true;
        }
    }
    return false;
}

static bool all_are(bool (*is)(char), const struct setting_value *value)
{
    for (size_t i = 0; i < value->length; i++) {
        if (!is(value->text[i])) {
            return false;
        }
    }
    return true;
}

const char *setting_value_wrong_text(const char *text, size_t n)
{
    if (has_control(text, n)) {
        return "holds a control character (a line end, a tab ...)";
    }
    return text_is_utf8(text, n) ? NULL : "is not UTF-8";
}

/* What is wrong with the characters of `value`, NULL when nothing is. */
static const char *wrong_characters(const struct setting_value *value)
{
    if (has_control(value->text, value->length)) {
        return setting_value_wrong_text(value->text, value->length);
    }
    switch (value->info->id) {
    case SETTING_AUDIENCE:
    case SETTING_LOGIN_HINT:
    case SETTING_CA_FILE:
    case SETTING_CACHE:         /* it names a file */
    case SETTING_CLIENT_SECRET: /* the RFC has VSCHAR here too; some providers let people choose others */
        return setting_value_wrong_text(value->text, value->length);
    case SETTING_SCOPE:
        return all_are(is_scope_character, value) ? NULL
                                                  : "holds a character that a scope cannot have (RFC 6749 A.4: ASCII "
                                                    "without quotes and backslashes)";
    default:
        return all_are(is_visible, value) ? NULL : "holds a character outside of ASCII";
    }
}

/* The checks that text and secrets share. */
static enum moidc_code check_text(const struct setting_value *value, struct moidc_err *err)
{
    const char *fault = NULL;

    if (value->kind != TOML_STRING) {
        return setting_value_wrong_kind(value, "text in quotes", err);
    }
    if (value->length > SETTING_MOST_BYTES) {
        return setting_value_error(value, "is longer than 4096 bytes", err);
    }
    fault = wrong_characters(value);
    if (fault != NULL) {
        return setting_value_error(value, fault, err);
    }
    if (value->info->id != SETTING_AUDIENCE && strspn(value->text, " ") == value->length) {
        setting_value_error(value, "is empty", err);
        if (value->in_file && strcmp(value->info->default_text, "required") != 0) {
            return err_next(err, "write a value, or remove the line for the default (%s)", value->info->default_text);
        }
        return err->code;
    }
    return MOIDC_OK;
}

enum moidc_code setting_value_text(const struct setting_value *value, char **ret, struct moidc_err *err)
{
    enum moidc_code rc = check_text(value, err);
    char *text = NULL;

    if (rc != MOIDC_OK) {
        return rc;
    }
    text = mem_strndup(value->text, value->length);
    if (text == NULL) {
        return err_memory(err);
    }
    *ret = text;
    return MOIDC_OK;
}

enum moidc_code setting_value_secret(const struct setting_value *value, struct secret **ret, struct moidc_err *err)
{
    enum moidc_code rc = check_text(value, err);
    struct secret *secret = NULL;

    if (rc != MOIDC_OK) {
        return rc;
    }
    secret = secret_new(value->text, value->length);
    if (secret == NULL) {
        return err_memory(err);
    }
    *ret = secret;
    return MOIDC_OK;
}

static bool is_one_of(const struct setting_value *value, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strlen(*words) == value->length && text_equal_nocase(value->text, *words)) {
            return true;
        }
    }
    return false;
}

enum moidc_code setting_value_boolean(const struct setting_value *value, bool *ret, struct moidc_err *err)
{
    static const char *const yes[] = {"true", "yes", "1", "on", NULL};
    static const char *const no[] = {"false", "no", "0", "off", NULL};
    bool result = is_one_of(value, yes);

    if (value->kind >= TOML_OTHER) {
        return setting_value_wrong_kind(value, "true or false", err);
    }
    if (!result && !is_one_of(value, no)) {
        return setting_value_error(value, "is neither true (yes, 1, on) nor false (no, 0, off)", err);
    }
    *ret = result;
    return MOIDC_OK;
}

enum moidc_code setting_value_seconds(const struct setting_value *value, int64_t *ret, struct moidc_err *err)
{
    int64_t seconds = 0;

    if (value->kind != TOML_INTEGER && value->kind != TOML_STRING) {
        return setting_value_wrong_kind(value, "a whole number of seconds", err);
    }
    for (size_t i = 0; i < value->length && seconds >= 0 && seconds <= SETTING_MOST_SECONDS; i++) {
        char c = value->text[i];

        seconds = c >= '0' && c <= '9' ? seconds * 10 + (c - '0') : -1;
    }
    if (seconds < 1 || seconds > SETTING_MOST_SECONDS) {
        return setting_value_error(value, "is not a whole number of seconds from 1 to 3600", err);
    }
    *ret = seconds;
    return MOIDC_OK;
}

enum moidc_code setting_value_choice(const struct setting_value *value, const struct setting_choice *choices, int *ret,
                                     struct moidc_err *err)
{
    char fault[128] = "is none of";
    size_t n = strlen(fault);

    if (value->kind != TOML_STRING) {
        return setting_value_wrong_kind(value, "text in quotes", err);
    }
    for (; choices->word != NULL; choices++) {
        const char *const word[] = {choices->word, NULL};

        if (is_one_of(value, word)) {
            *ret = choices->meaning;
            return MOIDC_OK;
        }
        n += (size_t)snprintf(fault + n, sizeof fault - n, " %s", choices->word);
    }
    return setting_value_error(value, fault, err);
}
