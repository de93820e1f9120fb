/* SPDX-License-Identifier: MIT */
#ifndef IO_LIBCURL_START_H
#define IO_LIBCURL_START_H

#include "base/libcurl.h"

/* Loads and starts libcurl, once in a process; its memory is wiped when freed, unless somebody else of the process started
 * it first. MOIDC_E_INTERNAL: it is not there, or does not start. */
enum moidc_code libcurl_start(struct moidc_err *err) MUST_CHECK;

/* True when its TLS is OpenSSL 3, so that what CURLINFO_TLS_SSL_PTR tells is an SSL; once it is started. */
bool libcurl_has_openssl_3(void);

#endif
