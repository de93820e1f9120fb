/* SPDX-License-Identifier: MIT */
#include "oauth/device.h"

#include "base/json.h"
#include "base/url.h"
#include "oauth/oauth_error.h"

#include <string.h>

enum { LIFETIME_MOST_S = 86400, DEVICE_CODE_MOST = 4096, DIGITS_MOST = 15 };

static enum moidc_code fault(const char *name, const char *what, struct moidc_err *err)
{
    err_set(err, MOIDC_E_PROTOCOL, "%s in the device authorization endpoint's answer %s", name, what);
    return err_next(err, "ask the provider's operator: this breaks RFC 8628 §3.2");
}

/* A number, or, as some providers send it, its digits in a string. False when it is neither. */
static bool seconds(const json_t *object, const char *name, int64_t *ret)
{
    const char *text = json_text(object, name);
    int64_t value = 0;

    if (text == NULL) {
        return json_seconds(object, name, ret);
    }
    if (*text == '\0' || strlen(text) > DIGITS_MOST) {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') {
            return false;
        }
        value = value * 10 + (*text - '0');
    }
    *ret = value;
    return true;
}

static enum moidc_code device_code(const json_t *object, struct secret **ret, struct moidc_err *err)
{
    const char *text = json_text(object, "device_code");

    if (text == NULL || *text == '\0') {
        return fault("device_code", "is missing", err);
    }
    if (strlen(text) > DEVICE_CODE_MOST) {
        return fault("device_code", "is too long", err);
    }
    return json_secret(object, "device_code", ret, err);
}

/* RFC 8628 §6.1 wants few, plain letters. Whatever else a terminal would act on, or show as another letter, is refused:
 * the person compares this text with a page. */
static enum moidc_code user_code(const json_t *object, char **ret, struct moidc_err *err)
{
    const char *text = json_text(object, "user_code");

    if (text == NULL || *text == '\0') {
        return fault("user_code", "is missing", err);
    }
    if (strlen(text) > DEVICE_USER_CODE_MOST) {
        return fault("user_code", "is too long for a person to type", err);
    }
    for (const char *c = text; *c != '\0'; c++) {
        if (*c < ' ' || *c > '~') {
            return fault("user_code", "holds characters that a person cannot type", err);
        }
    }
    *ret = mem_strdup(text);
    return *ret != NULL ? MOIDC_OK : err_memory(err);
}

/* Where a person types passwords: TLS, no user info that looks like a host, nothing a terminal or a phone would read
 * otherwise. */
static enum moidc_code uri(const json_t *object, const char *name, bool loopback, char **ret, struct moidc_err *err)
{
    const char *text = json_text(object, name);
    struct url url;

    if (strlen(text) > DEVICE_URI_MOST || !url_parse(text, &url) || url.userinfo) {
        return fault(name, "is no proper https URI", err);
    }
    if (!url.https && !(loopback && url_is_loopback(&url))) {
        return fault(name, "is not https", err);
    }
    *ret = mem_strdup(text);
    return *ret != NULL ? MOIDC_OK : err_memory(err);
}

static enum moidc_code uris(const json_t *object, bool loopback, struct device_response *response,
                            struct moidc_err *err)
{
    /* Google's name for it is older than the RFC */
    const char *name = json_text(object, "verification_uri") != NULL ? "verification_uri" : "verification_url";
    const char *complete = "verification_uri_complete";
    enum moidc_code rc;

    if (json_text(object, name) == NULL) {
        return fault("verification_uri", "is missing", err);
    }
    rc = uri(object, name, loopback, &response->verification_uri, err);
    if (rc == MOIDC_OK && json_text_filled(object, complete) != NULL) {
        rc = uri(object, complete, loopback, &response->verification_uri_complete, err);
    }
    return rc;
}

