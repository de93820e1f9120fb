/* SPDX-License-Identifier: MIT */
/* The settings beside the reference's nine and login-timeout. */
#include "settings_fixture.h"

#define PROJECT "[[tool.mlflow-oidc-client.tracking-servers]]\n"

/* The value that a line of the user's own file, or a variable, gives: NULL with *err when it is refused. */
static struct settings *from_line(const char *line)
{
    char text[16384];

    snprintf(text, sizeof text, COMPLETE "%s\n", line);
    return from_file(text);
}

static struct settings *from_variable(const char *variable)
{
    const char *variables[] = {variable, ENV_COMPLETE, NULL};

    return from_both(NULL, variables);
}

static struct settings *from_project(const char *line)
{
    char text[1024];
    struct settings_file *file;
    struct settings_sources sources = {0};
    struct settings *settings;

    snprintf(text, sizeof text, PROJECT "uri = '" URI "'\nissuer = 'https://auth.example.com'\nclient-id = 'app'\n%s\n",
             line);
    file = file_of_bytes(text, strlen(text), "/home/me/clone/pyproject.toml", true);
    sources.files[0] = file;
    settings = file != NULL ? resolve(&sources, URI) : NULL;
    settings_file_free(file);
    return settings;
}

#define CHECK_FIELD(given, field, expected)                                                                            \
    do {                                                                                                               \
        struct settings *got = (given);                                                                                \
        CHECK(got != NULL);                                                                                            \
        if (got != NULL) {                                                                                             \
            CHECK_TEXT(got->field, expected);                                                                          \
        }                                                                                                              \
        settings_free(got);                                                                                            \
    } while (0)

#define CHECK_NUMBER(given, field, expected)                                                                           \
    do {                                                                                                               \
        struct settings *got = (given);                                                                                \
        CHECK(got != NULL && got->field == (expected));                                                                \
        settings_free(got);                                                                                            \
    } while (0)

static void test_none_of_them_need_be_set(void)
{
    struct settings *settings = from_file(COMPLETE);

    if (settings == NULL) {
        CHECK(settings != NULL);
        return;
    }
    CHECK(settings->flow == MOIDC_FLOW_AUTO && settings->client_auth == SETTINGS_AUTH_AUTO);
    CHECK(settings->cache == SETTINGS_CACHE_FILE && settings->refresh_margin_s == 0 && settings->listen.port == 0);
    CHECK_TEXT(settings->login_hint, "");
    CHECK_TEXT(settings->prompt, "");
    CHECK_TEXT(settings->resource, "");
    CHECK_TEXT(settings->authorize_params, "");
    CHECK_TEXT(settings->ca_file, "");
    CHECK_TEXT(settings->header, "Authorization");
    CHECK_TEXT(settings->cache_helper, "");
    for (int i = SETTING_FLOW; i < SETTING_COUNT; i++) {
        CHECK_TEXT(settings->source[i], "default");
    }
    settings_free(settings);
}

static void test_they_say_where_they_came_from(void)
{
    CHECK_FIELD(from_line("header = 'X-Token'"), source[SETTING_HEADER], "/home/me/config.toml line 5");
    CHECK_FIELD(from_variable("MLFLOW_TRACKING_OIDC_PROMPT=login"), source[SETTING_PROMPT],
                "MLFLOW_TRACKING_OIDC_PROMPT");
}

static void test_flow_is_one_of_four_words(void)
{
    CHECK_NUMBER(from_line("flow = 'auto'"), flow, MOIDC_FLOW_AUTO);
    CHECK_NUMBER(from_line("flow = 'browser'"), flow, MOIDC_FLOW_BROWSER);
    CHECK_NUMBER(from_line("flow = 'Device'"), flow, MOIDC_FLOW_DEVICE);
    CHECK_NUMBER(from_variable("MLFLOW_TRACKING_OIDC_FLOW=paste"), flow, MOIDC_FLOW_PASTE);
    check_line("flow = 'settings'", "is none of auto browser device paste");
    check_line("flow = ''", "is none of");
    check_line("flow = \"auto\\u0000\"", "is none of");
    check_line("flow = true", "\"boolean\"");
    check_line("flow = ['auto']", "\"array\"");
    check_variable("MLFLOW_TRACKING_OIDC_FLOW=hunter2", "is none of");
}

