/* SPDX-License-Identifier: MIT */
#include "io/random.h"

#include "base/fork_gate.h"
#include "base/openssl.h"

enum moidc_code random_bytes(unsigned char *ret, size_t n, struct moidc_err *err)
{
    enum moidc_code rc;

    fork_gate_enter();
    rc = libraries_load(err);
    if (rc == MOIDC_OK && RAND_bytes(ret, (int)n) != 1) {
        rc = err_set(err, MOIDC_E_INTERNAL, "the system gives no random numbers");
    }
    fork_gate_leave();
    return rc;
}
