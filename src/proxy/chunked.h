/* SPDX-License-Identifier: MIT */
/* The chunked coding of a request body (RFC 9112 §7.1), taken off strictly: CR LF alone ends a line, sizes are plain
 * hexadecimal, extensions and trailers are bounded and dropped. What another server might read in two ways is refused. */
#ifndef PROXY_CHUNKED_H
#define PROXY_CHUNKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum chunked_state {
    CHUNKED_SIZE, /* where it starts */
    CHUNKED_EXTENSION,
    CHUNKED_SIZE_LF,
    CHUNKED_DATA,
    CHUNKED_DATA_CR,
    CHUNKED_DATA_LF,
    CHUNKED_TRAILER,
    CHUNKED_TRAILER_LF,
    CHUNKED_END,   /* the last byte has come; what follows belongs to the next request */
    CHUNKED_BROKEN /* this is no chunked body */
};

/* Starts as zeros. */
struct chunked {
    enum chunked_state state;
    uint64_t left;     /* of the chunk */
    unsigned digits;   /* of its size */
    unsigned line;     /* bytes of the line that is being dropped */
    unsigned overhead; /* bytes of extensions in all; of trailers once they have begun */
    bool last;         /* its size was 0 */
};

/* Takes up to `n` bytes of the coded body from `in` and writes up to `room` bytes of the plain one to `out`.
 * Returns how many were written, and in *used how many were taken; ends early when `out` is full, or at CHUNKED_END and
 * CHUNKED_BROKEN. */
size_t chunked_decode(struct chunked *chunked, const char *in, size_t n, size_t *used, char *out, size_t room);

#endif