static void test_login_hint_may_be_any_text(void)
{
    CHECK_FIELD(from_line("login-hint = 'j\xc3\xb6rg@example.com'"), login_hint, "j\xc3\xb6rg@example.com");
    CHECK_FIELD(from_variable("MLFLOW_TRACKING_OIDC_LOGIN_HINT=me"), login_hint, "me");
    check_line("login-hint = \"a\\nb\"", "control character");
    check_line("login-hint = ''", "is empty");
    check_variable("MLFLOW_TRACKING_OIDC_LOGIN_HINT=\xff", "UTF-8");
}

static void test_prompt_has_the_words_of_the_standard(void)
{
    CHECK_FIELD(from_line("prompt = 'login'"), prompt, "login");
    CHECK_FIELD(from_line("prompt = ' consent   login consent '"), prompt, "consent login");
    CHECK_FIELD(from_variable("MLFLOW_TRACKING_OIDC_PROMPT=select_account"), prompt, "select_account");
    CHECK_FIELD(from_line("prompt = 'none'"), prompt, "none");
    check_line("prompt = 'none login'", "none beside");
    check_line("prompt = 'Login'", "another word");
    check_line("prompt = 'log'", "another word");
    check_line("prompt = 'create'", "another word");
    check_line("prompt = ['login']", "\"array\"");
    check_line("prompt = ' '", "is empty");
}

static void test_resource_is_one_uri_or_several(void)
{
    CHECK_FIELD(from_line("resource = 'https://api.example.com/a?b'"), resource, "https://api.example.com/a?b");
    CHECK_FIELD(from_line("resource = ['https://b/', 'urn:example:a', 'https://b/']"), resource,
                "https://b/ urn:example:a");
    CHECK_FIELD(from_variable("MLFLOW_TRACKING_OIDC_RESOURCE=api://app  https://b/"), resource, "api://app https://b/");
}

static void test_resource_is_an_absolute_uri_without_a_fragment(void)
{
    static const char *const bad[] = {
        "/a", "a", "a/b:c", ":a", "1a:b", "a:", "a:b#", "https:\\", "a:\"b", "a:b<c>", "a:\xc3\xa9"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char line[64];

        snprintf(line, sizeof line, "resource = ['x:y', '%s']", bad[i]);
        check_line(line, "absolute URI without a fragment");
    }
    check_line("resource = ['a:b c:d']", "absolute URI");
    check_line("resource = ['']", "absolute URI");
    check_line("resource = \"a:\\u0000\"", "control character");
    check_line("resource = [\"a:\\u0000\"]", "\"array\"");
    check_line("resource = []", "is empty");
    check_line("resource = ''", "is empty");
    check_line("resource = ['a:b', 5]", "\"array\"");
    check_line("resource = {a = 'a:b'}", "\"table\"");
    check_variable("MLFLOW_TRACKING_OIDC_RESOURCE=a:b c", "absolute URI");
}

static void test_parameters_are_the_same_from_table_and_variable(void)
{
    struct settings *a = from_line("authorize-params = {kc_idp_hint = 'git hub', acr_values = '\xc3\xa4&='}");
    struct settings *b =
        from_variable("MLFLOW_TRACKING_OIDC_AUTHORIZE_PARAMS=kc_idp_hint=git+hub&&acr_values=%C3%A4%26=");

    CHECK(a != NULL && b != NULL);
    if (a != NULL && b != NULL) {
        CHECK_TEXT(a->authorize_params, "acr_values=%C3%A4%26%3D&kc_idp_hint=git+hub");
        CHECK_TEXT(b->authorize_params, a->authorize_params);
    }
    settings_free(a);
    settings_free(b);
    CHECK_FIELD(from_line("[tracking-servers.authorize-params]\nb = '1'\na = '2'\nab = '3'"), authorize_params,
                "a=2&ab=3&b=1");
    CHECK_FIELD(from_variable("MLFLOW_TRACKING_OIDC_AUTHORIZE_PARAMS=ab=3&b=1&a=2"), authorize_params, "a=2&ab=3&b=1");
}

