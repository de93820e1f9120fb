/* SPDX-License-Identifier: MIT */
#include "output.h"

#include "message.h"
#include "terminal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char buffer[16 * 1024];
static size_t length;
static int failure; /* errno of the first write that failed */
static bool told;   /* to the person */

static void wipe(void *p, size_t n)
{
    volatile unsigned char *byte = p;

    while (n-- > 0) {
        *byte++ = 0;
    }
}

void output_flush(void)
{
    size_t done = 0;

    while (done < length && failure == 0) {
        ssize_t n = write(STDOUT_FILENO, buffer + done, length - done);

        if (n > 0) {
            done += (size_t)n;
        } else if (n < 0 && errno != EINTR) {
            failure = errno;
        }
    }
    wipe(buffer, length);
    length = 0;
}

void output_bytes(const char *bytes, size_t n)
{
    while (n > 0) {
        size_t part = sizeof buffer - length < n ? sizeof buffer - length : n;

        memcpy(buffer + length, bytes, part);
        length += part;
        bytes += part;
        n -= part;
        if (length == sizeof buffer) {
            output_flush();
        }
    }
}

void output_text(const char *text)
{
    output_bytes(text, strlen(text));
}

void output_format(const char *format, ...)
{
    char text[4096];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    output_text(text);
    wipe(text, sizeof text);
}

void output_spaces(int n)
{
    while (n-- > 0) {
        output_text(" ");
    }
}

void output_wrapped(const char *text, int indent, int most)
{
    int at = indent;

    while (*text != '\0') {
        int n = (int)strcspn(text, " \n");

        if (n > 0 && at > indent && at + 1 + n > most) {
            output_text("\n");
            output_spaces(indent);
            at = indent;
        } else if (n > 0 && at > indent) {
            output_text(" ");
            at++;
        }
        output_bytes(text, (size_t)n);
        at += n;
        text += n;
        if (text[0] == '\n' && text[1] == '\n') {
            output_text("\n\n");
            output_spaces(indent);
            at = indent;
        }
        text += strspn(text, " \n");
    }
    output_text("\n");
}

void output_shell_word(const char *text)
{
    output_text("'");
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            output_text("'\\''"); /* ends the quotes, one quote, and begins them anew */
        } else {
            output_bytes(text, 1);
        }
    }
    output_text("'");
}

bool output_end(void)
{
    output_flush();
    if (failure == 0) {
        return true;
    }
    if (!told && !(output_is_unread() && terminal_pipe_ends())) {
        message_failure("not all could be written to the standard output: %s", strerror(failure));
        told = true;
    }
    return false;
}

bool output_is_unread(void)
{
    return failure == EPIPE;
}

bool output_is_coloured(void)
{
    return message_colours_allowed(STDOUT_FILENO);
}
