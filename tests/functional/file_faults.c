/* SPDX-License-Identifier: MIT */
/* Preloaded into a process under test: a file system that is full or read-only, or that gives no locks (NFS without its lock
 * daemon), or has no /dev, or where a neighbour always wins the race for a cache file. MOIDC_TEST_FILES: "full", "full at
 * close" (NFS), "read-only", "no locks", "locks denied" (by AppArmor), "locks as of CIFS", "no devices", "no fsync", or "swap
 * before" and "swap after", which put what MOIDC_TEST_FILES_SWAP names in a file's place when that is opened, just before or
 * just after; while the file that MOIDC_TEST_FILES_WELL names is there, it is well. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int is(const char *fault)
{
    const char *now = getenv("MOIDC_TEST_FILES");
    const char *well = getenv("MOIDC_TEST_FILES_WELL");

    return now != NULL && strcmp(now, fault) == 0 && (well == NULL || access(well, F_OK) != 0);
}

static int is_aside(int fd)
{
    char link[64];
    char path[4096];
    ssize_t length;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    return length > 4 && strcmp(path + length - 4, ".new") == 0;
}

/* Regular files that are written aside are what the full disk has no room for. */
ssize_t write(int fd, const void *bytes, size_t n)
{
    if (is("full") && is_aside(fd)) {
        errno = ENOSPC;
        return -1;
    }
    return REAL(write)(fd, bytes, n);
}

/* The bytes went nowhere. */
int close(int fd)
{
    int lost = is("full at close") && is_aside(fd) && ftruncate(fd, 0) == 0;
    int rc = REAL(close)(fd);

    if (lost) {
        errno = ENOSPC;
        return -1;
    }
    return rc;
}

int fsync(int fd)
{
    if (is("no fsync")) {
        errno = EINVAL;
        return -1;
    }
    return REAL(fsync)(fd);
}

int fcntl(int fd, int command, ...)
{
    va_list args;
    void *argument;
    int rc;

    va_start(args, command);
    argument = va_arg(args, void *);
    va_end(args);
    if (command == F_OFD_SETLK && (is("no locks") || is("locks denied"))) {
        errno = is("no locks") ? ENOLCK : EACCES;
        return -1;
    }
    rc = REAL(fcntl)(fd, command, argument);
    if (rc != 0 && command == F_OFD_SETLK && errno == EAGAIN && is("locks as of CIFS")) {
        errno = EACCES;
    }
    return rc;
}

int fcntl64(int fd, int command, ...) __attribute__((alias("fcntl")));

static void swap(int folder, const char *path, const char *moment)
{
    size_t n = strlen(path);
    int error = errno;

    if (n > 5 && strcmp(path + n - 5, ".json") == 0 && is(moment)) {
        renameat(AT_FDCWD, getenv("MOIDC_TEST_FILES_SWAP"), folder, path); /* once: then it is not there any more */
    }
    errno = error;
}

/* As a container's file system that is mounted so (EROFS whoever asks, root too); but the browser, which is started with
 * this library too, keeps its own folder. */
static int is_read_only(const char *path)
{
    if (strncmp(path, "/dev/", 5) == 0 || strstr(path, "/browser/") != NULL || !is("read-only")) {
        return 0;
    }
    errno = EROFS;
    return 1;
}

int mkdirat(int folder, const char *path, mode_t mode)
{
    return is_read_only(path) ? -1 : REAL(mkdirat)(folder, path, mode);
}

int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

int unlinkat(int folder, const char *path, int flags)
{
    return is_read_only(path) ? -1 : REAL(unlinkat)(folder, path, flags);
}

int fchmod(int fd, mode_t mode)
{
    return is_read_only("") ? -1 : REAL(fchmod)(fd, mode);
}

int openat(int folder, const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;
    int fd;

    va_start(args, flags);
    mode = va_arg(args, mode_t);
    va_end(args);
    if ((flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)) != 0 && is_read_only(path)) {
        return -1;
    }
    if (strncmp(path, "/dev/", 5) == 0 && is("no devices")) {
        errno = ENOENT;
        return -1;
    }
    swap(folder, path, "swap before");
    fd = REAL(openat)(folder, path, flags, mode);
    swap(folder, path, "swap after");
    return fd;
}

int openat64(int folder, const char *path, int flags, ...) __attribute__((alias("openat")));

int open(const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = va_arg(args, mode_t);
    va_end(args);
    return openat(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));

/* What a build with _FORTIFY_SOURCE calls where the flags are no constant. */
int __open_2(const char *path, int flags)
{
    return openat(AT_FDCWD, path, flags);
}

int __open64_2(const char *path, int flags) __attribute__((alias("__open_2")));
