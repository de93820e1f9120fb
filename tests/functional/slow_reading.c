/* SPDX-License-Identifier: MIT */
/* Preloaded into a process under test: a request that it has read lies there for a while before it can look at it, as on a
 * machine with more to do. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

ssize_t recv(int fd, void *bytes, size_t size, int flags)
{
    ssize_t n = ((__typeof__(&recv))dlsym(RTLD_NEXT, "recv"))(fd, bytes, size, flags);
    int saved = errno;

    if (n > 4 && memcmp(bytes, "GET ", 4) == 0) {
        usleep(50 * 1000);
    }
    errno = saved;
    return n;
}
