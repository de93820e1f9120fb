/* SPDX-License-Identifier: MIT */
/* HTTP to the provider, by libcurl: TLS checked, redirects never followed, replies bounded in size and time. */
#ifndef IO_HTTP_H
#define IO_HTTP_H

#include "base/environment.h"
#include "base/http_message.h"

/* A connection pool with its trust store: one user at a time. */
struct http;

/* Proxies (https_proxy, no_proxy ...) and certificates (SSL_CERT_FILE, SSL_CERT_DIR, REQUESTS_CA_BUNDLE,
 * CURL_CA_BUNDLE, then the system's) are taken from `env` now; with `ca_file` (not NULL or "") those of that file alone
 * are trusted. *ret is the caller's, http_free(). */
enum moidc_code http_new(const struct moidc_env *env, const char *ca_file, struct http **ret,
                         struct moidc_err *err) MUST_CHECK;
void http_free(struct http *http);
DEFINE_CLEANUP(struct http *, http_free)

enum { HTTP_CONNECT_MS = 10 * 1000, HTTP_TOTAL_MS = 30 * 1000, HTTP_REPLY_MOST_BYTES = 1 << 20 };

/* Sends `request` and takes the whole reply, whatever its status. At most HTTP_CONNECT_MS to connect, HTTP_TOTAL_MS in
 * all, HTTP_REPLY_MOST_BYTES of body.
 *   ui   asked for cancelled(); may be NULL. Once the request is on its way, its reply is still waited for, for
 *        request->finish_ms: one that comes by then is returned as if nobody had cancelled
 *   ret  the caller's, http_response_free()
 * MOIDC_E_NETWORK, MOIDC_E_TIMEOUT, MOIDC_E_CANCELLED, MOIDC_E_PROTOCOL (reply too large), MOIDC_E_MEMORY; err->where is
 * the request's URL without its query. */
enum moidc_code http_send(struct http *http, const struct http_request *request, const struct moidc_ui *ui,
                          struct http_response **ret, struct moidc_err *err) MUST_CHECK;

/* True when the server may have begun to do what the last request asked for: false where no connection was had. */
bool http_was_sent(const struct http *http);

#endif
