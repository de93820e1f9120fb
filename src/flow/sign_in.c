/* SPDX-License-Identifier: MIT */
#include "flow/sign_in.h"

#include "flow/browser_sign_in.h"
#include "flow/device_sign_in.h"
#include "flow/person.h"
#include "flow/sign_in_choice.h"

#include <stdio.h>
#include <string.h>

/* access_denied: a person who does not agree to more than before, or may not: Entra ID's page leads back with it where
 * consent is for administrators. */
static bool is_about_scope(const struct moidc_err *err)
{
    return strcmp(err->oauth_error, "invalid_scope") == 0 || strcmp(err->oauth_error, "invalid_request") == 0 ||
           strcmp(err->oauth_error, "unauthorized_client") == 0 || strcmp(err->oauth_error, "consent_required") == 0 ||
           strcmp(err->oauth_error, "access_denied") == 0;
}

/* True when the provider would not begin the device flow with this client, which says nothing about others. */
static bool refuses_flow(const struct moidc_err *err)
{
    return err->code == MOIDC_E_PROTOCOL || (err->code == MOIDC_E_PROVIDER && !http_status_is_outage(err->http_status));
}

/* One attempt, by the way that was chosen. Metadata names the device flow for clients that may not use it too: where
 * it was our choice, a browser is next, and stays *choice. */
static enum moidc_code attempt_once(struct session *session, const struct wish *wish, struct sign_in_choice *choice,
                                    bool offline, const struct cache_entry *before, struct cache_entry **ret,
                                    struct moidc_err *err)
{
    struct device_way device = {.offline = offline};
    struct browser_way browser = {.offline = offline, .paste = choice->flow == MOIDC_FLOW_PASTE};

    if (choice->flow == MOIDC_FLOW_DEVICE) {
        enum moidc_code rc = device_sign_in(session, wish, &device, before, ret, err);
        char text[640];

        if (rc == MOIDC_OK || choice->forced || device.begun || !refuses_flow(err) ||
            (offline && strcmp(err->oauth_error, "invalid_scope") == 0)) {
            return rc;
        }
        snprintf(text, sizeof text, "mlflow-oidc-client: no sign-in with a code here: %s", err->what);
        wish->call.ui->show(wish->call.ui->ctx, text);
        choice->flow = MOIDC_FLOW_BROWSER;
    }
    return browser_sign_in(session, wish, &browser, before, ret, err);
}

enum moidc_code sign_in(struct session *session, const struct wish *wish, const struct cache_entry *before,
                        struct cache_entry **ret, struct moidc_err *err)
{
    enum offline offline = before != NULL && !wish->settings->scope_set ? before->offline : OFFLINE_UNKNOWN;
    CLEANUP(cache_entry_free_p) struct cache_entry *entry = NULL;
    struct sign_in_choice choice = {0};
    enum moidc_code rc = person_check(&wish->call, err);

    if (offline == OFFLINE_ASK && strcmp(wish->settings->prompt, "none") == 0) {
        offline = OFFLINE_UNKNOWN; /* nobody is to be asked for consent, which it needs */
    }
    rc = rc == MOIDC_OK ? provider_discover(&session->provider, &wish->call, err) : rc;
    if (rc == MOIDC_OK && wish->settings->use_id_token) {
        /* before a person is troubled: without keys the ID token could not be taken */
        rc = provider_keys(&session->provider, &wish->call, false, err);
    }
    rc = rc == MOIDC_OK ? sign_in_choice_of(session, wish, &choice, err) : rc;
    rc = rc == MOIDC_OK ? attempt_once(session, wish, &choice, offline == OFFLINE_ASK, before, &entry, err) : rc;
    if (rc == MOIDC_E_PROVIDER && offline == OFFLINE_ASK && is_about_scope(err)) {
        offline = OFFLINE_REFUSED;
        rc = attempt_once(session, wish, &choice, false, before, &entry, err);
    }
    if (rc != MOIDC_OK) {
        return rc;
    }
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): MOIDC_OK comes with an entry alone */
    if (entry->refresh_token == NULL && !wish->settings->scope_set && session->provider.metadata->offline_access) {
        offline = offline == OFFLINE_UNKNOWN ? OFFLINE_ASK : OFFLINE_REFUSED;
    }
    entry->offline = offline;
    *ret = entry;
    entry = NULL;
    return MOIDC_OK;
}
