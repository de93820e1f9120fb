/* SPDX-License-Identifier: MIT */
/* One try of an exchange: the request goes to the server and its answer to the client, piece by piece as they come. */
#ifndef PROXY_TRANSFER_H
#define PROXY_TRANSFER_H

#include "proxy/body.h"
#include "proxy/proxy.h"
#include "proxy/response.h"

struct exchange {
    struct connection *connection;
    struct moidc_proxy *proxy;
    const struct proxy_request *request;
    char *url;
    struct strbuf fields; /* without the token */
    struct body body;
    struct strbuf kept; /* of the body, what was read before the server was asked */
    size_t kept_sent;
    bool streamed;        /* of the body, more was sent than is kept: it cannot be repeated */
    bool expects_no_more; /* the server answered 417: Expect is not sent to it again */

    /* of one attempt */
    struct response response;
    bool expects;   /* Expect: 100-continue was sent */
    bool refused;   /* a 401: the client does not see it */
    size_t dropped; /* bytes of its body */
    bool answered;  /* the head went to the client */
    enum response_body mode;
    int64_t left; /* of RESPONSE_LENGTH */
    bool keep_alive;
    bool waits_for_body; /* the client is to send */
    bool watches_client; /* for its end */
    int64_t half_closed_until_ms;
    int64_t moved_ms; /* when a byte was last: a turn's time */
    bool moved;       /* one since the last turn */
    bool late;
};

/* Sends the request with `token`, and hands the answer on, unless it is a 401 (exchange->refused): that one is for the
 * caller to judge.
 *   result  how it ended
 *   why     what is said of a failure
 * An error: nothing was sent. */
enum moidc_code transfer_run(struct exchange *exchange, const struct moidc_token *token, enum upstream_result *result,
                             char why[256], struct moidc_err *err) MUST_CHECK;

#endif
