/* SPDX-License-Identifier: MIT */
/* Opening the person's browser, and whether there can be one. */
#ifndef IO_BROWSER_H
#define IO_BROWSER_H

#include "base/environment.h"

/* Whether a browser could be opened: $BROWSER is set; or DISPLAY or WAYLAND_DISPLAY is (macOS: always, but not over
 * SSH) and one of xdg-open, x-www-browser, sensible-browser, gnome-open, wslview, open is on PATH. */
bool browser_available(const struct moidc_env *env);

/* Starts it on `url` and returns at once: in a session of its own, without a terminal, with stdin, stdout and stderr on
 * /dev/null, no descriptor of ours, the variables of `env` less everything that holds a secret (MLFLOW_TRACKING_OIDC_*,
 * MLFLOW_TRACKING_TOKEN, MLFLOW_TRACKING_PASSWORD), and never as a zombie of this process. $BROWSER: commands separated
 * by ':', each split at spaces with quotes, "%s" stands for the URL, else it is appended; no shell ever sees the URL,
 * and where such a command is one, it finds nothing to run: !$'()* are percent-encoded.
 * MOIDC_E_NETWORK never; MOIDC_E_STORAGE when nothing could be started (err names what was tried). */
enum moidc_code browser_open(const struct moidc_env *env, const char *url, struct moidc_err *err) MUST_CHECK;

#endif
