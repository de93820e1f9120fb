/* SPDX-License-Identifier: MIT */
/* The browsers here are scripts in a folder of their own, which write down how they were started. */
#include "io/browser.h"

#include "check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define URL "https://provider.example/authorize?client_id=a%20b&state=x;y'z$(touch$IFS)&n=*"
#define OPENED "https://provider.example/authorize?client_id=a%20b&state=x;y%27z%24%28touch%24IFS%29&n=%2A"

enum { NOTE_BYTES = 16384 };

static char folder[64];
static char note[NOTE_BYTES];
static struct moidc_err err;
static volatile sig_atomic_t children_heard;

static const char *in_folder(const char *name)
{
    static char paths[4][256];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void write_script(const char *name, const char *body)
{
    FILE *file = fopen(in_folder(name), "w");

    CHECK(file != NULL);
    fprintf(file, "#!/bin/sh\n%s", body);
    fclose(file);
    chmod(in_folder(name), 0700);
}

/* The script that tells its arguments, one a line, into `note`. */
static void write_teller(const char *name)
{
    char body[512];

    snprintf(body, sizeof body,
             "{ echo \"name=${0##*/}\"; for a in \"$@\"; do echo \"<$a>\"; done; } > %s/new\n/bin/mv %s/new %s/note\n",
             folder, folder, folder);
    write_script(name, body);
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits for what the browser writes down; false when nothing came in 5 s. */
static bool read_note(void)
{
    int64_t until = now_ms() + 30000;
    FILE *file = NULL;
    size_t n;

    while ((file = fopen(in_folder("note"), "r")) == NULL && now_ms() < until) {
        usleep(2000);
    }
    note[0] = '\0';
    if (file == NULL) {
        return false;
    }
    n = fread(note, 1, sizeof note - 1, file);
    note[n] = '\0';
    fclose(file);
    unlink(in_folder("note"));
    return true;
}

static enum moidc_code open_with(const char *const *variables, const char *url)
{
    struct moidc_env *env = NULL;
    enum moidc_code rc;

    CHECK(moidc_env_new(variables, &env, &err) == MOIDC_OK);
    rc = browser_open(env, url, &err);
    moidc_env_free(env);
    return rc;
}

/* As $BROWSER, with PATH. */
static enum moidc_code open_browser(const char *browser)
{
    char variable[1024];
    const char *variables[] = {variable, "PATH=/usr/bin:/bin", NULL};

    snprintf(variable, sizeof variable, "BROWSER=%s", browser);
    return open_with(variables, URL);
}

static bool has_children(void)
{
#ifdef __linux__
    return waitpid(-1, NULL, WNOHANG | __WALL) >= 0 || errno != ECHILD;
#else
    return waitpid(-1, NULL, WNOHANG) >= 0 || errno != ECHILD;
#endif
}

static void test_url_arrives_as_one_argument_untouched_by_a_shell(void)
{
    write_teller("browser");
    CHECK(open_browser(in_folder("browser")) == MOIDC_OK);
    CHECK(read_note());
    CHECK_TEXT(note, "name=browser\n<" OPENED ">\n");
}

static void test_a_shell_that_browser_names_finds_nothing_to_run(void)
{
    char url[256];
    char variable[256];
    const char *variables[] = {variable, "PATH=/usr/bin:/bin", NULL};

    write_teller("browser");
    snprintf(variable, sizeof variable, "BROWSER=sh -c '%s \"%%s\"'", in_folder("browser"));
    snprintf(url, sizeof url, "https://h/$(touch$IFS%s)", in_folder("run"));
    CHECK(open_with(variables, url) == MOIDC_OK);
    CHECK(read_note());
    CHECK(access(in_folder("run"), F_OK) != 0);
    CHECK_CONTAINS(note, "<https://h/%24%28touch%24IFS/");
}

static void test_words_and_quotes_are_told_apart(void)
{
    char browser[512];

    write_teller("my browser");
    snprintf(browser, sizeof browser, "  '%s/my browser'  --new   \"two words\" 'it\"s' \\'x\\ y  ", folder);
    CHECK(open_browser(browser) == MOIDC_OK);
    CHECK(read_note());
    CHECK_TEXT(note, "name=my browser\n<--new>\n<two words>\n<it\"s>\n<'x y>\n<" OPENED ">\n");
}

static void test_percent_s_stands_for_the_url(void)
{
    char browser[512];

    write_teller("browser");
    snprintf(browser, sizeof browser, "%s --url=%%s --new", in_folder("browser"));
    CHECK(open_browser(browser) == MOIDC_OK);
    CHECK(read_note());
    CHECK_TEXT(note, "name=browser\n<--url=" OPENED ">\n<--new>\n");
}

static void test_percent_s_in_quotes_stays_one_argument(void)
{
    char browser[512];

    write_teller("browser");
    snprintf(browser, sizeof browser, "%s \"go %%s now\"", in_folder("browser"));
    CHECK(open_browser(browser) == MOIDC_OK);
    CHECK(read_note());
    CHECK_TEXT(note, "name=browser\n<go " OPENED " now>\n");
}

static void test_ampersand_at_the_end_is_no_argument(void)
{
    char browser[512];

    write_teller("browser");
    snprintf(browser, sizeof browser, "%s &", in_folder("browser"));
    CHECK(open_browser(browser) == MOIDC_OK);
    CHECK(read_note());
    CHECK_TEXT(note, "name=browser\n<" OPENED ">\n");
}

static void test_first_command_that_can_be_started_is_taken(void)
{
    char browser[512];

    write_teller("second");
    write_teller("third");
    snprintf(browser, sizeof browser, ":no-such-program-x:%s/missing %%s::%s:%s", folder, in_folder("second"),
             in_folder("third"));
    CHECK(open_browser(browser) == MOIDC_OK);
    CHECK(read_note());
    CHECK_CONTAINS(note, "name=second\n");
}

static void test_command_that_the_system_refuses_makes_room_for_the_next(void)
{
    char browser[512];
    FILE *file = fopen(in_folder("garbage"), "w");

    fputs("\x7f"
          "ELF nothing that runs",
          file);
    fclose(file);
    chmod(in_folder("garbage"), 0700);
    write_teller("second");
    snprintf(browser, sizeof browser, "%s:%s", in_folder("garbage"), in_folder("second"));
    CHECK(open_browser(browser) == MOIDC_OK);
    CHECK(read_note());
    CHECK_CONTAINS(note, "name=second\n");
    CHECK(open_browser(in_folder("garbage")) == MOIDC_E_STORAGE);
    CHECK_CONTAINS(err.where, strerror(ENOEXEC)); /* told by the child, after the fork */
}

static void test_name_is_looked_up_on_path(void)
{
    char path[256];
    const char *variables[] = {"BROWSER=teller", path, NULL};

    snprintf(path, sizeof path, "PATH=/nowhere:%s:/usr/bin:/bin", folder);
    write_teller("teller");
    CHECK(open_with(variables, URL) == MOIDC_OK);
    CHECK(read_note());
    CHECK_CONTAINS(note, "name=teller\n");
}

/* A cloned repository may hold a file named xdg-open. */
static void test_working_directory_is_no_part_of_path(void)
{
    static const char *const paths[] = {"PATH=.", "PATH=:/nowhere", "PATH=/nowhere::", "PATH=sub/..", "PATH=/nowhere:"};
    char before[1024];

    CHECK(getcwd(before, sizeof before) != NULL);
    write_teller("teller-here");
    CHECK(chdir(folder) == 0);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        const char *variables[] = {"BROWSER=teller-here", paths[i], NULL};

        CHECK(open_with(variables, URL) == MOIDC_E_STORAGE);
    }
    CHECK(chdir(before) == 0);
}

static void test_desktop_opener_is_used_without_browser_variable(void)
{
    char path[256];
    const char *variables[] = {path, "DISPLAY=:7", NULL};

    snprintf(path, sizeof path, "PATH=%s", folder);
    write_teller("sensible-browser");
    CHECK(open_with(variables, URL) == MOIDC_OK);
    CHECK(read_note());
    CHECK_CONTAINS(note, "name=sensible-browser\n");
    unlink(in_folder("sensible-browser"));
}

static void test_nothing_to_start_is_an_error_that_names_what_was_tried(void)
{
    CHECK(open_browser("no-such-program-x -a:/no/such/program-y") == MOIDC_E_STORAGE);
    CHECK_CONTAINS(err.where, "no-such-program-x: ");
    CHECK_CONTAINS(err.where, "/no/such/program-y: ");
    CHECK(strstr(err.where, "provider.example") == NULL);
    CHECK_CONTAINS(err.next, "BROWSER");
    CHECK(open_browser(" : ") == MOIDC_E_STORAGE);
}

static void test_open_quote_starts_nothing(void)
{
    char browser[512];

    write_teller("browser");
    snprintf(browser, sizeof browser, "%s 'open", in_folder("browser"));
    CHECK(open_browser(browser) == MOIDC_E_STORAGE);
    snprintf(browser, sizeof browser, "%s 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2",
             in_folder("browser"));
    CHECK(open_browser(browser) == MOIDC_E_STORAGE); /* too many words */
}

static void test_only_http_urls_are_opened(void)
{
    static const char *const urls[] = {
        "",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "-version",
        "--new-window",
        "ftp://h/",
        "http:",
        "https:",
        "http:///x",
        "data:text/html,<p>",
        " http://h/",
        "//h/x",
        "https://h/ x",
        "http://h/\n--flag",
        "https://h/\x1b]0;title\a",
    };
    char browser[512];

    write_teller("browser");
    snprintf(browser, sizeof browser, "BROWSER=%s", in_folder("browser"));
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        const char *variables[] = {browser, NULL};

        CHECK(open_with(variables, urls[i]) == MOIDC_E_PROTOCOL);
    }
    usleep(50000);
    CHECK(access(in_folder("note"), F_OK) != 0);
}

