/* SPDX-License-Identifier: MIT */
/* What happens aside of results, until the caller fetches it: the library itself never prints or logs. */
#ifndef BASE_NOTICES_H
#define BASE_NOTICES_H

#include "base/error.h"

#include <pthread.h>
#include <stdatomic.h>

enum { NOTICES_MOST = 64 };

/* A ring; when it is full the oldest goes, and debug events are not taken from three quarters on. */
struct notices {
    pthread_mutex_t mutex;
    atomic_uint count;
    unsigned first;
    struct moidc_notice *ring; /* of NOTICES_MOST, not written to before: a page of it is taken when it is needed */
};

/* False when memory is out. */
bool notices_init(struct notices *notices) MUST_CHECK;
void notices_destroy(struct notices *notices);
void notices_add(struct notices *notices, enum moidc_level level, const char *text, ...) PRINTF(3, 4);
bool notices_next(struct notices *notices, struct moidc_notice *ret);

#endif
