/* SPDX-License-Identifier: MIT */
/* An HTTP request and reply as data: what src/oauth builds and reads, and src/io sends and receives. */
#ifndef BASE_HTTP_MESSAGE_H
#define BASE_HTTP_MESSAGE_H

#include "base/secret.h"
#include "base/strbuf.h"

enum { HTTP_NETWORK_SIGN_IN = 511 /* RFC 6585 §6: said by what stands between, not by the one who was asked */ };

/* How a request got to the other side, for a diagnosis; 0 and "" for what is not known. Texts have no control characters
 * but for `challenge`, which is as it came. */
struct http_route {
    bool resolved;    /* the name was found: of the proxy, where one is used */
    bool connected;   /* TCP */
    bool secured;     /* TLS */
    char address[64]; /* that was connected to */
    int64_t certificate_ends_s;
    char certificate_issuer[256];
    int64_t date_s;       /* the Date header, seconds since 1970 */
    char challenge[4096]; /* WWW-Authenticate, several joined by commas */
    char location[512];   /* where a redirect leads */
};

struct http_request {
    char *url;                    /* absolute */
    const char *what;             /* for messages, a static text: "the token endpoint" */
    struct secret *body;          /* application/x-www-form-urlencoded, POST; NULL: GET */
    struct secret *authorization; /* value of the Authorization header; NULL: none */
    const char *header;           /* the header that carries it; borrowed; NULL: Authorization */
    struct http_route *route;     /* filled whatever comes of the request; borrowed; NULL: nobody wants to know */
    bool accept_keys;             /* a key set's own media type is taken too, not JSON's alone */
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

/* True for 408, 429 and 5xx: whoever answers so is busy or ill, or the connection was, and the request may be right. */
bool http_status_is_outage(int status);

/* What to do next after an answer with that status: static; `otherwise` where it is about the request. */
const char *http_status_next(int status, const char *otherwise);

struct http_response *http_response_new(size_t most_bytes) MUST_CHECK;
void http_response_free(struct http_response *response);
DEFINE_CLEANUP(struct http_response *, http_response_free)

#endif
