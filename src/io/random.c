/* SPDX-License-Identifier: MIT */
#include "io/random.h"

#include "base/fork_gate.h"

#include <openssl/rand.h>

enum moidc_code random_bytes(unsigned char *ret, size_t n, struct moidc_err *err)
{
    int done;

    fork_gate_enter();
    done = RAND_bytes(ret, (int)n);
    fork_gate_leave();
    if (done != 1) {
        return err_set(err, MOIDC_E_INTERNAL, "the system gives no random numbers");
    }
    return MOIDC_OK;
}