static void test_environment_is_passed_on_without_its_secrets(void)
{
    char browser[256];
    char body[256];
    const char *variables[] = {browser,
                               "PATH=/usr/bin:/bin",
                               "DISPLAY=:7",
                               "MLFLOW_TRACKING_URI=https://mlflow.example",
                               "MLFLOW_TRACKING_OIDC_CLIENT_SECRET=s3cret-one",
                               "MLFLOW_TRACKING_OIDC_ISSUER=https://issuer.example",
                               "MLFLOW_TRACKING_TOKEN=s3cret-two",
                               "MLFLOW_TRACKING_PASSWORD=s3cret-three",
                               NULL};

    snprintf(browser, sizeof browser, "BROWSER=%s", in_folder("environment"));
    snprintf(body, sizeof body, "env > %s/new\n/bin/mv %s/new %s/note\n", folder, folder, folder);
    write_script("environment", body);
    CHECK(setenv("MOIDC_TEST_OWN", "s3cret-four", 1) == 0); /* of this process, not of the snapshot */
    CHECK(open_with(variables, URL) == MOIDC_OK);
    CHECK(read_note());
    CHECK_CONTAINS(note, "DISPLAY=:7\n");
    CHECK_CONTAINS(note, "MLFLOW_TRACKING_URI=https://mlflow.example\n");
    CHECK(strstr(note, "s3cret") == NULL);
    CHECK(strstr(note, "OIDC") == NULL);
    unsetenv("MOIDC_TEST_OWN");
}

