/* SPDX-License-Identifier: MIT */
#include "flow/redirect_listener.h"

enum moidc_code redirect_listen(const struct settings *settings, struct listener **ret, struct moidc_err *err)
{
    static const char *const hosts[] = {
        [REDIRECT_IPV4] = "127.0.0.1", [REDIRECT_IPV6] = "[::1]", [REDIRECT_LOCALHOST] = "localhost"};
    const struct redirect *redirect = &settings->redirect;
    const struct listen_address *outside = settings->listen.host[0] != '\0' ? &settings->listen : NULL;
    const struct listener_address address = {
        .ipv4 = outside != NULL ? !outside->ipv6 : redirect->host != REDIRECT_IPV6,
        .ipv6 = outside != NULL ? outside->ipv6 : redirect->host != REDIRECT_IPV4,
        .port = redirect->port,
        .path = redirect->path,
        .host = hosts[redirect->host],
        .outside = outside != NULL ? outside->host : NULL,
        .outside_port = outside != NULL ? outside->port : 0,
    };
    enum moidc_code rc = listener_open(&address, ret, err);

    if (rc != MOIDC_OK && err->where[0] == '\0') {
        err_where(err, "%s", settings->source[SETTING_REDIRECT_URI]);
    }
    return rc;
}
