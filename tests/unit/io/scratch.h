/* SPDX-License-Identifier: MIT */
/* A folder of its own for each test, and an environment that points there. */
#ifndef TESTS_UNIT_IO_SCRATCH_H
#define TESTS_UNIT_IO_SCRATCH_H

#include "io/cache_dir.h"

#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch[64];
static struct moidc_err err;

static int scratch_remove_one(const char *path, const struct stat *status, int kind, struct FTW *at)
{
    (void)status;
    (void)kind;
    (void)at;
    return remove(path);
}

static inline void scratch_end(void)
{
    nftw(scratch, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void scratch_begin(void)
{
    strcpy(scratch, "/tmp/mlflow-oidc-test.XXXXXX");
    if (mkdtemp(scratch) == NULL) {
        abort();
    }
    memset(&err, 0, sizeof err);
}

/* "<scratch>/<name>" in one of a few static buffers. */
static inline const char *in_scratch(const char *name)
{
    static char paths[8][512];
    static unsigned next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof paths[0], "%s/%s", scratch, name);
    return path;
}

static inline void put_file(const char *path, const char *bytes, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    CHECK(fd >= 0 && write(fd, bytes, strlen(bytes)) == (ssize_t)strlen(bytes));
    CHECK(fchmod(fd, mode) == 0);
    close(fd);
}

static inline mode_t mode_of(const char *path)
{
    struct stat status = {0};

    CHECK(stat(path, &status) == 0);
    return status.st_mode & 07777;
}

static inline struct moidc_env *env_of(const char *const *variables)
{
    struct moidc_env *env = NULL;

    CHECK(moidc_env_new(variables, &env, &err) == MOIDC_OK);
    return env;
}

/* The cache folder below `cache_home`; NULL with err set where it cannot be used. */
static inline struct cache_dir *open_below(const char *cache_home)
{
    char variable[600];
    const char *variables[] = {variable, NULL};
    CLEANUP(moidc_env_free_p) struct moidc_env *env = NULL;
    struct cache_dir *dir = NULL;
    enum moidc_code rc;

    snprintf(variable, sizeof variable, "XDG_CACHE_HOME=%s", cache_home);
    env = env_of(variables);
    rc = cache_dir_open(env, &dir, &err);
    CHECK((dir != NULL) == (rc == MOIDC_OK));
    return dir;
}

static inline struct cache_dir *open_scratch(void)
{
    struct cache_dir *dir = open_below(scratch);

    CHECK(dir != NULL);
    return dir;
}

#endif
