/* SPDX-License-Identifier: MIT */
/* Which certificate authorities are trusted, and which proxy is used: from the environment and the system. */
#ifndef IO_TRUST_H
#define IO_TRUST_H

#include "base/environment.h"
#include "base/url.h"

/* Where the trusted certificates are. At most one or both; the strings are owned. */
struct trust {
    char *file;         /* PEM bundle, NULL: none */
    char *directory;    /* hashed directory, NULL: none */
    const char *source; /* for messages: "SSL_CERT_FILE", "the system"; static */
};

/* With `ca_file` (not NULL or ""), that file alone: MOIDC_E_CONFIGURATION when it cannot be read. Else looks in this
 * order: SSL_CERT_FILE and SSL_CERT_DIR, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE, a hashed /etc/ssl/certs, the
 * bundle files of Debian, RHEL, SUSE, Alpine and macOS, MOIDC_CERTIFI (which the Python package sets to certifi's). */
enum moidc_code trust_find(const struct moidc_env *env, const char *ca_file, struct trust *ret,
                           struct moidc_err *err) MUST_CHECK;
/* The same where the system's certificates are below the folder `root`, not "/": for tests. */
enum moidc_code trust_find_below(const char *root, const struct moidc_env *env, const char *ca_file, struct trust *ret,
                                 struct moidc_err *err) MUST_CHECK;
void trust_clear(struct trust *trust);

/* What to do about a certificate of which the TLS library said that: static; `otherwise` where it may be that its authority
 * is not trusted. */
const char *trust_remedy(const char *said, const char *otherwise);

/* The proxy for `url` by https_proxy, HTTPS_PROXY, http_proxy, all_proxy, ALL_PROXY; "" for none and for loopback.
 * Borrowed from env. no_proxy is left to the HTTP library. */
const char *trust_proxy(const struct moidc_env *env, const struct url *url);

#endif
