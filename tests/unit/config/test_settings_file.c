/* SPDX-License-Identifier: MIT */
#include "settings_fixture.h"

#define HEADER "[[tool.mlflow-oidc-client.tracking-servers]]\n"

static struct settings_file *pyproject_of(const char *text)
{
    return file_of_bytes(text, strlen(text), "/home/me/pyproject.toml", true);
}

static void check_refused(const char *text, const char *what, const char *where)
{
    struct settings_file *file = file_of(text);

    CHECK(file == NULL);
    CHECK(err.code == MOIDC_E_CONFIGURATION);
    CHECK_CONTAINS(err.what, what);
    CHECK_CONTAINS(err.where, where);
    CHECK(err.next[0] != '\0');
    settings_file_free(file);
}

static void test_pyproject_holds_blocks_below_tool(void)
{
    struct settings_file *file =
        pyproject_of("[project]\nname = 'x'\n" HEADER "uri = 'http://a/'\n" HEADER "uri = 'http://b/'\n");

    CHECK(file != NULL && settings_file_blocks(file) == 2);
    settings_file_free(file);
}

static void test_own_file_holds_blocks_at_the_top(void)
{
    struct settings_file *file = file_of(COMPLETE);

    CHECK(file != NULL && settings_file_blocks(file) == 1);
    CHECK(file != NULL && settings_file_warning(file, 0) == NULL);
    settings_file_free(file);
}

static void check_stray(struct settings_file *file, bool has_table, const char *warning)
{
    CHECK(file != NULL && err.code == MOIDC_OK);
    if (file != NULL) {
        CHECK(settings_file_has_table(file) == has_table);
        CHECK(settings_file_blocks(file) == (has_table ? 1 : 0));
        CHECK_TEXT(settings_file_warning(file, 0), warning);
        CHECK(settings_file_warning(file, 1) == NULL);
    }
    settings_file_free(file);
}

#define STANDS " in /home/me/pyproject.toml line 2: servers stand under [[tool.mlflow-oidc-client.tracking-servers]]"
#define STANDS_OWN " in /home/me/config.toml line 1: servers stand under [[tracking-servers]]"

static void test_misspelt_table_is_warned_of(void)
{
    check_stray(pyproject_of("\n[[tool.mlflow-oidc-client.tracking-server]]\n"), false,
                "unknown key `tracking-server`" STANDS);
    check_stray(pyproject_of("\n[[tool.mlflow-oidc-client.tracking_servers]]\n"), false,
                "unknown key `tracking_servers`" STANDS);
    check_stray(pyproject_of("[tool.mlflow-oidc-client]\nuri = 'http://a/'\n"), false, "unknown key `uri`" STANDS);
    check_stray(pyproject_of("# mlflow-oidc-client\n[[tool.MLflow_OIDC_client.tracking-servers]]\n"), false,
                "unknown key `MLflow_OIDC_client`" STANDS);
    check_stray(pyproject_of("\n[[tool.mlflow_oidc_client.tracking-servers]]\n"), false,
                "unknown key `mlflow_oidc_client`" STANDS);
    check_stray(pyproject_of("# mml-mlflow\n[tool.MLflow-oidc-Client]\n"), false,
                "unknown key `MLflow-oidc-Client`" STANDS);
    check_stray(pyproject_of("\n[[mlflow-oidc-client.tracking-servers]]\n"), false,
                "unknown key `mlflow-oidc-client`" STANDS);
    check_stray(file_of(HEADER "uri = 'http://a/'\n"), false, "unknown key `tool`" STANDS_OWN);
    check_stray(file_of("uri = 'http://a/'\n"), false, "unknown key `uri`" STANDS_OWN);
}

static void test_key_beside_the_table_is_warned_of(void)
{
    check_stray(pyproject_of("[tool.mlflow-oidc-client]\ntimeout = 3\n" HEADER "uri = 'http://a/'\n"), true,
                "unknown key `timeout`" STANDS);
    check_stray(file_of("\"\\u009b\" = 3\n" COMPLETE), true, "unknown key `?`" STANDS_OWN);
}

static void test_other_tables_are_none_of_ours(void)
{
    CHECK(pyproject_of("[tool.mlflow-oidc-clients]\na = 1\n[tool.other.tracking-servers]\n") == NULL);
    CHECK(pyproject_of("# mlflow-oidc-client\n[tool.other]\ntracking-server = 1\n") == NULL);
}

static void test_file_without_the_table_is_nothing(void)
{
    CHECK(file_of("") == NULL && err.code == MOIDC_OK);
    CHECK(pyproject_of("") == NULL && err.code == MOIDC_OK);
    CHECK(pyproject_of("[project]\ndependencies = ['mlflow-oidc-client']\n") == NULL && err.code == MOIDC_OK);
}

