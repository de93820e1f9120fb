/* SPDX-License-Identifier: MIT */
#include "oauth/oauth_error.h"

#include <string.h>

const char OAUTH_ERROR_CLIENT_NEXT[] = "check client-id and client-secret, and that the provider knows this client";

#define NOT_NONE "; where prompt = \"none\" is set, which lets nobody be asked, remove it"

static const struct {
    const char *error;
    const char *next;
} KNOWN[] = {
    {"invalid_request", "the provider takes this for a malformed request: check audience, scope, redirect-uri, "
                        "resource and authorize-params"},
    {"invalid_client", OAUTH_ERROR_CLIENT_NEXT},
    {"invalid_grant", "sign in again; if it stays, check that redirect-uri is registered exactly as it is set"},
    {"unauthorized_client", "allow this grant for the client at the provider, or check client-secret"},
    {"unsupported_grant_type", "enable this grant for the client at the provider"},
    {"unsupported_response_type", "enable the authorization code flow for the client at the provider"},
    {"invalid_scope", "set scope to what the provider knows and allows this client"},
    {"invalid_target", "set resource and audience to what the provider knows; audience = \"\" in a file sends none"},
    {"access_denied", "sign in again and agree, or ask the provider's operator for access"},
    {"login_required", "sign in again" NOT_NONE},
    {"interaction_required", "sign in again" NOT_NONE},
    {"consent_required", "sign in again and agree" NOT_NONE},
    {"account_selection_required", "sign in again and choose an account" NOT_NONE},
    {"server_error", "the provider has a fault of its own: try again later"},
    {"temporarily_unavailable", "the provider is busy or under maintenance: try again later"},
    {"invalid_request_uri", "ask the provider's operator"},
    {"invalid_request_object", "ask the provider's operator"},
    {"request_not_supported", "ask the provider's operator"},
    {"request_uri_not_supported", "ask the provider's operator"},
    {"registration_not_supported", "ask the provider's operator"},
    {"unsupported_token_type", "ask the provider's operator"},
    {"slow_down", "try again later"},
    {"expired_token", "sign in again"},
    {"authorization_pending", "finish the sign-in"},
    {"authorization_declined", "sign in again and agree, or ask the provider's operator for access"}, /* Entra ID */
    {"invalid_dpop_proof", "have the provider give this client bearer tokens: DPoP is not there"},
    {"use_dpop_nonce", "have the provider give this client bearer tokens: DPoP is not there"},
};

enum moidc_code oauth_error_set(struct moidc_err *err, const char *error, const char *description, const char *what)
{
    const char *next = "ask the provider's operator what this means";
    bool described = *description != '\0';

    for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++) {
        if (strcmp(KNOWN[i].error, error) == 0) {
            next = KNOWN[i].next;
        }
    }
    err_set(err, MOIDC_E_PROVIDER, "the provider refused %s: %.60s%s%.300s%s", what, error, described ? " (" : "",
            description, described ? ")" : "");
    err_reply(err, 0, error);
    return err_next(err, "%s", next);
}

bool oauth_error_is_temporary(const char *error)
{
    return strcmp(error, "temporarily_unavailable") == 0 || strcmp(error, "server_error") == 0 ||
           strcmp(error, "slow_down") == 0;
}

bool oauth_error_is_known(const char *error)
{
    bool known = false;

    for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++) {
        known = known || strcmp(KNOWN[i].error, error) == 0;
    }
    return known;
}

bool oauth_error_counts(const char *error, int http_status)
{
    return !http_status_is_outage(http_status) || oauth_error_is_known(error);
}

bool oauth_error_take(const struct http_response *reply, const json_t *object, const char *what, struct moidc_err *err)
{
    const char *error = json_text_filled(object, "error");
    const char *description = json_text(object, "error_description");

    if (error == NULL || !oauth_error_counts(error, reply->status)) {
        return false;
    }
    oauth_error_set(err, error, description != NULL ? description : "", what);
    err_reply(err, reply->status, error);
    if (reply->status == 401 && !oauth_error_is_known(error)) {
        err_next(err, "%s", OAUTH_ERROR_CLIENT_NEXT); /* what 401 is for, whatever word stands for it (RFC 6749 §5.2) */
    }
    if (http_status_is_outage(reply->status) && !oauth_error_is_temporary(error)) {
        char next[sizeof err->next];

        /* the two contradict each other (RFC 6749 §5.2: 400 or 401), and either may be what is meant */
        memcpy(next, err->next, sizeof next);
        err_next(err,
                 "the provider has a fault of its own or is busy (HTTP status %d): try again later; if it stays, %s",
                 reply->status, next);
    }
    return true;
}

const char *oauth_error_nth(size_t i)
{
    return i < sizeof KNOWN / sizeof KNOWN[0] ? KNOWN[i].error : NULL;
}
