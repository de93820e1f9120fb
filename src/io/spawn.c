/* SPDX-License-Identifier: MIT */
#include "io/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

enum { REPORT_FD = 3, CLOSE_LOOP_MOST = 65536, STEP_MOST_MS = 16, KILL_MOST_MS = 1000, KILLED = 128 + SIGKILL };

/* All that the child needs, made before the fork. */
struct start {
    const struct spawn *spawn;
    int report;  /* where errno of what failed is written; closed by a successful exec */
    int last_fd; /* for the loop that closes descriptors where the system cannot */
    int control; /* spawn_watched(): where its end is asked for; -1: it is detached */
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
    long pid = syscall(SYS_clone, quiet ? 0L : (long)SIGCHLD, 0L, 0L, 0L, 0L);

    if (pid < 0 && quiet && errno == EINVAL) {
        /* qemu-user, by which containers for another kind of machine run, knows none without a signal */
        pid = syscall(SYS_clone, (long)SIGCHLD, 0L, 0L, 0L, 0L);
    }
    return (pid_t)pid;
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

static void close_pipe(int *ends)
{
    for (int i = 0; i < 2; i++) {
        if (ends[i] >= 0) {
            close(ends[i]);
            ends[i] = -1;
        }
    }
}

static void wait_for_child(pid_t pid)
{
    while (waitpid(pid, NULL, WAIT_OPTIONS) < 0 && errno == EINTR) {
    }
}

bool spawn_has_ended(struct spawned *spawned, int *status)
{
    int state = 0;
    pid_t found;

    while ((found = waitpid(spawned->pid, &state, WAIT_OPTIONS | WNOHANG)) < 0 && errno == EINTR) {
    }
    if (found == 0) {
        return false;
    }
    *status = found > 0 && WIFEXITED(state) ? WEXITSTATUS(state) : -1;
    close_pipe(spawned->control);
    return true;
}

void spawn_kill(struct spawned *spawned)
{
    int status;
    bool told = write(spawned->control[1], "k", 1) == 1;

    for (int waited_ms = 0; told && waited_ms < KILL_MOST_MS; waited_ms += STEP_MOST_MS) {
        if (spawn_has_ended(spawned, &status)) {
            return;
        }
        poll(NULL, 0, STEP_MOST_MS);
    }
    /* the program hangs in the system: it is left to itself */
    kill(spawned->pid, SIGKILL);
    wait_for_child(spawned->pid);
    close_pipe(spawned->control);
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

/* In a child: what takes nothing and gives nothing. In a sandbox without /dev a pipe that nobody else has does, too. */
static int open_null(void)
{
    int fd = open("/dev/null", O_RDWR);
    int ends[2];

    if (fd < 0 && pipe(ends) == 0) {
        close(ends[1]);
        fd = ends[0];
    }
    return fd;
}

/* In the child that is to be it: becomes the program. */
static _Noreturn void become(const struct start *start)
{
    const struct spawn *spawn = start->spawn;
    int report = move_up(start->report);
    int null = move_up(open_null());
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

/* In the process in between: waits for the program, and kills it when it is told to; its exit status. Only what is
 * async-signal-safe may be called. The kernel gives SIGCHLD back to whatever calls exec: only this process, which does
 * not, can end unheard. */
static int watch(pid_t pid, int control)
{
    struct pollfd order = {.fd = control, .events = POLLIN};
    int options = WNOHANG;
    int step_ms = 1;
    int status = 0;
    char byte;

    while (waitpid(pid, &status, options | WAIT_OPTIONS) <= 0) {
        if (options == 0) {
            return 255; /* it can be waited for no more */
        }
        if (poll(&order, 1, step_ms) > 0) {
            if (read(control, &byte, 1) == 1) {
                kill(-pid, SIGKILL);
                kill(pid, SIGKILL); /* it may not have a group of its own yet */
                wait_for_child(pid);
                return KILLED;
            }
            options = 0; /* nobody is left to tell anything: what it was started for is still to be done */
        }
        step_ms = step_ms < STEP_MOST_MS ? step_ms * 2 : STEP_MOST_MS;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* In the child of a watched start, which has nothing of its parent open but `control`. */
static _Noreturn void start_and_watch(const struct start *start)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    pid_t pid;

    leave_session(start);
    sigaction(SIGCHLD, &action, NULL); /* ignored, the system would take the exit status away */
    pid = fork_bare(true);
    if (pid == 0) {
        setpgid(0, 0);
        become(start);
    }
    if (pid < 0) {
        report_and_exit(start->report, errno);
    }
    setpgid(pid, pid); /* whichever of the two comes first */
    if (dup2(start->control, 0) < 0) {
        _exit(255);
    }
    close_from(1, start->last_fd);
    _exit(watch(pid, 0));
}

static int open_pipe(int *ends)
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
static pid_t fork_to_start(const struct start *start)
{
    sigset_t all;
    sigset_t before;
    pid_t pid;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    pid = fork_bare(true);
    if (pid == 0) {
        if (start->control < 0) {
            start_grandchild(start);
        }
        start_and_watch(start);
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

static int start_program(const struct spawn *spawn, int control, pid_t *ret)
{
    struct start start = {.spawn = spawn, .control = control};
    int ends[2];
    int error;
    pid_t pid;

    if (open_pipe(ends) != 0) {
        return errno;
    }
    start.report = ends[1];
    start.last_fd = last_descriptor();
    pid = fork_to_start(&start);
    error = pid < 0 ? errno : 0;
    close(ends[1]);
    if (pid > 0) {
        if (control < 0) {
            wait_for_child(pid);
        }
        error = read_report(ends[0]);
        if (error != 0 && control >= 0) {
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

    return start_program(spawn, -1, &ignored);
}

int spawn_watched(const struct spawn *spawn, struct spawned *ret)
{
    struct spawned spawned = {.pid = -1, .control = {-1, -1}};
    int error;

    /* the reading end stays open here too, so that writing into it never raises SIGPIPE */
    if (open_pipe(spawned.control) != 0) {
        return errno;
    }
    error = start_program(spawn, spawned.control[0], &spawned.pid);
    if (error != 0) {
        close_pipe(spawned.control);
        return error;
    }
    *ret = spawned;
    return 0;
}