static void test_pyproject_that_does_not_name_us_is_not_parsed(void)
{
    CHECK(pyproject_of("[[[ this is no TOML") == NULL && err.code == MOIDC_OK);
    CHECK(pyproject_of("[[[ this is no TOML, import mlflow_oidc_client") == NULL && err.code == MOIDC_OK);
    CHECK(pyproject_of("a = ['mlflow_oidc_client', 'mlflow_oidc_clien']") == NULL && err.code == MOIDC_OK);
    CHECK(pyproject_of("[[[ this is no TOML, mlflow-oidc-client") == NULL && err.code == MOIDC_E_CONFIGURATION);
    CHECK_CONTAINS(err.where, "/home/me/pyproject.toml line 1");
}

static void test_too_large_a_file_is_refused(void)
{
    size_t n = 300 * 1024;
    char *text = malloc(n);

    memset(text, '#', n);
    CHECK(file_of_bytes(text, n, "f", true) == NULL && err.code == MOIDC_OK);
    CHECK(file_of_bytes(text, n, "f", false) == NULL && err.code == MOIDC_E_CONFIGURATION);
    CHECK_CONTAINS(err.what, "256 KiB");
    CHECK_TEXT(err.where, "f");
    free(text);
}

static void test_wrong_shapes_are_errors_with_their_line(void)
{
    check_refused("\ntracking-servers = 5\n", "array of tables", "/home/me/config.toml line 2");
    check_refused("[tracking-servers]\nuri = 'http://a/'\n", "[[...]]", "line 1");
    check_refused("tracking-servers = ['http://a/']\n", "tables only", "line 1");
    check_refused("a = \n", "expected value", "line 1");
}

static void test_block_needs_a_proper_uri(void)
{
    check_refused("\n[[tracking-servers]]\nissuer = 'x'\n", "no `uri`", "`uri`, /home/me/config.toml line 2");
    check_refused("[[tracking-servers]]\n", "no `uri`", "line 1");
    check_refused(COMPLETE "[[tracking-servers]]\n", "no `uri`", "line 5");
    check_refused("[[tracking-servers]]\n\nuri = 5\n", "http", "line 3");
    check_refused("[[tracking-servers]]\nuri = ''\n", "http", "line 2");
    check_refused("[[tracking-servers]]\nuri = 'file:///tmp'\n", "http", "line 2");
    check_refused("[[tracking-servers]]\nuri = 'databricks'\n", "http", "line 2");
    check_refused("[[tracking-servers]]\nuri = 1979-05-27\n", "http", "line 2");
    check_refused("[[tracking-servers]]\nuri = \"http://a/\\u0000b\"\n", "http", "line 2");
    check_refused("[[tracking-servers]]\nuri = 'http://a/?b'\n", "query", "line 2");
    check_refused("[[tracking-servers]]\nuri = 'http://a/#b'\n", "fragment", "line 2");
    check_refused("[[tracking-servers]]\nuri = 'http://a/../b'\n", "dot segments", "line 2");
    check_refused("[[tracking-servers]]\nuri = 'http://me:hunter2@a/'\n", "user info", "line 2");
    CHECK(strstr(err.what, "hunter2") == NULL && strstr(err.where, "hunter2") == NULL);
}

static void test_unknown_key_warns_with_the_nearest(void)
{
    struct settings_file *file = file_of(BLOCK "client_id = 'x'\ncolour = 'red'\n");

    CHECK(file != NULL);
    if (file != NULL) {
        CHECK_TEXT(settings_file_warning(file, 0),
                   "unknown key `client_id` in /home/me/config.toml line 3: did you mean `client-id`?");
        CHECK_TEXT(settings_file_warning(file, 1),
                   "unknown key `colour` in /home/me/config.toml line 4: it is ignored");
        CHECK(settings_file_warning(file, 2) == NULL);
    }
    settings_file_free(file);
}

static void test_warnings_are_few_short_and_printable(void)
{
    char *text = malloc(200000);
    size_t n = (size_t)sprintf(text, BLOCK "\"\\u001b[2J\\u202e\" = 1\n");
    struct settings_file *file = NULL;
    size_t count = 0;

    for (int i = 0; i < 100; i++) {
        n += (size_t)sprintf(text + n, "k%d%01000d = 1\n", i, 0);
    }
    file = file_of_bytes(text, n, "/home/me/config.toml", false);
    free(text);
    CHECK(file != NULL);
    for (; file != NULL && settings_file_warning(file, count) != NULL; count++) {
        CHECK(strlen(settings_file_warning(file, count)) < 512);
        CHECK(strpbrk(settings_file_warning(file, count), "\x1b\n") == NULL);
        CHECK(strstr(settings_file_warning(file, count), "\u202e") == NULL);
    }
    CHECK(count == 16);
    settings_file_free(file);
}

