/* SPDX-License-Identifier: MIT */
/* The provider as one identity sees it: its metadata, its keys, and sending it requests. One user at a time. */
#ifndef FLOW_PROVIDER_H
#define FLOW_PROVIDER_H

#include "io/http.h"
#include "oauth/jwk.h"
#include "oauth/metadata.h"

struct provider {
    const char *issuer;  /* as configured; borrowed */
    const char *ca_file; /* the setting; NULL or "": none; borrowed */
    struct http *http;
    struct metadata *metadata;
    struct jwks *jwks;
    bool hurried;          /* nothing is tried again in a call: the call before has failed already */
    int64_t retry_after_s; /* what the last answer asked for (429, 503); 0 or less: nothing */
};

/* Who asks, in which environment. Borrowed. */
struct call {
    const struct moidc_env *env;
    const struct moidc_ui *ui; /* NULL: nobody */
};

void provider_clear(struct provider *provider);

/* Makes provider->metadata available, from memory or from the issuer (OIDC Discovery §4; where that path answers 404,
 * RFC 8414 §3). */
enum moidc_code provider_discover(struct provider *provider, const struct call *call, struct moidc_err *err) MUST_CHECK;

/* Makes provider->jwks available; with `anew`, fetches even if they are there (keys are rotated, OIDC Core §10.1.1). */
enum moidc_code provider_keys(struct provider *provider, const struct call *call, bool anew,
                              struct moidc_err *err) MUST_CHECK;

/* Sends `request`. Where it is repeatable, an answer of 408, 429 or 5xx and a connection that broke are tried again, twice,
 * after growing pauses (Retry-After is honoured up to 10 s), unless provider->hurried; so is any request for which no
 * connection was had. *ret is the caller's. */
enum moidc_code provider_send(struct provider *provider, const struct call *call, const struct http_request *request,
                              struct http_response **ret, struct moidc_err *err) MUST_CHECK;

/* Waits in short steps; false when the caller cancelled. */
bool call_wait(const struct call *call, int64_t ms);

#endif
