/* SPDX-License-Identifier: MIT */
#include "io/loopback_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/sockios.h>
#endif
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* macOS: SO_NOSIGPIPE does it */
#endif

enum { BACKLOG = 64 };

/* What Linux does when the socket is made, so that no fork() of another thread comes in between. */
static bool prepare(int fd)
{
#ifdef SO_NOSIGPIPE
    int one = 1;

    if (setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &one, sizeof one) != 0) {
        return false;
    }
#endif
#ifdef __linux__
    return fd >= 0;
#else
    return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
#endif
}

static int close_with(int fd, int error)
{
    close(fd);
    return error;
}

static bool bind_to(int fd, int family, const char *address, int *port)
{
    struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)*port)};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)*port)};
    struct sockaddr *bound = family == AF_INET ? (struct sockaddr *)&ipv4 : (struct sockaddr *)&ipv6;
    socklen_t size = family == AF_INET ? sizeof ipv4 : sizeof ipv6;

    ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ipv6.sin6_addr = (struct in6_addr)IN6ADDR_LOOPBACK_INIT;
    if (address != NULL &&
        inet_pton(family, address, family == AF_INET ? (void *)&ipv4.sin_addr : (void *)&ipv6.sin6_addr) != 1) {
        errno = EADDRNOTAVAIL;
        return false;
    }
    if (bind(fd, bound, size) != 0 || getsockname(fd, bound, &size) != 0) {
        return false;
    }
    *port = ntohs(family == AF_INET ? ipv4.sin_port : ipv6.sin6_port);
    return true;
}

int loopback_socket_listen(int family, const char *address, int *port, int *ret)
{
    int one = 1;
#ifdef __linux__
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
#else
    int fd = socket(family, SOCK_STREAM, 0);
#endif

    if (fd < 0) {
        return errno;
    }
    /* Without SO_REUSEADDR the connections of the last sign-in, in TIME_WAIT, block the port for a minute. Sharing it
     * with another listener would take SO_REUSEPORT of both; on Linux SO_REUSEADDR alone lets nobody in beside a socket
     * that listens (socket(7)): bind() or listen() says EADDRINUSE. */
    if (!prepare(fd) || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) != 0) ||
        !bind_to(fd, family, address, port) || listen(fd, BACKLOG) != 0) {
        return close_with(fd, errno);
    }
    *ret = fd;
    return 0;
}

int loopback_socket_accept(int listening, int *ret)
{
#ifdef __linux__
    int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
#else
    int fd = accept(listening, NULL, NULL);
#endif

    if (fd < 0) {
        return errno;
    }
    if (!prepare(fd)) {
        return close_with(fd, errno);
    }
    *ret = fd;
    return 0;
}

static bool is_again(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

ssize_t loopback_socket_read(int fd, char *bytes, size_t size)
{
    ssize_t n = recv(fd, bytes, size, 0);

    return n >= 0 ? n : is_again(errno) ? -1 : 0;
}

ssize_t loopback_socket_write(int fd, const char *bytes, size_t n)
{
    ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);

    return sent >= 0 ? sent : is_again(errno) ? 0 : -1;
}

bool loopback_socket_is_delivered(int fd)
{
#ifdef SIOCOUTQ
    int left = 0;

    return ioctl(fd, SIOCOUTQ, &left) == 0 && left == 0;
#else
    return fd < 0;
#endif
}
