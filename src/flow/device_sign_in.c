/* SPDX-License-Identifier: MIT */
#include "flow/device_sign_in.h"

#include "base/text.h"
#include "base/url.h"
#include "flow/attempt.h"
#include "flow/client.h"
#include "flow/client_auth.h"
#include "flow/countdown.h"
#include "flow/exchange.h"
#include "flow/qr_text.h"
#include "io/clock.h"
#include "oauth/device.h"

#include <stdio.h>
#include <string.h>

enum {
    SLOW_DOWN_MS = 5000,   /* RFC 8628 §3.5 */
    PAUSE_MOST_MS = 60000, /* while connection or provider are ill */
    GRACE_MS = 5000,       /* for a request that is under way when time is up: it may bring the tokens */
    CODES_MOST = 20
};

/* One sign-in, with its codes one after the other. */
struct device {
    struct session *session;
    const struct wish *wish; /* the caller's, with a ui of ours */
    const struct device_way *way;
    struct cache_entry *known; /* what was known, with the client authentication that works */
    bool pkce;                 /* the provider takes a code challenge */
    struct secret *verifier;   /* of this code */
    struct device_response *response;
    int64_t asked_ms;     /* when this code was asked for */
    int64_t end_ms;       /* of the whole sign-in */
    int64_t paused_ms;    /* between requests from now on */
    int failures;         /* of connection or provider, one after the other */
    struct moidc_err ill; /* the last of them */
};

/* The caller's ui, which also ends what takes too long, and shows the time that is left. */
struct watch {
    const struct moidc_ui *ui;
    struct countdown countdown;
    bool counts;     /* the countdown is to be shown */
    bool cancelled;  /* by the caller */
    int64_t last_ms; /* nothing goes on after */
};

static void watch_show(void *ctx, const char *text)
{
    struct watch *watch = ctx;

    countdown_clear(&watch->countdown);
    watch->ui->show(watch->ui->ctx, text);
}

static bool watch_cancelled(void *ctx)
{
    struct watch *watch = ctx;

    watch->cancelled = watch->cancelled || (watch->ui->cancelled != NULL && watch->ui->cancelled(watch->ui->ctx));
    if (watch->counts) {
        countdown_tick(&watch->countdown);
    }
    return watch->cancelled || clock_steady_ms() >= watch->last_ms;
}

static void device_clear(struct device *device)
{
    cache_entry_free(device->known);
    secret_free(device->verifier);
    device_response_free(device->response);
}

/* --- a code --- */

struct sending {
    struct device *device;
    const struct token_grant *grant;
    struct device_response **ret;
};

static enum moidc_code send_request(void *ctx, enum client_auth auth, struct moidc_err *err)
{
    CLEANUP(http_request_free_p) struct http_request *request = NULL;
    CLEANUP(http_response_free_p) struct http_response *reply = NULL;
    const struct sending *sending = ctx;
    struct provider *provider = &sending->device->session->provider;
    const struct settings *settings = sending->device->wish->settings;
    const char *endpoint = provider->metadata->device_authorization_endpoint;
    struct client client = {.client_id = settings->client_id, .client_secret = settings->client_secret, .auth = auth};
    struct url issuer;
    bool loopback = url_parse(provider->metadata->issuer, &issuer) && !issuer.https && url_is_loopback(&issuer);
    enum moidc_code rc = token_request_new(endpoint, &client, sending->grant, &request, err);

    rc = rc == MOIDC_OK ? provider_send(provider, &sending->device->wish->call, request, &reply, err) : rc;
    if (rc != MOIDC_OK) {
        return rc;
    }
    rc = device_response_parse(reply, loopback, sending->ret, err);
    notices_add(&sending->device->session->client->notices, MOIDC_DEBUG, "device.request status=%d result=%s",
                reply->status, moidc_code_info(rc)->name);
    if (rc != MOIDC_OK && rc != MOIDC_E_MEMORY) {
        client_auth_hide(settings->client_secret, err); /* some say back what they were sent */
        client_auth_hide(request->authorization, err);  /* the same in base64 */
        err_where(err, "%s", endpoint);
    }
    return rc;
}

/* Asks for a code (RFC 8628 §3.1). A challenge is sent always: whoever requires PKCE refuses a request without
 * (Keycloak), and others must ignore what they do not know (RFC 6749 §3.2). Those that do not are asked without. */
static enum moidc_code ask(struct device *device, struct moidc_err *err)
{
    const struct settings *settings = device->wish->settings;
    char challenge[PKCE_CHALLENGE_SIZE];
    char scope[ATTEMPT_SCOPE_SIZE];
    struct token_grant grant = {
        .grant = GRANT_DEVICE_START,
        .scope = attempt_scope(settings, device->way->offline, scope, sizeof scope),
        .audience = settings->audience_set ? settings->audience : NULL,
        .resource = settings->resource,
        .code_challenge = device->pkce ? challenge : NULL,
    };
    struct sending sending = {.device = device, .grant = &grant, .ret = &device->response};
    struct client_auth_attempt attempt = {
        .ctx = &sending, .send = send_request, .remembered = device->known->client_auth};
    enum client_auth worked;
    enum moidc_code rc = attempt_unguessable(&device->verifier, err);

