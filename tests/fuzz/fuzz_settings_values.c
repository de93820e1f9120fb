/* SPDX-License-Identifier: MIT */
/* One value of one setting, as a variable or a TOML file has it: the first byte chooses which and in what type. */
#include "config/setting_local.h"
#include "config/setting_request.h"
#include "config/setting_uri.h"

#include "fuzz.h"

static void check_failure(enum moidc_code rc, const struct moidc_err *err)
{
    HOLDS(rc == MOIDC_E_CONFIGURATION && err->where[0] != '\0' && err->next[0] != '\0');
    fuzz_check_err(rc, err);
}

static void check_redirect(const struct setting_value *value, const char *text)
{
    CLEANUP(mem_free_p) char *path = NULL;
    struct redirect redirect = {0};
    struct moidc_err err;
    struct url url;
    enum moidc_code rc = setting_uri_redirect(value, text, &redirect, &err);

    path = redirect.path;
    if (rc != MOIDC_OK) {
        HOLDS(path == NULL);
        check_failure(rc, &err);
        return;
    }
    if (redirect.port == 0) { /* no port that url_parse() takes */
        HOLDS(!url_parse(text, &url) && strncmp(text + strlen(text) - strlen(path) - 2, ":0/", 3) == 0);
        return;
    }
    HOLDS(url_parse(text, &url) && !url.https && url_is_loopback(&url) && url.port == redirect.port);
    HOLDS(path[0] == '/' && strpbrk(path, "?# \r\n") == NULL);
    HOLDS(strlen(path) == url.path_length && memcmp(path, url.path, url.path_length) == 0);
}

static void check_issuer(const struct setting_value *value, const char *text)
{
    struct moidc_err err;
    struct url url;
    enum moidc_code rc = setting_uri_check_issuer(value, text, &err);

    if (rc != MOIDC_OK) {
        check_failure(rc, &err);
        return;
    }
    HOLDS(url_parse(text, &url) && (url.https || url_is_loopback(&url)));
    HOLDS(!url.userinfo && url.query == NULL && !url.fragment && !url_is_ambiguous(&url));
}

static void check_text(const struct setting_value *value)
{
    CLEANUP(mem_free_p) char *text = NULL;
    struct moidc_err err;
    enum moidc_code rc = setting_value_text(value, &text, &err);

    if (rc != MOIDC_OK) {
        HOLDS(text == NULL);
        check_failure(rc, &err);
        return;
    }
    HOLDS(strlen(text) == value->length && value->length <= SETTING_MOST_BYTES && value->kind == TOML_STRING);
    HOLDS(text[0] != '\0' || value->info->id == SETTING_AUDIENCE);
    HOLDS(strpbrk(text, "\r\n\t\033\177") == NULL);
    if (value->info->id == SETTING_REDIRECT_URI) {
        check_redirect(value, text);
    } else if (value->info->id == SETTING_ISSUER) {
        check_issuer(value, text);
    }
}

/* The settings whose text means more than its characters. */
static void check_read(const struct setting_value *value)
{
    CLEANUP(mem_free_p) char *text = NULL;
    struct listen_address listen = {0};
    enum settings_cache cache = SETTINGS_CACHE_FILE;
    struct moidc_err err;
    enum moidc_code rc = MOIDC_OK;

    switch (value->info->id) {
    case SETTING_PROMPT:
        rc = setting_request_prompt(value, &text, &err);
        break;
    case SETTING_RESOURCE:
        rc = setting_request_resource(value, &text, &err);
        HOLDS(rc != MOIDC_OK || strchr(text, '#') == NULL);
        break;
    case SETTING_AUTHORIZE_PARAMS:
        rc = setting_request_params(value, &text, &err);
        HOLDS(rc != MOIDC_OK || (strchr(text, '=') != NULL && strncmp(text, "state=", 6) != 0));
        HOLDS(rc != MOIDC_OK || strstr(text, "&redirect_uri=") == NULL);
        break;
    case SETTING_CA_FILE:
        rc = setting_local_ca_file(value, &text, &err);
        HOLDS(rc != MOIDC_OK || (text[0] == '/' && !value->in_project));
        break;
    case SETTING_HEADER:
        rc = setting_local_header(value, &text, &err);
        HOLDS(rc != MOIDC_OK || strpbrk(text, " :\r\n") == NULL);
        break;
    case SETTING_CACHE:
        rc = setting_local_cache(value, &cache, &text, &err);
        HOLDS(rc != MOIDC_OK || (text[0] != '\0') == (cache == SETTINGS_CACHE_HELPER));
        HOLDS(rc != MOIDC_OK || cache != SETTINGS_CACHE_HELPER || !value->in_project);
        break;
    case SETTING_LISTEN_ADDRESS:
        rc = setting_local_listen(value, &listen, &err);
        HOLDS(rc != MOIDC_OK || (listen.port > 0 && listen.port < 65536 && listen.host[0] != '\0'));
        break;
    default:
        return;
    }
    HOLDS(rc == MOIDC_OK || text == NULL);
    HOLDS(text == NULL || strpbrk(text, "\r\n\t\033\177") == NULL);
    if (rc != MOIDC_OK) {
        check_failure(rc, &err);
    }
}

