/* SPDX-License-Identifier: MIT */
#include "terminal.h"

#include "message.h"
#include "program.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ};
static struct sigaction before[sizeof signals / sizeof signals[0]];
static volatile sig_atomic_t came;

static void on_signal(int number)
{
    (void)number;
    came = 1;
}

void terminal_signals_set(void)
{
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct sigaction action = {.sa_handler = on_signal};

        sigemptyset(&action.sa_mask);
        sigaction(signals[i], NULL, &before[i]);
        if (signals[i] == SIGPIPE || signals[i] == SIGXFSZ) {
            action.sa_handler = SIG_IGN;
        } else if (before[i].sa_handler == SIG_IGN) {
            continue; /* nohup, or a shell's background: whoever started us wants it so */
        } else {
            action.sa_flags = (int)SA_RESETHAND; /* no SA_RESTART: it is to end a wait */
        }
        sigaction(signals[i], &action, NULL);
    }
}

void terminal_signals_restore(void)
{
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        sigaction(signals[i], &before[i], NULL);
    }
}

bool terminal_pipe_ends(void)
{
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        if (signals[i] == SIGPIPE) {
            return before[i].sa_handler == SIG_DFL;
        }
    }
    return false;
}

void terminal_pipe_end(void)
{
    if (terminal_pipe_ends()) {
        terminal_signals_restore();
        raise(SIGPIPE);
    }
}

bool terminal_cancelled(void)
{
    return came != 0;
}

/* The library speaks in the package's name, and this program in its own. */
static void show(void *ctx, const char *text)
{
    static const char package[] = "mlflow-oidc-client: ";

    program_notices(ctx);
    if (strncmp(text, package, sizeof package - 1) == 0) {
        message_text("mlflow-oidc: ", "");
        text += sizeof package - 1;
    }
    message_text(text, text[0] == '\r' ? "" : "\n");
}

static bool cancelled(void *ctx)
{
    program_notices(ctx);
    return terminal_cancelled();
}

/* A terminal hands out a line when it is complete; one longer than its own buffer, 4 KiB, it cuts off. */
static bool typed(void *ctx, char *line, size_t size)
{
    struct pollfd poll_fd = {.fd = STDIN_FILENO, .events = POLLIN};
    char bytes[8192];
    ssize_t n;

    (void)ctx;
    /* in the background reading would stop the process */
    if (tcgetpgrp(STDIN_FILENO) != getpgrp() || poll(&poll_fd, 1, 0) <= 0 || (poll_fd.revents & POLLIN) == 0) {
        return false;
    }
    n = read(STDIN_FILENO, bytes, sizeof bytes);
    while (n > 0 && (bytes[n - 1] == '\n' || bytes[n - 1] == '\r')) {
        n--;
    }
    if (n <= 0 || (size_t)n >= size) {
        return false;
    }
    memcpy(line, bytes, (size_t)n);
    line[n] = '\0';
    return true;
}

int terminal_columns(int fd)
{
    struct winsize window;

    return isatty(fd) && ioctl(fd, TIOCGWINSZ, &window) == 0 ? window.ws_col : 0;
}

struct moidc_ui terminal_ui(struct program *program)
{
    const char *term = getenv("TERM");

    return (struct moidc_ui){
        .ctx = program,
        .show = show,
        .cancelled = cancelled,
        .typed = isatty(STDIN_FILENO) ? typed : NULL,
        .columns = term != NULL && strcmp(term, "dumb") != 0 ? terminal_columns(STDERR_FILENO) : 0,
    };
}
