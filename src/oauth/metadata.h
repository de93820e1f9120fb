/* SPDX-License-Identifier: MIT */
/* The provider's metadata document (OpenID Connect Discovery 1.0 §3, §4; RFC 8414). */
#ifndef OAUTH_METADATA_H
#define OAUTH_METADATA_H

#include "base/error.h"

struct metadata {
    char *issuer;                 /* as the document says: what everything later is compared with */
    char *authorization_endpoint; /* NULL: not named */
    char *token_endpoint;
    char *jwks_uri;                      /* NULL: not named */
    char *revocation_endpoint;           /* NULL: not named */
    char *device_authorization_endpoint; /* NULL: not named (RFC 8628 §4) */
    char *userinfo_endpoint;             /* NULL: not named (OIDC Core §5.3) */
    char *end_session_endpoint;          /* NULL: not named (RP-Initiated Logout §2.1) */
    char *pushed_endpoint;               /* pushed_authorization_request_endpoint (RFC 9126 §5); NULL: not named */
    bool auth_post;                      /* token_endpoint_auth_methods_supported lists client_secret_post */
    bool auth_basic;                     /* ... client_secret_basic */
    bool iss_parameter;                  /* authorization_response_iss_parameter_supported (RFC 9207 §3) */
    bool offline_access;                 /* scopes_supported lists it (OIDC Core §11) */
    bool pushed_required;                /* require_pushed_authorization_requests (RFC 9126 §5) */
};

/* Where the document of `issuer` is: the suffix of OIDC Discovery §4.1, or, with `oauth`, the path of RFC 8414 §3.1.
 * *ret is the caller's, mem_free(). */
enum moidc_code metadata_url(const char *issuer, bool oauth, char **ret, struct moidc_err *err) MUST_CHECK;

/* Reads the document that was fetched for `issuer`, which its `issuer` must equal (Discovery §4.3, RFC 8414 §3.3; a
 * difference of one trailing slash is let pass). Endpoints are https; http on loopback where the issuer is that too.
 *   ret  the caller's, metadata_free()
 * MOIDC_E_PROTOCOL otherwise. */
enum moidc_code metadata_parse(const char *bytes, size_t n, const char *issuer, struct metadata **ret,
                               struct moidc_err *err) MUST_CHECK;
void metadata_free(struct metadata *metadata);
DEFINE_CLEANUP(struct metadata *, metadata_free)

#endif
