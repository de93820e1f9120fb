/* SPDX-License-Identifier: MIT */
#include "io/transfer_options.h"

#include "io/client_socket.h"

CURLcode transfer_options_set(CURL *easy, const struct moidc_env *env, const char *proxy, const struct trust *trust)
{
    const char *no_proxy = env_get(env, "no_proxy");
    CURLcode rc = CURLE_OK;

    no_proxy = no_proxy != NULL ? no_proxy : env_get(env, "NO_PROXY");
    /* both are always set, so that libcurl never calls getenv() in a thread of ours */
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_PROXY, proxy);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_NOPROXY, no_proxy != NULL ? no_proxy : "");
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_CAINFO, trust->file);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_CAPATH, trust->directory);
    /* and for a proxy at https the same: it must not be judged by other certificates than its target */
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, trust->file);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, trust->directory);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    /* what a proxy says before the tunnel is there is no part of the answer */
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, client_socket_open);
    /* a name look-up that hangs is left to its thread when the call ends */
    return rc ? rc : curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
}
