/* SPDX-License-Identifier: MIT */
#include "settings_fixture.h"

static void check_issuer(const char *issuer, const char *what, const char *next)
{
    char text[256];
    char variable[256];

    snprintf(text, sizeof text, BLOCK "issuer = '%s'\nclient-id = 'app'\n", issuer);
    settings_free(from_file(text));
    if (what == NULL) {
        CHECK(err.code == MOIDC_OK);
        return;
    }
    CHECK(err.code == MOIDC_E_CONFIGURATION);
    CHECK_CONTAINS(err.what, "`issuer`");
    CHECK_CONTAINS(err.what, what);
    CHECK_CONTAINS(err.where, "/home/me/config.toml line 3");
    CHECK_CONTAINS(err.next, next);
    CHECK(strstr(err.what, "hunter2") == NULL && strstr(err.next, "hunter2") == NULL);
    snprintf(variable, sizeof variable, "MLFLOW_TRACKING_OIDC_ISSUER=%s", issuer);
    check_variable(variable, what);
}

static void test_public_client_gets_the_defaults(void)
{
    struct settings *settings = from_file(COMPLETE);

    if (settings == NULL) {
        CHECK(settings != NULL);
        return;
    }
    CHECK_TEXT(settings->uri, URI);
    CHECK_TEXT(settings->issuer, "https://auth.example.com/");
    CHECK_TEXT(settings->client_id, "app");
    CHECK(settings->client_secret == NULL && !settings->secret_from_environment);
    CHECK_TEXT(settings->redirect_uri, "http://127.0.0.1:39303/oauth2/callback");
    CHECK(settings->redirect.host == REDIRECT_IPV4 && settings->redirect.port == 39303);
    CHECK_TEXT(settings->redirect.path, "/oauth2/callback");
    CHECK_TEXT(settings->scope, "openid profile email");
    CHECK_TEXT(settings->audience, "app");
    CHECK(!settings->scope_set && !settings->audience_set);
    CHECK(settings->interactive && settings->use_id_token);
    CHECK(settings->login_timeout_s == 300);
    CHECK_TEXT(settings->source[SETTING_URI], "/home/me/config.toml line 2");
    CHECK_TEXT(settings->source[SETTING_ISSUER], "/home/me/config.toml line 3");
    CHECK_TEXT(settings->source[SETTING_CLIENT_SECRET], "default");
    CHECK_TEXT(settings->source[SETTING_LOGIN_TIMEOUT], "default");
    CHECK_TEXT(settings->issuer_file, "/home/me/config.toml");
    settings_free(settings);
}

static void test_client_secret_turns_the_defaults_around(void)
{
    struct settings *settings = from_file(COMPLETE "client-secret = \"hunter2 \\u00e9\"\n");

    if (settings == NULL) {
        CHECK(settings != NULL);
        return;
    }
    CHECK(secret_equal_bytes(settings->client_secret, "hunter2 \xc3\xa9", 10));
    CHECK(!settings->secret_from_environment && !settings->interactive && !settings->use_id_token);
    settings_free(settings);
    settings = from_file(COMPLETE "client-secret = \"hunter2\"\ninteractive = true\n");
    CHECK(settings != NULL && settings->interactive && !settings->use_id_token);
    settings_free(settings);
}

