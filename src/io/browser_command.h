/* SPDX-License-Identifier: MIT */
/* What to start for a URL: $BROWSER taken apart, or the desktop's opener. No process is started here. */
#ifndef IO_BROWSER_COMMAND_H
#define IO_BROWSER_COMMAND_H

#include "base/environment.h"
#include "base/strbuf.h"

enum { BROWSER_COMMAND_WORDS = 32 };

/* A command line as execve() wants it. */
struct browser_command {
    char *program;                          /* what to start: a path */
    char *words[BROWSER_COMMAND_WORDS + 1]; /* argv, ended by NULL */
};

/* Empties and frees what `command` holds. */
void browser_command_clear(struct browser_command *command);

/* True when a desktop is there to show a browser: DISPLAY or WAYLAND_DISPLAY is set (macOS: not over SSH). */
bool browser_command_desktop(const struct moidc_env *env);

/* The n-th command to try for `url`, the first is 0: those of $BROWSER if it is set, else the desktop's openers. A
 * command whose program is not on PATH has program NULL and its name in words[0].
 *   more  false when there is no n-th command
 *   ret   emptied by the caller, browser_command_clear() */
enum moidc_code browser_command_nth(const struct moidc_env *env, const char *url, size_t n, bool *more,
                                    struct browser_command *ret, struct moidc_err *err) MUST_CHECK;

#endif