static void test_parameters_that_the_sign_in_sets_are_refused(void)
{
    static const char *const ours[] = {
        "response_type", "response_mode", "client_id",      "redirect_uri",          "scope",         "state",
        "nonce",         "request",       "code_challenge", "code_challenge_method", "code_verifier", "request_uri",
        "client_secret", "Redirect_URI",  "registration",   "client_assertion",      "id_token_hint", "code"};
    static const char *const settings[] = {"audience", "login_hint", "prompt", "resource", "Resource"};

    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        char text[96];

        snprintf(text, sizeof text, "authorize-params = {a = '1', %s = 'hunter2'}", ours[i]);
        check_line(text, "set by the sign-in itself");
        snprintf(text, sizeof text, "MLFLOW_TRACKING_OIDC_AUTHORIZE_PARAMS=a=1&%s=hunter2", ours[i]);
        check_variable(text, "set by the sign-in itself");
    }
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        char text[96];

        snprintf(text, sizeof text, "authorize-params = {%s = 'hunter2'}", settings[i]);
        check_line(text, "a setting of its own");
    }
    check_variable("MLFLOW_TRACKING_OIDC_AUTHORIZE_PARAMS=%72edirect_uri=hunter2", "set by the sign-in itself");
}

static void test_parameters_have_names_and_values(void)
{
    check_line("authorize-params = {}", "is empty");
    check_line("authorize-params = 'a=hunter2'", "\"string\"");
    check_line("authorize-params = ['a']", "\"array\"");
    check_line("authorize-params = {a = 5}", "\"table\"");
    check_line("authorize-params = {a = {b = 'hunter2'}}", "\"table\"");
    check_line("authorize-params = {a = ''}", "without a value");
    check_line("authorize-params = {'' = 'hunter2'}", "without a name");
    check_line("authorize-params = {'a b' = 'hunter2'}", "RFC 6749");
    check_line("authorize-params = {a = \"hunter2\\n\"}", "control character");
    check_line("authorize-params = {a = \"\\u0000\"}", "\"table\"");
    check_variable("MLFLOW_TRACKING_OIDC_AUTHORIZE_PARAMS=a", "name=value");
    check_variable("MLFLOW_TRACKING_OIDC_AUTHORIZE_PARAMS=a=%4", "name=value");
    check_variable("MLFLOW_TRACKING_OIDC_AUTHORIZE_PARAMS=a=%00", "name=value");
    check_variable("MLFLOW_TRACKING_OIDC_AUTHORIZE_PARAMS=a=%ff", "name=value");
    check_variable("MLFLOW_TRACKING_OIDC_AUTHORIZE_PARAMS=a=%0a", "control character");
    check_variable("MLFLOW_TRACKING_OIDC_AUTHORIZE_PARAMS=a=1&b=2&%61=hunter2", "twice");
    check_variable("MLFLOW_TRACKING_OIDC_AUTHORIZE_PARAMS==hunter2", "without a name");
    check_variable("MLFLOW_TRACKING_OIDC_AUTHORIZE_PARAMS=&&", "is empty");
    check_variable("MLFLOW_TRACKING_OIDC_AUTHORIZE_PARAMS=a%00=hunter2", "name=value");
}

static void test_parameters_are_few(void)
{
    for (int count = 32; count <= 33; count++) {
        char variable[1024] = "MLFLOW_TRACKING_OIDC_AUTHORIZE_PARAMS=";
        struct settings *settings;

        for (int i = 0; i < count; i++) {
            snprintf(variable + strlen(variable), 16, "p%d=x&", i);
        }
        settings = from_variable(variable);
        CHECK((settings != NULL) == (count == 32));
        CHECK(settings != NULL || strstr(err.what, "more than 32") != NULL);
        settings_free(settings);
    }
}

static void test_client_auth_has_short_and_registered_names(void)
{
    CHECK_NUMBER(from_line("client-auth = 'auto'"), client_auth, SETTINGS_AUTH_AUTO);
    CHECK_NUMBER(from_line("client-auth = 'post'"), client_auth, SETTINGS_AUTH_POST);
    CHECK_NUMBER(from_line("client-auth = 'client_secret_post'"), client_auth, SETTINGS_AUTH_POST);
    CHECK_NUMBER(from_line("client-auth = 'client_secret_basic'"), client_auth, SETTINGS_AUTH_BASIC);
    CHECK_NUMBER(from_variable("MLFLOW_TRACKING_OIDC_CLIENT_AUTH=basic"), client_auth, SETTINGS_AUTH_BASIC);
    CHECK_NUMBER(from_line("client-auth = 'none'"), client_auth, SETTINGS_AUTH_NONE);
    check_line("client-auth = 'private_key_jwt'", "is none of");
}

