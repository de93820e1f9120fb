/* SPDX-License-Identifier: MIT */
/* OpenSSL, by its own names; after libraries_load(). */
#ifndef BASE_OPENSSL_H
#define BASE_OPENSSL_H

#include "base/libraries.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>

#ifdef MOIDC_LATE

struct libcrypto {
    LIBCRYPTO_FUNCTIONS(LIBRARY_POINTER)
};
struct libssl {
    LIBSSL_FUNCTIONS(LIBRARY_POINTER)
};
extern struct libcrypto libcrypto;
extern struct libssl libssl;

#ifndef LIBRARIES_ALONE /* libraries.c, which has the names themselves */
#define BN_bin2bn libcrypto.BN_bin2bn
#define BN_free libcrypto.BN_free
#define BN_is_odd libcrypto.BN_is_odd
#define BN_is_zero libcrypto.BN_is_zero
#define BN_mod_word libcrypto.BN_mod_word
#define BN_num_bits libcrypto.BN_num_bits
#define ECDSA_SIG_free libcrypto.ECDSA_SIG_free
#define ECDSA_SIG_new libcrypto.ECDSA_SIG_new
#define ECDSA_SIG_set0 libcrypto.ECDSA_SIG_set0
#define ERR_clear_error libcrypto.ERR_clear_error
#define ERR_get_error libcrypto.ERR_get_error
#define EVP_Digest libcrypto.EVP_Digest
#define EVP_DigestVerify libcrypto.EVP_DigestVerify
#define EVP_DigestVerifyInit_ex libcrypto.EVP_DigestVerifyInit_ex
#define EVP_MD_CTX_free libcrypto.EVP_MD_CTX_free
#define EVP_MD_CTX_new libcrypto.EVP_MD_CTX_new
#define EVP_PKEY_CTX_free libcrypto.EVP_PKEY_CTX_free
#define EVP_PKEY_CTX_new_from_name libcrypto.EVP_PKEY_CTX_new_from_name
#define EVP_PKEY_CTX_new_from_pkey libcrypto.EVP_PKEY_CTX_new_from_pkey
#define EVP_PKEY_CTX_set_rsa_padding libcrypto.EVP_PKEY_CTX_set_rsa_padding
#define EVP_PKEY_CTX_set_rsa_pss_saltlen libcrypto.EVP_PKEY_CTX_set_rsa_pss_saltlen
#define EVP_PKEY_free libcrypto.EVP_PKEY_free
#define EVP_PKEY_fromdata libcrypto.EVP_PKEY_fromdata
#define EVP_PKEY_fromdata_init libcrypto.EVP_PKEY_fromdata_init
#define EVP_PKEY_get_size libcrypto.EVP_PKEY_get_size
#define EVP_PKEY_new_raw_public_key_ex libcrypto.EVP_PKEY_new_raw_public_key_ex
#define EVP_PKEY_public_check libcrypto.EVP_PKEY_public_check
#define EVP_Q_digest libcrypto.EVP_Q_digest
#define EVP_sha256 libcrypto.EVP_sha256
#define OSSL_PARAM_BLD_free libcrypto.OSSL_PARAM_BLD_free
#define OSSL_PARAM_BLD_new libcrypto.OSSL_PARAM_BLD_new
#define OSSL_PARAM_BLD_push_BN libcrypto.OSSL_PARAM_BLD_push_BN
#define OSSL_PARAM_BLD_to_param libcrypto.OSSL_PARAM_BLD_to_param
#define OSSL_PARAM_construct_end libcrypto.OSSL_PARAM_construct_end
#define OSSL_PARAM_construct_octet_string libcrypto.OSSL_PARAM_construct_octet_string
#define OSSL_PARAM_construct_utf8_string libcrypto.OSSL_PARAM_construct_utf8_string
#define OSSL_PARAM_free libcrypto.OSSL_PARAM_free
#define RAND_bytes libcrypto.RAND_bytes
#define i2d_ECDSA_SIG libcrypto.i2d_ECDSA_SIG
#define SSL_set_options libssl.SSL_set_options
#endif

#endif
#endif
