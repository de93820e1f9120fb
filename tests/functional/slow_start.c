/* SPDX-License-Identifier: MIT */
/* Preloaded into a process under test: as on a busy machine, its children wait before they do anything, and it waits when it
 * is to listen, once the file that MOIDC_TEST_LISTENS names is there to tell so. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

pid_t fork(void)
{
    pid_t pid = ((__typeof__(&fork))dlsym(RTLD_NEXT, "fork"))();

    if (pid == 0) {
        usleep(500 * 1000);
    }
    return pid;
}

int listen(int fd, int backlog)
{
    const char *file = getenv("MOIDC_TEST_LISTENS");

    if (file != NULL) {
        close(open(file, O_WRONLY | O_CREAT, 0600));
        usleep(500 * 1000);
    }
    return ((__typeof__(&listen))dlsym(RTLD_NEXT, "listen"))(fd, backlog);
}