static void test_it_returns_at_once_while_the_browser_runs(void)
{
    int64_t before_ms = now_ms();
    char browser[256];

    write_script("sleeper", "exec sleep 8\n");
    snprintf(browser, sizeof browser, "%s", in_folder("sleeper"));
    CHECK(open_browser(browser) == MOIDC_OK);
    CHECK(now_ms() - before_ms < 6000);
    CHECK(!has_children());
}

static void hear_child(int number)
{
    (void)number;
    children_heard++;
}

static void test_neither_zombie_nor_signal_reaches_the_caller(void)
{
    struct sigaction action = {.sa_handler = hear_child};
    struct sigaction before;

    write_teller("browser");
    sigaction(SIGCHLD, &action, &before);
    children_heard = 0;
    CHECK(open_browser(in_folder("browser")) == MOIDC_OK);
    CHECK(read_note());
    CHECK(open_browser(in_folder("garbage")) == MOIDC_E_STORAGE);
    CHECK(!has_children());
#ifdef __linux__
    CHECK(children_heard == 0);
#endif
    action.sa_handler = SIG_IGN; /* children vanish by themselves: not ours */
    sigaction(SIGCHLD, &action, NULL);
    CHECK(open_browser(in_folder("browser")) == MOIDC_OK);
    CHECK(read_note());
    CHECK(open_browser(in_folder("garbage")) == MOIDC_E_STORAGE);
    sigaction(SIGCHLD, &before, NULL);
}

#ifdef __linux__
/* How it was started, as /proc tells: open descriptors, signals, session, parent. */
static void write_prober(void)
{
    char body[1024];

    snprintf(body, sizeof body,
             "exec 2>&1\n{ for f in 0 1 2 3 4 5 6 7 8 9 40 41 42; do [ -e /proc/$$/fd/$f ] && echo \"fd $f "
             "$(readlink /proc/$$/fd/$f)\"; done; while read -r line; do case \"$line\" in SigBlk*|SigIgn*) echo "
             "\"$line\";; esac; done "
             "< /proc/$$/status; echo \"stat $(cut -d' ' -f 5,6,7 /proc/$$/stat) pid $$\"; } > %s/new\n/bin/mv %s/new "
             "%s/note\n",
             folder, folder, folder);
    write_script("prober", body);
}