static void test_long_path_is_shown_by_its_end(void)
{
    char path[3001];
    struct settings_file *file = NULL;

    memset(path, 'd', sizeof path - 1);
    strcpy(path + 2980, "/config.toml");
    file = file_of_bytes("a=", 2, path, false);
    CHECK(file == NULL);
    CHECK_CONTAINS(err.where, "...ddd");
    CHECK_CONTAINS(err.where, "/config.toml line 1");
}

static void test_blocks_are_bounded(void)
{
    enum { COUNT = 1025 };
    char *text = malloc(COUNT * 64);
    size_t n = 0;
    struct settings_file *file = NULL;

    for (int i = 0; i < COUNT - 1; i++) {
        n += (size_t)sprintf(text + n, "[[tracking-servers]]\nuri='http://h/%d'\n", i);
    }
    file = file_of_bytes(text, n, "f", false);
    CHECK(file != NULL && settings_file_blocks(file) == COUNT - 1);
    settings_file_free(file);
    n += (size_t)sprintf(text + n, "[[tracking-servers]]\nuri='http://h/x'\n");
    CHECK(file_of_bytes(text, n, "f", false) == NULL && err.code == MOIDC_E_CONFIGURATION);
    CHECK_CONTAINS(err.what, "1024");
    free(text);
}

static void test_bom_crlf_and_inline_blocks_are_read(void)
{
    struct settings_file *file = file_of("\xef\xbb\xbf[[tracking-servers]]\r\nuri = 'http://a/'\r\n");

    CHECK(file != NULL && settings_file_blocks(file) == 1);
    settings_file_free(file);
    file = file_of("tracking-servers = [ { uri = 'http://a/' }, { uri = 'http://b/' } ]");
    CHECK(file != NULL && settings_file_blocks(file) == 2);
    settings_file_free(file);
    file = file_of("tracking-servers = []");
    CHECK(file != NULL && settings_file_blocks(file) == 0);
    settings_file_free(file);
}

static void test_hostile_bytes_are_errors(void)
{
    char *text = malloc(200001);

    memset(text, '[', 200000);
    memcpy(text, "a = ", 4);
    CHECK(file_of_bytes(text, 200000, "f", false) == NULL && err.code == MOIDC_E_CONFIGURATION);
    free(text);
    CHECK(file_of_bytes("a = 'x\0y'", 9, "f", false) == NULL && err.code == MOIDC_E_CONFIGURATION);
    CHECK(file_of("a = '\xff'") == NULL && err.code == MOIDC_E_CONFIGURATION);
    CHECK(file_of("a\x1b[2J = 1") == NULL && err.code == MOIDC_E_CONFIGURATION);
    CHECK(strchr(err.what, '\x1b') == NULL);
}

static void test_every_failing_allocation_is_told(void)
{
    static const char text[] = COMPLETE "client-secret = 'hunter2'\nscopes = 'x'\n[[tracking-servers]]\n"
                                        "uri = 'http://b/'\nclient-secret = 5\n";
    struct settings_file *file = NULL;

    for (unsigned long n = 1; file == NULL && n < 1000; n++) {
        mem_fail_at(n, n % 2 != 0);
        if (settings_file_parse(text, sizeof text - 1, "f", false, &file, &err) != MOIDC_OK) {
            CHECK(err.code == MOIDC_E_MEMORY && file == NULL);
        }
    }
    mem_fail_at(0, 0);
    CHECK(file != NULL);
    settings_file_free(file);
    settings_file_free(NULL);
}

int main(void)
{
    RUN(test_pyproject_holds_blocks_below_tool);
    RUN(test_own_file_holds_blocks_at_the_top);
    RUN(test_misspelt_table_is_warned_of);
    RUN(test_key_beside_the_table_is_warned_of);
    RUN(test_other_tables_are_none_of_ours);
    RUN(test_file_without_the_table_is_nothing);
    RUN(test_pyproject_that_does_not_name_us_is_not_parsed);
    RUN(test_too_large_a_file_is_refused);
    RUN(test_wrong_shapes_are_errors_with_their_line);
    RUN(test_block_needs_a_proper_uri);
    RUN(test_unknown_key_warns_with_the_nearest);
    RUN(test_warnings_are_few_short_and_printable);
    RUN(test_long_path_is_shown_by_its_end);
    RUN(test_blocks_are_bounded);
    RUN(test_bom_crlf_and_inline_blocks_are_read);
    RUN(test_hostile_bytes_are_errors);
    RUN(test_every_failing_allocation_is_told);
    return check_summary();
}