    rc = rc == MOIDC_OK ? attempt_challenge(device->verifier, challenge, err) : rc;
    device->asked_ms = clock_steady_ms();
    rc = rc == MOIDC_OK ? client_auth_send(device->session, device->wish, &attempt, &worked, err) : rc;
    if (rc == MOIDC_E_PROVIDER && device->pkce && strcmp(err->oauth_error, "invalid_request") == 0) {
        device->pkce = false;
        grant.code_challenge = NULL;
        rc = client_auth_send(device->session, device->wish, &attempt, &worked, err);
    }
    if (rc == MOIDC_OK && settings->client_secret != NULL && settings->client_auth == SETTINGS_AUTH_AUTO) {
        mem_free(device->known->client_auth);
        device->known->client_auth = mem_strdup(client_auth_name(worked)); /* NULL: tried anew */
    }
    return rc;
}

static bool is_utf8_terminal(const struct moidc_env *env)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"}; /* in this order (locale(7)) */
    const char *locale = NULL;

    for (size_t i = 0; i < sizeof names / sizeof names[0] && locale == NULL; i++) {
        locale = env_get(env, names[i]);
    }
    return locale != NULL && (strstr(locale, "UTF-8") != NULL || strstr(locale, "utf8") != NULL ||
                              strstr(locale, "UTF8") != NULL || strstr(locale, "utf-8") != NULL);
}

/* Shows code and address, and the address as a QR code for a phone where there is room. The code is always shown, so
 * that the person can compare it with the page (RFC 8628 §3.3.1). */
static enum moidc_code tell(const struct device *device, struct moidc_err *err)
{
    CLEANUP(strbuf_free) struct strbuf text = STRBUF_INIT(64 * 1024);
    const struct device_response *response = device->response;
    const struct moidc_ui *ui = device->wish->call.ui;
    const char *complete = response->verification_uri_complete;

    if (ui->columns > 0 && is_utf8_terminal(device->wish->call.env) &&
        qr_text_add(&text, complete != NULL ? complete : response->verification_uri, ui->columns - 1)) {
        if (text.failed) {
            return strbuf_error(&text, "the QR code", err);
        }
        ui->show(ui->ctx, strbuf_text(&text));
        strbuf_free(&text);
    }
    strbuf_add_format(&text,
                      "mlflow-oidc-client: to sign in to %s, open this address in a browser on any machine:\n%s\n"
                      "and enter the code: %s",
                      device->wish->settings->uri, response->verification_uri, response->user_code);
    if (complete != NULL) {
        strbuf_add_format(&text, "\nor open this one, and see that it shows the same code:\n%s", complete);
    }
    if (text.failed) {
        return strbuf_error(&text, "the code", err);
    }
    ui->show(ui->ctx, text.bytes);
    return MOIDC_OK;
}

/* --- waiting for the person --- */

static enum moidc_code waited_too_long(const struct device *device, struct moidc_err *err)
{
    const struct settings *settings = device->wish->settings;

    err_set(err, MOIDC_E_TIMEOUT, "nobody signed in within %lld s", (long long)settings->login_timeout_s);
    err_where(err, "%s", settings->issuer);
    return err_next(err, "call again, open the address that is shown and enter the code; login-timeout sets how long "
                         "is waited");
}

/* Time is up: why nothing came of it. */
static enum moidc_code ended(const struct device *device, struct moidc_err *err)
{
    if (device->failures > 0) {
        *err = device->ill; /* nobody knows whether the person was through */
        return err->code;
    }
    return waited_too_long(device, err);
}

/* One token request (RFC 8628 §3.4). */
static enum moidc_code redeem(struct device *device, struct cache_entry **ret, struct moidc_err *err)
{
    struct token_grant grant = {
        .grant = GRANT_DEVICE,
        .code = device->response->device_code,
        .verifier = device->pkce ? device->verifier : NULL,
        .audience = device->wish->settings->audience,
        .resource = device->wish->settings->resource,
    };
    struct session *session = device->session;
    enum moidc_code rc = exchange(session, device->wish, &grant, device->known, NULL, ret, err);

    if (rc != MOIDC_OK && session->in_flight) {
        session->in_flight = false; /* nothing is lost when the process ends while the person is awaited */
        client_end_request(session->client);
    }
    return rc;
}

/* How long to wait after a failed request; -1: there is to be no other. */
static int64_t pause_after(struct device *device, enum device_poll next)
{
    int64_t pause_ms = device->paused_ms;
    int64_t wanted_ms = device->session->provider.retry_after_s * 1000;

    if (next != DEVICE_BACK_OFF) {
        device->failures = 0;
        device->paused_ms += next == DEVICE_SLOW_DOWN ? SLOW_DOWN_MS : 0; /* "and all subsequent requests" */
        return next == DEVICE_WAIT || next == DEVICE_SLOW_DOWN ? device->paused_ms : -1;
    }
    for (int i = 0; i <= device->failures && pause_ms < PAUSE_MOST_MS; i++) {
        pause_ms *= 2;
    }
    device->failures++;
    return pause_ms > wanted_ms ? pause_ms : wanted_ms;
}

