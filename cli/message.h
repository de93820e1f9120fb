/* SPDX-License-Identifier: MIT */
/* Words for the person, on stderr, in one style. A failure of stderr itself is passed over. */
#ifndef MESSAGE_H
#define MESSAGE_H

#include "mlflow_oidc.h"
#include "output.h"

struct command;

/* A line as it is; like all below at most 8 KiB. */
void message_line(const char *format, ...) PRINTF(1, 2);
/* The text as it is, however long, with `end` behind it. */
void message_text(const char *text, const char *end);
/* "mlflow-oidc: warning: ...". */
void message_warning(const char *format, ...) PRINTF(1, 2);
/* "mlflow-oidc: ...", an error that no struct moidc_err tells of. */
void message_failure(const char *format, ...) PRINTF(1, 2);
/* "Next: ...": what to type. */
void message_next(const char *format, ...) PRINTF(1, 2);
/* The error of a library call: what failed [where], and what to do next. */
void message_error(const struct moidc_err *err);
/* The library's advice as the program gives it: what is to be typed stands there alone. */
const char *message_remedy(const char *next);
/* A command line that is wrong, and where its help is (`command` NULL: the program's). Always false. */
bool message_usage(const struct command *command, const char *format, ...) PRINTF(2, 3);

/* `text` as one word of a shell's command line, in `ret`: as it is where that does, else between single quotes. What does
 * not fit becomes "...". */
const char *message_quoted(const char *text, char *ret, size_t size);

/* False for what is no terminal, where NO_COLOR is set (no-color.org), and for terminals without colours. */
bool message_colours_allowed(int fd);

#endif
