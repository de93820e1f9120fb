/* SPDX-License-Identifier: MIT */
/* What a transfer that failed means for the user. */
#ifndef IO_HTTP_FAILURE_H
#define IO_HTTP_FAILURE_H

#include "base/http_message.h"
#include "base/libcurl.h"

struct http_failure {
    CURLcode result;
    const char *detail;       /* libcurl's own words, "" for none */
    const char *trust_source; /* whose certificates are trusted */
    const char *proxy;        /* that the environment names for the URL, "" for none */
    int64_t waited_ms;
};

/* Sets err: what failed, with the request's URL without its query, and what to do next; its code. */
enum moidc_code http_failure_tell(const struct http_failure *failure, const struct http_request *request,
                                  struct moidc_err *err);

/* Sets err where libcurl makes no handle: this process can open no more files, or memory is out; its code. */
enum moidc_code http_failure_start(struct moidc_err *err);

#endif