static void test_variables_win_setting_by_setting(void)
{
    static const char *const variables[] = {"MLFLOW_TRACKING_OIDC_CLIENT_ID=env-app",
                                            "MLFLOW_TRACKING_OIDC_SCOPE=", "MLFLOW_TRACKING_OIDC_CLIENT_SECRET=hunter2",
                                            "MLFLOW_TRACKING_OIDC_LOGIN_TIMEOUT=3600", NULL};
    struct settings *settings = from_both(COMPLETE "scope = 'openid'\nlogin-timeout = 5\n", variables);

    if (settings == NULL) {
        CHECK(settings != NULL);
        return;
    }
    CHECK_TEXT(settings->issuer, "https://auth.example.com/");
    CHECK_TEXT(settings->client_id, "env-app");
    CHECK_TEXT(settings->audience, "env-app");
    CHECK_TEXT(settings->scope, "openid");
    CHECK(settings->scope_set && !settings->audience_set);
    CHECK(settings->secret_from_environment && !settings->interactive);
    CHECK(settings->login_timeout_s == 3600);
    CHECK_TEXT(settings->source[SETTING_CLIENT_ID], "MLFLOW_TRACKING_OIDC_CLIENT_ID");
    CHECK_TEXT(settings->source[SETTING_SCOPE], "/home/me/config.toml line 5");
    CHECK_TEXT(settings->issuer_file, "/home/me/config.toml");
    settings_free(settings);
}

static void test_variables_alone_are_enough(void)
{
    static const char *const variables[] = {ENV_COMPLETE, "MLFLOW_TRACKING_URI=" URI "/", NULL};
    struct settings *settings = from_both(NULL, variables);

    if (settings == NULL) {
        CHECK(settings != NULL);
        return;
    }
    CHECK_TEXT(settings->uri, URI);
    CHECK_TEXT(settings->client_id, "env-app");
    CHECK(settings->issuer_file == NULL);
    CHECK_TEXT(settings->source[SETTING_URI], "MLFLOW_TRACKING_URI");
    CHECK_TEXT(settings->source[SETTING_ISSUER], "MLFLOW_TRACKING_OIDC_ISSUER");
    settings_free(settings);
}

static void test_variables_of_another_server_do_not_count(void)
{
    static const char *const variables[] = {ENV_COMPLETE, NULL};
    struct settings_file *file = file_of(COMPLETE);
    struct moidc_env *env = env_of(variables);
    struct settings_sources sources = {.files = {file, NULL}, .env = env, .env_uri = "https://other.example.com/"};
    struct settings *settings = resolve(&sources, URI);

    CHECK(settings != NULL && strcmp(settings->client_id, "app") == 0);
    settings_free(settings);
    sources.env_uri = NULL;
    settings = resolve(&sources, URI);
    CHECK(settings != NULL && strcmp(settings->client_id, "app") == 0);
    settings_free(settings);
    sources.env_uri = "https://me:hunter2@mlflow.example.com/";
    settings = resolve(&sources, URI);
    CHECK(settings != NULL && strcmp(settings->client_id, "app") == 0);
    settings_free(settings);
    settings_file_free(file);
    moidc_env_free(env);
}

static void test_variables_lie_over_the_block_above_their_server(void)
{
    static const char *const variables[] = {"MLFLOW_TRACKING_OIDC_CLIENT_ID=env-app", NULL};
    struct settings_file *file = file_of(COMPLETE "[[tracking-servers]]\nuri = '" URI "/team'\n"
                                                  "issuer = 'https://team.example.com'\nclient-id = 'team'\n");
    struct moidc_env *env = env_of(variables);
    struct settings_sources sources = {.files = {file, NULL}, .env = env, .env_uri = URI "/team/one/"};
    struct settings *settings = resolve(&sources, URI "/team/one");

    if (settings != NULL) {
        CHECK_TEXT(settings->uri, URI "/team/one");
        CHECK_TEXT(settings->issuer, "https://team.example.com");
        CHECK_TEXT(settings->client_id, "env-app");
        CHECK_TEXT(settings->source[SETTING_URI], "the tracking URI");
    }
    CHECK(settings != NULL);
    settings_free(settings);
    settings = resolve(&sources, URI "/team");
    CHECK(settings != NULL && strcmp(settings->client_id, "team") == 0);
    settings_free(settings);
    settings_file_free(file);
    moidc_env_free(env);
}

