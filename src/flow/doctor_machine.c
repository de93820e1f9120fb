/* SPDX-License-Identifier: MIT */
/* What this machine has for a sign-in: settings, port, cache, locks. */
#include "flow/doctor.h"

#include "base/text.h"
#include "flow/redirect_listener.h"
#include "io/browser.h"
#include "io/cache_dir.h"
#include "io/lock.h"
#include "io/trust.h"

#include <stdio.h>
#include <string.h>

static const char PROBE[] = "doctor.probe";

static bool is_true(const char *value)
{
    return value != NULL && (text_equal_nocase(value, "true") || strcmp(value, "1") == 0);
}

/* What MLflow's client puts into a request before us. */
static void tell_credentials(const struct doctor *doctor)
{
    const struct moidc_env *env = doctor->wish.call.env;
    const char *auth = env_get(env, "MLFLOW_TRACKING_AUTH");
    const char *name = NULL;

    if (env_get(env, "MLFLOW_TRACKING_TOKEN") != NULL) {
        name = "MLFLOW_TRACKING_TOKEN";
    } else if (env_get(env, "MLFLOW_TRACKING_USERNAME") != NULL && env_get(env, "MLFLOW_TRACKING_PASSWORD") != NULL) {
        name = "MLFLOW_TRACKING_USERNAME";
    } else if (auth != NULL && strcmp(auth, "oidc") != 0) {
        name = "MLFLOW_TRACKING_AUTH";
    } else if (is_true(env_get(env, "MLFLOW_TRACKING_AWS_SIGV4"))) {
        name = "MLFLOW_TRACKING_AWS_SIGV4";
    }
    if (name != NULL) {
        doctor_tell(doctor, "credentials", MOIDC_VERDICT_WARN, "unset it, if it is not meant",
                    "%s is set: MLflow's client uses that and not these settings", name);
    }
}

static void tell_secret(const struct doctor *doctor)
{
    const struct settings *settings = doctor->wish.settings;
    const char *source = settings->source[SETTING_CLIENT_SECRET];

    if (settings->client_secret != NULL && strstr(source, "pyproject.toml") != NULL) {
        doctor_tell(doctor, "settings", MOIDC_VERDICT_WARN,
                    "set MLFLOW_TRACKING_OIDC_CLIENT_SECRET, or move the whole block into your own "
                    "~/.config/mlflow-oidc-client/config.toml, as [[tracking-servers]]",
                    "the client secret stands in %s, a file that is mostly shared", source);
    }
}

static void tell_settings(const struct doctor *doctor)
{
    const struct settings *settings = doctor->wish.settings;

    doctor_tell(doctor, "settings", MOIDC_VERDICT_FINE, NULL, "issuer %s [%s], client %s [%s]", settings->issuer,
                settings->source[SETTING_ISSUER], settings->client_id, settings->source[SETTING_CLIENT_ID]);
    if (settings->use_id_token && !text_has_word(settings->scope, "openid")) {
        doctor_tell(doctor, "settings", MOIDC_VERDICT_FAIL, "add openid to scope, or set use-id-token = false",
                    "the ID token is to be sent, and the scope that is asked for does not hold openid [%s]",
                    settings->source[SETTING_SCOPE]);
    }
    if (!doctor->server->url.https && !url_is_loopback(&doctor->server->url)) {
        doctor_tell(doctor, "settings", MOIDC_VERDICT_WARN, "have the server speak https",
                    "the token for %s travels in clear: anybody on the way can read and use it", settings->uri);
    }
}

/* A proxy's URI may hold a password. */
static void tell_proxy(const struct doctor *doctor, const char *whose, const char *uri)
{
    const struct moidc_env *env = doctor->wish.call.env;
    const char *no_proxy = env_get(env, "no_proxy");
    const char *proxy;
    const char *at;
    struct url url;

    if (!url_parse(uri, &url) || (proxy = trust_proxy(env, &url))[0] == '\0') {
        return;
    }
    no_proxy = no_proxy != NULL ? no_proxy : env_get(env, "NO_PROXY");
    at = strrchr(proxy, '@');
    doctor_tell(doctor, "proxy", MOIDC_VERDICT_FINE, NULL, "%s (%.*s) is reached by the proxy %s%s%s", whose,
                (int)url.host_length, url.host, at != NULL ? at + 1 : proxy,
                no_proxy != NULL ? ", but for no_proxy=" : "", no_proxy != NULL ? no_proxy : "");
}

static void tell_insecure(const struct doctor *doctor)
{
    if (doctor->server->url.https && is_true(env_get(doctor->wish.call.env, "MLFLOW_TRACKING_INSECURE_TLS"))) {
        doctor_tell(doctor, "settings", MOIDC_VERDICT_WARN, "unset MLFLOW_TRACKING_INSECURE_TLS",
                    "MLflow's client does not check the server's certificate: anybody in the network can take the "
                    "token");
    }
}

