/* SPDX-License-Identifier: MIT */
#include "config/setting_show.h"

#include "config/settings_fixture.h"

static struct settings *settings_of(const char *text)
{
    struct settings_file *file = file_of(text);
    struct settings_sources sources = {.files = {NULL, file}};
    struct settings *settings = resolve(&sources, URI);

    settings_file_free(file);
    CHECK(settings != NULL);
    return settings;
}

static void check_shown(const struct settings *settings, enum setting_id id, const char *expected)
{
    char shown[SETTING_SHOWN_SIZE];

    setting_show(settings, id, shown);
    CHECK_TEXT(shown, expected);
}

static void test_every_setting_that_was_set_is_shown(void)
{
    static const struct {
        enum setting_id id;
        const char *line;
        const char *shown;
    } rows[] = {
        {SETTING_CLIENT_SECRET, "client-secret = \"hush\"", "(set)"},
        {SETTING_REDIRECT_URI, "redirect-uri = \"http://127.0.0.1:8400/cb\"", "http://127.0.0.1:8400/cb"},
        {SETTING_SCOPE, "scope = \"openid runs\"", "openid runs"},
        {SETTING_AUDIENCE, "audience = \"mlflow\"", "mlflow"},
        {SETTING_INTERACTIVE, "interactive = false", "false"},
        {SETTING_USE_ID_TOKEN, "use-id-token = false", "false"},
        {SETTING_LOGIN_TIMEOUT, "login-timeout = 7", "7"},
        {SETTING_FLOW, "flow = \"device\"", "device"},
        {SETTING_LOGIN_HINT, "login-hint = \"alice\"", "alice"},
        {SETTING_PROMPT, "prompt = \"login\"", "login"},
        {SETTING_RESOURCE, "resource = [\"https://a.example/\", \"https://b.example/\"]",
         "https://a.example/ https://b.example/"},
        {SETTING_AUTHORIZE_PARAMS, "authorize-params = {hd = \"a b\"}", "hd=a+b"},
        {SETTING_CLIENT_AUTH, "client-auth = \"basic\"", "basic"},
        {SETTING_CA_FILE, "ca-file = \"/etc/ca.pem\"", "/etc/ca.pem"},
        {SETTING_HEADER, "header = \"cf-access-token\"", "cf-access-token"},
        {SETTING_CACHE, "cache = \"helper:keep tokens\"", "helper:keep tokens"},
        {SETTING_CACHE, "cache = \"memory\"", "memory"},
        {SETTING_REFRESH_MARGIN, "refresh-margin = 30", "30"},
        {SETTING_LISTEN_ADDRESS, "listen-address = \"0.0.0.0:8400\"", "0.0.0.0:8400"},
        {SETTING_LISTEN_ADDRESS, "listen-address = \"[::]:8400\"", "[::]:8400"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[1000];
        struct settings *settings;

        snprintf(text, sizeof text, COMPLETE "%s\n", rows[i].line);
        settings = settings_of(text);
        if (settings != NULL) {
            check_shown(settings, rows[i].id, rows[i].shown);
            CHECK_CONTAINS(settings->source[rows[i].id], "line 5");
        }
        settings_free(settings);
    }
    for (enum setting_id id = SETTING_CLIENT_SECRET; id < SETTING_COUNT; id++) {
        bool tried = false;

        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            tried = tried || rows[i].id == id;
        }
        CHECK(tried);
    }
}

static void test_defaults_are_shown_as_what_they_come_to(void)
{
    struct settings *settings = settings_of(COMPLETE);

    check_shown(settings, SETTING_URI, URI);
    check_shown(settings, SETTING_ISSUER, "https://auth.example.com/");
    check_shown(settings, SETTING_CLIENT_ID, "app");
    check_shown(settings, SETTING_CLIENT_SECRET, "");
    check_shown(settings, SETTING_AUDIENCE, "app");
    check_shown(settings, SETTING_INTERACTIVE, "true");
    check_shown(settings, SETTING_FLOW, "auto");
    check_shown(settings, SETTING_CACHE, "file");
    check_shown(settings, SETTING_REFRESH_MARGIN, "");
    check_shown(settings, SETTING_LISTEN_ADDRESS, "");
    settings_free(settings);
}

int main(void)
{
    RUN(test_every_setting_that_was_set_is_shown);
    RUN(test_defaults_are_shown_as_what_they_come_to);
    return check_summary();
}