static void check_choice(const struct setting_value *value)
{
    static const struct setting_choice choices[] = {{"auto", 1}, {"none", 2}, {NULL, 0}};
    struct moidc_err err;
    int meaning = 0;
    enum moidc_code rc = setting_value_choice(value, choices, &meaning, &err);

    HOLDS((rc == MOIDC_OK) == (meaning != 0));
    if (rc != MOIDC_OK) {
        check_failure(rc, &err);
    }
}

static void check_boolean(const struct setting_value *value)
{
    struct moidc_err err;
    bool yes = false;
    enum moidc_code rc = setting_value_boolean(value, &yes, &err);

    if (rc != MOIDC_OK) {
        check_failure(rc, &err);
        return;
    }
    HOLDS(strchr(yes ? "tyo1TYO" : "fno0FNO", value->text[0]) != NULL && value->length <= 5);
}

static void check_seconds(const struct setting_value *value)
{
    int64_t seconds = 0;
    struct moidc_err err;
    enum moidc_code rc = setting_value_seconds(value, &seconds, &err);

    if (rc != MOIDC_OK) {
        check_failure(rc, &err);
        return;
    }
    HOLDS(seconds >= 1 && seconds <= SETTING_MOST_SECONDS && atoll(value->text) == seconds);
}

static void check_secret(const struct setting_value *value)
{
    CLEANUP(secret_free_p) struct secret *secret = NULL;
    struct moidc_err err;
    enum moidc_code rc = setting_value_secret(value, &secret, &err);

    HOLDS((rc == MOIDC_OK) == (secret != NULL));
    if (rc != MOIDC_OK) {
        check_failure(rc, &err);
    } else {
        HOLDS(secret_equal_bytes(secret, value->text, value->length));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct setting_value value = {.source = "here"};
    char *text;

    if (size == 0) {
        return 0;
    }
    text = fuzz_text(data + 1, size - 1);
    value.info = setting_info((enum setting_id)(data[0] % 0x80 % SETTING_COUNT));
    value.in_file = (data[0] & 0x80) != 0;
    value.in_project = value.in_file && size % 2 == 0;
    value.kind = value.in_file ? (enum toml_kind)(data[0] % 0x80 / SETTING_COUNT) : TOML_STRING;
    value.text = text;
    value.length = value.in_file ? size - 1 : strlen(text); /* TOML's text may hold NUL, a variable's cannot */
    switch (value.info->kind) {
    case SETTING_TEXT:
        check_text(&value);
        break;
    case SETTING_CHOICE:
        check_choice(&value);
        break;
    case SETTING_LIST:
    case SETTING_PAIRS:
        break;
    case SETTING_SECRET:
        check_secret(&value);
        break;
    case SETTING_BOOLEAN:
        check_boolean(&value);
        break;
    case SETTING_SECONDS:
        check_seconds(&value);
        break;
    }
    check_read(&value);
    setting_nearest_key(text);
    setting_nearest_variable(text);
    free(text);
    return 0;
}
