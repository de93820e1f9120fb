/* SPDX-License-Identifier: MIT */
/* The sockets of libcurl's connections. */
#ifndef IO_CLIENT_SOCKET_H
#define IO_CLIENT_SOCKET_H

#include "base/libcurl.h"

/* For CURLOPT_OPENSOCKETFUNCTION: a socket that no program inherits which this process, perhaps somebody's training job,
 * starts; libcurl itself leaves its sockets open at exec. CURL_SOCKET_BAD where there is none. */
curl_socket_t client_socket_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *address);

#endif
