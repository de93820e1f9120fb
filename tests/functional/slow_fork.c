/* SPDX-License-Identifier: MIT */
/* Preloaded into a process under test: its children wait before they do anything, as they do where the machine is busy. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>

pid_t fork(void)
{
    pid_t pid = ((__typeof__(&fork))dlsym(RTLD_NEXT, "fork"))();

    if (pid == 0) {
        usleep(500 * 1000);
    }
    return pid;
}
