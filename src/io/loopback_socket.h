/* SPDX-License-Identifier: MIT */
/* TCP sockets, of the loopback interface unless told otherwise: all of them close-on-exec, non-blocking, and without
 * SIGPIPE. */
#ifndef IO_LOOPBACK_SOCKET_H
#define IO_LOOPBACK_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Listens on `address`, an IP literal of `family` (AF_INET or AF_INET6), NULL: its loopback address. *port 0 becomes a
 * free one. 0 and the descriptor in *ret, or errno. */
int loopback_socket_listen(int family, const char *address, int *port, int *ret);

/* Lets in who waits at `listening`. 0 and the descriptor in *ret; or errno, EAGAIN where nobody waits. */
int loopback_socket_accept(int listening, int *ret);

/* Reads up to `size` bytes: how many came; 0 when the other side closed or failed; -1 when none are there yet. */
ssize_t loopback_socket_read(int fd, char *bytes, size_t size);

/* Sends as many of the `n` bytes as the system takes at once: how many, 0 when none now, -1 when it failed. */
ssize_t loopback_socket_write(int fd, const char *bytes, size_t n);

/* True when all that was sent has reached the other side's system, which keeps it when we close; false as well where
 * the system cannot tell. */
bool loopback_socket_is_delivered(int fd);

#endif
