/* SPDX-License-Identifier: MIT */
#include "io/cache_dir.h"

#include "io/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ASIDE_SIZE = 128 };

struct cache_dir {
    int fd;
    char *path;
};

static void close_p(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

static enum moidc_code unusable(const char *path, const char *reason, struct moidc_err *err)
{
    err_set(err, MOIDC_E_STORAGE, "the cache folder cannot be used: %s", reason);
    err_where(err, "%s", path);
    return err_next(err, "tokens are kept in memory only; make the folder yours alone (chmod 700), or set "
                         "XDG_CACHE_HOME to one that is");
}

/* mkdir -p with mode 0700 (XDG Base Directory specification). */
static int make_directories(char *path)
{
    for (char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash != NULL) {
            *slash = '\0';
        }
        if (mkdir(path, 0700) != 0 && errno != EEXIST) {
            int reason = errno;

            if (access(path, X_OK) != 0) {
                errno = reason; /* why it cannot be made, not that it is not there */
                return -1;
            }
        }
        if (slash == NULL) {
            return 0;
        }
        *slash = '/';
    }
}

static enum moidc_code check_owner(struct cache_dir *dir, struct moidc_err *err)
{
    struct stat status;

    if (fstat(dir->fd, &status) != 0) {
        return unusable(dir->path, strerror(errno), err);
    }
    if (status.st_uid != geteuid()) {
        return unusable(dir->path, "it belongs to another user", err);
    }
    /* ours, but open to others: closed before anything is put in or believed; each file is checked by itself too */
    if ((status.st_mode & 077) != 0 && fchmod(dir->fd, 0700) != 0) {
        return unusable(dir->path, "other users have access to it", err);
    }
    return MOIDC_OK;
}

enum moidc_code cache_dir_open(const struct moidc_env *env, struct cache_dir **ret, struct moidc_err *err)
{
    CLEANUP(cache_dir_close_p) struct cache_dir *dir = mem_zalloc(sizeof *dir);
    enum moidc_code rc;

    if (dir == NULL) {
        return err_memory(err);
    }
    dir->fd = -1;
    rc = file_xdg_path(env, "XDG_CACHE_HOME", ".cache", "mlflow-oidc-client", &dir->path, err);
    if (rc != MOIDC_OK) {
        return rc;
    }
    if (dir->path == NULL) {
        return unusable("", "there is no home directory", err);
    }
    dir->fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir->fd < 0 && errno == ENOENT && make_directories(dir->path) == 0) {
        dir->fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }
    if (dir->fd < 0) {
        return unusable(dir->path, errno == ELOOP || errno == ENOTDIR ? "it is a link or no folder" : strerror(errno),
                        err);
    }
    rc = check_owner(dir, err);
    if (rc == MOIDC_OK) {
        *ret = dir;
        dir = NULL;
    }
    return rc;
}

void cache_dir_close(struct cache_dir *dir)
{
    if (dir != NULL) {
        close_p(&dir->fd);
        mem_free(dir->path);
        mem_free(dir);
    }
}

const char *cache_dir_path(const struct cache_dir *dir)
{
    return dir->path;
}

static enum moidc_code bad_file(const struct cache_dir *dir, const char *name, const char *reason,
                                struct moidc_err *err)
{
    err_set(err, MOIDC_E_STORAGE, "the cache file cannot be used: %s", reason);
    err_where(err, "%s/%s", dir->path, name);
    return err_next(err, "remove that file; it will be made anew");
}

/* Opens without following a link, without waiting for a FIFO's other end, and checks what was opened, so that nothing
 * can be put in its place in between. -1 with errno 0: err is set. */
static int open_checked(const struct cache_dir *dir, const char *name, int flags, struct moidc_err *err)
{
    int fd = openat(dir->fd, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
    struct stat status;
    const char *reason = NULL;

    if (fd < 0) {
        return -1;
    }
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        reason = "it is no regular file";
    } else if (status.st_uid != geteuid()) {
        reason = "it belongs to another user";
    } else if (status.st_nlink > 1) {
        reason = "it has another name elsewhere (hard link)";
    } else if ((status.st_mode & 022) != 0) {
        reason = "other users can write it";
    } else if ((status.st_mode & 055) != 0 && fchmod(fd, 0600) != 0) {
        reason = "other users can read it";
    }
    if (reason != NULL) {
        bad_file(dir, name, reason, err);
        close(fd);
        errno = 0;
        return -1;
    }
    return fd;
}

enum moidc_code cache_dir_read(const struct cache_dir *dir, const char *name, struct strbuf *ret, bool *absent,
                               struct moidc_err *err)
{
    CLEANUP(close_p) int fd = open_checked(dir, name, O_RDONLY, err);
    char chunk[4096];
    ssize_t n;

