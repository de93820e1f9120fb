/* SPDX-License-Identifier: MIT */
#include "arguments.h"
#include "descriptors.h"
#include "environment.h"
#include "message.h"
#include "output.h"
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    STATUS_CANNOT_RUN = 126, /* as shells say it */
    STATUS_NOT_FOUND = 127,
    STATUS_SIGNAL = 128,
    LAST_REQUEST_MS = 5000,
    WAIT_STEP_MS = 100,
    GRACE_MS = 1000, /* for requests of what CMD left running */
};

extern char **environ;

static const struct option_info options[] = {
    OPTION_SERVER,
    {"proxy", 'p', NULL, "give CMD a proxy of its own, which renews the token as long as CMD runs"},
    {NULL, 0, NULL, NULL},
};

/* As they were when the program began. */
static struct descriptors inherited;

static int cannot_run(const char *name, int error)
{
    if (error == ECANCELED) {
        message_failure("cancelled before %.200s was started", name);
        return STATUS_USAGE;
    }
    message_failure("cannot run %.200s: %s", name, strerror(error));
    return error == ENOENT ? STATUS_NOT_FOUND : STATUS_CANNOT_RUN;
}

static int memory_is_out(void)
{
    message_failure("memory is out");
    return STATUS_FAILED;
}

/* MLflow sends MLFLOW_TRACKING_TOKEN to all the servers that it is told of. CMD is told of the proxy, or of `server`. */
static void warn_of_others(const struct moidc_server *server, bool by_proxy)
{
    static const char *const names[] = {"MLFLOW_REGISTRY_URI", "MLFLOW_DEPLOYMENTS_TARGET", "MLFLOW_GATEWAY_URI", NULL};

    for (const char *const *name = names; *name != NULL; name++) {
        const char *uri = getenv(*name);

        if (uri != NULL && (strncasecmp(uri, "http://", 7) == 0 || strncasecmp(uri, "https://", 8) == 0) &&
            (by_proxy || !moidc_server_covers(server, uri))) {
            message_warning("%s names another server, and MLflow sends MLFLOW_TRACKING_TOKEN there too", *name);
        }
    }
}

/* Becomes CMD, so that its signals and its status are its own. */
static int become(struct program *program, const struct moidc_server *server, const struct moidc_token *token,
                  char **command)
{
    char **environment;

    if (!environment_serves(server)) {
        message_next("add --proxy: mlflow-oidc exec --proxy puts the token there");
        return STATUS_FAILED;
    }
    environment = environment_for(moidc_server_uri(server), moidc_token_reveal(token), false);
    if (environment == NULL) {
        return memory_is_out();
    }
    moidc_client_stop(program->client, LAST_REQUEST_MS); /* a renewal in flight is to be saved */
    program_notices(program);
    environ = environment;
    terminal_signals_restore();
    if (terminal_cancelled()) {
        return cannot_run(command[0], ECANCELED);
    }
    descriptors_close_later(&inherited);
    execvp(command[0], command);
    return cannot_run(command[0], errno);
}

/* CMD, which a handler tells of signals. */
static volatile sig_atomic_t child;

struct waiting {
    struct program *program;
    bool ended;
    int status; /* of waitpid() */
};

static void pass_on(int number)
{
    int error = errno;

    if (child > 0) {
        kill((pid_t)child, number);
    }
    errno = error;
}

/* A terminal's Ctrl-C comes from the kernel, and to CMD too; what a process sends comes to us alone. */
static void pass_on_what_was_sent(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (info->si_code <= 0) {
        pass_on(number);
    }
}

static void wake(int number)
{
    (void)number;
}

/* The first process of a container: the end of those whose parent is gone is ours to hear, and a signal of the runtime
 * comes to us alone. */
static bool is_first_process(void)
{
    return getpid() == 1;
}

static void handle(int number, void (*handler)(int), struct sigaction *before)
{
    struct sigaction action = {.sa_handler = handler};

    sigemptyset(&action.sa_mask);
    sigaction(number, &action, before);
}