static void test_nearest_file_wins_whole_block(void)
{
    struct settings_file *near = file_of(COMPLETE);
    struct settings_file *own = file_of(BLOCK "issuer = 'https://own.example.com'\nclient-id = 'own'\nscope = 'own'\n");
    struct settings_sources sources = {.files = {near, own}};
    struct settings *settings = resolve(&sources, URI);

    CHECK(settings != NULL && strcmp(settings->client_id, "app") == 0 && !settings->scope_set);
    settings_free(settings);
    sources.files[0] = NULL;
    settings = resolve(&sources, URI);
    CHECK(settings != NULL && strcmp(settings->client_id, "own") == 0);
    settings_free(settings);
    settings_file_free(near);
    settings_file_free(own);
}

static void test_two_blocks_for_one_uri_are_an_error_for_it_alone(void)
{
    struct settings_file *file = file_of(COMPLETE "[[tracking-servers]]\nuri = 'HTTPS://MLFLOW.example.com:443'\n"
                                                  "[[tracking-servers]]\nuri = 'http://b/'\nissuer = 'https://i/'\n"
                                                  "client-id = 'b'\n");
    struct settings_sources sources = {.files = {file, NULL}};
    struct settings *settings = resolve(&sources, URI);

    CHECK(settings == NULL && err.code == MOIDC_E_CONFIGURATION);
    CHECK_CONTAINS(err.what, URI);
    CHECK_TEXT(err.where, "`uri`, /home/me/config.toml lines 2 and 6");
    settings = resolve(&sources, "http://b");
    CHECK(settings != NULL);
    settings_free(settings);
    settings_file_free(file);
}

static void test_missing_issuer_or_client_names_setting_and_place(void)
{
    static const char *const variables[] = {"MLFLOW_TRACKING_OIDC_CLIENT_ID=env-app", NULL};

    CHECK(from_file(BLOCK "client-id = 'app'\n") == NULL);
    CHECK_TEXT(err.what, "the setting `issuer` for the tracking server " URI " is missing");
    CHECK_TEXT(err.where, "`issuer`: not in the block at /home/me/config.toml line 1");
    CHECK_TEXT(err.next, "write issuer = \"...\" into the block");
    CHECK(from_file(BLOCK "issuer = 'https://auth.example.com/'\n") == NULL);
    CHECK_CONTAINS(err.what, "`client-id`");
    CHECK(from_both(NULL, variables) == NULL);
    CHECK_CONTAINS(err.where, "MLFLOW_TRACKING_OIDC_ISSUER is not set");
    CHECK_CONTAINS(err.next, "set MLFLOW_TRACKING_OIDC_ISSUER");
    CHECK(from_both(BLOCK, variables) == NULL);
    CHECK_CONTAINS(err.where, "/home/me/config.toml line 1, nor in MLFLOW_TRACKING_OIDC_ISSUER");
    CHECK_CONTAINS(err.next, "or set MLFLOW_TRACKING_OIDC_ISSUER");
}

static void test_server_that_nothing_describes_is_an_error(void)
{
    struct settings_sources sources = {.files = {NULL, NULL}};

    CHECK(resolve(&sources, URI) == NULL && err.code == MOIDC_E_CONFIGURATION);
    CHECK_CONTAINS(err.what, URI);
    CHECK(resolve(&sources, "nonsense") == NULL && err.code == MOIDC_E_CONFIGURATION);
}

static void test_booleans_are_read_in_every_spelling(void)
{
    static const char *const yes[] = {"true", "True", "YES", "yes", "1", "on", "oN"};
    static const char *const no[] = {"false", "FALSE", "No", "no", "0", "off", "OFF"};

    for (size_t i = 0; i < 2 * sizeof yes / sizeof yes[0]; i++) {
        bool expected = i % 2 == 0;
        const char *word = expected ? yes[i / 2] : no[i / 2];
        char variable[64];
        char text[512];
        const char *variables[] = {variable, ENV_COMPLETE, NULL};
        struct settings *settings = NULL;

        snprintf(variable, sizeof variable, "MLFLOW_TRACKING_OIDC_INTERACTIVE=%s", word);
        settings = from_both(NULL, variables);
        CHECK(settings != NULL && settings->interactive == expected && settings->use_id_token);
        settings_free(settings);
        snprintf(text, sizeof text, COMPLETE "use-id-token = '%s'\n", word);
        settings = from_file(text);
        CHECK(settings != NULL && settings->use_id_token == expected && settings->interactive);
        settings_free(settings);
    }
}

