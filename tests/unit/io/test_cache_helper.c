/* SPDX-License-Identifier: MIT */
/* The helpers here are shell scripts in the scratch folder. */
#include "io/cache_helper.h"

#include "io/clock.h"
#include "scratch.h"

#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>

static const struct identity ANN = {
    .issuer = "https://h/", .client_id = "app", .scope = "openid", .audience = "", .kind = "person"};
static char command[600];
static volatile sig_atomic_t heard;
static bool cancel;
static bool hurry; /* the next question whether the call is cancelled takes eleven seconds */

static const char *hurry_after; /* the same, once that file is there */

static bool is_cancelled(void *ctx)
{
    (void)ctx;
    if (hurry_after != NULL && access(in_scratch(hurry_after), F_OK) == 0) {
        hurry_after = NULL;
        hurry = true;
    }
    if (hurry) {
        hurry = false;
        clock_shift_s(11);
    }
    return cancel;
}

/* Keeps entries in files named after the identity, and writes down how it was called. */
#define KEEPER                                                                                                         \
    "cd \"${0%/*}\"\n"                                                                                                 \
    "echo \"$*\" >> asked\nenv > env\nreadlink /proc/self/fd/2 > stderr\n"                                             \
    "for action do :; done\n"                                                                                          \
    "while IFS= read -r line && [ -n \"$line\" ]; do\n"                                                                \
    "  echo \"$line\" >> told\n"                                                                                       \
    "  case $line in name=*) name=${line#name=};; entry=*) entry=${line#entry=};; esac\n"                              \
    "done\n"                                                                                                           \
    "case $action in\n"                                                                                                \
    "get) [ ! -f \"$name\" ] || { echo \"remark=x\"; printf 'entry='; cat \"$name\"; };;\n"                            \
    "store) printf '%s\\n' \"$entry\" > \"$name\";;\n"                                                                 \
    "erase) rm -f \"$name\";;\n"                                                                                       \
    "esac\n"

static void write_helper(const char *body)
{
    char script[4096];

    snprintf(script, sizeof script, "#!/bin/sh\n%s", body);
    put_file(in_scratch("helper"), script, 0700);
    snprintf(command, sizeof command, "%s", in_scratch("helper"));
}

static void begin(const char *body)
{
    scratch_begin();
    write_helper(body);
    cancel = hurry = false;
}

static struct cache_entry *entry_of(const char *access_token)
{
    struct cache_entry *entry = cache_entry_new();

    entry->access_token = secret_new_text(access_token);
    entry->nonce = strdup("line\nend \xc3\xa4");
    entry->access_expires_at_s = 1700003600;
    CHECK(cache_entry_add_server(entry, "https://mlflow.example.com", &err) == MOIDC_OK);
    return entry;
}

static struct cache_helper helper_of(struct moidc_env **env, struct moidc_ui *ui)
{
    static const char *const variables[] = {"PATH=/usr/bin:/bin", "MLFLOW_TRACKING_OIDC_CLIENT_SECRET=hunter2",
                                            "MLFLOW_TRACKING_TOKEN=hunter2", "OTHER=other", NULL};

    *env = env_of(variables);
    *ui = (struct moidc_ui){.cancelled = is_cancelled};
    return (struct cache_helper){.command = command, .env = *env, .ui = ui};
}

static enum moidc_code store(const struct identity *identity, const char *token)
{
    CLEANUP(cache_entry_free_p) struct cache_entry *entry = entry_of(token);
    CLEANUP(moidc_env_free_p) struct moidc_env *env = NULL;
    struct moidc_ui ui;
    struct cache_helper helper = helper_of(&env, &ui);

    return cache_helper_store(&helper, identity, entry, &err);
}

static enum moidc_code erase(const struct identity *identity)
{
    CLEANUP(moidc_env_free_p) struct moidc_env *env = NULL;
    struct moidc_ui ui;
    struct cache_helper helper = helper_of(&env, &ui);