static void show(void *ctx, const char *text)
{
    (void)ctx;
    message_line("mlflow-oidc: %s", text);
}

static bool has_ended(void *ctx)
{
    struct waiting *wait = ctx;

    program_notices(wait->program);
    if (!wait->ended) {
        sigset_t all;
        sigset_t before;
        int status = 0;
        pid_t pid;

        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, &before); /* else a signal in between goes to whoever gets the number next */
        do {
            pid = waitpid(is_first_process() ? -1 : (pid_t)child, &status, WNOHANG);
        } while (pid > 0 && pid != (pid_t)child);
        wait->ended = pid > 0 || (pid < 0 && errno == ECHILD);
        wait->status = pid > 0 ? status : wait->status;
        child = wait->ended ? 0 : child;
        sigprocmask(SIG_SETMASK, &before, NULL);
    }
    return wait->ended;
}

/* Ctrl-C and Ctrl-\ reach CMD by themselves, as it is in our process group, and it decides what they mean: we wait. What
 * is sent to us alone is passed on; SIGUSR1 and SIGUSR2 are how batch systems announce the end of a job. */
static const int SIGNALS[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD};
enum { SIGNAL_COUNT = sizeof SIGNALS / sizeof SIGNALS[0] };

static void handle_keys(int number, struct sigaction *before)
{
    struct sigaction action = {.sa_flags = SA_SIGINFO};

    if (!is_first_process()) {
        handle(number, SIG_IGN, before);
        return;
    }
    action.sa_sigaction = pass_on_what_was_sent;
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, before);
}

static void set_signals(struct sigaction before[SIGNAL_COUNT])
{
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        if (SIGNALS[i] == SIGINT || SIGNALS[i] == SIGQUIT) {
            handle_keys(SIGNALS[i], &before[i]);
        } else {
            handle(SIGNALS[i], SIGNALS[i] == SIGCHLD ? wake : pass_on, &before[i]);
        }
        if (before[i].sa_handler == SIG_IGN && SIGNALS[i] != SIGCHLD) {
            sigaction(SIGNALS[i], &before[i], NULL); /* nohup: whoever started us wants it so */
        }
    }
}

/* In the child: becomes CMD, or says why not. A signal that came meanwhile is CMD's: it waits until none of our handlers
 * would take it. */
static void run_child(char **command, char **environment, const struct sigaction *before, const sigset_t *mask,
                      int report)
{
    int error;

    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        sigaction(SIGNALS[i], &before[i], NULL);
    }
    terminal_signals_restore();
    sigprocmask(SIG_SETMASK, mask, NULL);
    descriptors_close_later(&inherited);
    environ = environment;
    execvp(command[0], command);
    error = errno;
    while (write(report, &error, sizeof error) < 0 && errno == EINTR) {
    }
    _exit(STATUS_CANNOT_RUN);
}

/* Starts CMD. 0, or the error that kept it from running: ECANCELED where a signal came before. */
static int start(char **command, char **environment)
{
    struct sigaction before[SIGNAL_COUNT];
    sigset_t all;
    sigset_t mask;
    int report[2];
    int error = 0;
    pid_t pid;

    if (pipe(report) != 0) {
        return errno;
    }
    fcntl(report[0], F_SETFD, FD_CLOEXEC);
    fcntl(report[1], F_SETFD, FD_CLOEXEC);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &mask); /* until `child` is known to the handlers */
    set_signals(before);
    errno = ECANCELED;
    pid = terminal_cancelled() ? -1 : fork();
    if (pid == 0) {
        run_child(command, environment, before, &mask, report[1]);
    }
    error = pid < 0 ? errno : 0;
    child = pid > 0 ? (sig_atomic_t)pid : 0;
    sigprocmask(SIG_SETMASK, &mask, NULL);
    close(report[1]);
    while (pid > 0 && read(report[0], &error, sizeof error) < 0 && errno == EINTR) {
    }
    close(report[0]);
    if (pid > 0 && error != 0) {
        waitpid(pid, NULL, 0);
    }
    return error;
}