static void test_toml_booleans_are_read(void)
{
    struct settings *settings = from_file(COMPLETE "interactive = false\nuse-id-token = false\n");

    CHECK(settings != NULL && !settings->interactive && !settings->use_id_token);
    settings_free(settings);
    settings = from_file(COMPLETE "client-secret = 'x'\ninteractive = true\nuse-id-token = true\n");
    CHECK(settings != NULL && settings->interactive && settings->use_id_token);
    settings_free(settings);
}

static void test_other_booleans_are_errors(void)
{
    check_line("interactive = 'maybe'", "neither true");
    check_line("interactive = ''", "neither true");
    check_line("interactive = \"true\\u0000\"", "neither true");
    check_line("interactive = 2", "neither true");
    check_line("interactive = 1.0", "\"float\"");
    check_line("use-id-token = [true]", "\"array\"");
    check_variable("MLFLOW_TRACKING_OIDC_INTERACTIVE=maybe", "neither true");
    check_variable("MLFLOW_TRACKING_OIDC_USE_ID_TOKEN= true", "neither true");
    CHECK_CONTAINS(err.next, "MLFLOW_TRACKING_OIDC_USE_ID_TOKEN");
}

static void test_login_timeout_is_whole_seconds_within_bounds(void)
{
    static const char *const good[] = {"1", "3600", "'60'"};

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char text[512];
        struct settings *settings = NULL;

        snprintf(text, sizeof text, COMPLETE "login-timeout = %s\n", good[i]);
        settings = from_file(text);
        CHECK(settings != NULL && settings->login_timeout_s == (i == 0 ? 1 : i == 1 ? 3600 : 60));
        settings_free(settings);
    }
    check_line("login-timeout = 0", "1 to 3600");
    check_line("login-timeout = -5", "1 to 3600");
    check_line("login-timeout = 3601", "1 to 3600");
    check_line("login-timeout = 9223372036854775807", "1 to 3600");
    check_line("login-timeout = '5s'", "1 to 3600");
    check_line("login-timeout = ''", "1 to 3600");
    check_line("login-timeout = 5.0", "\"float\"");
    check_line("login-timeout = true", "\"boolean\"");
    check_variable("MLFLOW_TRACKING_OIDC_LOGIN_TIMEOUT=99999999999999999999999999", "1 to 3600");
    check_variable("MLFLOW_TRACKING_OIDC_LOGIN_TIMEOUT=+5", "1 to 3600");
}

static void test_empty_audience_sends_none(void)
{
    static const char *const variables[] = {"MLFLOW_TRACKING_OIDC_AUDIENCE=", ENV_COMPLETE, NULL};
    struct settings *settings = from_file(COMPLETE "audience = ''\n");

    CHECK(settings != NULL && strcmp(settings->audience, "") == 0 && settings->audience_set);
    settings_free(settings);
    settings = from_both(NULL, variables);
    CHECK(settings != NULL && strcmp(settings->audience, "env-app") == 0 && !settings->audience_set);
    settings_free(settings);
}

static void test_other_empty_values_are_errors(void)
{
    check_line("client-secret = ''", "is empty");
    CHECK_CONTAINS(err.next, "remove the line");
    check_line("scope = ''", "is empty");
    check_line("scope = '  '", "is empty");
    check_line("redirect-uri = ''", "is empty");
    CHECK(from_file(BLOCK "issuer = ''\nclient-id = 'app'\n") == NULL);
    CHECK_CONTAINS(err.what, "`issuer` is empty");
    CHECK(from_file(BLOCK "issuer = 'https://i/'\nclient-id = ''\n") == NULL);
    CHECK_CONTAINS(err.what, "`client-id` is empty");
}

