/* SPDX-License-Identifier: MIT */
#include "flow/session.h"

#include "flow/client.h"
#include "flow/obtain.h"
#include "io/clock.h"
#include "io/random.h"
#include "oauth/oauth_error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { BLOCKED_MS = 60 * 1000, WAIT_STEP_MS = 50 };

static const char *kind_of(const struct settings *settings)
{
    return settings->client_secret != NULL && !settings->interactive ? "client" : "person";
}

static enum moidc_code identity_copy(const struct settings *settings, struct identity *ret, struct moidc_err *err)
{
    ret->issuer = mem_strdup(settings->issuer);
    ret->client_id = mem_strdup(settings->client_id);
    ret->scope = mem_strdup(settings->scope);
    ret->audience = mem_strdup(settings->audience);
    ret->kind = kind_of(settings);
    ret->login_hint = mem_strdup(settings->login_hint);
    ret->resource = mem_strdup(settings->resource);
    ret->authorize_params = mem_strdup(settings->authorize_params);
    if (ret->issuer == NULL || ret->client_id == NULL || ret->scope == NULL || ret->audience == NULL ||
        ret->login_hint == NULL || ret->resource == NULL || ret->authorize_params == NULL) {
        return err_memory(err);
    }
    return MOIDC_OK;
}

void session_condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
#ifndef __APPLE__
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
#endif
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

enum moidc_code session_new(struct moidc_client *client, const struct settings *settings, struct session **ret,
                            struct moidc_err *err)
{
    CLEANUP(session_free_p) struct session *session = mem_zalloc(sizeof *session);
    enum moidc_code rc;

    if (session == NULL) {
        return err_memory(err);
    }
    pthread_mutex_init(&session->mutex, NULL);
    session_condition_init(&session->changed);
    session->client = client;
    session->cache = settings->cache;
    session->ca_file = mem_strdup(settings->ca_file);
    session->cache_helper = mem_strdup(settings->cache_helper);
    rc = session->ca_file != NULL && session->cache_helper != NULL ? identity_copy(settings, &session->identity, err)
                                                                   : err_memory(err);
    if (rc == MOIDC_OK) {
        session->provider.issuer = session->identity.issuer;
        session->provider.ca_file = session->ca_file;
        *ret = session;
        session = NULL;
    }
    return rc;
}

void session_free(struct session *session)
{
    if (session == NULL) {
        return;
    }
    provider_clear(&session->provider);
    cache_entry_free(session->entry);
    cache_entry_free(session->salvage);
    token_release(session->access);
    token_release(session->id);
    pthread_cond_destroy(&session->changed);
    pthread_mutex_destroy(&session->mutex);
    mem_free((char *)session->identity.issuer);
    mem_free((char *)session->identity.client_id);
    mem_free((char *)session->identity.scope);
    mem_free((char *)session->identity.audience);
    mem_free((char *)session->identity.login_hint);
    mem_free((char *)session->identity.resource);
    mem_free((char *)session->identity.authorize_params);
    mem_free(session->ca_file);
    mem_free(session->cache_helper);
    mem_free(session);
}

bool session_is_person(const struct session *session)
{
    return strcmp(session->identity.kind, "person") == 0;
}

bool session_is_for(const struct session *session, const struct settings *settings)
{
    const struct identity *identity = &session->identity;

    return strcmp(identity->issuer, settings->issuer) == 0 && strcmp(identity->client_id, settings->client_id) == 0 &&
           strcmp(identity->scope, settings->scope) == 0 && strcmp(identity->audience, settings->audience) == 0 &&
           strcmp(identity->kind, kind_of(settings)) == 0 && strcmp(identity->login_hint, settings->login_hint) == 0 &&
           strcmp(identity->resource, settings->resource) == 0 &&
           strcmp(identity->authorize_params, settings->authorize_params) == 0 &&
           strcmp(session->ca_file, settings->ca_file) == 0 && session->cache == settings->cache &&
           strcmp(session->cache_helper, settings->cache_helper) == 0;
}

/* The token that these settings ask for, when it may be sent to their server, valid or not; borrowed. Mutex held. */
static struct moidc_token *theirs(const struct session *session, const struct settings *settings,
                                  const struct moidc_token *rejected)
{
    struct moidc_token *token = settings->use_id_token ? session->id : session->access;

    if (token == NULL || !cache_entry_serves(session->entry, settings->uri) || token_equal(token, rejected)) {
        return NULL;
    }
    return token;
}

/* The same, and valid. */
static struct moidc_token *fitting(const struct session *session, const struct settings *settings, int64_t min_valid_s,
                                   const struct moidc_token *rejected)
{
    struct moidc_token *token = theirs(session, settings, rejected);

    return token != NULL && token_is_valid(token, min_valid_s) ? token : NULL;
}