/* Ends as CMD did: with its status, or by the signal that ended it, so that a shell sees what it would have seen. */
static int end_as(struct program *program, int status)
{
    if (!WIFSIGNALED(status)) {
        return WEXITSTATUS(status);
    }
    program_clear(program);
    *program = (struct program){.env = NULL, .client = NULL};
    handle(WTERMSIG(status), SIG_DFL, NULL);
    raise(WTERMSIG(status));
    return STATUS_SIGNAL + WTERMSIG(status);
}

static int serve(struct program *program, struct moidc_proxy *proxy, char **command, int *ended)
{
    char **environment = environment_for(moidc_proxy_uri(proxy), moidc_proxy_key(proxy), true);
    struct waiting wait = {.program = program};
    struct moidc_ui ui = {.ctx = &wait, .show = show, .cancelled = has_ended};
    struct moidc_err err;
    int error;

    if (environment == NULL) {
        return memory_is_out();
    }
    error = start(command, environment);
    environment_free(environment);
    if (error != 0) {
        return cannot_run(command[0], error);
    }
    if (moidc_proxy_run(proxy, &ui, &err) != MOIDC_OK) {
        program_fail(program, &err); /* CMD goes on, and sees what becomes of its requests */
    }
    while (!has_ended(&wait)) {
        poll(NULL, 0, WAIT_STEP_MS); /* SIGCHLD ends it */
    }
    *ended = wait.status;
    return STATUS_DONE;
}

static int run_with_proxy(struct program *program, struct moidc_server **server, char **command)
{
    struct moidc_proxy_options proxy_options = {.env = program->env, .grace_ms = GRACE_MS};
    struct moidc_proxy *proxy = NULL;
    struct moidc_err err;
    int ended = 0;
    int status;

    if (moidc_proxy_new(*server, &proxy_options, &proxy, &err) != MOIDC_OK) {
        return program_fail(program, &err);
    }
    status = serve(program, proxy, command, &ended);
    moidc_proxy_free(proxy);
    moidc_server_release(*server);
    *server = NULL;
    return status == STATUS_DONE ? end_as(program, ended) : status;
}

static int run(struct program *program, const struct arguments *arguments)
{
    struct moidc_token_request request = {.env = program->env, .ui = &program->ui, .no_person = true};
    struct moidc_server *server = NULL;
    struct moidc_token *token = NULL;
    struct moidc_err err;
    int status;

    descriptors_note(&inherited);
    if (arguments->operand_count == 0) {
        message_usage(arguments->command, "which command is to be run?");
        return STATUS_USAGE;
    }
    status = program_server(program, arguments, &server);
    if (status != STATUS_DONE) {
        return status;
    }
    if (moidc_token_get(server, &request, &token, &err) != MOIDC_OK) {
        status = program_fail(program, &err);
        moidc_server_release(server);
        return status;
    }
    warn_of_others(server, arguments_have(arguments, "proxy"));
    if (arguments_have(arguments, "proxy")) {
        moidc_token_release(token); /* it was to be seen that there is one */
        token = NULL;
        status = run_with_proxy(program, &server, arguments->operands);
    } else {
        status = become(program, server, token, arguments->operands);
    }
    moidc_token_release(token);
    moidc_server_release(server);
    return status;
}

const struct command cmd_exec = {
    .name = "exec",
    .operands = "-- CMD [ARG...]",
    .rest = true,
    .summary = "run a program with the tracking server and a token in its environment",
    .description =
        "Runs CMD with MLFLOW_TRACKING_URI and MLFLOW_TRACKING_TOKEN set and MLFLOW_TRACKING_OIDC_* removed. The token "
        "ends when it ends. With --proxy CMD gets the address of a proxy that lives as long as it does, and as its "
        "token "
        "a random key that only this proxy takes; the proxy adds the server's own token, and renews it.\n\nThe exit "
        "status is that of CMD; 126 and 127 where it cannot be run or is not found, 4 where a person has to sign in.",
    .examples = "mlflow-oidc exec -- node client.mjs\n"
                "mlflow-oidc exec --proxy -- Rscript train.R",
    .options = options,
    .run = run,
};
