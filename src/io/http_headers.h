/* SPDX-License-Identifier: MIT */
/* What libcurl tells of a reply and of the way to it, for http.c. */
#ifndef IO_HTTP_HEADERS_H
#define IO_HTTP_HEADERS_H

#include "base/http_message.h"
#include "base/libcurl.h"

/* Takes what matters of one header line. `route` may be NULL. */
void http_headers_take(const char *line, size_t n, struct http_response *response, struct http_route *route);

/* Forgets what the lines before said: another answer begins. */
void http_headers_forget(struct http_response *response, struct http_route *route);

/* Takes how far the transfer on `easy`, which ended with `result`, got. */
void http_route_take(CURL *easy, CURLcode result, struct http_route *route);

#endif
