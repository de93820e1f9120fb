/* SPDX-License-Identifier: MIT */
#include "io/listener_sockets.h"

#include "io/loopback_socket.h"
#include "io/port_owner.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FREE_PORT_TRIES = 16 };

/* Where the socket itself listens. */
static int own_port(const struct listener_address *address)
{
    return address->outside != NULL ? address->outside_port : address->port;
}

static enum moidc_code error_busy(const struct listener_address *address, struct moidc_err *err)
{
    char owner[96];

    port_owner_find(own_port(address), owner, sizeof owner);
    err_set(err, MOIDC_E_NETWORK, "port %d, where the browser is to come back to, is taken by %s", own_port(address),
            owner[0] != '\0' ? owner : "another program");
    err_where(err, "%s:%d", address->outside != NULL ? address->outside : address->host, own_port(address));
    return err_next(err, address->outside != NULL
                             ? "end that program, or set listen-address to another port that leads here"
                             : "end that program, or set redirect-uri to one with another port that the provider knows "
                               "too, or with port 0 if it takes any");
}

static enum moidc_code error_system(const struct listener_address *address, int error, struct moidc_err *err)
{
    err_set(err, MOIDC_E_NETWORK, "cannot listen for the browser: %s", strerror(error));
    err_where(err, "%s:%d", address->outside != NULL ? address->outside : address->host, own_port(address));
    return err_next(err, "%s", LISTENER_REMEDY);
}

/* Opens what `address` asks for. A family that this machine does not have is left out as long as there is the other. Sets
 * *busy where the port is taken. */
static enum moidc_code open_sockets(struct listener_sockets *sockets, const struct listener_address *address,
                                    bool *busy, struct moidc_err *err)
{
    const int family[LISTENER_FAMILIES] = {AF_INET, AF_INET6};
    const bool wanted[LISTENER_FAMILIES] = {address->ipv4, address->ipv6};
    int missing = EADDRNOTAVAIL;
    int opened = 0;
    int port = own_port(address); /* a free one that the first family took is the second's too */

    for (int i = 0; i < LISTENER_FAMILIES; i++) {
        int error =
            wanted[i] ? loopback_socket_listen(family[i], address->outside, &port, &sockets->fd[i]) : EAFNOSUPPORT;

        if (error == EADDRINUSE) {
            *busy = true;
            return error_busy(address, err);
        }
        if (error == 0) {
            opened++;
        } else if (error == EAFNOSUPPORT || error == EADDRNOTAVAIL) {
            missing = wanted[i] ? error : missing;
        } else {
            return error_system(address, error, err);
        }
    }
    sockets->port = address->port != 0 ? address->port : port;
    return opened > 0 ? MOIDC_OK : error_system(address, missing, err);
}

void listener_sockets_close(struct listener_sockets *sockets)
{
    for (int i = 0; i < LISTENER_FAMILIES; i++) {
        if (sockets->fd[i] >= 0) {
            shutdown(sockets->fd[i], SHUT_RDWR); /* ends it for the copy of a forked child too */
            close(sockets->fd[i]);
            sockets->fd[i] = -1;
        }
    }
}

/* A free port of one family may be taken in the other: then another one. */
enum moidc_code listener_sockets_open(const struct listener_address *address, struct listener_sockets *ret,
                                      struct moidc_err *err)
{
    int tries = own_port(address) == 0 ? FREE_PORT_TRIES : 1;
    enum moidc_code rc;
    bool busy;

    do {
        busy = false;
        rc = open_sockets(ret, address, &busy, err);
        if (rc != MOIDC_OK) {
            listener_sockets_close(ret);
        }
    } while (busy && --tries > 0);
    return rc;
}
