/* SPDX-License-Identifier: MIT */
/* The sockets that the listener listens on: one for each family. */
#ifndef IO_LISTENER_SOCKETS_H
#define IO_LISTENER_SOCKETS_H

#include "io/listener.h"

enum { LISTENER_FAMILIES = 2 };

/* What to do where the system gives no socket, or lets nobody in. */
#define LISTENER_REMEDY "sign in without a listener: set flow to paste, or to device where the provider has that"

struct listener_sockets {
    int fd[LISTENER_FAMILIES]; /* -1: none */
    int port;                  /* of the redirect URI, a free one where that left it open */
};

/* Opens what `address` asks for into *ret, whose descriptors are -1 and stay so on failure; see listener_open(). */
enum moidc_code listener_sockets_open(const struct listener_address *address, struct listener_sockets *ret,
                                      struct moidc_err *err) MUST_CHECK;
void listener_sockets_close(struct listener_sockets *sockets);

#endif