static enum moidc_code times(const json_t *object, struct device_response *response, struct moidc_err *err)
{
    if (!seconds(object, "expires_in", &response->expires_in_s) || response->expires_in_s <= 0) {
        return fault("expires_in", "is missing or no number of seconds", err);
    }
    if (response->expires_in_s > LIFETIME_MOST_S) {
        response->expires_in_s = LIFETIME_MOST_S;
    }
    if (!seconds(object, "interval", &response->interval_s)) {
        response->interval_s = DEVICE_INTERVAL_S; /* "If no value is provided, clients MUST use 5" */
    }
    if (response->interval_s < 1) {
        response->interval_s = 1;
    } else if (response->interval_s > DEVICE_INTERVAL_MOST_S) {
        response->interval_s = DEVICE_INTERVAL_MOST_S; /* or a person who is through would be kept waiting */
    }
    return MOIDC_OK;
}

static enum moidc_code refused(const struct http_response *reply, const json_t *object, struct moidc_err *err)
{
    if (oauth_error_take(reply, object, "the sign-in with a code", err)) {
        return MOIDC_E_PROVIDER;
    }
    err_set(err, MOIDC_E_PROVIDER, "the provider answered the device authorization request with HTTP status %d%s",
            reply->status,
            reply->status >= 300 && reply->status < 400 ? ", a redirect, which is not followed with credentials" : "");
    err_reply(err, reply->status, NULL);
    return err_next(
        err, "%s", http_status_next(reply->status, "allow this client the device authorization grant at the provider"));
}

enum moidc_code device_response_parse(const struct http_response *reply, bool loopback, struct device_response **ret,
                                      struct moidc_err *err)
{
    CLEANUP(device_response_free_p) struct device_response *response = mem_zalloc(sizeof *response);
    CLEANUP(json_release_p) json_t *object = NULL;
    enum moidc_code rc;

    if (response == NULL) {
        return err_memory(err);
    }
    rc = json_object_parse(strbuf_text(&reply->body), reply->body.length, "the device authorization endpoint's answer",
                           &object, err);
    if (rc == MOIDC_E_MEMORY) {
        return rc;
    }
    if (reply->status != 200 || (rc == MOIDC_OK && json_text_filled(object, "error") != NULL)) {
        return refused(reply, object, err);
    }
    if (rc != MOIDC_OK) {
        err_reply(err, reply->status, NULL);
        return err_next(err, "check that the issuer is the right one: %s is what answered",
                        reply->content_type[0] != '\0' ? reply->content_type : "something without a content type");
    }
    rc = device_code(object, &response->device_code, err);
    rc = rc == MOIDC_OK ? user_code(object, &response->user_code, err) : rc;
    rc = rc == MOIDC_OK ? uris(object, loopback, response, err) : rc;
    rc = rc == MOIDC_OK ? times(object, response, err) : rc;
    if (rc == MOIDC_OK) {
        *ret = response;
        response = NULL;
    }
    return rc;
}

void device_response_free(struct device_response *response)
{
    if (response != NULL) {
        secret_free(response->device_code);
        mem_free(response->user_code);
        mem_free(response->verification_uri);
        mem_free(response->verification_uri_complete);
        mem_free(response);
    }
}

enum device_poll device_poll_next(const struct moidc_err *err)
{
    if (err->code == MOIDC_E_NETWORK || err->code == MOIDC_E_TIMEOUT) {
        return DEVICE_BACK_OFF; /* §3.5: "clients MUST unilaterally reduce their polling frequency" */
    }
    if (err->code != MOIDC_E_PROVIDER) {
        return DEVICE_FAILED;
    }
    if (strcmp(err->oauth_error, "authorization_pending") == 0) {
        return DEVICE_WAIT;
    }
    if (strcmp(err->oauth_error, "slow_down") == 0) {
        return DEVICE_SLOW_DOWN;
    }
    if (strcmp(err->oauth_error, "expired_token") == 0) {
        return DEVICE_EXPIRED;
    }
    if (http_status_is_outage(err->http_status) || oauth_error_is_temporary(err->oauth_error)) {
        return DEVICE_BACK_OFF;
    }
    return DEVICE_FAILED;
}
