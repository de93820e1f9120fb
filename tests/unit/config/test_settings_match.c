/* SPDX-License-Identifier: MIT */
#include "settings_fixture.h"

/* Checks that `request` is covered by `expected`; NULL: by nothing. */
static void check_match(const struct settings_sources *sources, const char *request, const char *expected)
{
    char *uri = match(sources, request);

    if (expected == NULL) {
        CHECK(uri == NULL);
    } else {
        CHECK_TEXT(uri, expected);
    }
    mem_free(uri);
}

static void test_longest_block_wins_at_segment_boundaries(void)
{
    struct settings_file *file = file_of("[[tracking-servers]]\nuri = 'HTTP://H:80/'\n[[tracking-servers]]\n"
                                         "uri = 'http://h/a/'\n[[tracking-servers]]\nuri = 'http://h/a/b'\n");
    struct settings_sources sources = {.files = {NULL, file}};

    check_match(&sources, "http://h/", "http://h");
    check_match(&sources, "http://H", "http://h");
    check_match(&sources, "http://h/ab?x=/a", "http://h");
    check_match(&sources, "http://h/a", "http://h/a");
    check_match(&sources, "http://h/a/?q", "http://h/a");
    check_match(&sources, "http://h/a/b/c", "http://h/a/b");
    check_match(&sources, "http://h/a/bc", "http://h/a");
    settings_file_free(file);
}

static void test_other_origins_match_nothing(void)
{
    struct settings_file *file = file_of(COMPLETE);
    struct settings_sources sources = {.files = {file, NULL}};

    check_match(&sources, "https://mlflow.example.com:443/x", URI);
    check_match(&sources, "http://mlflow.example.com/", NULL);
    check_match(&sources, "https://mlflow.example.com:8443/", NULL);
    check_match(&sources, "https://example.com/", NULL);
    check_match(&sources, "https://mlflow.example.com.evil.com/", NULL);
    settings_file_free(file);
}

static void test_ambiguous_requests_match_nothing(void)
{
    static const char *const variables[] = {"MLFLOW_TRACKING_OIDC_ISSUER=https://i/", NULL};
    struct settings_file *file = file_of(COMPLETE);
    struct moidc_env *env = env_of(variables);
    struct settings_sources sources = {.files = {file, NULL}, .env = env, .env_uri = "https://h/"};

    check_match(&sources, "https://me@mlflow.example.com/", NULL);
    check_match(&sources, "https://mlflow.example.com/a/../b", NULL);
    check_match(&sources, "https://mlflow.example.com/a/%2e%2E/b", NULL);
    check_match(&sources, "https://mlflow.example.com/a%2fb", NULL);
    check_match(&sources, "https://mlflow.example.com/a%5Cb", NULL);
    check_match(&sources, "https://h/./", NULL);
    check_match(&sources, "https://h/x", "https://h");
    moidc_env_free(env);
    settings_file_free(file);
}

static void test_both_files_count(void)
{
    struct settings_file *near = file_of("[[tracking-servers]]\nuri = 'http://h/a'\n");
    struct settings_file *own = file_of("[[tracking-servers]]\nuri = 'http://h/'\n[[tracking-servers]]\n"
                                        "uri = 'http://h/a/b'\n");
    struct settings_sources sources = {.files = {near, own}};

    check_match(&sources, "http://h/x", "http://h");
    check_match(&sources, "http://h/a/x", "http://h/a");
    check_match(&sources, "http://h/a/b/x", "http://h/a/b");
    settings_file_free(near);
    settings_file_free(own);
}

static void test_variables_describe_their_server_when_one_is_set(void)
{
    static const char *const one[] = {"MLFLOW_TRACKING_OIDC_SCOPE=openid", NULL};
    static const char *const strange[] = {"MLFLOW_TRACKING_OIDC_COLOUR=red", NULL};
    static const char *const none[] = {"MLFLOW_TRACKING_OIDC_ISSUER=", "MLFLOW_TRACKING_URI=http://h/", NULL};
    struct moidc_env *with = env_of(one);
    struct moidc_env *odd = env_of(strange);
    struct moidc_env *without = env_of(none);
    struct settings_sources sources = {.env = with, .env_uri = "HTTP://H:80/a/"};

    CHECK(settings_in_environment(with) && settings_in_environment(odd));
    CHECK(!settings_in_environment(without) && !settings_in_environment(NULL));
    check_match(&sources, "http://h/a/b", "http://h/a");
    check_match(&sources, "http://h/b", NULL);
    sources.env = without;
    check_match(&sources, "http://h/a/b", NULL);
    sources.env = NULL;
    check_match(&sources, "http://h/a/b", NULL);
    moidc_env_free(with);
    moidc_env_free(odd);
    moidc_env_free(without);
}