/* Asks until the person is through, or this code is over. *expired: it is. */
static enum moidc_code poll_code(struct device *device, int64_t code_end_ms, struct watch *watch, bool *expired,
                                 struct cache_entry **ret, struct moidc_err *err)
{
    int64_t end_ms = code_end_ms < device->end_ms ? code_end_ms : device->end_ms;
    int64_t pause_ms = device->paused_ms;

    for (;;) {
        int64_t left_ms = end_ms - clock_steady_ms();
        enum device_poll next;
        enum moidc_code rc;

        if (!call_wait(&device->wish->call, pause_ms < left_ms ? pause_ms : left_ms) && watch->cancelled) {
            return err_set(err, MOIDC_E_CANCELLED, "the sign-in was cancelled");
        }
        if (clock_steady_ms() >= end_ms) {
            *expired = end_ms < device->end_ms;
            return ended(device, err);
        }
        rc = redeem(device, ret, err);
        if (rc == MOIDC_OK || (rc == MOIDC_E_CANCELLED && watch->cancelled)) {
            return rc;
        }
        if (rc == MOIDC_E_CANCELLED) {
            pause_ms = 0; /* the watch ended it: time is up */
            continue;
        }
        if (device->pkce && strcmp(err->oauth_error, "invalid_request") == 0) {
            device->pkce = false; /* it ignored the challenge, and does not know the verifier */
            pause_ms = device->paused_ms;
            continue;
        }
        next = device_poll_next(err);
        *expired = next == DEVICE_EXPIRED;
        device->ill = *err;
        pause_ms = pause_after(device, next);
        if (pause_ms < 0) {
            return rc;
        }
    }
}

/* One code, from asking to its end. */
static enum moidc_code try_code(struct device *device, struct device_way *way, struct watch *watch, bool *expired,
                                struct cache_entry **ret, struct moidc_err *err)
{
    int64_t code_end_ms;
    int64_t end_ms;
    enum moidc_code rc;

    secret_free(device->verifier);
    device->verifier = NULL;
    device_response_free(device->response);
    device->response = NULL;
    watch->last_ms = device->end_ms + GRACE_MS;
    rc = ask(device, err);
    rc = rc == MOIDC_OK ? tell(device, err) : rc;
    if (rc != MOIDC_OK) {
        return rc == MOIDC_E_CANCELLED && !watch->cancelled ? waited_too_long(device, err) : rc;
    }
    way->begun = true;
    device->session->asked_person = true;
    device->paused_ms = device->response->interval_s * 1000;
    device->failures = 0;
    code_end_ms = device->asked_ms + device->response->expires_in_s * 1000;
    end_ms = code_end_ms < device->end_ms ? code_end_ms : device->end_ms;
    watch->countdown = countdown_begin(watch->ui, end_ms, true);
    watch->last_ms = end_ms + GRACE_MS;
    watch->counts = true;
    rc = poll_code(device, code_end_ms, watch, expired, ret, err);
    watch->counts = false;
    countdown_clear(&watch->countdown);
    return rc;
}

enum moidc_code device_sign_in(struct session *session, const struct wish *wish, struct device_way *way,
                               const struct cache_entry *before, struct cache_entry **ret, struct moidc_err *err)
{
    struct watch watch = {.ui = wish->call.ui};
    struct moidc_ui ui = *wish->call.ui;
    struct wish watched = *wish;
    CLEANUP(device_clear) struct device device = {.session = session, .wish = &watched, .way = way, .pkce = true};
    enum moidc_code rc = MOIDC_OK;

    device.end_ms = clock_steady_ms() + wish->settings->login_timeout_s * 1000;
    ui.ctx = &watch;
    ui.show = watch_show;
    ui.cancelled = watch_cancelled;
    ui.typed = NULL;
    watched.call.ui = &ui;
    if (before != NULL) {
        rc = cache_entry_copy(before, &device.known, err);
    } else if ((device.known = cache_entry_new()) == NULL) {
        rc = err_memory(err);
    }
    for (int codes = 1; rc == MOIDC_OK; codes++) {
        bool expired = false;

        rc = try_code(&device, way, &watch, &expired, ret, err);
        if (rc == MOIDC_OK || !expired || codes >= CODES_MOST || clock_steady_ms() >= device.end_ms) {
            break;
        }
        ui.show(ui.ctx, "mlflow-oidc-client: that code has expired; here is another.");
        rc = MOIDC_OK;
    }
    if (rc == MOIDC_E_PROVIDER && way->begun && strcmp(err->oauth_error, "invalid_grant") == 0) {
        err_next(err, "sign in again");
    }
    return rc;
}
