/* SPDX-License-Identifier: MIT */
/* The provider: the way there, its clock, metadata and keys. */
#include "flow/doctor.h"

#include "base/fork_gate.h"
#include "io/clock.h"

#include <stdio.h>
#include <string.h>

enum { CLOCK_FINE_S = 10, CLOCK_MOST_S = 60 /* the leeway that an ID token gets */ };

static void tell_clock(const struct doctor *doctor, const struct http_route *route)
{
    int64_t ahead_s = clock_now_s() - route->date_s;
    int64_t apart_s = ahead_s < 0 ? -ahead_s : ahead_s;

    if (route->date_s == 0) {
        doctor_tell(doctor, "clock", MOIDC_VERDICT_FINE, NULL, "the provider does not say what time it is there");
    } else if (apart_s <= CLOCK_FINE_S) {
        doctor_tell(doctor, "clock", MOIDC_VERDICT_FINE, NULL, "this machine's clock agrees with the provider's");
    } else {
        doctor_tell(doctor, "clock", apart_s <= CLOCK_MOST_S ? MOIDC_VERDICT_WARN : MOIDC_VERDICT_FAIL,
                    "set this machine's clock (NTP), or have the provider's set",
                    "this machine's clock is %lld s %s the provider's", (long long)apart_s,
                    ahead_s > 0 ? "ahead of" : "behind");
    }
}

/* One request for the metadata, which shows the way; what it brings is read later. */
static enum moidc_code tell_way(struct doctor *doctor, bool *arrived, struct moidc_err *err)
{
    CLEANUP(http_request_free_p) struct http_request *request = NULL;
    CLEANUP(http_response_free_p) struct http_response *response = NULL;
    CLEANUP(http_free_p) struct http *http = NULL;
    CLEANUP(mem_free_p) char *url = NULL;
    struct http_route route;
    struct doctor_way way = {.prefix = "", .ca_file = doctor->wish.settings->ca_file, .route = &route};
    const struct call *call = &doctor->wish.call;
    enum moidc_code rc = metadata_url(doctor->wish.settings->issuer, false, &url, err);

    memset(&route, 0, sizeof route);
    *arrived = false;
    rc = rc == MOIDC_OK ? http_request_new(url, "the provider's metadata", &request, err) : rc;
    rc = rc == MOIDC_OK ? http_new(call->env, doctor->wish.settings->ca_file, &http, err) : rc;
    if (rc != MOIDC_OK) {
        return doctor_tell_error(doctor, "tls", MOIDC_VERDICT_FAIL, err); /* ca-file cannot be read */
    }
    request->route = &route;
    way.url = url;
    rc = http_send(http, request, call->ui, &response, err);
    rc = doctor_tell_way(doctor, &way, rc, arrived, err);
    if (rc == MOIDC_OK && *arrived && response != NULL) {
        tell_clock(doctor, &route);
    }
    return rc;
}

/* What a person or a client needs and the document does not name. */
static void tell_metadata(const struct doctor *doctor)
{
    const struct metadata *metadata = doctor->provider.metadata;
    const struct settings *settings = doctor->wish.settings;
    const struct {
        const char *name;
        bool there;
    } endpoints[] = {
        {"authorization", metadata->authorization_endpoint != NULL},
        {"token", metadata->token_endpoint != NULL},
        {"keys", metadata->jwks_uri != NULL},
        {"device", metadata->device_authorization_endpoint != NULL},
        {"revocation", metadata->revocation_endpoint != NULL},
        {"userinfo", metadata->userinfo_endpoint != NULL},
        {"end of session", metadata->end_session_endpoint != NULL},
    };
    char named[160] = "";

    for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
        if (endpoints[i].there) {
            snprintf(named + strlen(named), sizeof named - strlen(named), "%s%s", named[0] != '\0' ? ", " : "",
                     endpoints[i].name);
        }
    }
    doctor_tell(doctor, "metadata", MOIDC_VERDICT_FINE, NULL, "the issuer is %s; endpoints: %s", metadata->issuer,
                named);
    if (settings->interactive && metadata->authorization_endpoint == NULL &&
        metadata->device_authorization_endpoint == NULL) {
        doctor_tell(doctor, "metadata", MOIDC_VERDICT_FAIL, "set client-secret: this provider lets no person sign in",
                    "the provider names neither an authorization endpoint nor one for devices");
    }
    if (settings->flow == MOIDC_FLOW_DEVICE && metadata->device_authorization_endpoint == NULL) {
        doctor_tell(doctor, "metadata", MOIDC_VERDICT_FAIL, "set flow = \"auto\"",
                    "flow = \"device\" is set, and the provider offers no device flow [%s]",
                    settings->source[SETTING_FLOW]);
    }
}

static enum moidc_code tell_keys(struct doctor *doctor, struct moidc_err *err)
{
    enum moidc_code rc;
    size_t count;

    if (doctor->provider.metadata->jwks_uri == NULL && !doctor->wish.settings->use_id_token) {
        doctor_tell(doctor, "keys", MOIDC_VERDICT_FINE, NULL, "the provider names no keys, and none are needed");
        return MOIDC_OK;
    }
    rc = provider_keys(&doctor->provider, &doctor->wish.call, false, err);
    if (rc != MOIDC_OK) {
        return doctor_tell_error(doctor, "keys", MOIDC_VERDICT_FAIL, err);
    }
    count = jwks_count(doctor->provider.jwks);
    doctor_tell(doctor, "keys", count > 0 ? MOIDC_VERDICT_FINE : MOIDC_VERDICT_FAIL,
                count > 0 ? NULL
                          : "ask the provider's operator: it publishes no key that an ID token can be checked by",
                "%zu usable key%s at %s", count, count != 1 ? "s" : "", doctor->provider.metadata->jwks_uri);
    return MOIDC_OK;
}

enum moidc_code doctor_provider(struct doctor *doctor, struct moidc_err *err)
{
    bool arrived = false;
    enum moidc_code rc = tell_way(doctor, &arrived, err);

    if (rc != MOIDC_OK || !arrived) {
        return rc;
    }
    doctor->provider.issuer = doctor->wish.settings->issuer;
    doctor->provider.ca_file = doctor->wish.settings->ca_file;
    doctor->provider.hurried = true; /* one try is enough to tell of it */
    rc = provider_discover(&doctor->provider, &doctor->wish.call, err);
    if (rc != MOIDC_OK) {
        return doctor_tell_error(doctor, "metadata", MOIDC_VERDICT_FAIL, err);
    }
    tell_metadata(doctor);
    return tell_keys(doctor, err);
}
