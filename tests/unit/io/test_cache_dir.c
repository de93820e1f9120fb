/* SPDX-License-Identifier: MIT */
#include "io/cache_dir.h"

#include "scratch.h"

#include <signal.h>
#include <sys/wait.h>

static void check_unusable(const char *cache_home, const char *reason)
{
    struct cache_dir *dir = open_below(cache_home);

    CHECK(dir == NULL && err.code == MOIDC_E_STORAGE);
    CHECK_CONTAINS(err.what, reason);
    CHECK(err.next[0] != '\0');
    cache_dir_close(dir);
}

/* Checks that reading `name` is refused for `reason` and that nothing of it is taken. */
static void check_unreadable(const struct cache_dir *dir, const char *name, const char *reason)
{
    CLEANUP(strbuf_free) struct strbuf bytes = STRBUF_INIT(1000);
    bool absent = true;

    CHECK(cache_dir_read(dir, name, &bytes, &absent, &err) == MOIDC_E_STORAGE && !absent);
    CHECK_CONTAINS(err.what, reason);
    CHECK_CONTAINS(err.where, name);
}

static void check_content(const struct cache_dir *dir, const char *name, const char *expected)
{
    CLEANUP(strbuf_free) struct strbuf bytes = STRBUF_INIT(1000);
    bool absent = true;

    CHECK(cache_dir_read(dir, name, &bytes, &absent, &err) == MOIDC_OK && !absent);
    CHECK_TEXT(strbuf_text(&bytes), expected);
}

#define FOLDER "mlflow-oidc-client"

static void test_missing_folders_are_made_for_the_user_alone(void)
{
    struct cache_dir *dir;
    mode_t before = umask(0);

    scratch_begin();
    dir = open_below(in_scratch("a/b"));
    umask(before);
    CHECK(dir != NULL);
    CHECK_TEXT(cache_dir_path(dir), in_scratch("a/b/" FOLDER));
    CHECK(mode_of(in_scratch("a")) == 0700 && mode_of(in_scratch("a/b/" FOLDER)) == 0700);
    cache_dir_close(dir);
    dir = open_below(in_scratch("a/b"));
    CHECK(dir != NULL);
    cache_dir_close(dir);
    scratch_end();
}

static void test_folder_open_to_others_is_closed_to_them(void)
{
    scratch_begin();
    CHECK(mkdir(in_scratch(FOLDER), 0755) == 0 && chmod(in_scratch(FOLDER), 0777) == 0);
    cache_dir_close(open_scratch());
    CHECK(mode_of(in_scratch(FOLDER)) == 0700);
    scratch_end();
}

static void test_link_file_and_fifo_are_no_folder(void)
{
    scratch_begin();
    CHECK(mkdir(in_scratch("real"), 0700) == 0 && symlink("real", in_scratch(FOLDER)) == 0);
    check_unusable(scratch, "it is a link or no folder");
    CHECK(unlink(in_scratch(FOLDER)) == 0);
    put_file(in_scratch(FOLDER), "x", 0600);
    check_unusable(scratch, "it is a link or no folder");
    CHECK(unlink(in_scratch(FOLDER)) == 0 && mkfifo(in_scratch(FOLDER), 0600) == 0);
    check_unusable(scratch, "it is a link or no folder");
    put_file(in_scratch("file"), "x", 0600);
    check_unusable(in_scratch("file"), "it is a link or no folder");
    scratch_end();
}

static void test_folder_of_another_user_is_refused(void)
{
    if (geteuid() != 0) {
        return; /* only root can give a folder away */
    }
    scratch_begin();
    CHECK(mkdir(in_scratch(FOLDER), 0700) == 0 && chown(in_scratch(FOLDER), 12345, 12345) == 0);
    check_unusable(scratch, "it belongs to another user");
    scratch_end();
}

static void test_home_is_used_where_no_cache_home_is(void)
{
    char home[128];
    const char *variables[] = {home, "XDG_CACHE_HOME=relative", NULL};
    struct moidc_env *env;
    struct cache_dir *dir = NULL;

    scratch_begin();
    snprintf(home, sizeof home, "HOME=%s", scratch);
    env = env_of(variables);
    CHECK(cache_dir_open(env, &dir, &err) == MOIDC_OK); /* XDG: a relative path is to be ignored */
    CHECK_TEXT(cache_dir_path(dir), in_scratch(".cache/" FOLDER));
    cache_dir_close(dir);
    moidc_env_free(env);
    scratch_end();
}

