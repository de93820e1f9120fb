/* SPDX-License-Identifier: MIT */
#include "oauth/metadata.h"

#include "base/json.h"
#include "base/strbuf.h"
#include "base/url.h"

#include <string.h>

enum { ENDPOINT_MOST_BYTES = 4096 };

static size_t length_without_slash(const char *issuer)
{
    size_t n = strlen(issuer);

    return n > 0 && issuer[n - 1] == '/' ? n - 1 : n;
}

enum moidc_code metadata_url(const char *issuer, bool oauth, char **ret, struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf buf = STRBUF_INIT(2 * ENDPOINT_MOST_BYTES);
    size_t n = length_without_slash(issuer);
    struct url url;

    if (!url_parse(issuer, &url)) {
        return err_set(err, MOIDC_E_CONFIGURATION, "the issuer \"%s\" is no http(s) URI", issuer);
    }
    if (oauth) {
        size_t origin = (size_t)(url.path - issuer);

        strbuf_add(&buf, issuer, origin < n ? origin : n);
        strbuf_add_text(&buf, "/.well-known/oauth-authorization-server");
        strbuf_add(&buf, issuer + origin, n > origin ? n - origin : 0);
    } else {
        strbuf_add(&buf, issuer, n);
        strbuf_add_text(&buf, "/.well-known/openid-configuration");
    }
    *ret = strbuf_take(&buf);
    return *ret != NULL ? MOIDC_OK : strbuf_error(&buf, "the issuer", err);
}

static bool issuer_equal(const char *a, const char *b)
{
    size_t n = length_without_slash(a);

    return n == length_without_slash(b) && memcmp(a, b, n) == 0;
}

/* An endpoint that a document may name. */
struct member {
    const char *name;
    char **ret;
    bool optional; /* nobody misses it: "" is none */
};

/* Copies the endpoint into *member->ret; leaves NULL when the document does not name it. */
static enum moidc_code endpoint(const json_t *document, const struct member *member, bool loopback_issuer,
                                struct moidc_err *err)
{
    const char *name = member->name;
    const json_t *value = json_member(document, name);
    const char *text = json_string_value(value);
    struct url url;

    if (value == NULL || (member->optional && text != NULL && *text == '\0')) {
        return MOIDC_OK;
    }
    if (text == NULL || strlen(text) > ENDPOINT_MOST_BYTES || !url_parse(text, &url) || url.fragment || url.userinfo) {
        err_set(err, MOIDC_E_PROTOCOL, "%s in the provider's metadata is no proper https URI", name);
        return err_next(err, "ask the provider's operator to mend its metadata");
    }
    if (!url.https && !(loopback_issuer && url_is_loopback(&url))) {
        err_set(err, MOIDC_E_PROTOCOL, "%s in the provider's metadata is not https: \"%.200s\"", name, text);
        return err_next(
            err, "ask the provider's operator to mend its metadata (often its proxy hides that it serves https)");
    }
    *member->ret = mem_strdup(text);
    return *member->ret != NULL ? MOIDC_OK : err_memory(err);
}

static enum moidc_code endpoints(const json_t *document, struct metadata *metadata, struct moidc_err *err)
{
    const struct member table[] = {
        {"authorization_endpoint", &metadata->authorization_endpoint, false},
        {"token_endpoint", &metadata->token_endpoint, false},
        {"jwks_uri", &metadata->jwks_uri, false},
        {"revocation_endpoint", &metadata->revocation_endpoint, true},
        {"device_authorization_endpoint", &metadata->device_authorization_endpoint, true},
        {"userinfo_endpoint", &metadata->userinfo_endpoint, true},
        {"end_session_endpoint", &metadata->end_session_endpoint, true},
        {"pushed_authorization_request_endpoint", &metadata->pushed_endpoint, true},
    };
    struct url issuer;
    bool loopback = url_parse(metadata->issuer, &issuer) && !issuer.https && url_is_loopback(&issuer);

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        enum moidc_code rc = endpoint(document, &table[i], loopback, err);

        if (rc != MOIDC_OK) {
            return rc;
        }
    }
    if (metadata->token_endpoint == NULL) {
        return err_set(err, MOIDC_E_PROTOCOL, "the provider's metadata names no token_endpoint");
    }
    return MOIDC_OK;
}

enum moidc_code metadata_parse(const char *bytes, size_t n, const char *issuer, struct metadata **ret,
                               struct moidc_err *err)
{
    CLEANUP(metadata_free_p) struct metadata *metadata = mem_zalloc(sizeof *metadata);
    CLEANUP(json_release_p) json_t *document = NULL;
    const char *own;
    enum moidc_code rc;

    if (metadata == NULL) {
        return err_memory(err);
    }
    rc = json_object_parse(bytes, n, "the provider's metadata", &document, err);
    if (rc != MOIDC_OK) {
        return rc;
    }
    own = json_text(document, "issuer");
    if (own == NULL) {
        return err_set(err, MOIDC_E_PROTOCOL, "the provider's metadata names no issuer");
    }
    if (!issuer_equal(own, issuer)) {
        /* Discovery §4.3, RFC 8414 §3.3: else one provider could speak for another */
        err_set(err, MOIDC_E_PROTOCOL, "the provider's metadata is of another issuer: \"%.200s\"", own);
        if (strchr(own, '{') != NULL) { /* Entra ID, for several tenants: "https://.../{tenantid}/v2.0" */
            return err_next(err, "set the issuer to that of your own tenant, whose ID stands where the braces are");
        }
        return err_next(err, "if you trust that provider, set the issuer to exactly this value");
    }
    metadata->issuer = mem_strdup(own);
    if (metadata->issuer == NULL) {
        return err_memory(err);
    }
    metadata->auth_post = json_array_has(document, "token_endpoint_auth_methods_supported", "client_secret_post");
    metadata->auth_basic = json_array_has(document, "token_endpoint_auth_methods_supported", "client_secret_basic");
    metadata->iss_parameter = json_is_true(json_object_get(document, "authorization_response_iss_parameter_supported"));
    metadata->pushed_required = json_is_true(json_object_get(document, "require_pushed_authorization_requests"));
    metadata->offline_access = json_array_has(document, "scopes_supported", "offline_access");
    rc = endpoints(document, metadata, err);
    if (rc == MOIDC_OK) {
        *ret = metadata;
        metadata = NULL;
    }
    return rc;
}

void metadata_free(struct metadata *metadata)
{
    if (metadata != NULL) {
        mem_free(metadata->issuer);
        mem_free(metadata->authorization_endpoint);
        mem_free(metadata->token_endpoint);
        mem_free(metadata->jwks_uri);
        mem_free(metadata->revocation_endpoint);
        mem_free(metadata->device_authorization_endpoint);
        mem_free(metadata->userinfo_endpoint);
        mem_free(metadata->end_session_endpoint);
        mem_free(metadata->pushed_endpoint);
        mem_free(metadata);
    }
}
