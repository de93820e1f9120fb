/* SPDX-License-Identifier: MIT */
#include "flow/session.h"

#include "flow/client.h"
#include "io/clock.h"

#include <string.h>
#include <time.h>

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

struct moidc_token *session_fitting(const struct session *session, const struct settings *settings, int64_t min_valid_s,
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
    return session->entry->refresh_token != NULL || !session_is_person(session);
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
