/* SPDX-License-Identifier: MIT */
/* Why a transfer failed, in words that may be shown. */
#ifndef IO_TRANSFER_WORDS_H
#define IO_TRANSFER_WORDS_H

#include "base/libcurl.h"

/* `detail` is what libcurl says of it, "" for nothing. Static, or borrowed from that. A fault in TLS is said in words of
 * our own that begin with OpenSSL's, since an OpenSSL that is linked in may have been built without its texts. */
const char *transfer_words(CURLcode result, const char *detail);

#endif