static void check_probe(void)
{
    int group;
    int session;
    int terminal;
    int pid;
    const char *stat;

    CHECK(read_note());
    CHECK_CONTAINS(note, "fd 0 /dev/null\n");
    CHECK(strstr(note, "fd 3 ") == NULL && strstr(note, "fd 4") == NULL && strstr(note, "secret") == NULL);
    CHECK_CONTAINS(note, "SigBlk:\t0000000000000000\n");
    CHECK_CONTAINS(note, "SigIgn:\t0000000000000000\n");
    stat = strstr(note, "stat ");
    CHECK(stat != NULL && sscanf(stat, "stat %d %d %d pid %d", &group, &session, &terminal, &pid) == 4);
    if (stat != NULL) {
        CHECK(session != getsid(0) && session != pid && terminal == 0);
    }
}

static void test_no_descriptor_signal_or_terminal_is_inherited(void)
{
    struct sigaction action = {.sa_handler = SIG_IGN};
    struct sigaction before;
    sigset_t blocked;
    sigset_t mask_before;
    sigset_t mask_after;
    int secret = open(in_folder("secret"), O_RDWR | O_CREAT, 0600); /* without O_CLOEXEC */

    write_prober();
    CHECK(dup2(secret, 40) == 40 && dup2(secret, 41) == 41);
    sigaction(SIGPIPE, &action, &before); /* as Python does */
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &blocked, &mask_before);
    CHECK(open_browser(in_folder("prober")) == MOIDC_OK);
    check_probe();
    pthread_sigmask(SIG_SETMASK, &mask_before, &mask_after);
    CHECK(sigismember(&mask_after, SIGTERM) == 1 && sigismember(&mask_after, SIGINT) == 0);
    sigaction(SIGPIPE, &before, NULL);
    close(40);
    close(41);
    close(secret);
}

/* A service may have been started with 0, 1 and 2 closed: the pipe between parent and child then has such a number. */
static void test_it_works_without_standard_descriptors(void)
{
    int kept[3];

    write_prober();
    for (int fd = 0; fd < 3; fd++) {
        kept[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 50);
        close(fd);
    }
    for (int i = 0; i < 2; i++) {
        enum moidc_code rc = open_browser(in_folder(i == 0 ? "prober" : "garbage"));

        for (int fd = 0; fd < 3; fd++) {
            CHECK(i == 0 || fcntl(fd, F_GETFD) < 0);
        }
        CHECK(rc == (i == 0 ? MOIDC_OK : MOIDC_E_STORAGE));
        if (i == 0) {
            check_probe();
        }
    }
    for (int fd = 0; fd < 3; fd++) {
        CHECK(kept[fd] < 0 || dup2(kept[fd], fd) == fd);
        close(kept[fd]);
    }
}

static int descriptors(void)
{
    DIR *listing = opendir("/proc/self/fd");
    int count = 0;

    while (readdir(listing) != NULL) {
        count++;
    }
    closedir(listing);
    return count;
}

static void test_no_descriptor_stays_open_here(void)
{
    int before = descriptors();

    write_teller("browser");
    CHECK(open_browser(in_folder("browser")) == MOIDC_OK);
    CHECK(read_note());
    CHECK(open_browser(in_folder("garbage")) == MOIDC_E_STORAGE);
    CHECK(descriptors() == before);
}
#endif

/* malloc's lock is held by some other thread most of the time: a child that allocates would hang. */
static atomic_bool threads_stop;

static void *allocate_for_ever(void *unused)
{
    while (!threads_stop) {
        mem_free(mem_alloc(64));
    }
    return unused;
}

static void test_it_starts_while_other_threads_hold_locks(void)
{
    pthread_t threads[4];
    int64_t before_ms = now_ms();

    write_teller("browser");
    threads_stop = false;
    for (size_t i = 0; i < 4; i++) {
        CHECK(pthread_create(&threads[i], NULL, allocate_for_ever, NULL) == 0);
    }
    for (int i = 0; i < 20; i++) {
        CHECK(open_browser(in_folder("browser")) == MOIDC_OK);
        CHECK(read_note());
    }
    threads_stop = true;
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    CHECK(now_ms() - before_ms < 30000);
}

