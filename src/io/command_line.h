/* SPDX-License-Identifier: MIT */
/* A command as a person writes it, taken apart without a shell. No process is started here. */
#ifndef IO_COMMAND_LINE_H
#define IO_COMMAND_LINE_H

#include "base/environment.h"
#include "base/strbuf.h"

enum { COMMAND_LINE_WORDS = 32 };

/* A command line as execve() wants it. */
struct command_line {
    char *program;                       /* what to start: a path; NULL: it is not there */
    char *words[COMMAND_LINE_WORDS + 1]; /* argv, ended by NULL */
};

/* Empties and frees what `line` holds. */
void command_line_clear(struct command_line *line);

/* What ends a word, beside a space, and what "%s" in it stands for. */
struct command_line_rules {
    char end;             /* '\0': nothing else */
    const char *argument; /* NULL: "%s" stands for itself */
};

/* Reads the words at *text, which is moved behind them: to the rules' `end` or to the end. ' and " quote, \ takes the
 * next character as it is (not within ').
 *   ret           emptied by the caller; without words where a quote stays open or there are more than
 *                 COMMAND_LINE_WORDS - 1, and then *text is moved to its end
 *   has_argument  set to true when a word holds the rules' argument */
enum moidc_code command_line_read(const char **text, const struct command_line_rules *rules, struct command_line *ret,
                                  bool *has_argument, struct moidc_err *err) MUST_CHECK;

/* Adds a word; there must be room. */
enum moidc_code command_line_add(struct command_line *line, const char *word, struct moidc_err *err) MUST_CHECK;

/* Finds the program of words[0]: a path as it is, a name without slashes on the PATH of `env`, whose folders that are
 * not absolute are passed over: the working directory, a cloned repository, must not choose what is started. */
enum moidc_code command_line_find(const struct moidc_env *env, struct command_line *line,
                                  struct moidc_err *err) MUST_CHECK;

#endif
