/* SPDX-License-Identifier: MIT */
#include "io/browser.h"

#include "base/strbuf.h"
#include "base/url.h"
#include "io/browser_command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REPORT_FD = 3, CLOSE_LOOP_MOST = 65536, TRIED_MOST_BYTES = 300, URL_MOST_BYTES = 192 * 1024 };

/* All that the child needs, made before the fork. */
struct start {
    const char *program;
    char *const *words;
    char *const *variables;
    int report;  /* where errno of what failed is written; closed by a successful exec */
    int last_fd; /* for the loop that closes descriptors where the system cannot */
};

bool browser_available(const struct moidc_env *env)
{
    struct browser_command command = {0};
    struct moidc_err err;
    bool found = env_get(env, "BROWSER") != NULL;
    bool more = !found && browser_command_desktop(env);

    for (size_t n = 0; more && !found; n++) {
        more = browser_command_nth(env, "http://localhost/", n, &more, &command, &err) == MOIDC_OK && more;
        found = more && command.program != NULL;
        browser_command_clear(&command);
    }
    return found;
}

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

static void variables_free(char **variables)
{
    mem_free(variables);
}
DEFINE_CLEANUP(char **, variables_free)

/* The variables less the secret ones: an array of borrowed strings. */
static char **variables_for_child(const struct moidc_env *env)
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

static void wait_for_child(pid_t pid)
{
#ifdef __linux__
    const int options = __WALL; /* finds quiet ones too */
#else
    const int options = 0;
#endif

    while (waitpid(pid, NULL, options) < 0 && errno == EINTR) {
    }
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

/* In a child: what was ignored, blocked or handled is not the browser's concern. */
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

/* In the grandchild: becomes the browser. */
static _Noreturn void become(const struct start *start)
{
    /* Out of the way of 0 to 3 first: the caller may have been started with some of these closed. */
    int report = fcntl(start->report, F_DUPFD, REPORT_FD + 1);
    int null = open("/dev/null", O_RDWR);

    if (report < 0 || null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 ||
        dup2(report, REPORT_FD) < 0 || fcntl(REPORT_FD, F_SETFD, FD_CLOEXEC) < 0) {
        report_and_exit(start->report, errno);
    }
    close_from(REPORT_FD + 1, start->last_fd);
    reset_signals();
    execve(start->program, start->words, start->variables);
    report_and_exit(REPORT_FD, errno);
}

/* In the child, which ends at once so that the browser is not this process's to wait for: a session of its own, and no
 * leader of it, who could get a terminal. */
static _Noreturn void start_grandchild(const struct start *start)
{
    pid_t pid;

    if (setsid() < 0) {
        report_and_exit(start->report, errno);
    }
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

/* Starts it: 0, or errno of what failed. Blocks no longer than the kernel needs for exec. */
static int start_program(struct start *start)
{
    sigset_t all;
    sigset_t before;
    int ends[2];
    int error = 0;
    pid_t pid;

    if (open_report(ends) != 0) {
        return errno;
    }
    start->report = ends[1];
    start->last_fd = last_descriptor();
    /* No handler of the caller's may run in the child. */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    pid = fork_bare(true);
    if (pid == 0) {
        start_grandchild(start);
    }
    error = pid < 0 ? errno : 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(ends[1]);
    if (pid > 0) {
        int reported = 0;
        ssize_t n;

        wait_for_child(pid);
        while ((n = read(ends[0], &reported, sizeof reported)) < 0 && errno == EINTR) {
        }
        error = n == (ssize_t)sizeof reported ? reported : 0; /* end of file: exec closed it */
    }
    close(ends[0]);
    return error;
}

/* The URL as a command gets it. The provider chose its beginning, and some openers, and commands of $BROWSER, put it
 * between the quotes of a shell: what a shell could run there is percent-encoded, which means the same (RFC 3986 §2.2
 * allows it where a sub-delimiter does not delimit). */
static enum moidc_code tame(const char *url, struct strbuf *ret, struct moidc_err *err)
{
    for (; *url != '\0'; url++) {
        if (strchr("!$'()*", *url) != NULL) {
            strbuf_add_percent(ret, url, 1);
        } else {
            strbuf_add(ret, url, 1);
        }
    }
    return ret->failed ? strbuf_error(ret, "the address to open in the browser", err) : MOIDC_OK;
}

static enum moidc_code error_none(const struct strbuf *tried, struct moidc_err *err)
{
    err_set(err, MOIDC_E_STORAGE, "no browser could be started");
    err_where(err, "%s", tried->length > 0 ? strbuf_text(tried) : "BROWSER names none");
    return err_next(err, "open the address by hand, or set BROWSER to a command that opens it");
}

enum moidc_code browser_open(const struct moidc_env *env, const char *url, struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf tried = STRBUF_INIT(TRIED_MOST_BYTES);
    CLEANUP(strbuf_free) struct strbuf tamed = STRBUF_INIT(URL_MOST_BYTES);
    CLEANUP(variables_free_p) char **variables = NULL;
    struct url parts;
    bool more = true;
    enum moidc_code rc;

    /* Never "file:", "javascript:", or what a browser would read as an option. */
    if (!url_parse(url, &parts)) {
        return err_set(err, MOIDC_E_PROTOCOL, "the address to open in the browser is no http or https URL");
    }
    rc = tame(url, &tamed, err);
    if (rc != MOIDC_OK) {
        return rc;
    }
    variables = variables_for_child(env);
    if (variables == NULL) {
        return err_memory(err);
    }
    for (size_t n = 0; more; n++) {
        CLEANUP(browser_command_clear) struct browser_command command = {0};
        struct start start = {.words = command.words, .variables = variables};
        int error = ENOENT;

        rc = browser_command_nth(env, strbuf_text(&tamed), n, &more, &command, err);
        start.program = command.program;
        if (rc != MOIDC_OK || !more) {
            return rc != MOIDC_OK ? rc : error_none(&tried, err);
        }
        if (command.program != NULL && (error = start_program(&start)) == 0) {
            return MOIDC_OK;
        }
        strbuf_add_format(&tried, "%s%s: %s", tried.length > 0 ? ", " : "", command.words[0], strerror(error));
    }
    return MOIDC_OK;
}
