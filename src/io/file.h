/* SPDX-License-Identifier: MIT */
/* Reading the small files that settings stand in. */
#ifndef IO_FILE_H
#define IO_FILE_H

#include "base/environment.h"
#include "base/strbuf.h"

struct file_facts {
    bool absent;           /* there is no such file */
    bool out_of_sight;     /* its folder may not be searched: there may be one or not */
    bool trusted_owner;    /* it belongs to this user or to root, and so does a link that stands in its place */
    bool others_can_write; /* its mode lets the group or everybody write */
};

/* Appends the regular file's bytes to `ret` (whose `most` is the limit). An absent file is MOIDC_OK with facts->absent.
 * MOIDC_E_STORAGE: it cannot be read; MOIDC_E_CONFIGURATION: it is too large. */
enum moidc_code file_read(const char *path, struct strbuf *ret, struct file_facts *facts,
                          struct moidc_err *err) MUST_CHECK;

/* The working directory; *ret is the caller's (mem_free()), NULL when there is none any more. */
enum moidc_code file_working_directory(char **ret, struct moidc_err *err) MUST_CHECK;

/* `name` below the directory that `variable` names if it is an absolute path, else below `fallback` in the home
 * directory (XDG Base Directory specification). *ret is the caller's, NULL when there is no home. */
enum moidc_code file_xdg_path(const struct moidc_env *env, const char *variable, const char *fallback, const char *name,
                              char **ret, struct moidc_err *err) MUST_CHECK;

#endif
