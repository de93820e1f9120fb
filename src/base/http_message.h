/* SPDX-License-Identifier: MIT */
/* An HTTP request and reply as data: what src/oauth builds and reads, and src/io sends and receives. */
#ifndef BASE_HTTP_MESSAGE_H
#define BASE_HTTP_MESSAGE_H

#include "base/secret.h"
#include "base/strbuf.h"

struct http_request {
    char *url;                    /* absolute */
    const char *what;             /* for messages, a static text: "the token endpoint" */
    struct secret *body;          /* application/x-www-form-urlencoded, POST; NULL: GET */
    struct secret *authorization; /* value of the Authorization header; NULL: none */
    bool repeatable;              /* may be sent again after a reply of 5xx or a cut connection */
    int finish_ms;                /* how long a cancelled call waits for the reply of what was sent already */
};

struct http_response {
    int status;
    char content_type[128]; /* lower case, without parameters; "" when there was none */
    int64_t retry_after_s;  /* RFC 9110 §10.2.3 in seconds; -1 when there was none */
    struct strbuf body;
};

/* For `url` (copied). *ret is the caller's. */
enum moidc_code http_request_new(const char *url, const char *what, struct http_request **ret,
                                 struct moidc_err *err) MUST_CHECK;
void http_request_free(struct http_request *request);
DEFINE_CLEANUP(struct http_request *, http_request_free)

struct http_response *http_response_new(size_t most_bytes) MUST_CHECK;
void http_response_free(struct http_response *response);
DEFINE_CLEANUP(struct http_response *, http_response_free)

#endif
