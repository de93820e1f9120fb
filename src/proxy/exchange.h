/* SPDX-License-Identifier: MIT */
/* One request and its answer: on to the tracking server with the token, and back to the client. */
#ifndef PROXY_EXCHANGE_H
#define PROXY_EXCHANGE_H

#include "proxy/proxy.h"

/* A body of up to so many bytes is read whole before the server is asked: it can be sent again after a 401, and a slow
 * client holds no connection to the server. A larger one is streamed. */
enum { EXCHANGE_KEPT_MOST_BYTES = 1 << 20, EXCHANGE_FIELDS_MOST_BYTES = 256 * 1024 };

/* Serves the request that access.c let in; its head is no longer among what is to be read. True when the connection
 * stays open for another one. */
bool exchange_serve(struct connection *connection, const struct proxy_request *request);

/* Sends an answer of our own; the connection is to be closed. `message` must hold nothing secret. */
void exchange_refuse(struct connection *connection, const struct proxy_request *request, int status,
                     const char *message);

#endif
