/* SPDX-License-Identifier: MIT */
#include "flow/exchange.h"

#include "base/fork_gate.h"
#include "flow/client.h"
#include "flow/client_auth.h"
#include "io/clock.h"
#include "oauth/id_token.h"
#include "oauth/token_response.h"

#include <string.h>

enum { LEEWAY_S = 60, FINISH_MS = 5000, CLOCK_UNSET_S = 1577836800 /* 2020 */ };

static const char *grant_name(const struct token_grant *grant)
{
    return grant->grant == GRANT_CODE || grant->grant == GRANT_DEVICE ? "the sign-in"
           : grant->grant == GRANT_REFRESH                            ? "the renewal"
                                                                      : "the client's sign-in";
}

/* Whatever was wrong with the rest: the old refresh token may be dead now, so the new one must not be lost. */
static void salvage(struct session *session, const struct cache_entry *before, const struct secret *rotated)
{
    CLEANUP(cache_entry_free_p) struct cache_entry *entry = NULL;
    struct moidc_err err;

    if (before == NULL || rotated == NULL || cache_entry_copy(before, &entry, &err) != MOIDC_OK) {
        return;
    }
    secret_free(entry->refresh_token);
    entry->refresh_token = NULL;
    if (secret_copy(rotated, &entry->refresh_token, &err) == MOIDC_OK) {
        cache_entry_free(session->salvage);
        session->salvage = entry;
        entry = NULL;
    }
}

/* A provider that says what it refused ("unknown refresh token ...") must not have it stand in a message. */
static void hide_secrets(const struct wish *wish, const struct token_grant *grant, const struct cache_entry *before,
                         struct moidc_err *err)
{
    const struct secret *const secrets[] = {
        wish->settings->client_secret,
        grant->code,
        grant->verifier,
        grant->refresh_token,
        before != NULL ? before->refresh_token : NULL,
        before != NULL ? before->access_token : NULL,
        before != NULL ? before->id_token : NULL,
    };

    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        client_auth_hide(secrets[i], err);
    }
}

/* One request with one way of authenticating. */
static enum moidc_code try_grant(struct session *session, const struct wish *wish, const struct token_grant *grant,
                                 const struct cache_entry *before, enum client_auth auth, struct token_response **ret,
                                 struct moidc_err *err)
{
    CLEANUP(http_request_free_p) struct http_request *request = NULL;
    CLEANUP(http_response_free_p) struct http_response *reply = NULL;
    const struct settings *settings = wish->settings;
    struct client client = {.client_id = settings->client_id, .client_secret = settings->client_secret, .auth = auth};
    const char *endpoint = session->provider.metadata->token_endpoint;
    enum moidc_code rc;

    rc = token_request_new(endpoint, &client, grant, &request, err);
    if (rc == MOIDC_OK && grant->grant == GRANT_REFRESH && !wish->background) {
        request->finish_ms = FINISH_MS; /* cut now, the answer's refresh token would be lost, and the old one be dead */
    }
    rc = rc == MOIDC_OK ? provider_send(&session->provider, &wish->call, request, &reply, err) : rc;
    if (rc != MOIDC_OK) {
        return rc;
    }
    rc = token_response_parse(reply, grant_name(grant), ret, err);
    if (rc == MOIDC_E_PROTOCOL && grant->grant == GRANT_REFRESH) {
        CLEANUP(secret_free_p) struct secret *rotated = NULL;

        token_response_salvage(reply, &rotated);
        salvage(session, before, rotated);
    }
    notices_add(&session->client->notices, MOIDC_DEBUG, "token.request grant=%d status=%d result=%s", (int)grant->grant,
                reply->status, moidc_code_info(rc)->name);
    if (rc != MOIDC_OK && rc != MOIDC_E_MEMORY) {
        hide_secrets(wish, grant, before, err);
        client_auth_hide(request->authorization, err); /* the client secret in base64 */
        err_where(err, "%s", endpoint);
        if (err->next[0] == '\0') {
            err_next(err, "ask the provider's operator: this breaks RFC 6749 §5.1");
        }
    }
    return rc;
}

/* A grant on its way. */
struct sending {
    struct session *session;
    const struct wish *wish;
    const struct token_grant *grant;
    const struct cache_entry *before;
    struct token_response **ret;
};

static enum moidc_code send(void *ctx, enum client_auth auth, struct moidc_err *err)
{
    struct sending *sending = ctx;

    return try_grant(sending->session, sending->wish, sending->grant, sending->before, auth, sending->ret, err);
}

