/* SPDX-License-Identifier: MIT */
/* libcurl and OpenSSL take longer to load than an answer from the cache takes in all. So they are loaded when they are
 * first needed, unless they are linked in (meson's option `late`): these files call them by their own names, which are
 * then pointers. In a wheel's program, which has them linked in, it is their tables that wait. */
#ifndef BASE_LIBRARIES_H
#define BASE_LIBRARIES_H

#include "base/error.h"

/* To be called before any function of theirs, inside the fork gate as those. Costs nothing once they are there.
 * MOIDC_E_INTERNAL: the system's loader does not find them, or not as they should be. */
enum moidc_code libraries_load(struct moidc_err *err) MUST_CHECK;

#ifdef MOIDC_LATE

/* Each function that is called; one that is not in its list does not link. */
#define LIBCURL_FUNCTIONS(FUNCTION)                                                                                    \
    FUNCTION(curl_easy_cleanup)                                                                                        \
    FUNCTION(curl_easy_getinfo)                                                                                        \
    FUNCTION(curl_easy_init)                                                                                           \
    FUNCTION(curl_easy_pause)                                                                                          \
    FUNCTION(curl_easy_reset)                                                                                          \
    FUNCTION(curl_easy_setopt)                                                                                         \
    FUNCTION(curl_easy_strerror)                                                                                       \
    FUNCTION(curl_getdate)                                                                                             \
    FUNCTION(curl_global_init_mem)                                                                                     \
    FUNCTION(curl_multi_add_handle)                                                                                    \
    FUNCTION(curl_multi_cleanup)                                                                                       \
    FUNCTION(curl_multi_info_read)                                                                                     \
    FUNCTION(curl_multi_init)                                                                                          \
    FUNCTION(curl_multi_perform)                                                                                       \
    FUNCTION(curl_multi_poll)                                                                                          \
    FUNCTION(curl_multi_remove_handle)                                                                                 \
    FUNCTION(curl_multi_setopt)                                                                                        \
    FUNCTION(curl_slist_append)                                                                                        \
    FUNCTION(curl_slist_free_all)                                                                                      \
    FUNCTION(curl_version_info)

#define LIBSSL_FUNCTIONS(FUNCTION) FUNCTION(SSL_set_options)

#define LIBCRYPTO_FUNCTIONS(FUNCTION)                                                                                  \
    FUNCTION(BN_bin2bn)                                                                                                \
    FUNCTION(BN_free)                                                                                                  \
    FUNCTION(BN_is_odd)                                                                                                \
    FUNCTION(BN_is_zero)                                                                                               \
    FUNCTION(BN_mod_word)                                                                                              \
    FUNCTION(BN_num_bits)                                                                                              \
    FUNCTION(ECDSA_SIG_free)                                                                                           \
    FUNCTION(ECDSA_SIG_new)                                                                                            \
    FUNCTION(ECDSA_SIG_set0)                                                                                           \
    FUNCTION(ERR_clear_error)                                                                                          \
    FUNCTION(ERR_get_error)                                                                                            \
    FUNCTION(EVP_Digest)                                                                                               \
    FUNCTION(EVP_DigestVerify)                                                                                         \
    FUNCTION(EVP_DigestVerifyInit_ex)                                                                                  \
    FUNCTION(EVP_MD_CTX_free)                                                                                          \
    FUNCTION(EVP_MD_CTX_new)                                                                                           \
    FUNCTION(EVP_PKEY_CTX_free)                                                                                        \
    FUNCTION(EVP_PKEY_CTX_new_from_name)                                                                               \
    FUNCTION(EVP_PKEY_CTX_new_from_pkey)                                                                               \
    FUNCTION(EVP_PKEY_CTX_set_rsa_padding)                                                                             \
    FUNCTION(EVP_PKEY_CTX_set_rsa_pss_saltlen)                                                                         \
    FUNCTION(EVP_PKEY_free)                                                                                            \
    FUNCTION(EVP_PKEY_fromdata)                                                                                        \
    FUNCTION(EVP_PKEY_fromdata_init)                                                                                   \
    FUNCTION(EVP_PKEY_get_size)                                                                                        \
    FUNCTION(EVP_PKEY_new_raw_public_key_ex)                                                                           \
    FUNCTION(EVP_PKEY_public_check)                                                                                    \
    FUNCTION(EVP_Q_digest)                                                                                             \
    FUNCTION(EVP_sha256)                                                                                               \
    FUNCTION(OSSL_PARAM_BLD_free)                                                                                      \
    FUNCTION(OSSL_PARAM_BLD_new)                                                                                       \
    FUNCTION(OSSL_PARAM_BLD_push_BN)                                                                                   \
    FUNCTION(OSSL_PARAM_BLD_to_param)                                                                                  \
    FUNCTION(OSSL_PARAM_construct_end)                                                                                 \
    FUNCTION(OSSL_PARAM_construct_octet_string)                                                                        \
    FUNCTION(OSSL_PARAM_construct_utf8_string)                                                                         \
    FUNCTION(OSSL_PARAM_free)                                                                                          \
    FUNCTION(RAND_bytes)                                                                                               \
    FUNCTION(i2d_ECDSA_SIG)

#define LIBRARY_POINTER(name) __typeof__(name) *name;

#endif
#endif