    return cache_helper_erase(&helper, identity, &err);
}

static enum moidc_code get(const struct identity *identity, struct cache_entry **ret)
{
    CLEANUP(moidc_env_free_p) struct moidc_env *env = NULL;
    struct moidc_ui ui;
    struct cache_helper helper = helper_of(&env, &ui);
    enum moidc_code rc;

    *ret = NULL;
    memset(&err, 0, sizeof err);
    rc = cache_helper_get(&helper, identity, ret, &err);
    CHECK(rc == MOIDC_OK || (*ret == NULL && err.code == rc));
    return rc;
}

static void check_get(const struct identity *identity, const char *access_token)
{
    CLEANUP(cache_entry_free_p) struct cache_entry *entry = NULL;

    CHECK(get(identity, &entry) == MOIDC_OK);
    CHECK((entry != NULL) == (access_token != NULL));
    if (entry != NULL && access_token != NULL) {
        CHECK_TEXT(secret_reveal(entry->access_token), access_token);
    }
}

static unsigned count_descriptors(void)
{
    DIR *stream = opendir("/proc/self/fd");
    unsigned count = 0;

    while (stream != NULL && readdir(stream) != NULL) {
        count++;
    }
    if (stream != NULL) {
        closedir(stream);
    }
    return count;
}

static bool has_children(void)
{
#ifdef __linux__
    return waitpid(-1, NULL, WNOHANG | __WALL) >= 0 || errno != ECHILD;
#else
    return waitpid(-1, NULL, WNOHANG) >= 0 || errno != ECHILD;
#endif
}

/* A helper that does so fails at get, leaves nothing behind, and the message says what. */
static void check_fails(const char *body, const char *what)
{
    struct cache_entry *entry = NULL;
    unsigned before;

    begin(body);
    before = count_descriptors();
    CHECK(get(&ANN, &entry) == MOIDC_E_STORAGE);
    CHECK_CONTAINS(err.what, what);
    CHECK_CONTAINS(err.where, "helper get");
    CHECK(strstr(err.what, "hunter2") == NULL && strstr(err.where, "hunter2") == NULL);
    CHECK(count_descriptors() == before && !has_children());
    scratch_end();
}

static char *read_file(const char *name)
{
    static char text[16384];
    FILE *file = fopen(in_scratch(name), "r");
    size_t n = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;

    text[n] = '\0';
    if (file != NULL) {
        fclose(file);
    }
    return text;
}

static void test_what_is_stored_comes_back_until_it_is_erased(void)
{
    struct cache_entry *entry = NULL;

    begin(KEEPER);
    check_get(&ANN, NULL);
    CHECK(store(&ANN, "token-1") == MOIDC_OK);
    check_get(&ANN, "token-1");
    CHECK(store(&ANN, "token-2") == MOIDC_OK);
    CHECK(get(&ANN, &entry) == MOIDC_OK && entry != NULL);
    if (entry != NULL) {
        CHECK_TEXT(entry->nonce, "line\nend \xc3\xa4");
        CHECK(entry->access_expires_at_s == 1700003600);
        CHECK(cache_entry_serves(entry, "https://mlflow.example.com"));
    }
    cache_entry_free(entry);
    CHECK(erase(&ANN) == MOIDC_OK);
    check_get(&ANN, NULL);
    CHECK(!has_children());
    scratch_end();
}

static void test_it_is_told_the_identity_and_none_of_our_secrets(void)
{
    struct identity more = ANN;

    more.login_hint = "ann@example.com";
    begin(KEEPER);
    snprintf(command, sizeof command, "'%s' --vault \"a b\"", in_scratch("helper"));
    check_get(&more, NULL);
    CHECK_TEXT(read_file("asked"), "--vault a b get\n");
    CHECK_CONTAINS(read_file("told"), "version=1\nname=tokens-");
    CHECK_CONTAINS(read_file("told"), "\nissuer=https://h/\nclient_id=app\nscope=openid\naudience=\nkind=person\n"
                                      "login_hint=ann@example.com\nresource=\nauthorize_params=\n");
    CHECK_CONTAINS(read_file("env"), "OTHER=other");
    CHECK(strstr(read_file("env"), "hunter2") == NULL);
    CHECK_CONTAINS(read_file("stderr"), "/dev/null");
    CHECK(store(&more, "the-token") == MOIDC_OK);
    CHECK(strstr(read_file("asked"), "the-token") == NULL && strstr(read_file("env"), "the-token") == NULL);
    scratch_end();
}