static bool can_renew(const struct session *session, const struct settings *settings)
{
    if (settings->use_id_token && session->no_id_token_on_renewal) {
        return false;
    }
    if (settings->secret_from_environment && settings->issuer_file != NULL && !session->announced_secret &&
        settings->client_auth != SETTINGS_AUTH_NONE) {
        return false; /* the announcement is to be seen first, and the background shows nothing */
    }
    return session->entry->refresh_token != NULL || strcmp(session->identity.kind, "client") == 0;
}

struct moidc_token *session_peek(struct session *session, const struct settings *settings, int64_t min_valid_s,
                                 const struct moidc_token *rejected, bool *ending)
{
    struct moidc_token *token;
    int64_t left_ms;

    pthread_mutex_lock(&session->mutex);
    token = theirs(session, settings, rejected);
    left_ms = token != NULL ? token_left_ms(token) : 0;
    token = left_ms > min_valid_s * 1000 ? token_hold(token) : NULL;
    *ending = token != NULL && token_is_ending_with(token, left_ms, settings->refresh_margin_s) && !session->busy &&
              !session->renewal_queued && can_renew(session, settings) && clock_steady_ms() >= session->next_renewal_ms;
    pthread_mutex_unlock(&session->mutex);
    return token;
}

struct timespec session_time_in(int wait_ms)
{
    struct timespec until;

#ifdef __APPLE__
    clock_gettime(CLOCK_REALTIME, &until);
#else
    clock_gettime(CLOCK_MONOTONIC, &until);
#endif
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    return until;
}

static void wait_step(struct session *session)
{
    struct timespec until = session_time_in(WAIT_STEP_MS);

    pthread_cond_timedwait(&session->changed, &session->mutex, &until);
}

/* What runs within the caller's show() and cancelled(), a signal's handler for one, may call us again: in the thread that
 * has the turn, which would wait for itself for ever. */
static enum moidc_code called_within(const struct wish *wish, struct moidc_err *err)
{
    err_set(err, MOIDC_E_CANCELLED,
            "this call came in the midst of another one of its thread, which is getting a token");
    err_where(err, "%s", wish->settings->uri);
    return err_next(err, "call again when that one has returned, and not in a signal handler");
}

/* Waits until nobody works on the identity. Mutex held; given up while waiting and while the caller is asked. */
static enum moidc_code wait_for_turn(struct session *session, const struct wish *wish, struct moidc_err *err)
{
    const struct moidc_ui *ui = wish->call.ui;

    while (session->busy) {
        bool cancelled;

        if (pthread_equal(session->worker, pthread_self())) {
            return called_within(wish, err);
        }
        wait_step(session);
        pthread_mutex_unlock(&session->mutex);
        cancelled = ui != NULL && ui->cancelled != NULL && ui->cancelled(ui->ctx);
        pthread_mutex_lock(&session->mutex);
        if (cancelled) {
            return err_set(err, MOIDC_E_CANCELLED, "the call was cancelled while another one signs in");
        }
    }
    return MOIDC_OK;
}

/* Mutex held, nobody busy. */
static void begin_work(struct session *session)
{
    session->busy = true;
    session->worker = pthread_self();
}

/* A failure after which calls fail at once for a while, so that a thousand calls do not make a thousand waits, requests
 * or browser tabs (contract: rule 5). */
static bool blocks(const struct session *session, const struct moidc_err *err)
{
    if (session->asked_person) {
        return err->code != MOIDC_E_CANCELLED && err->code != MOIDC_E_MEMORY;
    }
    return err->code == MOIDC_E_TIMEOUT || (err->code == MOIDC_E_PROVIDER && err->oauth_error[0] != '\0' &&
                                            !oauth_error_is_temporary(err->oauth_error));
}

/* For how long calls fail at once after this failure; 0: they do not. Mutex held. */
static int64_t hold_ms(struct session *session, const struct wish *wish, const struct moidc_err *err, unsigned dice)
{
    int64_t ms = 0;

    if (session->held_up) {
        return 0; /* nothing was tried */
    }
    if (outage_shows(err)) {
        ms = outage_note(&session->outage, clock_steady_ms(), session->provider.retry_after_s, dice);
        ms = wish->background ? 0 : ms; /* it has pauses of its own */
    }
    return blocks(session, err) ? BLOCKED_MS : ms;
}

/* Processes that met the same failure together do not come back together. */
static unsigned throw_dice(void)
{
    unsigned dice = 0;
    struct moidc_err ignored;

    return random_bytes((unsigned char *)&dice, sizeof dice, &ignored) == MOIDC_OK ? dice : 0;
}

