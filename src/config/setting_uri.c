/* SPDX-License-Identifier: MIT */
#include "config/setting_uri.h"

#include "base/text.h"

#include <string.h>

/* True when the path ends like the address of a metadata document (Discovery 1.0 §4, RFC 8414 §3), which people copy
 * instead of the issuer. */
static bool names_document(const struct url *url)
{
    static const char *const ends[] = {"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"};
    size_t n = url->path_length;

    while (n > 0 && url->path[n - 1] == '/') {
        n--;
    }
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        size_t length = strlen(ends[i]);

        if (n >= length && text_begins_nocase(url->path + n - length, ends[i], length)) {
            return true;
        }
    }
    return false;
}

enum moidc_code setting_uri_check_issuer(const struct setting_value *value, const char *issuer, struct moidc_err *err)
{
    struct url url;

    if (!url_parse(issuer, &url)) {
        return setting_value_error(value, "is not an https URI", err);
    }
    if (names_document(&url)) {
        setting_value_error(value, "is the address of a discovery document, not the issuer", err);
        return err_next(err, "remove the part from /.well-known/ on");
    }
    if (url.userinfo || url.query != NULL || url.fragment) {
        return setting_value_error(value, "holds user info, a query or a fragment, which an issuer cannot have", err);
    }
    if (url_is_ambiguous(&url)) {
        return setting_value_error(value, "holds dot segments or encoded slashes, which an issuer cannot have", err);
    }
    if (!url.https && !url_is_loopback(&url)) {
        return setting_value_error(value, "is not https (http is for loopback hosts only)", err);
    }
    return MOIDC_OK;
}

static bool find_host(const struct url *url, enum redirect_host *ret)
{
    static const struct {
        const char *name;
        bool ipv6;
    } hosts[] = {
        [REDIRECT_IPV4] = {"127.0.0.1", false},
        [REDIRECT_IPV6] = {"::1", true},
        [REDIRECT_LOCALHOST] = {"localhost", false},
    };

    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        if (strlen(hosts[i].name) == url->host_length && hosts[i].ipv6 == url->ipv6 &&
            text_begins_nocase(url->host, hosts[i].name, url->host_length)) {
            *ret = (enum redirect_host)i;
            return true;
        }
    }
    return false;
}

/* Port 0, a free one at each sign-in (RFC 8252 §7.3), is none that a URI could be fetched from: it is read as port 1.
 * *ret is the caller's, NULL without that port. */
static enum moidc_code read_free_port(const char *uri, char **ret, struct moidc_err *err)
{
    const char *authority = strstr(uri, "://");
    size_t end = authority != NULL ? (size_t)(authority - uri) + 3 + strcspn(authority + 3, "/?#") : 0;

    if (end < 2 || strncmp(uri + end - 2, ":0", 2) != 0) {
        return MOIDC_OK;
    }
    *ret = mem_strdup(uri);
    if (*ret == NULL) {
        return err_memory(err);
    }
    (*ret)[end - 1] = '1';
    return MOIDC_OK;
}

enum moidc_code setting_uri_redirect(const struct setting_value *value, const char *uri, struct redirect *ret,
                                     struct moidc_err *err)
{
    CLEANUP(mem_free_p) char *free_port = NULL;
    const char *fault = NULL;
    struct redirect redirect = {0};
    struct url url;

    if (read_free_port(uri, &free_port, err) != MOIDC_OK) {
        return err->code;
    }
    if (!url_parse(free_port != NULL ? free_port : uri, &url)) {
        fault = "is not an http URI";
    } else if (url.https || !find_host(&url, &redirect.host)) {
        fault = "is not http on 127.0.0.1, [::1] or localhost";
    } else if (url.query != NULL || url.fragment || url_is_ambiguous(&url)) {
        fault = "holds user info, a query, a fragment, dot segments or encoded slashes";
    } else if (!url.port_written || url.path_length == 0) {
        fault = "needs a port and a path";
    }
    if (fault != NULL) {
        setting_value_error(value, fault, err);
        return err_next(err, "register %s with the provider, or another port and path, and write that",
                        SETTING_DEFAULT_REDIRECT_URI);
    }
    redirect.port = free_port != NULL ? 0 : url.port;
    redirect.path = mem_strndup(url.path, url.path_length);
    if (redirect.path == NULL) {
        return err_memory(err);
    }
    *ret = redirect;
    return MOIDC_OK;
}
