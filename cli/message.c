/* SPDX-License-Identifier: MIT */
#include "message.h"

#include "command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RED "\033[1;31m"
#define YELLOW "\033[1;33m"
#define BOLD "\033[1m"
#define PLAIN "\033[0m"

/* How the library begins what is to be typed in a shell: here that goes without saying. */
#define RUN "run: "

bool message_colours_allowed(int fd)
{
    const char *no = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    return isatty(fd) && (no == NULL || no[0] == '\0') && term != NULL && term[0] != '\0' && strcmp(term, "dumb") != 0;
}

static void put_bytes(const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t written = write(STDERR_FILENO, bytes, n);

        if (written > 0) {
            bytes += written;
            n -= (size_t)written;
        } else if (written == 0 || errno != EINTR) {
            return; /* nobody can be told */
        }
    }
}

/* In one piece, so that lines of several processes do not mix. */
static void put(const char *colour, const char *head, const char *format, va_list args)
{
    char text[8192];
    bool coloured = head[0] != '\0' && message_colours_allowed(STDERR_FILENO);
    size_t n = 0;

    output_flush(); /* in a terminal or a log it is to stand below what it is about */
    n = (size_t)snprintf(text, sizeof text, "%s%s%s", coloured ? colour : "", head, coloured ? PLAIN : "");
    vsnprintf(text + n, sizeof text - n - 1, format, args);
    for (; text[n] != '\0'; n++) {
        if (head[0] != '\0' && ((unsigned char)text[n] < ' ' || text[n] == 127)) {
            text[n] = '?'; /* a word of the command line may hold anything */
        }
    }
    text[n++] = '\n';
    put_bytes(text, n);
}

void message_text(const char *text, const char *end)
{
    put_bytes(text, strlen(text));
    put_bytes(end, strlen(end));
}

void message_line(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    put("", "", format, args);
    va_end(args);
}

void message_warning(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    put(YELLOW, "mlflow-oidc: warning: ", format, args);
    va_end(args);
}

void message_failure(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    put(RED, "mlflow-oidc: ", format, args);
    va_end(args);
}

void message_next(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    put(BOLD, "Next: ", format, args);
    va_end(args);
}

const char *message_remedy(const char *next)
{
    return strncmp(next, RUN, sizeof RUN - 1) == 0 ? next + sizeof RUN - 1 : next;
}

void message_error(const struct moidc_err *err)
{
    if (err->where[0] != '\0') {
        message_failure("%s [%s]", err->what, err->where);
    } else {
        message_failure("%s", err->what);
    }
    if (err->next[0] != '\0') {
        message_next("%s", message_remedy(err->next));
    }
}

bool message_usage(const struct command *command, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    put(RED, "mlflow-oidc: ", format, args);
    va_end(args);
    message_next("mlflow-oidc %s%s--help", command != NULL ? command->name : "", command != NULL ? " " : "");
    return false;
}

const char *message_quoted(const char *text, char *ret, size_t size)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._/:@%+=,";
    size_t n = 0;

    if (text[0] != '\0' && text[strspn(text, plain)] == '\0' && strlen(text) < size) {
        return memcpy(ret, text, strlen(text) + 1);
    }
    ret[n++] = '\'';
    for (; *text != '\0'; text++) {
        if (n + 6 > size) {
            snprintf(ret, size, "...");
            return ret;
        }
        if (*text == '\'') {
            memcpy(ret + n, "'\\''", 4); /* ends the quotes, one quote, and begins them anew */
            n += 4;
        } else {
            ret[n++] = *text;
        }
    }
    ret[n++] = '\'';
    ret[n] = '\0';
    return ret;
}