void doctor_settings(const struct doctor *doctor)
{
    tell_settings(doctor);
    tell_insecure(doctor);
    tell_secret(doctor);
    tell_credentials(doctor);
    tell_proxy(doctor, "the provider", doctor->wish.settings->issuer);
    tell_proxy(doctor, "the tracking server", doctor->wish.settings->uri);
}

/* Where the browser comes back to: free, or who has it. */
static enum moidc_code tell_port(const struct doctor *doctor, struct moidc_err *err)
{
    CLEANUP(listener_close_p) struct listener *listener = NULL;
    const struct settings *settings = doctor->wish.settings;

    if (!settings->interactive) {
        return MOIDC_OK;
    }
    if (redirect_listen(settings, &listener, err) != MOIDC_OK) {
        return doctor_tell_error(doctor, "redirect", MOIDC_VERDICT_FAIL, err);
    }
    if (settings->listen.host[0] != '\0') {
        doctor_tell(doctor, "redirect", MOIDC_VERDICT_FINE, NULL, "port %d of %s, for the browser's return, is free",
                    settings->listen.port, settings->listen.host);
    } else {
        doctor_tell(doctor, "redirect", MOIDC_VERDICT_FINE, NULL, "the port of %s is free", settings->redirect_uri);
    }
    return MOIDC_OK;
}

static void tell_browser(const struct doctor *doctor)
{
    if (!doctor->wish.settings->interactive) {
        return;
    }
    if (browser_available(doctor->wish.call.env)) {
        doctor_tell(doctor, "browser", MOIDC_VERDICT_FINE, NULL, "a browser can be opened here");
    } else {
        doctor_tell(doctor, "browser", MOIDC_VERDICT_WARN, "set flow = \"device\", if the provider offers that",
                    "no browser can be opened here (BROWSER, DISPLAY): the address has to be opened by hand");
    }
}

static enum moidc_code tell_locks(const struct doctor *doctor, const struct cache_dir *dir, struct moidc_err *err)
{
    CLEANUP(lock_release_p) struct lock *lock = NULL;

    if (lock_try(dir, PROBE, &lock, err) == LOCK_REFUSED) {
        err_next(err, "set XDG_CACHE_HOME to a folder of a file system with locks");
        return doctor_tell_error(doctor, "locks", MOIDC_VERDICT_WARN, err);
    }
    doctor_tell(doctor, "locks", MOIDC_VERDICT_FINE, NULL, "the file system has locks: processes wait for one another");
    return MOIDC_OK;
}

static enum moidc_code tell_cache(const struct doctor *doctor, struct moidc_err *err)
{
    CLEANUP(cache_dir_close_p) struct cache_dir *dir = NULL;
    struct moidc_err ignored;
    bool removed = false;
    enum moidc_code rc = cache_dir_open(doctor->wish.call.env, &dir, err);

    /* some bytes: a full disk takes empty files */
    rc = rc == MOIDC_OK ? cache_dir_write(dir, PROBE, PROBE, sizeof PROBE - 1, err) : rc;
    if (rc != MOIDC_OK) {
        return doctor_tell_error(doctor, "cache", MOIDC_VERDICT_WARN, err);
    }
    doctor_tell(doctor, "cache", MOIDC_VERDICT_FINE, NULL, "%s is yours alone and can be written", cache_dir_path(dir));
    rc = tell_locks(doctor, dir, err);
    if (cache_dir_remove(dir, PROBE, &removed, &ignored) != MOIDC_OK) {
        return rc; /* an empty file more */
    }
    return rc;
}

enum moidc_code doctor_machine(const struct doctor *doctor, struct moidc_err *err)
{
    const struct settings *settings = doctor->wish.settings;
    enum moidc_code rc = tell_port(doctor, err);

    if (rc != MOIDC_OK) {
        return rc;
    }
    tell_browser(doctor);
    if (settings->cache == SETTINGS_CACHE_MEMORY) {
        doctor_tell(doctor, "cache", MOIDC_VERDICT_FINE, NULL, "tokens are kept in memory alone [%s]",
                    settings->source[SETTING_CACHE]);
        return MOIDC_OK;
    }
    if (settings->cache == SETTINGS_CACHE_HELPER) {
        doctor_tell(doctor, "cache", MOIDC_VERDICT_FINE, NULL, "tokens are kept by the program %s [%s]",
                    settings->cache_helper, settings->source[SETTING_CACHE]);
    }
    return tell_cache(doctor, err);
}
