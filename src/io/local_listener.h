/* SPDX-License-Identifier: MIT */
/* Where the proxy listens: the loopback interface, or a UNIX socket that nobody but its user can reach. */
#ifndef IO_LOCAL_LISTENER_H
#define IO_LOCAL_LISTENER_H

#include "base/error.h"
#include "io/local_peer.h"

struct local_listener;

/* Listens on the loopback interface.
 *   address  "127.0.0.1", "[::1]" or "localhost" (which is 127.0.0.1), each with ":PORT" or without, or a port alone;
 *            port 0, or none: any that is free
 * MOIDC_E_CONFIGURATION: another address, which others than this machine's could reach. MOIDC_E_NETWORK: it is taken. */
enum moidc_code local_listener_open(const char *address, struct local_listener **ret, struct moidc_err *err) MUST_CHECK;

/* Listens on a UNIX socket of mode 0600 at the absolute or relative `path`, in a directory that belongs to this user and
 * that nobody else may enter; the directory is made when it is missing. A socket that nobody serves any more is replaced;
 * "path.lock" tells those apart, and stays.
 * MOIDC_E_CONFIGURATION: the path cannot be used. MOIDC_E_STORAGE: another process serves it, or the system refuses. */
enum moidc_code local_listener_open_unix(const char *path, struct local_listener **ret,
                                         struct moidc_err *err) MUST_CHECK;

/* Closes and removes the UNIX socket, if it is still the one that was made. NULL is allowed. */
void local_listener_close(struct local_listener *listener);
DEFINE_CLEANUP(struct local_listener *, local_listener_close)

/* The descriptor to wait for with poll(). */
int local_listener_fd(const struct local_listener *listener);
/* "127.0.0.1" or "[::1]"; NULL for a UNIX socket. Static. */
const char *local_listener_host(const struct local_listener *listener);
int local_listener_port(const struct local_listener *listener);
/* Of the UNIX socket; NULL for none. Borrowed. */
const char *local_listener_path(const struct local_listener *listener);

/* Whose the other end of the accepted connection `fd` is. For one thread at a time. */
enum local_peer local_listener_peer(struct local_listener *listener, int fd);

#endif
