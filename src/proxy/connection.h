/* SPDX-License-Identifier: MIT */
/* A client's connection: its socket, what came and is not read yet, and what is to go out. One thread serves it. */
#ifndef PROXY_CONNECTION_H
#define PROXY_CONNECTION_H

#include "base/strbuf.h"
#include "io/request_head.h"

#include <stdint.h>
#include <sys/types.h>

enum {
    CONNECTION_HEAD_MOST_BYTES = 64 * 1024,
    CONNECTION_OUT_BYTES = 64 * 1024,
    CONNECTION_HEAD_WAIT_MS = 10 * 1000,  /* for a head, from its first byte on */
    CONNECTION_IDLE_WAIT_MS = 120 * 1000, /* for the next request */
    CONNECTION_STALL_MS = 120 * 1000,     /* for any byte of a body, either way */
};

struct moidc_proxy;

enum connection_state {
    CONNECTION_IDLE,    /* it waits for its next request */
    CONNECTION_BUSY,    /* from the first byte of a request on */
    CONNECTION_LEAVING, /* no request of it is served any more */
};

struct connection {
    struct moidc_proxy *proxy;
    int fd;
    char *in; /* CONNECTION_HEAD_MOST_BYTES */
    size_t in_start;
    size_t in_end;
    size_t in_most; /* how far it was ever filled: to be wiped */
    char *out;      /* CONNECTION_OUT_BYTES */
    size_t out_start;
    size_t out_end;
    size_t out_most;
    bool gone;    /* the client is, or its time is up */
    bool surplus; /* there are too many: it is turned away */
    bool over;    /* the client said that it sends no more, and all that it sent was read */

    /* of the proxy's list, guarded by its mutex */
    struct connection *next;
    struct connection *queue_next;
    bool served; /* by a thread: it is in the queue no more */
    enum connection_state state;
    int64_t idle_since_ms;
};

/* Serves the requests of the connection until it ends. */
void connection_serve(struct connection *connection);

/* Tells its client, whose request no thread can read, to try again. Waits for a moment at most. */
void connection_turn_away(struct connection *connection);

/* Reads into the free part of `in`: how many bytes came; 0 when the client closed; -1 when none are there. */
ssize_t connection_fill(struct connection *connection);

/* Waits for `events` until the steady clock says `until_ms`. False when that has passed, or the proxy ends. */
bool connection_wait(struct connection *connection, short events, int64_t until_ms);

/* Sends what the system takes at once. False when the client is gone. */
bool connection_flush(struct connection *connection);
/* Sends all of it, waiting for the client. */
bool connection_flush_all(struct connection *connection);

/* How much fits into `out`. */
size_t connection_room(const struct connection *connection);
/* Appends the bytes, for which there is room. */
void connection_put(struct connection *connection, const char *bytes, size_t n);
/* Appends bytes for which there may be none: waits for the client. False when it is gone. */
bool connection_put_all(struct connection *connection, const char *bytes, size_t n);

#endif
