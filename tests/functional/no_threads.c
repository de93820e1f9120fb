/* SPDX-License-Identifier: MIT */
/* Preloaded into a process under test: it can have as many threads more as MOIDC_TEST_THREADS says, as under a limit of the
 * system (RLIMIT_NPROC, which root is not held to, or pids.max). Those that end give none back. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static atomic_int made;

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *arg)
{
    const char *most = getenv("MOIDC_TEST_THREADS");

    if (most != NULL && atomic_fetch_add(&made, 1) >= atoi(most)) {
        return EAGAIN;
    }
    return ((__typeof__(&pthread_create))dlsym(RTLD_NEXT, "pthread_create"))(thread, attributes, run, arg);
}
