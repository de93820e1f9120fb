/* SPDX-License-Identifier: MIT */
/* A string that grows up to a maximum that its owner names; wiped when freed and whenever it moves. */
#ifndef BASE_STRBUF_H
#define BASE_STRBUF_H

#include "base/error.h"

struct strbuf {
    char *bytes; /* NUL-terminated once anything was added; NULL before */
    size_t length;
    size_t size;
    size_t most;
    bool failed;   /* memory was out, or `most` reached: what was added since is lost */
    bool too_long; /* ... and it was `most` */
};

/* An empty one for at most `most` bytes. No allocation. */
#define STRBUF_INIT(most_bytes)                                                                                        \
    {                                                                                                                  \
        .bytes = NULL, .length = 0, .size = 0, .most = (most_bytes), .failed = false, .too_long = false                \
    }

/* Append; after a failure they do nothing and `failed` stays set, so that one check at the end is enough. */
void strbuf_add(struct strbuf *buf, const char *bytes, size_t n);
void strbuf_add_text(struct strbuf *buf, const char *text);
void strbuf_add_format(struct strbuf *buf, const char *format, ...) PRINTF(2, 3);
/* Appends percent-encoded for application/x-www-form-urlencoded (space becomes '+') or for a URI component (RFC 3986
 * §2.1, space becomes %20). */
void strbuf_add_form(struct strbuf *buf, const char *bytes, size_t n);
void strbuf_add_percent(struct strbuf *buf, const char *bytes, size_t n);

/* Appends what form-urlencoded text stands for ('+' is a space). False where '%' stands without two hex digits, or the
 * result holds NUL or is no UTF-8; and when the buffer failed. */
bool strbuf_add_decoded(struct strbuf *buf, const char *text, size_t n) MUST_CHECK;

/* The text ("" when nothing was added); borrowed. */
const char *strbuf_text(const struct strbuf *buf);
/* Hands the text over to the caller (mem_free()) and empties the buffer. NULL when it failed. */
char *strbuf_take(struct strbuf *buf);
void strbuf_free(struct strbuf *buf);

/* The error for a buffer that failed: MOIDC_E_MEMORY, or MOIDC_E_PROTOCOL "`what` is larger than N bytes". */
enum moidc_code strbuf_error(const struct strbuf *buf, const char *what, struct moidc_err *err);

#endif