static void test_written_bytes_are_read_again(void)
{
    struct cache_dir *dir;
    CLEANUP(strbuf_free) struct strbuf bytes = STRBUF_INIT(1000);
    mode_t before = umask(0);
    bool absent = false;
    bool removed = true;

    scratch_begin();
    dir = open_scratch();
    CHECK(cache_dir_read(dir, "f.json", &bytes, &absent, &err) == MOIDC_OK && absent);
    CHECK(cache_dir_remove(dir, "f.json", &removed, &err) == MOIDC_OK && !removed);
    CHECK(cache_dir_write(dir, "f.json", "one", 3, &err) == MOIDC_OK);
    check_content(dir, "f.json", "one");
    CHECK(cache_dir_write_durably(dir, "f.json", "two", 3, &err) == MOIDC_OK);
    check_content(dir, "f.json", "two");
    CHECK(cache_dir_write(dir, "f.json", "", 0, &err) == MOIDC_OK);
    check_content(dir, "f.json", "");
    CHECK(mode_of(in_scratch(FOLDER "/f.json")) == 0600);
    CHECK(access(in_scratch(FOLDER "/f.json.new"), F_OK) != 0);
    CHECK(cache_dir_remove(dir, "f.json", &removed, &err) == MOIDC_OK && removed);
    umask(before);
    cache_dir_close(dir);
    scratch_end();
}

static void test_only_a_file_of_the_user_alone_is_read(void)
{
    struct cache_dir *dir;

    scratch_begin();
    dir = open_scratch();
    put_file(in_scratch("elsewhere"), "x", 0600);
    CHECK(symlink("../elsewhere", in_scratch(FOLDER "/link")) == 0);
    check_unreadable(dir, "link", strerror(ELOOP));
    CHECK(link(in_scratch("elsewhere"), in_scratch(FOLDER "/hard")) == 0);
    check_unreadable(dir, "hard", "hard link");
    CHECK(mkfifo(in_scratch(FOLDER "/fifo"), 0600) == 0);
    check_unreadable(dir, "fifo", "no regular file"); /* and nobody waits for its writer */
    CHECK(mkdir(in_scratch(FOLDER "/folder"), 0700) == 0);
    check_unreadable(dir, "folder", "no regular file");
    put_file(in_scratch(FOLDER "/group"), "x", 0620);
    check_unreadable(dir, "group", "other users can write it");
    put_file(in_scratch(FOLDER "/world"), "x", 0602);
    check_unreadable(dir, "world", "other users can write it");
    if (geteuid() == 0) {
        put_file(in_scratch(FOLDER "/other"), "x", 0600);
        CHECK(chown(in_scratch(FOLDER "/other"), 12345, 12345) == 0);
        check_unreadable(dir, "other", "another user");
    }
    cache_dir_close(dir);
    scratch_end();
}

static void test_file_that_others_can_read_is_closed_to_them(void)
{
    struct cache_dir *dir;

    scratch_begin();
    dir = open_scratch();
    put_file(in_scratch(FOLDER "/f"), "x", 0644);
    check_content(dir, "f", "x");
    CHECK(mode_of(in_scratch(FOLDER "/f")) == 0600);
    cache_dir_close(dir);
    scratch_end();
}

static void test_file_that_is_too_large_is_refused(void)
{
    struct cache_dir *dir;
    char bytes[1002];

    scratch_begin();
    dir = open_scratch();
    memset(bytes, 'x', sizeof bytes - 1);
    bytes[1001] = '\0';
    put_file(in_scratch(FOLDER "/f"), bytes, 0600);
    check_unreadable(dir, "f", "too large");
    bytes[1000] = '\0';
    put_file(in_scratch(FOLDER "/f"), bytes, 0600);
    check_content(dir, "f", bytes);
    cache_dir_close(dir);
    scratch_end();
}