static bool available(const char *a, const char *b)
{
    const char *variables[] = {a, b, NULL};
    struct moidc_env *env = NULL;
    bool found;

    CHECK(moidc_env_new(variables, &env, &err) == MOIDC_OK);
    found = browser_available(env);
    moidc_env_free(env);
    return found;
}

static void test_a_browser_is_available_where_one_can_be_shown(void)
{
    char path[256];

    snprintf(path, sizeof path, "PATH=%s", folder);
    CHECK(available("BROWSER=anything", "PATH=/nowhere"));
    CHECK(!available("BROWSER=", "PATH=/nowhere"));
    CHECK(!browser_available(NULL));
#ifndef __APPLE__
    unlink(in_folder("sensible-browser"));
    CHECK(!available("DISPLAY=:0", path));
    write_teller("x-www-browser");
    CHECK(available("DISPLAY=:0", path));
    CHECK(available("WAYLAND_DISPLAY=wayland-0", path));
    CHECK(!available("DISPLAY=", path));
    CHECK(!available("TERM=xterm", path));
    chmod(in_folder("x-www-browser"), 0600);
    CHECK(!available("DISPLAY=:0", path));
    unlink(in_folder("x-www-browser"));
#endif
}

#ifdef MOIDC_FAIL_ALLOC
static void test_every_failed_allocation_is_reported(void)
{
    char browser[512];
    const char *variables[] = {browser, "PATH=/usr/bin:/bin", NULL};
    struct moidc_env *env = NULL;
    enum moidc_code rc = MOIDC_E_MEMORY;
    unsigned long n = 0;
    int succeeded = 0;

    write_teller("browser");
    snprintf(browser, sizeof browser, "BROWSER=no-such-program-x:%s --new", in_folder("browser"));
    CHECK(moidc_env_new(variables, &env, &err) == MOIDC_OK);
    while (rc != MOIDC_OK && n < 100) {
        mem_fail_at(++n, 0);
        rc = browser_open(env, URL, &err);
        mem_fail_at(0, 0);
        CHECK(rc == MOIDC_OK || (rc == MOIDC_E_MEMORY && err.code == rc));
        if (rc == MOIDC_OK) {
            /* The list of what was tried, for a message that is not needed now, may be lost. */
            CHECK(read_note());
            succeeded++;
            rc = succeeded < 3 ? MOIDC_E_MEMORY : rc;
        }
    }
    CHECK(n > 10 && n < 100);
    moidc_env_free(env);
}
#endif

static void remove_folder(void)
{
    DIR *listing = opendir(folder);
    struct dirent *entry;

    while (listing != NULL && (entry = readdir(listing)) != NULL) {
        unlinkat(dirfd(listing), entry->d_name, 0);
    }
    if (listing != NULL) {
        closedir(listing);
    }
    rmdir(folder);
}

int main(void)
{
    strcpy(folder, "/tmp/moidc-test-browser-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return 1;
    }
    alarm(280);
    RUN(test_url_arrives_as_one_argument_untouched_by_a_shell);
    RUN(test_a_shell_that_browser_names_finds_nothing_to_run);
    RUN(test_words_and_quotes_are_told_apart);
    RUN(test_percent_s_stands_for_the_url);
    RUN(test_percent_s_in_quotes_stays_one_argument);
    RUN(test_ampersand_at_the_end_is_no_argument);
    RUN(test_first_command_that_can_be_started_is_taken);
    RUN(test_command_that_the_system_refuses_makes_room_for_the_next);
    RUN(test_name_is_looked_up_on_path);
    RUN(test_working_directory_is_no_part_of_path);
    RUN(test_desktop_opener_is_used_without_browser_variable);
    RUN(test_nothing_to_start_is_an_error_that_names_what_was_tried);
    RUN(test_open_quote_starts_nothing);
    RUN(test_only_http_urls_are_opened);
    RUN(test_environment_is_passed_on_without_its_secrets);
    RUN(test_it_returns_at_once_while_the_browser_runs);
    RUN(test_neither_zombie_nor_signal_reaches_the_caller);
#ifdef __linux__
    RUN(test_no_descriptor_signal_or_terminal_is_inherited);
    RUN(test_it_works_without_standard_descriptors);
    RUN(test_no_descriptor_stays_open_here);
#endif
    RUN(test_it_starts_while_other_threads_hold_locks);
    RUN(test_a_browser_is_available_where_one_can_be_shown);
#ifdef MOIDC_FAIL_ALLOC
    RUN(test_every_failed_allocation_is_reported);
#endif
    remove_folder();
    return check_summary();
}
