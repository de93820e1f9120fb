/* SPDX-License-Identifier: MIT */
/* Tokens kept by a program of the user's (docs/cache-helper.md), in the way of git's credential helpers: started with
 * get, store or erase as its last argument, told of the identity on its standard input. */
#ifndef IO_CACHE_HELPER_H
#define IO_CACHE_HELPER_H

#include "io/cache.h"

enum { CACHE_HELPER_MS = 10 * 1000, CACHE_HELPER_MOST_BYTES = 64 * 1024 };

/* Whom to ask. Borrowed. */
struct cache_helper {
    const char *command;         /* the program with its arguments, as command_line_read() takes it apart */
    const struct moidc_env *env; /* its PATH, and what it gets less the secrets */
    const struct moidc_ui *ui;   /* asked for cancelled() while it is read from; may be NULL */
};

/* Each waits at most CACHE_HELPER_MS, kills what has not ended then, and takes at most CACHE_HELPER_MOST_BYTES either
 * way. MOIDC_E_STORAGE: it is not there, cannot be started, does not end, says it failed, or says what nobody can read;
 * nothing that it says stands in the error. MOIDC_E_CANCELLED, MOIDC_E_MEMORY. */

/* The entry of `identity`: *ret is the caller's, NULL when the helper has none, or that of another identity. */
enum moidc_code cache_helper_get(const struct cache_helper *helper, const struct identity *identity,
                                 struct cache_entry **ret, struct moidc_err *err) MUST_CHECK;

/* Not given up when the caller cancels: what is stored may be all that is left of a renewal. */
enum moidc_code cache_helper_store(const struct cache_helper *helper, const struct identity *identity,
                                   const struct cache_entry *entry, struct moidc_err *err) MUST_CHECK;
enum moidc_code cache_helper_erase(const struct cache_helper *helper, const struct identity *identity,
                                   struct moidc_err *err) MUST_CHECK;

#endif