static void test_writing_replaces_links_and_not_what_they_name(void)
{
    struct cache_dir *dir;
    struct stat status;
    char content[8] = "";
    int fd;

    scratch_begin();
    dir = open_scratch();
    put_file(in_scratch("victim"), "mine", 0600);
    CHECK(symlink("../victim", in_scratch(FOLDER "/f")) == 0);
    CHECK(symlink("../victim", in_scratch(FOLDER "/f.new")) == 0);
    CHECK(cache_dir_write(dir, "f", "token", 5, &err) == MOIDC_OK);
    CHECK(lstat(in_scratch(FOLDER "/f"), &status) == 0 && S_ISREG(status.st_mode));
    check_content(dir, "f", "token");
    fd = open(in_scratch("victim"), O_RDONLY);
    CHECK(read(fd, content, sizeof content) == 4 && memcmp(content, "mine", 4) == 0);
    close(fd);
    cache_dir_close(dir);
    scratch_end();
}

static void test_folder_in_the_files_place_is_told(void)
{
    struct cache_dir *dir;
    bool removed = true;

    scratch_begin();
    dir = open_scratch();
    CHECK(mkdir(in_scratch(FOLDER "/f"), 0700) == 0);
    CHECK(cache_dir_write(dir, "f", "token", 5, &err) == MOIDC_E_STORAGE);
    CHECK(access(in_scratch(FOLDER "/f.new"), F_OK) != 0);
    CHECK(cache_dir_remove(dir, "f", &removed, &err) == MOIDC_E_STORAGE && !removed);
    cache_dir_close(dir);
    scratch_end();
}

static void test_killed_writer_leaves_old_or_new_bytes(void)
{
    struct cache_dir *dir;
    char many[900];

    scratch_begin();
    dir = open_scratch();
    for (int round = 0; round < 20; round++) {
        CLEANUP(strbuf_free) struct strbuf bytes = STRBUF_INIT(1000);
        bool absent = true;
        pid_t child;

        CHECK(cache_dir_write(dir, "f", "old", 3, &err) == MOIDC_OK);
        child = fork();
        if (child == 0) {
            memset(many, 'n', sizeof many);
            for (;;) {
                enum moidc_code rc = round % 2 == 0 ? cache_dir_write(dir, "f", many, sizeof many, &err)
                                                    : cache_dir_write_durably(dir, "f", many, sizeof many, &err);

                if (rc != MOIDC_OK) {
                    _exit(1);
                }
            }
        }
        usleep(1000 * (useconds_t)(round % 7));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        CHECK(cache_dir_read(dir, "f", &bytes, &absent, &err) == MOIDC_OK && !absent);
        CHECK(strcmp(strbuf_text(&bytes), "old") == 0 || bytes.length == sizeof many);
    }
    put_file(in_scratch(FOLDER "/f.new"), "half", 0600);
    CHECK(cache_dir_write(dir, "f", "next", 4, &err) == MOIDC_OK); /* what was left behind hinders nobody */
    check_content(dir, "f", "next");
    CHECK(access(in_scratch(FOLDER "/f.new"), F_OK) != 0);
    cache_dir_close(dir);
    scratch_end();
}

static void test_every_failing_allocation_is_told(void)
{
    scratch_begin();
    cache_dir_close(open_scratch());
    for (unsigned long n = 1;; n++) {
        char variable[128];
        const char *variables[] = {variable, NULL};
        struct moidc_env *env;
        struct cache_dir *dir = NULL;
        unsigned long count;
        enum moidc_code rc;

        snprintf(variable, sizeof variable, "XDG_CACHE_HOME=%s", scratch);
        env = env_of(variables);
        mem_fail_at(n, 0);
        rc = cache_dir_open(env, &dir, &err);
        count = mem_fail_at(0, 0);
        CHECK(rc == (count < n ? MOIDC_OK : MOIDC_E_MEMORY));
        cache_dir_close(dir);
        moidc_env_free(env);
        if (count < n) {
            break;
        }
    }
    scratch_end();
}

int main(void)
{
    RUN(test_missing_folders_are_made_for_the_user_alone);
    RUN(test_folder_open_to_others_is_closed_to_them);
    RUN(test_link_file_and_fifo_are_no_folder);
    RUN(test_folder_of_another_user_is_refused);
    RUN(test_home_is_used_where_no_cache_home_is);
    RUN(test_written_bytes_are_read_again);
    RUN(test_only_a_file_of_the_user_alone_is_read);
    RUN(test_file_that_others_can_read_is_closed_to_them);
    RUN(test_file_that_is_too_large_is_refused);
    RUN(test_writing_replaces_links_and_not_what_they_name);
    RUN(test_folder_in_the_files_place_is_told);
    RUN(test_killed_writer_leaves_old_or_new_bytes);
    RUN(test_every_failing_allocation_is_told);
    return check_summary();
}