static void test_tracking_uri_that_is_no_server_describes_none(void)
{
    static const char *const one[] = {"MLFLOW_TRACKING_OIDC_SCOPE=openid", NULL};
    static const char *const uris[] = {"databricks",      "",       "file:///tmp", "http://me:pw@h/",
                                       "http://h/a/../b", "http://"};
    struct moidc_env *env = env_of(one);
    struct settings_sources sources = {.env = env};

    check_match(&sources, "http://h/", NULL);
    for (size_t i = 0; i < sizeof uris / sizeof uris[0]; i++) {
        sources.env_uri = uris[i];
        check_match(&sources, "http://h/", NULL);
        check_match(&sources, "http://h/b", NULL);
    }
    moidc_env_free(env);
}

static void test_longer_of_block_and_variables_wins(void)
{
    static const char *const one[] = {"MLFLOW_TRACKING_OIDC_SCOPE=openid", NULL};
    struct moidc_env *env = env_of(one);
    struct settings_file *file = file_of("[[tracking-servers]]\nuri = 'http://h/a'\n");
    struct settings_sources sources = {.files = {file, NULL}, .env = env, .env_uri = "http://h/"};

    check_match(&sources, "http://h/x", "http://h");
    check_match(&sources, "http://h/a/x", "http://h/a");
    sources.env_uri = "http://h/a/b/";
    check_match(&sources, "http://h/a/x", "http://h/a");
    check_match(&sources, "http://h/a/b/x", "http://h/a/b");
    settings_file_free(file);
    moidc_env_free(env);
}

static void test_unknown_variables_are_warned_about(void)
{
    static const char *const variables[] = {"MLFLOW_TRACKING_OIDC_ISSUER=x",
                                            "MLFLOW_TRACKING_OIDC_CLIENTID=a",
                                            "MLFLOW_TRACKING_OIDC_COLOUR=red",
                                            "MLFLOW_TRACKING_OIDC_EMPTY=",
                                            "MLFLOW_TRACKING_OIDC_CLIENT_SECRETS=s",
                                            "OTHER=1",
                                            NULL};
    struct moidc_env *env = env_of(variables);
    char text[256];

    CHECK(settings_env_warning(env, 0, text, sizeof text));
    CHECK_TEXT(text, "unknown variable MLFLOW_TRACKING_OIDC_CLIENTID: did you mean MLFLOW_TRACKING_OIDC_CLIENT_ID?");
    CHECK(settings_env_warning(env, 1, text, sizeof text));
    CHECK_TEXT(text, "unknown variable MLFLOW_TRACKING_OIDC_COLOUR: it is ignored");
    CHECK(settings_env_warning(env, 2, text, sizeof text));
    CHECK_CONTAINS(text, "did you mean MLFLOW_TRACKING_OIDC_CLIENT_SECRET?");
    CHECK(!settings_env_warning(env, 3, text, sizeof text));
    CHECK(!settings_env_warning(NULL, 0, text, sizeof text));
    moidc_env_free(env);
}

static void test_every_failing_allocation_is_told(void)
{
    static const char *const variables[] = {"MLFLOW_TRACKING_OIDC_ISSUER=https://i/", NULL};
    struct settings_file *file = file_of("[[tracking-servers]]\nuri = 'http://h/a'\n");
    struct moidc_env *env = env_of(variables);
    struct settings_sources sources = {.files = {file, NULL}, .env = env, .env_uri = "http://h/"};
    char *uri = NULL;
    struct url url;

    CHECK(url_parse("http://h/a/x", &url));
    for (unsigned long n = 1; uri == NULL && n < 1000; n++) {
        mem_fail_at(n, n % 2 != 0);
        if (settings_match(&sources, &url, &uri, &err) != MOIDC_OK) {
            CHECK(err.code == MOIDC_E_MEMORY && uri == NULL);
        }
    }
    mem_fail_at(0, 0);
    CHECK_TEXT(uri, "http://h/a");
    mem_free(uri);
    settings_file_free(file);
    moidc_env_free(env);
}

int main(void)
{
    RUN(test_longest_block_wins_at_segment_boundaries);
    RUN(test_other_origins_match_nothing);
    RUN(test_ambiguous_requests_match_nothing);
    RUN(test_both_files_count);
    RUN(test_variables_describe_their_server_when_one_is_set);
    RUN(test_tracking_uri_that_is_no_server_describes_none);
    RUN(test_longer_of_block_and_variables_wins);
    RUN(test_unknown_variables_are_warned_about);
    RUN(test_every_failing_allocation_is_told);
    return check_summary();
}
