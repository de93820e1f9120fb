/* SPDX-License-Identifier: MIT */
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_p(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

static enum moidc_code unreadable(const char *path, int reason, struct moidc_err *err)
{
    err_set(err, MOIDC_E_STORAGE, "the settings file cannot be read: %s", strerror(reason));
    err_where(err, "%s", path);
    return err_next(err, "make it readable for this user, or remove it");
}

static bool is_trusted(uid_t user)
{
    return user == geteuid() || user == 0;
}

/* Whoever made a link chose the file. Looked at after the opening: who puts a link there for that moment has nothing of
 * ours to put into its place. */
static bool is_named_by_trusted(const char *path)
{
    struct stat status;

    return lstat(path, &status) == 0 && is_trusted(status.st_uid);
}

/* Whether its folder may not even be searched, so that nobody knows if there is one. */
static bool is_out_of_sight(const char *path)
{
    struct stat status;

    return lstat(path, &status) != 0 && errno == EACCES;
}

enum moidc_code file_read(const char *path, struct strbuf *ret, struct file_facts *facts, struct moidc_err *err)
{
    /* O_NONBLOCK: a FIFO in the file's place must not hang us */
    CLEANUP(close_p) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;
    char chunk[4096];
    ssize_t n;

    memset(facts, 0, sizeof *facts);
    if (fd < 0) {
        int reason = errno;

        facts->absent = reason == ENOENT || reason == ENOTDIR;
        facts->out_of_sight = reason == EACCES && is_out_of_sight(path);
        return facts->absent ? MOIDC_OK : unreadable(path, reason, err);
    }
    if (fstat(fd, &status) != 0) {
        return unreadable(path, errno, err);
    }
    if (!S_ISREG(status.st_mode)) {
        facts->absent = true; /* a directory of that name, a device: no file of settings */
        return MOIDC_OK;
    }
    facts->trusted_owner = is_trusted(status.st_uid) && is_named_by_trusted(path);
    facts->others_can_write = (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
    while ((n = read(fd, chunk, sizeof chunk)) > 0) {
        strbuf_add(ret, chunk, (size_t)n);
        if (ret->failed) {
            break;
        }
    }
    mem_wipe(chunk, sizeof chunk); /* a client secret may have passed through */
    if (ret->too_long) {
        err_set(err, MOIDC_E_CONFIGURATION, "the settings file is larger than %zu bytes", ret->most);
        err_where(err, "%s", path);
        return err_next(err, "take out of it what is not needed");
    }
    if (ret->failed) {
        return err_memory(err);
    }
    return n < 0 ? unreadable(path, errno, err) : MOIDC_OK;
}

enum moidc_code file_working_directory(char **ret, struct moidc_err *err)
{
    char path[4096];

    if (getcwd(path, sizeof path) == NULL || path[0] != '/') {
        *ret = NULL; /* removed, or out of reach: nothing stands in it for us */
        return MOIDC_OK;
    }
    *ret = mem_strdup(path);
    return *ret != NULL ? MOIDC_OK : err_memory(err);
}

enum moidc_code file_xdg_path(const struct moidc_env *env, const char *variable, const char *fallback, const char *name,
                              char **ret, struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf buf = STRBUF_INIT(8192);
    const char *base = env_get(env, variable);
    const char *home = env_get(env, "HOME");
    struct passwd entry;
    struct passwd *found = NULL;
    char names[4096];

    *ret = NULL;
    if (base != NULL && base[0] == '/') {
        strbuf_add_format(&buf, "%s/%s", base, name);
    } else {
        if ((home == NULL || home[0] != '/') && getpwuid_r(geteuid(), &entry, names, sizeof names, &found) == 0 &&
            found != NULL) {
            home = entry.pw_dir;
        }
        if (home == NULL || home[0] != '/') {
            return MOIDC_OK;
        }
        strbuf_add_format(&buf, "%s/%s/%s", home, fallback, name);
    }
    *ret = strbuf_take(&buf);
    return *ret != NULL ? MOIDC_OK : err_memory(err);
}