/* Checks the ID token; a `kid` that is not known has the keys fetched once more (OIDC Core §10.1.1). */
static enum moidc_code check_id_token(struct session *session, const struct wish *wish,
                                      const struct token_response *response, const struct id_token_expect *expect,
                                      struct id_token **ret, struct moidc_err *err)
{
    for (bool again = false;; again = true) {
        bool unknown_key = false;
        enum moidc_code rc = provider_keys(&session->provider, &wish->call, again, err);

        if (rc != MOIDC_OK) {
            return rc;
        }
        fork_gate_enter();
        rc = id_token_check(response->id_token, session->provider.jwks, expect, &unknown_key, ret, err);
        fork_gate_leave();
        if (rc == MOIDC_OK || !unknown_key || again) {
            if (rc == MOIDC_E_PROTOCOL) {
                err_where(err, "%s", session->provider.metadata->issuer);
                if (err->next[0] == '\0') {
                    err_next(err, "ask the provider's operator: its ID tokens break OpenID Connect");
                }
            }
            return rc;
        }
    }
}

/* The moment by which the ID token of a reply is judged. Where the machine slept while the reply was on its way, that is
 * one at which it could have come: a token that is over by now is not sent, but its refresh token is good. */
static int64_t judged_at_s(const struct token_response *response)
{
    int64_t latest_s = response->asked_at_s + LEEWAY_S;
    int64_t now_s = clock_now_s();

    return now_s < latest_s ? now_s : latest_s;
}

/* Takes the ID token of the reply over into `entry`. */
static enum moidc_code take_id_token(struct session *session, const struct wish *wish, const struct token_grant *grant,
                                     const struct token_response *response, const struct secret *nonce,
                                     struct cache_entry *entry, struct moidc_err *err)
{
    CLEANUP(id_token_free_p) struct id_token *checked = NULL;
    bool renewal = grant->grant == GRANT_REFRESH;
    enum moidc_code rc;
    struct id_token_expect expect = {
        .issuer = session->provider.metadata->issuer,
        .client_id = wish->settings->client_id,
        .nonce = nonce,
        .renewal = renewal,
        .access_token = response->access_token,
        .subject = renewal ? entry->subject : NULL,
        .now_s = judged_at_s(response),
        .leeway_s = LEEWAY_S,
    };

    rc = check_id_token(session, wish, response, &expect, &checked, err);
    if (rc != MOIDC_OK) {
        return rc;
    }
    secret_free(entry->id_token);
    entry->id_token = NULL;
    mem_free(entry->subject);
    entry->subject = checked->subject;
    checked->subject = NULL;
    entry->id_expires_at_s = checked->expires_at_s;
    return secret_copy(response->id_token, &entry->id_token, err);
}

static enum moidc_code no_id_token(const struct session *session, const struct wish *wish, struct moidc_err *err)
{
    const struct settings *settings = wish->settings;
    bool unasked = session_is_person(session) && strstr(settings->scope, "openid") == NULL;

    err_set(err, MOIDC_E_PROTOCOL, "the provider gave no ID token, which is what is to be sent");
    err_where(err, "%s", unasked ? settings->source[SETTING_SCOPE] : settings->issuer);
    return err_next(err, unasked ? "add openid to scope, or set use-id-token = false"
                                 : "set use-id-token = false, so that the access token is sent");
}

/* An ID token is taken, and then checked in full, where a person signs in or where it is what is sent; one that cannot
 * be checked, for want of published keys, and is not needed, is left. */
static bool is_wanted(const struct session *session, const struct wish *wish)
{
    return wish->settings->use_id_token || (session_is_person(session) && session->provider.metadata->jwks_uri != NULL);
}

/* What the reply brings, over what was known before. */
static enum moidc_code take_reply(struct session *session, const struct wish *wish, const struct token_grant *grant,
                                  const struct token_response *response, const struct secret *nonce,
                                  struct cache_entry *entry, struct moidc_err *err)
{
    bool renewal = grant->grant == GRANT_REFRESH;
    enum moidc_code rc;

    entry->refresh_refused = false;
    secret_free(entry->access_token);
    entry->access_token = NULL;
    rc = secret_copy(response->access_token, &entry->access_token, err);
    if (rc == MOIDC_OK && (response->refresh_token != NULL || !renewal)) {
        secret_free(entry->refresh_token); /* none in a renewal: the old one goes on (RFC 6749 §6) */
        entry->refresh_token = NULL;
        rc = secret_copy(response->refresh_token, &entry->refresh_token, err);
    }
    if (rc != MOIDC_OK) {
        return rc;
    }
    if (!renewal) {
        mem_free(entry->nonce);
        entry->nonce = NULL;
        if (nonce != NULL && (entry->nonce = mem_strdup(secret_reveal(nonce))) == NULL) {
            return err_memory(err);
        }
        secret_free(entry->id_token);
        entry->id_token = NULL;
        entry->id_expires_at_s = 0;
        mem_free(entry->subject);
        entry->subject = NULL;
    }
    if (response->id_token != NULL && is_wanted(session, wish)) {
        rc = take_id_token(session, wish, grant, response, nonce, entry, err);
    } else if (renewal && response->id_token == NULL) {
        pthread_mutex_lock(&session->mutex);
        session->no_id_token_on_renewal = true; /* OIDC Core §12.2: it might not hold one */
        pthread_mutex_unlock(&session->mutex);
    } else if (wish->settings->use_id_token) {
        rc = no_id_token(session, wish, err);
    }
    return rc;
}

