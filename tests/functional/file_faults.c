/* SPDX-License-Identifier: MIT */
/* Preloaded into a process under test: a file system that is full, or that gives no locks (NFS without its lock daemon).
 * MOIDC_TEST_FILES: "full" or "no locks"; while the file that MOIDC_TEST_FILES_WELL names is there, it is well. */
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

/* Regular files that are written aside are what the full disk has no room for. */
ssize_t write(int fd, const void *bytes, size_t n)
{
    char link[64];
    char path[4096];
    ssize_t length;

    if (is("full")) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        length = readlink(link, path, sizeof path - 1);
        path[length > 0 ? length : 0] = '\0';
        if (length > 4 && strcmp(path + length - 4, ".new") == 0) {
            errno = ENOSPC;
            return -1;
        }
    }
    return REAL(write)(fd, bytes, n);
}

int fcntl(int fd, int command, ...)
{
    va_list args;
    void *argument;

    va_start(args, command);
    argument = va_arg(args, void *);
    va_end(args);
    if (command == F_OFD_SETLK && is("no locks")) {
        errno = ENOLCK;
        return -1;
    }
    return REAL(fcntl)(fd, command, argument);
}

int fcntl64(int fd, int command, ...) __attribute__((alias("fcntl")));
