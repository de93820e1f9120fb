/* SPDX-License-Identifier: MIT */
/* Owners of OpenSSL handles, and its error queue. */
#ifndef OAUTH_OPENSSL_H
#define OAUTH_OPENSSL_H

#include "base/openssl.h"

DEFINE_CLEANUP(BIGNUM *, BN_free)
DEFINE_CLEANUP(ECDSA_SIG *, ECDSA_SIG_free)
DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)
DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)
DEFINE_CLEANUP(EVP_PKEY_CTX *, EVP_PKEY_CTX_free)
DEFINE_CLEANUP(OSSL_PARAM *, OSSL_PARAM_free)
DEFINE_CLEANUP(OSSL_PARAM_BLD *, OSSL_PARAM_BLD_free)

/* Empties this thread's error queue, which other users of libcrypto in the process (CPython's ssl) share. True when
 * what stood in it says that memory was out. */
static inline bool openssl_memory_was_out(void)
{
    bool out = false;
    unsigned long code = ERR_get_error();

    while (code != 0) {
        out = out || ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE;
        code = ERR_get_error();
    }
    return out;
}

#endif
