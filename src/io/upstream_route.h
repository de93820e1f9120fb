/* SPDX-License-Identifier: MIT */
/* How the proxy reaches the tracking server: certificates, and a proxy of the environment. */
#ifndef IO_UPSTREAM_ROUTE_H
#define IO_UPSTREAM_ROUTE_H

#include "base/environment.h"
#include "base/libcurl.h"
#include "base/url.h"
#include "io/trust.h"

/* Immutable, for any number of threads. */
struct upstream_route {
    struct url url;
    struct trust trust;
    struct moidc_env *env;
    const char *proxy;       /* borrowed from env */
    const char *client_cert; /* borrowed from env; NULL: none */
    bool insecure;
};

/* The proxy, the certificates (as io/http.h says) and, from MLFLOW_TRACKING_SERVER_CERT_PATH,
 * MLFLOW_TRACKING_INSECURE_TLS and MLFLOW_TRACKING_CLIENT_CERT_PATH, MLflow's own settings for the tracking server.
 *   uri  the server's, borrowed by the route
 * MOIDC_E_CONFIGURATION: they contradict each other. */
enum moidc_code upstream_route_new(const struct moidc_env *env, const char *uri, struct upstream_route **ret,
                                   struct moidc_err *err) MUST_CHECK;
/* Has `easy`, which borrows from the route then, go that way. */
CURLcode upstream_route_set(const struct upstream_route *route, CURL *easy) MUST_CHECK;
void upstream_route_free(struct upstream_route *route);
DEFINE_CLEANUP(struct upstream_route *, upstream_route_free)

#endif