static enum moidc_code entry_from(struct session *session, const struct wish *wish, const struct token_grant *grant,
                                  const struct token_response *response, const struct secret *nonce,
                                  const struct cache_entry *before, struct cache_entry **ret, struct moidc_err *err)
{
    CLEANUP(cache_entry_free_p) struct cache_entry *entry = NULL;
    enum moidc_code rc = MOIDC_OK;

    if (before != NULL) {
        rc = cache_entry_copy(before, &entry, err);
    } else if ((entry = cache_entry_new()) == NULL) {
        rc = err_memory(err);
    }
    rc = rc == MOIDC_OK ? take_reply(session, wish, grant, response, nonce, entry, err) : rc;
    if (rc == MOIDC_OK) {
        *ret = entry;
        entry = NULL;
    }
    return rc;
}

static void begin(struct session *session)
{
    if (!session->in_flight) {
        session->in_flight = true;
        client_begin_request(session->client);
    }
}

/* When a request went out. On a machine that begins in 1970 NTP may have set the clock since then: by that clock. One that
 * stood later and jumped ahead may be that of a virtual machine that was paused, where the reply is from before. */
static int64_t sent_at_s(int64_t started_s, int64_t started_ms)
{
    int64_t now_s = clock_now_s() - (clock_steady_ms() - started_ms) / 1000 - 1;

    return started_s < CLOCK_UNSET_S && now_s >= CLOCK_UNSET_S ? now_s : started_s;
}

enum moidc_code exchange(struct session *session, const struct wish *wish, const struct token_grant *grant,
                         const struct cache_entry *before, const struct secret *nonce, struct cache_entry **ret,
                         struct moidc_err *err)
{
    CLEANUP(token_response_free_p) struct token_response *response = NULL;
    CLEANUP(cache_entry_free_p) struct cache_entry *entry = NULL;
    struct sending sending = {.session = session, .wish = wish, .grant = grant, .before = before, .ret = &response};
    struct client_auth_attempt attempt = {
        .ctx = &sending, .send = send, .remembered = before != NULL ? before->client_auth : NULL};
    enum client_auth worked;
    int64_t started_s;
    int64_t started_ms;
    enum moidc_code rc;

    rc = provider_discover(&session->provider, &wish->call, err);
    if (rc == MOIDC_OK && is_wanted(session, wish)) {
        /* before the grant is used up: without keys its ID token could not be taken */
        rc = provider_keys(&session->provider, &wish->call, false, err);
    }
    if (rc != MOIDC_OK) {
        return rc;
    }
    begin(session);
    started_s = clock_now_s();
    started_ms = clock_steady_ms();
    rc = client_auth_send(session, wish, &attempt, &worked, err);
    if (rc != MOIDC_OK) {
        return rc;
    }
    started_s = sent_at_s(started_s, started_ms);
    response->asked_at_s = started_s;
    rc = entry_from(session, wish, grant, response, nonce, before, &entry, err);
    if (rc != MOIDC_OK) {
        hide_secrets(wish, grant, before, err); /* what an ID token claims is quoted too */
        salvage(session, grant->grant == GRANT_REFRESH ? before : NULL, response->refresh_token);
        return rc;
    }
    entry->obtained_at_s = started_s;
    entry->access_expires_at_s = response->expires_in_s >= 0 ? started_s + response->expires_in_s : 0;
    if (wish->settings->client_secret != NULL && wish->settings->client_auth == SETTINGS_AUTH_AUTO) {
        mem_free(entry->client_auth);
        entry->client_auth = mem_strdup(client_auth_name(worked)); /* NULL: tried anew next time */
    }
    *ret = entry;
    entry = NULL;
    return MOIDC_OK;
}

enum moidc_code exchange_client_credentials(struct session *session, const struct wish *wish,
                                            const struct cache_entry *before, struct cache_entry **ret,
                                            struct moidc_err *err)
{
    const struct settings *settings = wish->settings;
    struct token_grant grant = {
        .grant = GRANT_CLIENT_CREDENTIALS,
        .scope = settings->scope_set ? settings->scope : NULL, /* the default holds openid, which some refuse here */
        .audience = settings->audience,
        .resource = settings->resource,
    };

    return exchange(session, wish, &grant, before, NULL, ret, err);
}

enum moidc_code exchange_refresh(struct session *session, const struct wish *wish, const struct cache_entry *before,
                                 struct cache_entry **ret, struct moidc_err *err)
{
    CLEANUP(secret_free_p) struct secret *nonce = NULL;
    struct token_grant grant = {
        .grant = GRANT_REFRESH,
        .refresh_token = before->refresh_token,
        .audience = wish->settings->audience_set ? wish->settings->audience : NULL,
        .resource = wish->settings->resource,
    };

    if (before->nonce != NULL && (nonce = secret_new_text(before->nonce)) == NULL) {
        return err_memory(err);
    }
    return exchange(session, wish, &grant, before, nonce, ret, err);
}
