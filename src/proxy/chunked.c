/* SPDX-License-Identifier: MIT */
#include "proxy/chunked.h"

#include "base/text.h"

#include <string.h>

enum { DIGITS_MOST = 15, OVERHEAD_MOST_BYTES = 16 * 1024 };

/* What may stand in an extension or a trailer: no control character but the tab. */
static bool is_text(char c)
{
    return (unsigned char)c >= ' ' ? c != 0x7f : c == '\t';
}

static enum chunked_state in_size(struct chunked *chunked, char c)
{
    int digit = text_hex(c);

    if (digit >= 0) {
        chunked->left = chunked->left << 4 | (unsigned)digit;
        return ++chunked->digits <= DIGITS_MOST ? CHUNKED_SIZE : CHUNKED_BROKEN;
    }
    if (chunked->digits == 0) {
        return CHUNKED_BROKEN;
    }
    chunked->last = chunked->left == 0;
    /* RFC 9112 §7.1.1 has white space before the ';' as bad, and asks to take it: it is not told apart from a size */
    return c == '\r' ? CHUNKED_SIZE_LF : c == ';' ? CHUNKED_EXTENSION : CHUNKED_BROKEN;
}

static enum chunked_state in_dropped_line(struct chunked *chunked, char c, enum chunked_state here,
                                          enum chunked_state after)
{
    if (c == '\r') {
        return after;
    }
    chunked->line++;
    return is_text(c) && ++chunked->overhead <= OVERHEAD_MOST_BYTES ? here : CHUNKED_BROKEN;
}

static enum chunked_state after_size(struct chunked *chunked, char c)
{
    chunked->digits = 0;
    chunked->line = 0;
    return c != '\n' ? CHUNKED_BROKEN : chunked->last ? CHUNKED_TRAILER : CHUNKED_DATA;
}

static enum chunked_state after_trailer(struct chunked *chunked, char c)
{
    bool empty = chunked->line == 0;

    chunked->line = 0;
    return c != '\n' ? CHUNKED_BROKEN : empty ? CHUNKED_END : CHUNKED_TRAILER;
}

static enum chunked_state step(struct chunked *chunked, char c)
{
    switch (chunked->state) {
    case CHUNKED_SIZE:
        return in_size(chunked, c);
    case CHUNKED_EXTENSION:
        return in_dropped_line(chunked, c, CHUNKED_EXTENSION, CHUNKED_SIZE_LF);
    case CHUNKED_SIZE_LF:
        return after_size(chunked, c);
    case CHUNKED_DATA_CR:
        return c == '\r' ? CHUNKED_DATA_LF : CHUNKED_BROKEN;
    case CHUNKED_DATA_LF:
        return c == '\n' ? CHUNKED_SIZE : CHUNKED_BROKEN;
    case CHUNKED_TRAILER:
        return in_dropped_line(chunked, c, CHUNKED_TRAILER, CHUNKED_TRAILER_LF);
    case CHUNKED_TRAILER_LF:
        return after_trailer(chunked, c);
    case CHUNKED_DATA:
    case CHUNKED_END:
    case CHUNKED_BROKEN:
        break;
    }
    return CHUNKED_BROKEN;
}

size_t chunked_decode(struct chunked *chunked, const char *in, size_t n, size_t *used, char *out, size_t room)
{
    size_t taken = 0;
    size_t written = 0;

    while (taken < n && chunked->state != CHUNKED_END && chunked->state != CHUNKED_BROKEN) {
        size_t most = n - taken < room - written ? n - taken : room - written;

        if (chunked->state != CHUNKED_DATA) {
            chunked->state = step(chunked, in[taken++]);
            continue;
        }
        most = chunked->left < most ? (size_t)chunked->left : most;
        if (most == 0) {
            break;
        }
        memcpy(out + written, in + taken, most);
        written += most;
        taken += most;
        chunked->left -= most;
        chunked->state = chunked->left == 0 ? CHUNKED_DATA_CR : CHUNKED_DATA;
    }
    *used = taken;
    return written;
}
