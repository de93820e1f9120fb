/* SPDX-License-Identifier: MIT */
/* Replies of the loopback listener (RFC 9112). */
#ifndef IO_PAGE_REPLY_H
#define IO_PAGE_REPLY_H

#include <stdbool.h>
#include <stddef.h>

/* The short reply to a stray, in what the socket takes at once; then the write side is shut. `with_body`: false for an
 * answer to HEAD. False when the connection is of no use any more. */
bool page_reply_refuse(int fd, int status, bool with_body) __attribute__((warn_unused_result));

/* Sends an HTML page, lets the other side read it all, and closes `fd`: at most 1 s, 0.2 s for a refusal (400 or more). */
void page_reply_send(int fd, int status, const char *html, size_t length);

#endif