static void test_wrong_types_are_errors_that_show_the_kind_alone(void)
{
    check_line("client-secret = 987654321", "\"integer\"");
    CHECK(strstr(err.what, "9876") == NULL && strstr(err.where, "9876") == NULL && strstr(err.next, "9876") == NULL);
    check_line("client-secret = ['hunter2']", "\"array\"");
    check_line("client-secret = {a = 'hunter2'}", "\"table\"");
    check_line("client-secret = true", "\"boolean\"");
    check_line("scope = ['openid']", "\"array\"");
    check_line("audience = 5", "\"integer\"");
    check_line("redirect-uri = {x = 5}", "\"table\"");
    CHECK(from_file(BLOCK "issuer = 1979-05-27\nclient-id = 'app'\n") == NULL);
    CHECK_CONTAINS(err.what, "`issuer` is of the kind \"date\"");
    CHECK(from_file(BLOCK "issuer = 'https://i/'\nclient-id = 12345\n") == NULL);
    CHECK_CONTAINS(err.next, "client-id = \"");
}

static void test_characters_follow_the_rfc(void)
{
    check_line("scope = 'openid \"x\"'", "scope");
    check_line("scope = 'a\\b'", "scope");
    check_line("scope = \"a\\tb\"", "control character");
    check_line("scope = '\xc3\xa9'", "scope");
    check_line("audience = \"a\\u0000b\"", "control character");
    check_line("audience = \"a\\u0085b\"", "control character");
    check_line("client-secret = \"hunter2\\n\"", "control character");
    check_line("client-secret = \"hunter2\\u007f\"", "control character");
    check_line("client-secret = \"hunter2\\u0000\"", "control character");
    check_line("redirect-uri = 'http://127.0.0.1:1/\xc3\xa9'", "ASCII");
    check_variable("MLFLOW_TRACKING_OIDC_CLIENT_ID=a\r", "control character");
    check_variable("MLFLOW_TRACKING_OIDC_CLIENT_ID=\xc3\xa9", "ASCII");
    check_variable("MLFLOW_TRACKING_OIDC_CLIENT_SECRET=hunter2\xff", "UTF-8");
    check_variable("MLFLOW_TRACKING_OIDC_CLIENT_SECRET=hunter2\n", "control character");
    check_variable("MLFLOW_TRACKING_OIDC_AUDIENCE=\xff", "UTF-8");
}

static void test_over_long_values_are_errors(void)
{
    char line[8192];

    for (int n = 4096; n <= 4097; n++) {
        char value[4098];
        char text[8192];
        struct settings *settings = NULL;

        memset(value, 'x', (size_t)n);
        value[n] = '\0';
        snprintf(text, sizeof text, COMPLETE "audience = '%s'\n", value);
        settings = from_file(text);
        CHECK((settings != NULL) == (n == 4096));
        settings_free(settings);
        snprintf(line, sizeof line, "client-secret = '%s'", value);
    }
    check_line(line, "longer than 4096 bytes");
}

static void test_issuer_is_https_or_loopback(void)
{
    check_issuer("https://auth.example.com/realms/one", NULL, NULL);
    check_issuer("https://auth.example.com:8443", NULL, NULL);
    check_issuer("http://localhost:8080/realms/one", NULL, NULL);
    check_issuer("http://127.0.0.1:8080", NULL, NULL);
    check_issuer("http://[::1]:8080/", NULL, NULL);
    check_issuer("http://auth.example.com/", "not https", "https://");
    check_issuer("http://127.0.0.1.example.com/", "not https", "https://");
    check_issuer("auth.example.com", "not an https URI", "https://");
    check_issuer("ftp://auth.example.com", "not an https URI", "https://");
    check_issuer("https://", "not an https URI", "https://");
    check_issuer("https://a b/", "not an https URI", "https://");
}

