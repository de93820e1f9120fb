/* SPDX-License-Identifier: MIT */
/* base64url without padding (RFC 4648 §5, RFC 7515 §2), strict: one encoding for one value. */
#ifndef BASE_BASE64URL_H
#define BASE_BASE64URL_H

#include "base/error.h"
#include "base/strbuf.h"

/* Appends the encoding of the `n` bytes. */
void base64url_encode(struct strbuf *buf, const unsigned char *bytes, size_t n);
/* As above in the ordinary alphabet with padding, for HTTP Basic (RFC 7617). */
void base64_encode(struct strbuf *buf, const unsigned char *bytes, size_t n);

/* Decodes `n` characters into `out`, which has room for n / 4 * 3 + 2 bytes. Returns the number of bytes, or -1 for a
 * character outside of the alphabet ('=' and white space too), an impossible length, or bits left over. */
long base64url_decode(const char *text, size_t n, unsigned char *out);

#endif