static void test_entry_of_another_identity_is_none(void)
{
    struct identity bob = ANN;

    bob.login_hint = "bob";
    begin(KEEPER);
    CHECK(store(&bob, "Bob's") == MOIDC_OK);
    write_helper("printf 'entry='; cat \"${0%/*}\"/tokens-*");
    check_get(&bob, "Bob's");
    check_get(&ANN, NULL);
    scratch_end();
}

static void hear(int number)
{
    (void)number;
    heard++;
}

static void test_callers_own_children_are_not_disturbed(void)
{
    begin(KEEPER);
    heard = 0;
    signal(SIGCHLD, hear);
    CHECK(store(&ANN, "token") == MOIDC_OK);
    check_get(&ANN, "token");
    CHECK(heard == 0 && !has_children());
    signal(SIGCHLD, SIG_IGN); /* children of such a process are reaped by the system */
    check_get(&ANN, "token");
    signal(SIGCHLD, SIG_DFL);
    scratch_end();
}

static void test_helper_that_fails_is_an_error(void)
{
    check_fails("exit 3", "failed (exit status 3)");
    check_fails("echo entry=hunter2; exit 1", "failed (exit status 1)");
    check_fails("kill -KILL $$", "exit status 137");
    check_fails("kill -SEGV $$", "exit status 139");
}

static void test_helper_that_is_not_there_is_an_error(void)
{
    static const char *const commands[] = {"/nowhere/helper", "mlflow-oidc-no-such-helper", "/tmp", "/etc/passwd"};
    struct cache_entry *entry = NULL;

    begin("");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        snprintf(command, sizeof command, "%s", commands[i]);
        CHECK(get(&ANN, &entry) == MOIDC_E_STORAGE);
        CHECK_CONTAINS(err.what, "is not there");
    }
    snprintf(command, sizeof command, "helper 'open");
    CHECK(get(&ANN, &entry) == MOIDC_E_STORAGE);
    CHECK_CONTAINS(err.what, "cannot be read");
    put_file(in_scratch("helper"), "#!/nowhere/interpreter\n", 0700);
    snprintf(command, sizeof command, "%s", in_scratch("helper"));
    CHECK(get(&ANN, &entry) == MOIDC_E_STORAGE);
    CHECK_CONTAINS(err.what, strerror(ENOENT));
    CHECK(!has_children());
    scratch_end();
}

static void test_shell_sees_nothing(void)
{
    begin(KEEPER);
    snprintf(command, sizeof command, "%s ;touch$IFS%s $(id) `id`", in_scratch("helper"), in_scratch("touched"));
    check_get(&ANN, NULL);
    CHECK_CONTAINS(read_file("asked"), ";touch$IFS");
    CHECK_CONTAINS(read_file("asked"), "$(id) `id` get");
    CHECK(access(in_scratch("touched"), F_OK) != 0);
    scratch_end();
}

static void test_rubbish_is_an_error(void)
{
    check_fails("echo entry=hunter2", "cannot be read");
    check_fails("echo 'entry={\"issuer\":1}'", "cannot be read");
    check_fails("echo entry=", "cannot be read");
    check_fails("printf '%s\\n' 'entry={\"version\":1,\"issuer\":\"https://h/\",\"client_id\":\"app\","
                "\"scope\":\"openid\",\"audience\":\"\",\"kind\":\"person\",\"access_token\":\"a\\r\\nX-Evil: 1\"}'",
                "cannot be read");
    check_fails("echo 'entry={\"a\":1}{\"b\":2}'", "cannot be read");
    check_fails("head -c 1000 /dev/zero", "no text");
    check_fails("printf 'entry={\"a\":\"'; head -c 60000 /dev/zero | tr '\\0' '['", "cannot be read");
}