static void test_issuer_has_nothing_but_host_and_path(void)
{
    check_issuer("https://me:hunter2@auth.example.com/", "user info", "https://");
    check_issuer("https://auth.example.com/?a", "query", "https://");
    check_issuer("https://auth.example.com/?", "query", "https://");
    check_issuer("https://auth.example.com/#a", "fragment", "https://");
    check_issuer("https://auth.example.com/a/../b", "dot segments", "https://");
    check_issuer("https://auth.example.com/a%2fb", "encoded slashes", "https://");
}

static void test_address_of_the_discovery_document_is_told_from_the_issuer(void)
{
    check_issuer("https://auth.example.com/.well-known/openid-configuration", "discovery document", "remove");
    check_issuer("https://auth.example.com/realms/one/.well-known/openid-configuration/", "discovery", ".well-known");
    check_issuer("https://auth.example.com/.well-known/oauth-authorization-server", "discovery document", "remove");
}

static void test_redirect_uri_is_taken_apart(void)
{
    struct settings *settings = from_file(COMPLETE "redirect-uri = 'http://[::1]:1/a%20b'\n");

    CHECK(settings != NULL && settings->redirect.host == REDIRECT_IPV6 && settings->redirect.port == 1);
    CHECK(settings != NULL && strcmp(settings->redirect.path, "/a%20b") == 0);
    CHECK(settings != NULL && strcmp(settings->redirect_uri, "http://[::1]:1/a%20b") == 0);
    settings_free(settings);
    settings = from_file(COMPLETE "redirect-uri = 'http://LocalHost:65535/'\n");
    CHECK(settings != NULL && settings->redirect.host == REDIRECT_LOCALHOST && settings->redirect.port == 65535);
    settings_free(settings);
    settings = from_file(COMPLETE "redirect-uri = 'http://[::1]:0/a'\n"); /* a free one, RFC 8252 §7.3 */
    CHECK(settings != NULL && settings->redirect.host == REDIRECT_IPV6 && settings->redirect.port == 0);
    CHECK(settings != NULL && strcmp(settings->redirect.path, "/a") == 0);
    CHECK(settings != NULL && strcmp(settings->redirect_uri, "http://[::1]:0/a") == 0);
    settings_free(settings);
}

static void test_other_redirect_uris_are_errors_that_name_the_loopback_form(void)
{
    static const char *const bad[] = {
        "https://127.0.0.1:39303/a", "http://example.com:1/a", "http://127.0.0.2:1/a",     "http://0.0.0.0:1/a",
        "http://127.0.0.1/a",        "http://127.0.0.1:1",     "http://127.0.0.1:1/a?b",   "http://127.0.0.1:1/a#b",
        "http://me@127.0.0.1:1/a",   "http://127.0.0.1:00/a",  "http://127.0.0.1:/a",      "http://127.0.0.1:1/a/../b",
        "http://[127.0.0.1]:1/a",    "http://localhost.:1/a",  "http://localhost.a:1/a",   "http://[::2]:1/a",
        "urn:ietf:wg:oauth:2.0:oob", "app:/callback",          "http://127.0.0.1:1/a%2fb", "https://127.0.0.1:0/a",
        "http://127.0.0.1:0",        "http://example.com:0/a", "http://127.0.0.1:0:0/a",   "http://0:0@127.0.0.1:0/a",
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char line[128];

        snprintf(line, sizeof line, "redirect-uri = '%s'", bad[i]);
        check_line(line, "redirect-uri");
        CHECK_CONTAINS(err.next, "http://127.0.0.1:39303/oauth2/callback");
    }
}

