/* SPDX-License-Identifier: MIT */
#include "io/random.h"

#include <openssl/rand.h>

enum moidc_code random_bytes(unsigned char *ret, size_t n, struct moidc_err *err)
{
    if (RAND_bytes(ret, (int)n) != 1) {
        return err_set(err, MOIDC_E_INTERNAL, "the system gives no random numbers");
    }
    return MOIDC_OK;
}