/* Notes how the work ended and lets the others go on. */
static void finish(struct session *session, const struct wish *wish, enum moidc_code rc, const struct moidc_err *err)
{
    unsigned dice = rc != MOIDC_OK ? throw_dice() : 0;
    int64_t hold;

    pthread_mutex_lock(&session->mutex);
    session->busy = false;
    session->attempts++;
    if (rc == MOIDC_OK) {
        memset(&session->last, 0, sizeof session->last);
        session->blocked_until_ms = 0;
        session->renewals_failed = 0;
        session->next_renewal_ms = 0;
        outage_end(&session->outage);
    } else {
        session->last = *err;
        if (wish->rejected != NULL && err->oauth_error[0] == '\0') {
            session->last.code = MOIDC_E_CANCELLED; /* about that one token: not for those that wait for another */
        }
        hold = hold_ms(session, wish, err, dice);
        if (hold > 0) {
            session->blocked = *err;
            session->blocked_until_ms = clock_steady_ms() + hold;
        }
        if (wish->background) {
            session->next_renewal_ms = clock_steady_ms() + outage_renewal_pause_ms(session->renewals_failed, dice);
            session->renewals_failed += session->renewals_failed < 1000;
        }
    }
    pthread_cond_broadcast(&session->changed);
    pthread_mutex_unlock(&session->mutex);
}

/* Takes the turn, or adopts what the thread that had it brought. Mutex held. MOIDC_OK with *ret NULL: the turn is ours.
 */
static enum moidc_code take_turn(struct session *session, const struct wish *wish, struct moidc_token **ret,
                                 struct moidc_err *err)
{
    for (;;) {
        unsigned attempts = session->attempts;
        enum moidc_code rc;
        struct moidc_token *token =
            wish->anew ? NULL : fitting(session, wish->settings, wish->min_valid_s, wish->rejected);

        /* the renewal thread comes while the old one is still good */
        if (token != NULL && !(wish->background && token_is_ending(token, wish->settings->refresh_margin_s))) {
            *ret = token_hold(token);
            return MOIDC_OK;
        }
        if (!session->busy) {
            begin_work(session);
            *ret = NULL;
            return MOIDC_OK;
        }
        rc = wait_for_turn(session, wish, err);
        if (rc != MOIDC_OK) {
            return rc;
        }
        if (!wish->anew && session->attempts != attempts && session->last.code != MOIDC_OK &&
            session->last.code != MOIDC_E_CANCELLED && session->last.code != MOIDC_E_LOGIN_REQUIRED) {
            *err = session->last;
            return err->code;
        }
    }
}

static enum moidc_code same_again(const struct settings *settings, struct moidc_err *err)
{
    err_set(err, MOIDC_E_PROVIDER,
            "the tracking server refused the token (HTTP status 401), and the provider gives the same one again");
    err_reply(err, 401, NULL);
    err_where(err, "%s", settings->uri);
    return err_next(err, "see that its proxy takes a token with iss %s and the audience %s", settings->issuer,
                    settings_token_audience(settings));
}

/* The token that the work was done for. */
static enum moidc_code take_result(struct session *session, const struct wish *wish, struct moidc_token **ret,
                                   struct moidc_err *err)
{
    const struct settings *settings = wish->settings;
    int64_t min_valid_s = wish->anew ? 0 : wish->min_valid_s;
    bool same;

    pthread_mutex_lock(&session->mutex);
    *ret = token_hold(fitting(session, settings, min_valid_s, wish->rejected));
    same = *ret == NULL && fitting(session, settings, min_valid_s, NULL) != NULL;
    pthread_mutex_unlock(&session->mutex);
    if (*ret != NULL) {
        return MOIDC_OK;
    }
    if (same) {
        return same_again(settings, err);
    }
    if (wish->min_valid_s > 0) {
        err_set(err, MOIDC_E_PROVIDER, "the token that the provider gives does not stay valid for %lld s",
                (long long)wish->min_valid_s);
        err_next(err, "ask for less, or have the provider's token lifetime raised");
    } else {
        err_set(err, MOIDC_E_PROTOCOL, "the token that the provider gave has ended already by this machine's clock");
        err_next(err, "check the clock of this machine");
    }
    return err_where(err, "%s", settings->issuer);
}

/* Works for a token; once more where the first one ended while the machine slept. */
static enum moidc_code work(struct session *session, const struct wish *wish, struct moidc_token **ret,
                            struct moidc_err *err)
{
    struct wish again = *wish;
    enum moidc_code rc = obtain(session, wish, err);

    if (rc != MOIDC_OK) {
        return rc;
    }
    rc = take_result(session, wish, ret, err);
    if (rc != MOIDC_OK && obtain_overslept(session)) {
        again.anew = false;
        rc = obtain(session, &again, err);
        rc = rc == MOIDC_OK ? take_result(session, wish, ret, err) : rc;
    }
    return rc;
}