static void test_equal_settings_are_equal_wherever_they_came_from(void)
{
    static const char *const variables[] = {"MLFLOW_TRACKING_OIDC_CLIENT_ID=app",
                                            "MLFLOW_TRACKING_OIDC_ISSUER=https://auth.example.com/", NULL};
    static const char *const lines[] = {"client-secret = 'x'\n",
                                        "scope = 'openid profile email'\n",
                                        "scope = 'a'\n",
                                        "audience = 'app'\n",
                                        "audience = ''\n",
                                        "interactive = false\n",
                                        "use-id-token = false\n",
                                        "login-timeout = 5\n",
                                        "redirect-uri = 'http://localhost:1/'\n",
                                        "client-secret = 'y'\n"};
    struct settings *a = from_file(COMPLETE);
    struct settings *b = from_both(NULL, variables);
    struct settings *previous = NULL;

    CHECK(a != NULL && b != NULL && settings_equal(a, b) && settings_equal(a, a));
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char text[512];
        struct settings *c = NULL;

        snprintf(text, sizeof text, COMPLETE "%s", lines[i]);
        c = from_file(text);
        CHECK(c != NULL && !settings_equal(a, c) && !settings_equal(c, a) && settings_equal(c, c));
        CHECK(previous == NULL || !settings_equal(previous, c));
        settings_free(previous);
        previous = c;
    }
    settings_free(previous);
    settings_free(a);
    settings_free(b);
}

static void test_every_failing_allocation_is_told(void)
{
    static const char *const variables[] = {"MLFLOW_TRACKING_OIDC_CLIENT_ID=env-app",
                                            "MLFLOW_TRACKING_OIDC_CLIENT_SECRET=hunter2", NULL};
    struct settings_file *file = file_of(COMPLETE);
    struct moidc_env *env = env_of(variables);
    struct settings_sources sources = {.files = {file, NULL}, .env = env, .env_uri = URI};
    struct settings *settings = NULL;

    for (unsigned long n = 1; settings == NULL && n < 1000; n++) {
        mem_fail_at(n, n % 2 != 0);
        settings = resolve(&sources, URI);
        CHECK(settings != NULL || err.code == MOIDC_E_MEMORY);
    }
    mem_fail_at(0, 0);
    CHECK(settings != NULL);
    settings_free(settings);
    settings_free(NULL);
    settings_file_free(file);
    moidc_env_free(env);
}

int main(void)
{
    RUN(test_public_client_gets_the_defaults);
    RUN(test_client_secret_turns_the_defaults_around);
    RUN(test_variables_win_setting_by_setting);
    RUN(test_variables_alone_are_enough);
    RUN(test_variables_of_another_server_do_not_count);
    RUN(test_variables_lie_over_the_block_above_their_server);
    RUN(test_nearest_file_wins_whole_block);
    RUN(test_two_blocks_for_one_uri_are_an_error_for_it_alone);
    RUN(test_missing_issuer_or_client_names_setting_and_place);
    RUN(test_server_that_nothing_describes_is_an_error);
    RUN(test_booleans_are_read_in_every_spelling);
    RUN(test_toml_booleans_are_read);
    RUN(test_other_booleans_are_errors);
    RUN(test_login_timeout_is_whole_seconds_within_bounds);
    RUN(test_empty_audience_sends_none);
    RUN(test_other_empty_values_are_errors);
    RUN(test_wrong_types_are_errors_that_show_the_kind_alone);
    RUN(test_characters_follow_the_rfc);
    RUN(test_over_long_values_are_errors);
    RUN(test_issuer_is_https_or_loopback);
    RUN(test_issuer_has_nothing_but_host_and_path);
    RUN(test_address_of_the_discovery_document_is_told_from_the_issuer);
    RUN(test_redirect_uri_is_taken_apart);
    RUN(test_other_redirect_uris_are_errors_that_name_the_loopback_form);
    RUN(test_equal_settings_are_equal_wherever_they_came_from);
    RUN(test_every_failing_allocation_is_told);
    return check_summary();
}