static void test_ca_file_is_absolute_and_the_users_own(void)
{
    CHECK_FIELD(from_line("ca-file = '/etc/my ca.pem'"), ca_file, "/etc/my ca.pem");
    CHECK_FIELD(from_variable("MLFLOW_TRACKING_OIDC_CA_FILE=/a"), ca_file, "/a");
    CHECK_FIELD(from_line("ca-file = '/home/j\u00fcrgen/ca.pem'"), ca_file, "/home/j\u00fcrgen/ca.pem");
    check_variable("MLFLOW_TRACKING_OIDC_CA_FILE=/home/j\xfcrgen/ca.pem", "is not UTF-8");
    check_line("ca-file = \"/a\\nb\"", "control character");
    check_line("ca-file = 'ca.pem'", "absolute path");
    check_line("ca-file = '~/ca.pem'", "absolute path");
    check_line("ca-file = ''", "is empty");
    check_line("ca-file = 5", "\"integer\"");
    CHECK(from_project("ca-file = '/etc/ca.pem'") == NULL);
    CHECK_CONTAINS(err.what, "a pyproject.toml may not");
    CHECK_CONTAINS(err.where, "pyproject.toml line 5");
    CHECK_CONTAINS(err.next, "MLFLOW_TRACKING_OIDC_CA_FILE");
}

static void test_header_is_a_field_name_that_can_carry_a_token(void)
{
    static const char *const taken[] = {"Host",         "cookie",     "CONNECTION", "Content-Length",
                                        "content-type", "TE",         "accept",     "Content-Digest",
                                        "Expect",       "Keep-Alive", "Upgrade"};

    CHECK_FIELD(from_line("header = 'proxy-authorization'"), header, "proxy-authorization");
    CHECK_FIELD(from_variable("MLFLOW_TRACKING_OIDC_HEADER=cf-access-token"), header, "cf-access-token");
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        char line[64];

        snprintf(line, sizeof line, "header = '%s'", taken[i]);
        check_line(line, "for something else");
    }
    check_line("header = 'X Token'", "name of a header");
    check_line("header = 'X-Token:'", "name of a header");
    check_line("header = 'X-Token\xc3\xa9'", "ASCII");
    check_line("header = \"X-Token\\r\\nX\"", "control character");
    check_line("header = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'", "name of a header");
}

static void test_cache_is_a_file_memory_or_a_helper(void)
{
    CHECK_NUMBER(from_line("cache = 'file'"), cache, SETTINGS_CACHE_FILE);
    CHECK_NUMBER(from_project("cache = 'memory'"), cache, SETTINGS_CACHE_MEMORY);
    CHECK_NUMBER(from_variable("MLFLOW_TRACKING_OIDC_CACHE=helper:keys"), cache, SETTINGS_CACHE_HELPER);
    CHECK_FIELD(from_line("cache = 'helper:/opt/keys --vault \"a b\"'"), cache_helper, "/opt/keys --vault \"a b\"");
    CHECK_FIELD(from_line("cache = 'memory'"), cache_helper, "");
    check_line("cache = 'keyring'", "is none of file memory helper:COMMAND");
    check_line("cache = 'helper'", "is none of");
    check_line("cache = 'helper:'", "names no program");
    check_line("cache = 'helper:  '", "names no program");
    check_line("cache = 'helper:./keys'", "names no program");
    check_line("cache = 'helper:bin/keys'", "names no program");
    check_line("cache = \"helper:keys\\n\"", "control character");
    check_line("cache = true", "\"boolean\"");
}

static void test_a_project_names_no_helper(void)
{
    static const char *const lines[] = {"cache = 'helper:/opt/keys'", "cache = 'HELPER:keys'", "cache = 'helper:'"};

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        CHECK(from_project(lines[i]) == NULL);
        CHECK(err.code == MOIDC_E_CONFIGURATION);
        CHECK_CONTAINS(err.what, "names a program to start, which a pyproject.toml may not");
        CHECK_CONTAINS(err.next, "MLFLOW_TRACKING_OIDC_CACHE");
    }
}

static void test_refresh_margin_is_whole_seconds_within_bounds(void)
{
    CHECK_NUMBER(from_line("refresh-margin = 1"), refresh_margin_s, 1);
    CHECK_NUMBER(from_variable("MLFLOW_TRACKING_OIDC_REFRESH_MARGIN=3600"), refresh_margin_s, 3600);
    check_line("refresh-margin = 0", "1 to 3600");
    check_line("refresh-margin = 3601", "1 to 3600");
    check_line("refresh-margin = '10%'", "1 to 3600");
}

