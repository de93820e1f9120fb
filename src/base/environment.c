/* SPDX-License-Identifier: MIT */
#include "base/environment.h"

#include <string.h>

struct moidc_env {
    size_t count;
    char **variables;
};

enum moidc_code moidc_env_new(const char *const *variables, struct moidc_env **ret, struct moidc_err *err)
{
    CLEANUP(moidc_env_free_p) struct moidc_env *env = mem_zalloc(sizeof *env);
    size_t count = 0;

    while (variables != NULL && variables[count] != NULL) {
        count++;
    }
    if (env == NULL || (env->variables = mem_zalloc((count + 1) * sizeof *env->variables)) == NULL) {
        return err_memory(err);
    }
    for (; env->count < count; env->count++) {
        env->variables[env->count] = mem_strdup(variables[env->count]);
        if (env->variables[env->count] == NULL) {
            return err_memory(err);
        }
    }
    *ret = env;
    env = NULL;
    return MOIDC_OK;
}

void moidc_env_free(struct moidc_env *env)
{
    if (env == NULL) {
        return;
    }
    for (size_t i = 0; i < env->count; i++) {
        mem_wipe(env->variables[i], strlen(env->variables[i])); /* client secrets live here */
        mem_free(env->variables[i]);
    }
    mem_free(env->variables);
    mem_free(env);
}

const char *env_get(const struct moidc_env *env, const char *name)
{
    size_t n = strlen(name);

    for (size_t i = 0; env != NULL && i < env->count; i++) {
        const char *variable = env->variables[i];

        if (strncmp(variable, name, n) == 0 && variable[n] == '=') {
            return variable[n + 1] != '\0' ? variable + n + 1 : NULL;
        }
    }
    return NULL;
}

/* True when an earlier variable has the name of number `i`, which is `length` long. */
static bool is_repeated(const struct moidc_env *env, size_t i, size_t length)
{
    for (size_t j = 0; j < i; j++) {
        if (strncmp(env->variables[j], env->variables[i], length + 1) == 0) {
            return true;
        }
    }
    return false;
}

const char *env_nth(const struct moidc_env *env, const char *prefix, size_t i)
{
    for (size_t j = 0; env != NULL && j < env->count; j++) {
        const char *variable = env->variables[j];
        const char *equals = strchr(variable, '=');

        if (strncmp(variable, prefix, strlen(prefix)) == 0 && equals != NULL && equals[1] != '\0' &&
            !is_repeated(env, j, (size_t)(equals - variable)) && i-- == 0) {
            return variable;
        }
    }
    return NULL;
}

char *const *env_all(const struct moidc_env *env)
{
    static char *const none[] = {NULL};

    return env != NULL ? env->variables : none;
}

enum moidc_code env_copy(const struct moidc_env *env, struct moidc_env **ret, struct moidc_err *err)
{
    return moidc_env_new(env != NULL ? (const char *const *)env->variables : NULL, ret, err);
}
