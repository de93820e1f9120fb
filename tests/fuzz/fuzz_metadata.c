/* SPDX-License-Identifier: MIT */
/* The issuer in the first line, its metadata document in the rest. */
#include "oauth/metadata.h"

#include "base/url.h"
#include "fuzz.h"

static void check_endpoint(const struct url *issuer, const char *endpoint)
{
    struct url url;

    if (endpoint == NULL) {
        return;
    }
    HOLDS(url_parse(endpoint, &url) && !url.userinfo && !url.fragment);
    HOLDS(url.https || (url_is_loopback(&url) && url_is_loopback(issuer)));
}

/* The document lies at the server that the issuer names. */
static void check_place(const char *issuer, const struct url *parsed, bool oauth)
{
    CLEANUP(mem_free_p) char *place = NULL;
    struct moidc_err err;
    struct url url;
    enum moidc_code rc = metadata_url(issuer, oauth, &place, &err);

    if (rc != MOIDC_OK) {
        HOLDS(place == NULL);
        fuzz_check_err(rc, &err);
        return;
    }
    HOLDS(url_parse(place, &url) && url_same_origin(&url, parsed));
    HOLDS(strstr(place, "/.well-known/") != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *issuer = fuzz_line(&data, &size);
    CLEANUP(metadata_free_p) struct metadata *metadata = NULL;
    struct moidc_err err;
    struct url url;
    enum moidc_code rc;

    /* as settings are: setting_uri_check_issuer() */
    if (url_parse(issuer, &url) && url.query == NULL && !url.fragment && !url_is_ambiguous(&url)) {
        check_place(issuer, &url, false);
        check_place(issuer, &url, true);
        rc = metadata_parse((const char *)data, size, issuer, &metadata, &err);
        HOLDS((rc == MOIDC_OK) == (metadata != NULL));
        if (rc == MOIDC_OK) {
            size_t n = strlen(issuer);
            size_t m = strlen(metadata->issuer);

            HOLDS(n == m || n + 1 == m || m + 1 == n);
            HOLDS(strncmp(issuer, metadata->issuer, n < m ? n : m) == 0);
            HOLDS(metadata->token_endpoint != NULL);
            check_endpoint(&url, metadata->authorization_endpoint);
            check_endpoint(&url, metadata->token_endpoint);
            check_endpoint(&url, metadata->jwks_uri);
            check_endpoint(&url, metadata->revocation_endpoint);
        } else {
            HOLDS(rc == MOIDC_E_PROTOCOL);
            fuzz_check_err(rc, &err);
        }
    }
    free(issuer);
    return 0;
}
