/* SPDX-License-Identifier: MIT */
/* What to start for a URL: $BROWSER taken apart, or the desktop's opener. No process is started here. */
#ifndef IO_BROWSER_COMMAND_H
#define IO_BROWSER_COMMAND_H

#include "io/command_line.h"

/* True when a desktop is there to show a browser: DISPLAY or WAYLAND_DISPLAY is set (macOS: not over SSH). */
bool browser_command_desktop(const struct moidc_env *env);

/* The n-th command to try for `url`, the first is 0: those of $BROWSER if it is set, else the desktop's openers. A
 * command whose program is not on PATH has program NULL and its name in words[0].
 *   more  false when there is no n-th command
 *   ret   emptied by the caller, command_line_clear() */
enum moidc_code browser_command_nth(const struct moidc_env *env, const char *url, size_t n, bool *more,
                                    struct command_line *ret, struct moidc_err *err) MUST_CHECK;

#endif
