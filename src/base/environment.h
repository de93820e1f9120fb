/* SPDX-License-Identifier: MIT */
/* struct moidc_env: the environment as it was when a call began. Nothing in the library calls getenv(), which another
 * thread's setenv() may pull the ground from under. */
#ifndef BASE_ENVIRONMENT_H
#define BASE_ENVIRONMENT_H

#include "base/error.h"

/* The variable's value, borrowed; NULL when it is unset or empty, or `env` is NULL. Of a variable that is there twice
 * the first one counts, as for getenv(). */
const char *env_get(const struct moidc_env *env, const char *name);

/* The i-th variable whose name begins with `prefix`, as "NAME=value" with a value that is not empty; NULL after the
 * last. Those that env_get() would not return are left out. */
const char *env_nth(const struct moidc_env *env, const char *prefix, size_t i);

/* All of it as it was given, "NAME=value" strings ended by NULL; borrowed. None when `env` is NULL. */
char *const *env_all(const struct moidc_env *env);

enum moidc_code env_copy(const struct moidc_env *env, struct moidc_env **ret, struct moidc_err *err) MUST_CHECK;
DEFINE_CLEANUP(struct moidc_env *, moidc_env_free)

#endif
