/* SPDX-License-Identifier: MIT */
#include "io/upstream_route.h"

#include "base/text.h"
#include "io/transfer_options.h"

#include <string.h>
#include <sys/stat.h>

/* As MLflow reads its switches. */
static bool is_true(const char *text)
{
    return text != NULL && (text_equal_nocase(text, "true") || strcmp(text, "1") == 0);
}

static enum moidc_code take_certificates(struct upstream_route *route, struct moidc_err *err)
{
    const char *bundle = env_get(route->env, "MLFLOW_TRACKING_SERVER_CERT_PATH");
    struct stat status;

    route->insecure = is_true(env_get(route->env, "MLFLOW_TRACKING_INSECURE_TLS"));
    route->client_cert = env_get(route->env, "MLFLOW_TRACKING_CLIENT_CERT_PATH");
    if (bundle == NULL) {
        return trust_find(route->env, NULL, &route->trust, err);
    }
    if (route->insecure) {
        err_set(err, MOIDC_E_CONFIGURATION,
                "MLFLOW_TRACKING_INSECURE_TLS and MLFLOW_TRACKING_SERVER_CERT_PATH contradict each other");
        return err_next(err, "unset one of them");
    }
    if (stat(bundle, &status) != 0) {
        err_set(err, MOIDC_E_CONFIGURATION, "the certificates of the tracking server are not there");
        err_where(err, "environment variable MLFLOW_TRACKING_SERVER_CERT_PATH: %s", bundle);
        return err_next(err, "set it to a PEM file or to a hashed directory");
    }
    if (S_ISDIR(status.st_mode)) {
        route->trust.directory = mem_strdup(bundle);
    } else {
        route->trust.file = mem_strdup(bundle);
    }
    return route->trust.directory != NULL || route->trust.file != NULL ? MOIDC_OK : err_memory(err);
}

enum moidc_code upstream_route_new(const struct moidc_env *env, const char *uri, struct upstream_route **ret,
                                   struct moidc_err *err)
{
    CLEANUP(upstream_route_free_p) struct upstream_route *route = mem_zalloc(sizeof *route);
    enum moidc_code rc;

    if (route == NULL) {
        return err_memory(err);
    }
    if (!url_parse(uri, &route->url)) {
        return err_set(err, MOIDC_E_INTERNAL, "a normalised URI is none");
    }
    rc = env_copy(env, &route->env, err);
    rc = rc == MOIDC_OK ? take_certificates(route, err) : rc;
    if (rc == MOIDC_OK) {
        route->proxy = trust_proxy(route->env, &route->url);
        *ret = route;
        route = NULL;
    }
    return rc;
}

void upstream_route_free(struct upstream_route *route)
{
    if (route != NULL) {
        trust_clear(&route->trust);
        moidc_env_free(route->env);
        mem_free(route);
    }
}

CURLcode upstream_route_set(const struct upstream_route *route, CURL *easy)
{
    CURLcode rc = transfer_options_set(easy, route->env, route->proxy, &route->trust);

    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, route->insecure ? 0L : 1L);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, route->insecure ? 0L : 2L);
    rc = rc ? rc
            : curl_easy_setopt(easy, CURLOPT_SSLCERT, route->client_cert); /* with its key in it, as requests wants */
    return rc;
}