    *absent = fd < 0 && errno == ENOENT;
    if (fd < 0) {
        return *absent ? MOIDC_OK : errno == 0 ? err->code : bad_file(dir, name, strerror(errno), err);
    }
    while ((n = read(fd, chunk, sizeof chunk)) > 0 && !ret->failed) {
        strbuf_add(ret, chunk, (size_t)n);
    }
    mem_wipe(chunk, sizeof chunk);
    if (n < 0) {
        return bad_file(dir, name, strerror(errno), err);
    }
    if (ret->failed) {
        return ret->too_long ? bad_file(dir, name, "it is too large", err) : err_memory(err);
    }
    return MOIDC_OK;
}

void cache_dir_stamp(const struct cache_dir *dir, const char *name, struct cache_stamp *ret)
{
    struct stat status;

    *ret = (struct cache_stamp){0};
    if (fstatat(dir->fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
#ifdef __APPLE__
        const struct timespec *modified = &status.st_mtimespec;
#else
        const struct timespec *modified = &status.st_mtim;
#endif
        ret->inode = (uint64_t)status.st_ino;
        ret->modified_ns = (int64_t)modified->tv_sec * 1000000000 + modified->tv_nsec;
    }
}

int cache_dir_open_file(const struct cache_dir *dir, const char *name, struct moidc_err *err)
{
    int fd = open_checked(dir, name, O_RDWR | O_CREAT, err);

    if (fd < 0 && errno != 0) {
        bad_file(dir, name, strerror(errno), err);
    }
    return fd;
}

static bool write_all(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t written = write(fd, bytes, n);

        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return false;
        }
        bytes += written;
        n -= (size_t)written;
    }
    return true;
}

/* Waits for the disk. A file system that knows no such thing (some of FUSE, 9p) is no reason to lose what it keeps. */
static bool is_on_disk(int fd)
{
    return fsync(fd) == 0 || errno == EINVAL || errno == ENOSYS || errno == ENOTSUP;
}

/* NFS tells only here of a disk that is full, where nobody waited for it. */
static bool close_written(int *fd)
{
    int closed = *fd;

    *fd = -1;
    return close(closed) == 0 || errno == EINTR;
}

/* Writes them under a name aside. One fixed name: writers hold the identity's lock, and what a killed one left behind is
 * cleared here. */
static enum moidc_code write_aside(const struct cache_dir *dir, const char *name, const char *bytes, size_t n,
                                   bool durably, char aside[ASIDE_SIZE], struct moidc_err *err)
{
    CLEANUP(close_p) int fd = -1;

    snprintf(aside, ASIDE_SIZE, "%s.new", name);
    unlinkat(dir->fd, aside, 0);
    fd = open_checked(dir, aside, O_WRONLY | O_CREAT | O_EXCL, err);
    if (fd < 0) {
        return errno == 0 ? err->code : bad_file(dir, name, strerror(errno), err);
    }
    if (fchmod(fd, 0600) != 0 || !write_all(fd, bytes, n) || (durably && !is_on_disk(fd)) || !close_written(&fd)) {
        bad_file(dir, name, strerror(errno), err);
        unlinkat(dir->fd, aside, 0);
        return err->code;
    }
    return MOIDC_OK;
}
static enum moidc_code put_in_place(const struct cache_dir *dir, const char *aside, const char *name,
                                    struct moidc_err *err)
{
    if (renameat(dir->fd, aside, dir->fd, name) != 0) {
        bad_file(dir, name, strerror(errno), err);
        unlinkat(dir->fd, aside, 0);
        return err->code;
    }
    return MOIDC_OK;
}

enum moidc_code cache_dir_write(const struct cache_dir *dir, const char *name, const char *bytes, size_t n,
                                struct moidc_err *err)
{
    char aside[ASIDE_SIZE];
    enum moidc_code rc = write_aside(dir, name, bytes, n, false, aside, err);

    return rc == MOIDC_OK ? put_in_place(dir, aside, name, err) : rc;
}

enum moidc_code cache_dir_write_durably(const struct cache_dir *dir, const char *name, const char *bytes, size_t n,
                                        struct moidc_err *err)
{
    char aside[ASIDE_SIZE];
    enum moidc_code rc = write_aside(dir, name, bytes, n, true, aside, err);

    rc = rc == MOIDC_OK ? put_in_place(dir, aside, name, err) : rc;
    if (rc == MOIDC_OK) {
        fsync(dir->fd); /* the rename too; where a file system refuses, the bytes are safe all the same */
    }
    return rc;
}

enum moidc_code cache_dir_remove(const struct cache_dir *dir, const char *name, bool *removed, struct moidc_err *err)
{
    *removed = unlinkat(dir->fd, name, 0) == 0;
    if (!*removed && errno != ENOENT) {
        return bad_file(dir, name, strerror(errno), err);
    }
    return MOIDC_OK;
}

enum moidc_code cache_dir_each(const struct cache_dir *dir, void (*each)(void *ctx, const char *name), void *ctx,
                               struct moidc_err *err)
{
    int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;

    if (stream == NULL) {
        int reason = errno;

        close_p(&fd);
        return unusable(dir->path, strerror(reason), err);
    }
    while ((entry = readdir(stream)) != NULL) {
        each(ctx, entry->d_name);
    }
    closedir(stream);
    return MOIDC_OK;
}
