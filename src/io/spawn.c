/* SPDX-License-Identifier: MIT */
#include "io/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REPORT_FD = 3, CLOSE_LOOP_MOST = 65536 };

/* All that the child needs, made before the fork. */
struct start {
    const struct spawn *spawn;
    int report;  /* where errno of what failed is written; closed by a successful exec */
    int last_fd; /* for the loop that closes descriptors where the system cannot */
};

static bool is_secret(const char *variable)
{
    static const char *const secrets[] = {"MLFLOW_TRACKING_OIDC_",
                                          "MLFLOW_TRACKING_TOKEN=", "MLFLOW_TRACKING_PASSWORD="};

    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        if (strncmp(variable, secrets[i], strlen(secrets[i])) == 0) {
            return true;
        }
    }
    return false;
}

char **spawn_variables(const struct moidc_env *env)
{
    char *const *all = env != NULL ? env_all(env) : NULL;
    size_t count = 0;
    size_t kept = 0;
    char **variables;

    while (all != NULL && all[count] != NULL) {
        count++;
    }
    variables = mem_zalloc((count + 1) * sizeof *variables);
    for (size_t i = 0; variables != NULL && i < count; i++) {
        if (!is_secret(all[i])) {
            variables[kept++] = all[i];
        }
    }
    return variables;
}

/* fork() without its handlers, which may take locks that other threads hold; what the child does then must be
 * async-signal-safe (signal-safety(7)). On Linux the child's end sends no signal if `quiet`: a SIGCHLD handler of the
 * caller hears nothing, and its waitpid(-1) does not find the child. */
static pid_t fork_bare(bool quiet)
{
#ifdef __linux__
    return (pid_t)syscall(SYS_clone, quiet ? 0L : (long)SIGCHLD, 0L, 0L, 0L, 0L);
#else
    (void)quiet;
    return fork();
#endif
}

#ifdef __linux__
enum { WAIT_OPTIONS = __WALL }; /* finds quiet ones too */
#else
enum { WAIT_OPTIONS = 0 };
#endif

static void wait_for_child(pid_t pid)
{
    while (waitpid(pid, NULL, WAIT_OPTIONS) < 0 && errno == EINTR) {
    }
}

bool spawn_has_ended(pid_t pid, int *status)
{
    pid_t found;

    while ((found = waitpid(pid, status, WAIT_OPTIONS | WNOHANG)) < 0 && errno == EINTR) {
    }
    if (found < 0) {
        *status = -1; /* somebody else has waited for it: how it ended is not known */
    }
    return found != 0;
}

void spawn_kill(pid_t pid)
{
    kill(-pid, SIGKILL);
    kill(pid, SIGKILL); /* it may not have come to a group of its own yet */
    wait_for_child(pid);
}

static void close_from(int first, int last)
{
#ifdef __linux__
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
    if (syscall(SYS_close_range, (unsigned)first, ~0U, 0U) == 0) {
        return;
    }
#endif
    for (int fd = first; fd <= last; fd++) {
        close(fd);
    }
}

/* In a child: tells the parent what failed, and ends. */
static _Noreturn void report_and_exit(int report, int error)
{
    ssize_t written = write(report, &error, sizeof error);

    _exit(written == (ssize_t)sizeof error ? 127 : 126);
}

/* In a child: what was ignored, blocked or handled is not the program's concern. */
static void reset_signals(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int number = 1; number < NSIG; number++) {
        sigaction(number, &action, NULL);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In a child: out of the way of 0 to 3, since the caller may have been started with some of these closed. */
static int move_up(int fd)
{
    return fcntl(fd, F_DUPFD, REPORT_FD + 1);
}

/* In the child that is to be it: becomes the program. */
static _Noreturn void become(const struct start *start)
{
    const struct spawn *spawn = start->spawn;
    int report = move_up(start->report);
    int null = move_up(open("/dev/null", O_RDWR));
    int in = spawn->in >= 0 ? move_up(spawn->in) : null;
    int out = spawn->out >= 0 ? move_up(spawn->out) : null;

    if (report < 0 || null < 0 || in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(null, 2) < 0 ||
        dup2(report, REPORT_FD) < 0 || fcntl(REPORT_FD, F_SETFD, FD_CLOEXEC) < 0) {
        report_and_exit(start->report, errno);
    }
    close_from(REPORT_FD + 1, start->last_fd);
    reset_signals();
    execve(spawn->program, spawn->words, spawn->variables);
    report_and_exit(REPORT_FD, errno);
}

static void leave_session(const struct start *start)
{
    if (setsid() < 0) {
        report_and_exit(start->report, errno);
    }
}

/* In the child of a detached start, which ends at once so that the program is not this process's to wait for: in a
 * session of its own, and no leader of it, who could get a terminal. */
static _Noreturn void start_grandchild(const struct start *start)
{
    pid_t pid;

    leave_session(start);
    pid = fork_bare(false);
    if (pid == 0) {
        become(start);
    }
    if (pid < 0) {
        report_and_exit(start->report, errno);
    }
    _exit(0);
}

static int open_report(int *ends)
{
#ifdef __linux__
    return pipe2(ends, O_CLOEXEC);
#else
    return pipe(ends) != 0 || fcntl(ends[0], F_SETFD, FD_CLOEXEC) != 0 || fcntl(ends[1], F_SETFD, FD_CLOEXEC) != 0 ? -1
                                                                                                                   : 0;
#endif
}

static int last_descriptor(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > CLOSE_LOOP_MOST) {
        return CLOSE_LOOP_MOST;
    }
    return (int)limit.rlim_cur;
}

/* Forks with all signals blocked, so that no handler of the caller's runs in the child. */
static pid_t fork_to_start(const struct start *start, bool detached)
{
    sigset_t all;
    sigset_t before;
    pid_t pid;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    pid = fork_bare(true);
    if (pid == 0) {
        if (detached) {
            start_grandchild(start);
        }
        leave_session(start);
        become(start);
    }
    error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return pid;
}

/* What the child reports: 0 once exec has closed its end. */
static int read_report(int fd)
{
    int reported = 0;
    ssize_t n;

    while ((n = read(fd, &reported, sizeof reported)) < 0 && errno == EINTR) {
    }
    return n == (ssize_t)sizeof reported ? reported : 0;
}

static int start_program(const struct spawn *spawn, bool detached, pid_t *ret)
{
    struct start start = {.spawn = spawn};
    int ends[2];
    int error;
    pid_t pid;

    if (open_report(ends) != 0) {
        return errno;
    }
    start.report = ends[1];
    start.last_fd = last_descriptor();
    pid = fork_to_start(&start, detached);
    error = pid < 0 ? errno : 0;
    close(ends[1]);
    if (pid > 0) {
        if (detached) {
            wait_for_child(pid);
        }
        error = read_report(ends[0]);
        if (error != 0 && !detached) {
            wait_for_child(pid);
        }
    }
    close(ends[0]);
    *ret = pid;
    return error;
}

int spawn_detached(const struct spawn *spawn)
{
    pid_t ignored;

    return start_program(spawn, true, &ignored);
}

int spawn_child(const struct spawn *spawn, pid_t *ret)
{
    return start_program(spawn, false, ret);
}
