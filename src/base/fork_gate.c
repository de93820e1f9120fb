/* SPDX-License-Identifier: MIT */
#include "base/fork_gate.h"

#include <pthread.h>

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

void fork_gate_enter(void)
{
    pthread_mutex_lock(&gate);
}

void fork_gate_leave(void)
{
    pthread_mutex_unlock(&gate);
}

void fork_gate_reset(void)
{
    pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;

    gate = fresh;
}
