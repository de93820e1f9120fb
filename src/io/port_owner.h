/* SPDX-License-Identifier: MIT */
/* Which program listens on a local port, for the message that it is taken. */
#ifndef IO_PORT_OWNER_H
#define IO_PORT_OWNER_H

#include <stddef.h>

/* Writes "python3 (process 1234)" into `text`, or "user 1001's program" where that is all that the system tells, or ""
 * where it tells nothing (not Linux, no /proc). The name is what the program calls itself: not to be trusted. Takes
 * time in proportion to the user's processes. */
void port_owner_find(int port, char *text, size_t size);

#endif
