/* SPDX-License-Identifier: MIT */
#include "io/lock.h"

#include "scratch.h"

#include <signal.h>
#include <sys/wait.h>

static struct cache_dir *dir;

static void begin(void)
{
    scratch_begin();
    dir = open_scratch();
}

static void end(void)
{
    cache_dir_close(dir);
    scratch_end();
}

static enum lock_state try_lock(struct lock **ret)
{
    *ret = NULL;
    return lock_try(dir, "x.lock", ret, &err);
}

/* A child that takes the lock, with a note, says so, and holds it until it is killed. */
static pid_t start_holder(void)
{
    int ready[2];
    char byte = 0;
    pid_t child;

    CHECK(pipe(ready) == 0);
    child = fork();
    if (child == 0) {
        struct lock *lock;

        if (try_lock(&lock) != LOCK_TAKEN) {
            _exit(1);
        }
        lock_note_write(lock, "from the child", 14);
        if (write(ready[1], "r", 1) != 1) {
            _exit(1);
        }
        for (;;) {
            pause();
        }
    }
    CHECK(read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    close(ready[1]);
    return child;
}

/* How another process finds the lock. */
static enum lock_state state_in_child(void)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        struct lock *lock;

        _exit((int)try_lock(&lock));
    }
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
    return (enum lock_state)WEXITSTATUS(status);
}

static void test_one_process_has_it_at_a_time(void)
{
    struct lock *lock;

    begin();
    CHECK(try_lock(&lock) == LOCK_TAKEN);
    CHECK(state_in_child() == LOCK_BUSY);
    lock_release(lock);
    CHECK(state_in_child() == LOCK_TAKEN);
    CHECK(try_lock(&lock) == LOCK_TAKEN); /* that child is gone, and its lock with it */
    lock_release(lock);
    lock_release(NULL);
    end();
}

static void test_two_clients_in_one_process_exclude_each_other(void)
{
    struct lock *lock;
    struct lock *second;

    begin();
    CHECK(try_lock(&lock) == LOCK_TAKEN);
    CHECK(try_lock(&second) == LOCK_BUSY && second == NULL);
    CHECK(state_in_child() == LOCK_BUSY); /* closing the second descriptor did not end it */
    lock_release(lock);
    CHECK(try_lock(&second) == LOCK_TAKEN);
    lock_release(second);
    end();
}

static void test_names_are_locked_by_themselves(void)
{
    struct lock *lock;
    struct lock *other = NULL;

    begin();
    CHECK(try_lock(&lock) == LOCK_TAKEN && lock_try(dir, "y.lock", &other, &err) == LOCK_TAKEN);
    lock_release(lock);
    lock_release(other);
    end();
}

static void test_lock_ends_with_kill_9_and_its_note_stays(void)
{
    CLEANUP(strbuf_free) struct strbuf note = STRBUF_INIT(8192);
    struct lock *lock;
    pid_t child;

    begin();
    child = start_holder();
    CHECK(try_lock(&lock) == LOCK_BUSY);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    CHECK(try_lock(&lock) == LOCK_TAKEN);
    lock_note_read(lock, &note);
    CHECK_TEXT(strbuf_text(&note), "from the child");
    lock_release(lock);
    end();
}

static void test_note_is_replaced_as_a_whole(void)
{
    CLEANUP(strbuf_free) struct strbuf note = STRBUF_INIT(8192);
    struct lock *lock;

    begin();
    CHECK(try_lock(&lock) == LOCK_TAKEN);
    lock_note_read(lock, &note);
    CHECK(note.length == 0);
    lock_note_write(lock, "a long note", 11);
    lock_note_write(lock, "short", 5);
    lock_release(lock);
    CHECK(try_lock(&lock) == LOCK_TAKEN);
    lock_note_read(lock, &note);
    CHECK_TEXT(strbuf_text(&note), "short");
    lock_note_clear(lock);
    strbuf_free(&note);
    lock_note_read(lock, &note);
    CHECK(note.length == 0);
    lock_release(lock);
    end();
}