static void test_other_lines_are_none(void)
{
    begin("echo; echo entries=1; echo ' entry=1'; echo Entry=1; printf x");
    check_get(&ANN, NULL);
    scratch_end();
}

static void test_endless_output_ends(void)
{
    check_fails("exec cat /dev/zero", "more than 64 KiB");
    check_fails("while :; do echo entry=x; done", "more than 64 KiB");
}

/* True when the process with the number in the n-th line of the file is no more, or will be as soon as its parent looks.
 */
static bool is_gone(const char *name, int n)
{
    char path[64];
    char state = 'Z';
    int pid = 0;
    FILE *file = fopen(in_scratch(name), "r");

    for (int i = 0; file != NULL && i <= n; i++) {
        CHECK(fscanf(file, "%d", &pid) == 1);
    }
    if (file != NULL) {
        fclose(file);
    }
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    file = fopen(path, "r");
    if (file != NULL) {
        CHECK(fscanf(file, "%*d %*s %c", &state) == 1);
        fclose(file);
    }
    return pid > 0 && state == 'Z';
}

static void test_hanging_helper_is_killed_with_all_it_started(void)
{
    struct cache_entry *entry = NULL;

    begin("sleep 1000 & { echo $$; echo $!; } > \"${0%/*}/new\"; mv \"${0%/*}/new\" \"${0%/*}/pid\"; wait");
    hurry_after = "pid";
    CHECK(get(&ANN, &entry) == MOIDC_E_STORAGE);
    CHECK_CONTAINS(err.what, "did not end within 10 s");
    CHECK(!has_children());
    for (int i = 0; i < 500 && !(is_gone("pid", 0) && is_gone("pid", 1)); i++) {
        usleep(2000); /* what it started is killed with it, and ends when it next runs */
    }
    CHECK(is_gone("pid", 0) && is_gone("pid", 1));
    scratch_end();
    begin("exec >&-; exec sleep 1000"); /* its output is over, it is not */
    hurry = true;
    CHECK(get(&ANN, &entry) == MOIDC_E_STORAGE);
    CHECK_CONTAINS(err.what, "did not end within 10 s");
    CHECK(!has_children());
    scratch_end();
}

static void test_helper_that_leaves_a_process_behind_is_not_waited_for(void)
{
    int64_t before;

    begin("sleep 5 & echo remark=x");
    before = clock_steady_ms();
    check_get(&ANN, NULL);
    CHECK(clock_steady_ms() - before < 3000);
    scratch_end();
}

static void test_call_that_is_cancelled_ends(void)
{
    struct cache_entry *entry = NULL;

    begin("exec sleep 1000");
    cancel = true;
    CHECK(get(&ANN, &entry) == MOIDC_E_CANCELLED);
    CHECK(!has_children());
    scratch_end();
}

static void test_storing_goes_on_when_the_call_is_cancelled(void)
{
    begin(KEEPER);
    cancel = true;
    CHECK(store(&ANN, "kept") == MOIDC_OK);
    cancel = false;
    check_get(&ANN, "kept");
    scratch_end();
}

static void test_helper_that_reads_nothing_does_no_harm(void)
{
    static char token[50000];

    memset(token, 'x', sizeof token - 1);
    signal(SIGPIPE, SIG_DFL);
    begin("exit 0");
    CHECK(store(&ANN, token) == MOIDC_OK); /* more than a pipe may hold; SIGPIPE would have ended this test */
    write_helper("exec <&-; exit 0");
    CHECK(store(&ANN, token) == MOIDC_OK);
    write_helper(KEEPER);
    CHECK(store(&ANN, token) == MOIDC_OK);
    check_get(&ANN, token);
    scratch_end();
}