static void test_listen_address_is_an_address_with_a_port(void)
{
    static const char *const bad[] = {"0.0.0.0",     "0.0.0.0:0", "0.0.0.0:65536", "0.0.0.0:",   ":8400",
                                      "localhost:1", "[::1:1",    "::1:8400",      "[::1]",      "[::1]1",
                                      "[]:1",        "[]",        "[1.2.3.4]:1",   "1.2.3.4:1x", "1.2.3:1"};

    CHECK_FIELD(from_line("listen-address = '0.0.0.0:8400'"), listen.host, "0.0.0.0");
    CHECK_NUMBER(from_line("listen-address = '0.0.0.0:8400'"), listen.port, 8400);
    CHECK_FIELD(from_variable("MLFLOW_TRACKING_OIDC_LISTEN_ADDRESS=[::]:65535"), listen.host, "::");
    CHECK_NUMBER(from_variable("MLFLOW_TRACKING_OIDC_LISTEN_ADDRESS=[::]:65535"), listen.ipv6, true);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char line[64];

        snprintf(line, sizeof line, "listen-address = '%s'", bad[i]);
        check_line(line, "is not an IP address with a port");
    }
}

static void test_each_tells_settings_apart(void)
{
    static const char *const lines[] = {"flow = 'paste'",
                                        "login-hint = 'me'",
                                        "prompt = 'login'",
                                        "resource = 'a:b'",
                                        "authorize-params = {a = 'b'}",
                                        "client-auth = 'none'",
                                        "ca-file = '/a'",
                                        "header = 'X-Token'",
                                        "cache = 'memory'",
                                        "cache = 'helper:a'",
                                        "cache = 'helper:b'",
                                        "refresh-margin = 5",
                                        "listen-address = '0.0.0.0:1'",
                                        "listen-address = '0.0.0.0:2'"};
    struct settings *plain = from_file(COMPLETE);
    struct settings *previous = NULL;

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct settings *settings = from_line(lines[i]);

        CHECK(settings != NULL && !settings_equal(plain, settings) && settings_equal(settings, settings));
        CHECK(previous == NULL || settings == NULL || !settings_equal(previous, settings));
        settings_free(previous);
        previous = settings;
    }
    settings_free(previous);
    settings_free(plain);
}

static void test_every_failing_allocation_is_told(void)
{
    static const char *const variables[] = {"MLFLOW_TRACKING_OIDC_AUTHORIZE_PARAMS=a=b&c=d",
                                            "MLFLOW_TRACKING_OIDC_RESOURCE=a:b c:d",
                                            "MLFLOW_TRACKING_OIDC_PROMPT=login",
                                            "MLFLOW_TRACKING_OIDC_LISTEN_ADDRESS=[::]:1",
                                            "MLFLOW_TRACKING_OIDC_CA_FILE=/a",
                                            "MLFLOW_TRACKING_OIDC_HEADER=a",
                                            NULL};
    struct settings_file *file = file_of(COMPLETE "cache = 'helper:a'\nlogin-hint = 'x'\n");
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
    settings_file_free(file);
    moidc_env_free(env);
}

int main(void)
{
    RUN(test_none_of_them_need_be_set);
    RUN(test_they_say_where_they_came_from);
    RUN(test_flow_is_one_of_four_words);
    RUN(test_login_hint_may_be_any_text);
    RUN(test_prompt_has_the_words_of_the_standard);
    RUN(test_resource_is_one_uri_or_several);
    RUN(test_resource_is_an_absolute_uri_without_a_fragment);
    RUN(test_parameters_are_the_same_from_table_and_variable);
    RUN(test_parameters_that_the_sign_in_sets_are_refused);
    RUN(test_parameters_have_names_and_values);
    RUN(test_parameters_are_few);
    RUN(test_client_auth_has_short_and_registered_names);
    RUN(test_ca_file_is_absolute_and_the_users_own);
    RUN(test_header_is_a_field_name_that_can_carry_a_token);
    RUN(test_cache_is_a_file_memory_or_a_helper);
    RUN(test_a_project_names_no_helper);
    RUN(test_refresh_margin_is_whole_seconds_within_bounds);
    RUN(test_listen_address_is_an_address_with_a_port);
    RUN(test_each_tells_settings_apart);
    RUN(test_every_failing_allocation_is_told);
    return check_summary();
}
