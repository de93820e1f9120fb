/* SPDX-License-Identifier: MIT */
/* What libcurl is told for every transfer of ours, to a provider as to a tracking server. */
#ifndef IO_TRANSFER_OPTIONS_H
#define IO_TRANSFER_OPTIONS_H

#include "base/libcurl.h"
#include "io/trust.h"

/* The way there (`proxy` as trust_proxy() says, and no_proxy of `env`), whose certificates count, TLS 1.2 or later, HTTP/1.1
 * over http and https alone, no redirect followed. libcurl copies what is given. */
CURLcode transfer_options_set(CURL *easy, const struct moidc_env *env, const char *proxy,
                              const struct trust *trust) MUST_CHECK;

#endif