enum moidc_code session_obtain(struct session *session, const struct wish *wish, struct moidc_token **ret,
                               struct moidc_err *err)
{
    struct moidc_token *token = NULL;
    enum moidc_code rc;

    pthread_mutex_lock(&session->mutex);
    rc = take_turn(session, wish, &token, err);
    pthread_mutex_unlock(&session->mutex);
    if (rc != MOIDC_OK) {
        return rc;
    }
    if (token == NULL) {
        session->provider.hurried = !wish->anew && outage_hurries(&session->outage, clock_steady_ms());
        session->provider.retry_after_s = 0;
        rc = work(session, wish, &token, err);
        finish(session, wish, rc, err);
    }
    if (rc == MOIDC_OK) {
        *ret = token;
    }
    return rc;
}

enum moidc_code session_turn_take(struct session *session, const struct wish *wish, struct moidc_err *err)
{
    enum moidc_code rc;

    pthread_mutex_lock(&session->mutex);
    rc = wait_for_turn(session, wish, err);
    if (rc == MOIDC_OK) {
        begin_work(session);
    }
    pthread_mutex_unlock(&session->mutex);
    return rc;
}

void session_turn_give(struct session *session)
{
    pthread_mutex_lock(&session->mutex);
    session->busy = false;
    pthread_cond_broadcast(&session->changed);
    pthread_mutex_unlock(&session->mutex);
}

enum moidc_code session_forget(struct session *session, const struct wish *wish, bool *removed, struct moidc_err *err)
{
    enum moidc_code rc = session_turn_take(session, wish, err);

    if (rc == MOIDC_OK) {
        rc = obtain_forget(session, wish, removed, err);
        session_unblock(session);
        session_turn_give(session);
    }
    return rc;
}

void session_unblock(struct session *session)
{
    pthread_mutex_lock(&session->mutex);
    session->blocked_until_ms = 0;
    pthread_mutex_unlock(&session->mutex);
}

/* A token object for `secret`: the present one if it is the same token, which keeps the end that it was given by the
 * clock that nobody sets back. *ret is a new reference, NULL for no secret. */
static enum moidc_code token_for(struct moidc_token *present, const struct secret *secret, int64_t obtained_at_s,
                                 int64_t expires_at_s, struct moidc_token **ret, struct moidc_err *err)
{
    if (secret == NULL) {
        return MOIDC_OK;
    }
    if (present != NULL && token_expires_at_s(present) == expires_at_s && secret_equal(token_secret(present), secret)) {
        *ret = token_hold(present);
        return MOIDC_OK;
    }
    return token_new(secret, obtained_at_s, expires_at_s, ret, err);
}

enum moidc_code session_adopt(struct session *session, struct cache_entry *entry, struct moidc_err *err)
{
    CLEANUP(cache_entry_free_p) struct cache_entry *old = entry; /* freed unless it is taken over */
    CLEANUP(token_release_p) struct moidc_token *access = NULL;
    CLEANUP(token_release_p) struct moidc_token *id = NULL;
    struct moidc_token *old_token;
    enum moidc_code rc = MOIDC_OK;

    if (entry != NULL) {
        rc = token_for(session->access, entry->access_token, entry->obtained_at_s, entry->access_expires_at_s, &access,
                       err);
    }
    if (rc == MOIDC_OK && entry != NULL) {
        rc = token_for(session->id, entry->id_token, entry->obtained_at_s, entry->id_expires_at_s, &id, err);
    }
    if (rc != MOIDC_OK) {
        return rc;
    }
    pthread_mutex_lock(&session->mutex);
    old = session->entry; /* NOLINT(clang-analyzer-deadcode.DeadStores): its cleanup frees it */
    session->entry = entry;
    old_token = session->access;
    session->access = access;
    access = old_token;
    old_token = session->id;
    session->id = id;
    id = old_token;
    pthread_mutex_unlock(&session->mutex);
    return MOIDC_OK;
}

void session_before_fork(struct session *session)
{
    pthread_mutex_lock(&session->mutex);
}

void session_after_fork_parent(struct session *session)
{
    pthread_mutex_unlock(&session->mutex);
}

void session_after_fork_child(struct session *session)
{
    /* The thread that was busy is not here. What it held is given up without touching it: connections and their TLS
     * state belong to the parent. */
    pthread_mutex_init(&session->mutex, NULL);
    session_condition_init(&session->changed);
    session->provider.http = NULL;
    if (session->busy) {
        session->provider.metadata = NULL;
        session->provider.jwks = NULL;
        session->salvage = NULL;
        lock_forget(session->lock);
        session->lock = NULL;
    }
    session->busy = false;
    session->in_flight = false;
    session->renewal_queued = false;
}
