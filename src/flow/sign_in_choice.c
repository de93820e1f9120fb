/* SPDX-License-Identifier: MIT */
#include "flow/sign_in_choice.h"

#include "io/browser.h"
#include "io/container.h"
#include "io/terminal.h"

enum moidc_flow sign_in_choose(const struct sign_in_place *place)
{
    if (place->wanted != MOIDC_FLOW_AUTO) {
        return place->wanted;
    }
    if (place->no_browser || place->browser_here) {
        return MOIDC_FLOW_BROWSER;
    }
    return place->device_offered && place->reader ? MOIDC_FLOW_DEVICE : MOIDC_FLOW_BROWSER;
}

/* A browser that a container opens, or none with a display of its own, does not come back to our loopback. $BROWSER is
 * believed: who sets it has seen to that, as editors with a remote machine do. */
static bool is_browser_here(const struct moidc_env *env)
{
    if (env_get(env, "BROWSER") != NULL) {
        return true;
    }
    return browser_available(env) && !container_present(env);
}

static enum moidc_code check_wanted(const struct session *session, const struct wish *wish, enum moidc_flow wanted,
                                    struct moidc_err *err)
{
    if (wanted == MOIDC_FLOW_DEVICE && session->provider.metadata->device_authorization_endpoint == NULL) {
        err_set(err, MOIDC_E_CONFIGURATION,
                "the device flow is wanted, and the provider's metadata names no device_authorization_endpoint");
        err_next(err, "enable the device flow (RFC 8628) at the provider, or sign in with flow = browser or paste");
    } else if (wanted == MOIDC_FLOW_PASTE && wish->call.ui->typed == NULL) {
        err_set(err, MOIDC_E_CONFIGURATION,
                "an address is to be pasted, and here is no terminal that a person could paste it into");
        err_next(err, "call from the main thread of a program at a terminal, or sign in with flow = device");
    } else {
        return MOIDC_OK;
    }
    return err_where(err, "%s",
                     wish->flow == MOIDC_FLOW_SETTINGS ? wish->settings->source[SETTING_FLOW] : wish->settings->issuer);
}

enum moidc_code sign_in_choice_of(const struct session *session, const struct wish *wish, struct sign_in_choice *ret,
                                  struct moidc_err *err)
{
    struct sign_in_place place = {
        .wanted = wish->flow != MOIDC_FLOW_SETTINGS ? wish->flow : wish->settings->flow,
        .no_browser = wish->no_browser,
        .browser_here = is_browser_here(wish->call.env),
        .reader = terminal_present() || wish->call.ui->notebook,
        .device_offered = session->provider.metadata->device_authorization_endpoint != NULL,
    };
    enum moidc_code rc = check_wanted(session, wish, place.wanted, err);

    if (rc == MOIDC_OK) {
        *ret = (struct sign_in_choice){.flow = sign_in_choose(&place), .forced = place.wanted != MOIDC_FLOW_AUTO};
    }
    return rc;
}
