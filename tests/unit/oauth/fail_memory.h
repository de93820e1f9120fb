/* SPDX-License-Identifier: MIT */
/* Makes every allocation fail in turn: ours, and jansson's, which base/json.c sends through ours. Counts for nothing
 * unless the build has -Dfail-alloc=true. */
#ifndef TESTS_UNIT_OAUTH_FAIL_MEMORY_H
#define TESTS_UNIT_OAUTH_FAIL_MEMORY_H

#include "base/error.h"

/* Calls `call` with the 1st, 2nd ... allocation failing until none is left to fail; `call` frees what it gets. Each
 * call must end with MOIDC_E_MEMORY. Returns how many allocations there were. */
static inline unsigned long fail_each_allocation(enum moidc_code (*call)(void *ctx, struct moidc_err *err), void *ctx,
                                                 int sticky)
{
    unsigned long n = 1;

    for (;; n++) {
        struct moidc_err err = {0};
        unsigned long count;
        enum moidc_code rc;

        mem_fail_at(n, sticky);
        rc = call(ctx, &err);
        count = mem_fail_at(0, 0);
        if (count < n) {
            CHECK(rc == MOIDC_OK);
            return n - 1;
        }
        if (rc != MOIDC_E_MEMORY) {
            fprintf(stderr, "allocation %lu: code %d, \"%s\"\n", n, (int)rc, err.what);
        }
        CHECK(rc == MOIDC_E_MEMORY);
        CHECK(rc == MOIDC_OK || err.code == rc);
    }
}

#endif
