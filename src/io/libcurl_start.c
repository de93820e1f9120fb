/* SPDX-License-Identifier: MIT */
#include "io/libcurl_start.h"

#include "base/fork_gate.h"

#include <string.h>

/* Written inside the fork gate, and never again. */
static bool started;
static bool has_openssl_3;

static enum moidc_code start(struct moidc_err *err)
{
    const curl_version_info_data *version = curl_version_info(CURLVERSION_NOW);
    CURLcode result;

    if (version->version_num < LIBCURL_OLDEST) {
        err_set(err, MOIDC_E_INTERNAL, "libcurl %s is too old", version->version);
        return err_next(err, "install " LIBCURL_WANTED);
    }
    /* its buffers hold tokens and the client secret */
    result = curl_global_init_mem(CURL_GLOBAL_DEFAULT, mem_lent_alloc, mem_free_wiped, mem_lent_realloc,
                                  mem_lent_strdup, mem_lent_zalloc);
    if (result != CURLE_OK) {
        return err_set(err, MOIDC_E_INTERNAL, "libcurl does not start: %s", curl_easy_strerror(result));
    }
    has_openssl_3 = version->ssl_version != NULL && strncmp(version->ssl_version, "OpenSSL/3.", 10) == 0;
    started = true;
    return MOIDC_OK;
}

enum moidc_code libcurl_start(struct moidc_err *err)
{
    enum moidc_code rc;

    fork_gate_enter();
    rc = libraries_load(err);
    rc = rc == MOIDC_OK && !started ? start(err) : rc;
    fork_gate_leave();
    return rc;
}

bool libcurl_has_openssl_3(void)
{
    return has_openssl_3;
}