static void test_entry_that_is_too_large_is_not_sent(void)
{
    static char token[70000];

    memset(token, 'x', sizeof token - 1);
    begin(KEEPER);
    strcat(command, " --vault");
    CHECK(store(&ANN, token) == MOIDC_E_STORAGE);
    CHECK_CONTAINS(err.what, "more than 64 KiB");
    CHECK(strstr(err.where, "vault") == NULL);
    CHECK(access(in_scratch("asked"), F_OK) != 0);
    scratch_end();
}

static void test_descriptors_and_signals_of_ours_are_not_its(void)
{
    int fd;

    begin("ls /proc/self/fd > \"${0%/*}/fds\"; grep SigIgn /proc/$$/status > \"${0%/*}/ignored\"");
    fd = open("/dev/null", O_RDONLY); /* without O_CLOEXEC */
    signal(SIGPIPE, SIG_IGN);
    check_get(&ANN, NULL);
    signal(SIGPIPE, SIG_DFL);
    CHECK_TEXT(read_file("fds"), "0\n1\n2\n3\n"); /* the last is that of ls */
    CHECK_CONTAINS(read_file("ignored"), "0000000000000000");
    close(fd);
    scratch_end();
}

static void test_every_failing_allocation_is_told(void)
{
    enum moidc_code rc = MOIDC_E_MEMORY;

    begin(KEEPER);
    for (unsigned long n = 1; rc == MOIDC_E_MEMORY && n < 2000; n++) {
        CLEANUP(cache_entry_free_p) struct cache_entry *entry = entry_of("a");
        CLEANUP(moidc_env_free_p) struct moidc_env *env = NULL;
        struct moidc_ui ui;
        struct cache_helper helper = helper_of(&env, &ui);

        mem_fail_at(n, 0);
        rc = cache_helper_store(&helper, &ANN, entry, &err);
        mem_fail_at(0, 0);
    }
    CHECK(rc == MOIDC_OK);
    rc = MOIDC_E_MEMORY;
    for (unsigned long n = 1; rc == MOIDC_E_MEMORY && n < 2000; n++) {
        CLEANUP(cache_entry_free_p) struct cache_entry *entry = NULL;
        CLEANUP(moidc_env_free_p) struct moidc_env *env = NULL;
        struct moidc_ui ui;
        struct cache_helper helper = helper_of(&env, &ui);

        mem_fail_at(n, 0);
        rc = cache_helper_get(&helper, &ANN, &entry, &err);
        mem_fail_at(0, 0);
        CHECK((entry != NULL) == (rc == MOIDC_OK));
    }
    CHECK(rc == MOIDC_OK && !has_children());
    scratch_end();
}

int main(void)
{
    RUN(test_what_is_stored_comes_back_until_it_is_erased);
    RUN(test_it_is_told_the_identity_and_none_of_our_secrets);
    RUN(test_entry_of_another_identity_is_none);
    RUN(test_callers_own_children_are_not_disturbed);
    RUN(test_helper_that_fails_is_an_error);
    RUN(test_helper_that_is_not_there_is_an_error);
    RUN(test_shell_sees_nothing);
    RUN(test_rubbish_is_an_error);
    RUN(test_other_lines_are_none);
    RUN(test_endless_output_ends);
    RUN(test_hanging_helper_is_killed_with_all_it_started);
    RUN(test_helper_that_leaves_a_process_behind_is_not_waited_for);
    RUN(test_call_that_is_cancelled_ends);
    RUN(test_storing_goes_on_when_the_call_is_cancelled);
    RUN(test_helper_that_reads_nothing_does_no_harm);
    RUN(test_entry_that_is_too_large_is_not_sent);
    RUN(test_descriptors_and_signals_of_ours_are_not_its);
    RUN(test_every_failing_allocation_is_told);
    return check_summary();
}