static void test_no_note_is_cleared_without_a_write(void)
{
    const struct timespec long_ago[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
    struct lock *lock;
    struct stat about;

    begin();
    CHECK(try_lock(&lock) == LOCK_TAKEN);
    CHECK(utimensat(AT_FDCWD, in_scratch("mlflow-oidc-client/x.lock"), long_ago, 0) == 0);
    lock_note_clear(lock);
    CHECK(stat(in_scratch("mlflow-oidc-client/x.lock"), &about) == 0 && about.st_mtime == 1000000);
    lock_note_write(lock, "a note", 6);
    lock_note_clear(lock);
    CHECK(stat(in_scratch("mlflow-oidc-client/x.lock"), &about) == 0 && about.st_size == 0 &&
          about.st_mtime != 1000000);
    lock_release(lock);
    end();
}

static void test_child_that_forgets_leaves_the_parents_lock(void)
{
    struct lock *lock;
    int status = 0;
    pid_t child;

    begin();
    CHECK(try_lock(&lock) == LOCK_TAKEN);
    child = fork();
    if (child == 0) {
        lock_forget(lock);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(state_in_child() == LOCK_BUSY);
    lock_release(lock);
    CHECK(state_in_child() == LOCK_TAKEN);
    lock_forget(NULL);
    end();
}

static void test_release_counts_although_a_child_still_has_the_file(void)
{
    int hold[2];
    struct lock *lock;
    pid_t child;

    begin();
    CHECK(pipe(hold) == 0 && try_lock(&lock) == LOCK_TAKEN);
    child = fork();
    if (child == 0) {
        char byte;

        close(hold[1]);
        _exit(read(hold[0], &byte, 1) == 0 ? 0 : 1); /* holds the open file until the parent is done */
    }
    lock_release(lock);
    CHECK(state_in_child() == LOCK_TAKEN);
    close(hold[0]);
    close(hold[1]);
    waitpid(child, NULL, 0);
    end();
}

static void test_files_that_are_not_ours_alone_are_refused(void)
{
    struct lock *lock;

    begin();
    CHECK(symlink("elsewhere", in_scratch("mlflow-oidc-client/x.lock")) == 0);
    CHECK(try_lock(&lock) == LOCK_REFUSED && err.code == MOIDC_E_STORAGE && lock == NULL);
    CHECK(unlink(in_scratch("mlflow-oidc-client/x.lock")) == 0);
    put_file(in_scratch("mlflow-oidc-client/x.lock"), "", 0666);
    CHECK(try_lock(&lock) == LOCK_REFUSED && err.code == MOIDC_E_STORAGE);
    CHECK(unlink(in_scratch("mlflow-oidc-client/x.lock")) == 0);
    CHECK(mkfifo(in_scratch("mlflow-oidc-client/x.lock"), 0600) == 0);
    CHECK(try_lock(&lock) == LOCK_REFUSED && err.code == MOIDC_E_STORAGE);
    end();
}

static void test_memory_that_is_out_is_told(void)
{
    struct lock *lock;

    begin();
    mem_fail_at(1, 0);
    CHECK(try_lock(&lock) == LOCK_REFUSED && err.code == MOIDC_E_MEMORY && lock == NULL);
    mem_fail_at(0, 0);
    end();
}

enum { CHILDREN = 8, ROUNDS = 25 };

static void test_counter_under_the_lock_loses_nothing(void)
{
    CLEANUP(strbuf_free) struct strbuf note = STRBUF_INIT(100);
    struct lock *lock;

    begin();
    for (int i = 0; i < CHILDREN; i++) {
        if (fork() == 0) {
            for (int done = 0; done < ROUNDS;) {
                struct strbuf text = STRBUF_INIT(100);
                char next[32];

                if (try_lock(&lock) != LOCK_TAKEN) {
                    usleep(200);
                    continue;
                }
                lock_note_read(lock, &text);
                snprintf(next, sizeof next, "%d", atoi(strbuf_text(&text)) + 1);
                lock_note_write(lock, next, strlen(next));
                lock_release(lock);
                strbuf_free(&text);
                done++;
            }
            _exit(0);
        }
    }
    for (int i = 0; i < CHILDREN; i++) {
        wait(NULL);
    }
    CHECK(try_lock(&lock) == LOCK_TAKEN);
    lock_note_read(lock, &note);
    CHECK(atoi(strbuf_text(&note)) == CHILDREN * ROUNDS);
    lock_release(lock);
    end();
}

int main(void)
{
    RUN(test_one_process_has_it_at_a_time);
    RUN(test_two_clients_in_one_process_exclude_each_other);
    RUN(test_names_are_locked_by_themselves);
    RUN(test_lock_ends_with_kill_9_and_its_note_stays);
    RUN(test_note_is_replaced_as_a_whole);
    RUN(test_no_note_is_cleared_without_a_write);
    RUN(test_child_that_forgets_leaves_the_parents_lock);
    RUN(test_release_counts_although_a_child_still_has_the_file);
    RUN(test_files_that_are_not_ours_alone_are_refused);
    RUN(test_memory_that_is_out_is_told);
    RUN(test_counter_under_the_lock_loses_nothing);
    return check_summary();
}
