/* SPDX-License-Identifier: MIT */
/* A piece of somebody else's bytes: what parsers of HTTP heads cut up. */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>

struct span {
    const char *bytes; /* borrowed; not NUL-terminated */
    size_t length;
};

bool span_is(struct span span, const char *text);
/* But for the case of A-Z. */
bool span_is_nocase(struct span span, const char *text);
bool span_equals_nocase(struct span a, struct span b);
bool span_begins(struct span span, const char *text);
bool span_begins_nocase(struct span span, const char *text);

/* A token of RFC 9110 §5.6.2: not empty, and tchar alone. */
bool span_is_token(struct span span);

/* Takes what stands before the first `separator` off the front of *rest, and the separator. False when there is none. */
bool span_cut(struct span *rest, char separator, struct span *ret);

/* Takes the next element of a list off the front of *rest, without white space around it (RFC 9110 §5.6.1). False after
 * the last; an element may be empty. */
bool span_cut_element(struct span *rest, struct span *ret);

/* Without the `n` first bytes, of which there are as many. */
struct span span_after(struct span span, size_t n);

/* Without spaces and tabs around. */
struct span span_trimmed(struct span span);

#endif
