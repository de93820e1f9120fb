/* SPDX-License-Identifier: MIT */
#include "io/client_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

curl_socket_t client_socket_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    int fd;

    (void)ctx;
    (void)purpose;
#ifdef SOCK_CLOEXEC
    fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
#else
    fd = socket(address->family, address->socktype, address->protocol);
    if (fd >= 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
        close(fd);
        fd = -1;
    }
#endif
    return fd >= 0 ? fd : CURL_SOCKET_BAD;
}
