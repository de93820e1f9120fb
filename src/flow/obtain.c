/* SPDX-License-Identifier: MIT */
#include "flow/obtain.h"

#include "base/text.h"
#include "flow/client.h"
#include "flow/exchange.h"
#include "flow/failure_note.h"
#include "flow/farewell.h"
#include "flow/known.h"
#include "flow/sign_in.h"
#include "flow/store.h"
#include "flow/turn.h"
#include "io/clock.h"
#include "oauth/oauth_error.h"

#include <stdio.h>
#include <string.h>

enum { OVERSLEPT_S = 60, REJECTED_MS = 60 * 1000 };

bool obtain_overslept(const struct session *session)
{
    const struct cache_entry *entry = session->entry;

    return entry != NULL && clock_now_s() - entry->obtained_at_s > OVERSLEPT_S &&
           (entry->refresh_token != NULL || !session_is_person(session));
}

/* MOIDC_OK, or the failure after which calls fail at once for a while. */
static enum moidc_code check_blocked(struct session *session, struct moidc_err *err)
{
    struct moidc_err blocked;
    int64_t left_ms;

    pthread_mutex_lock(&session->mutex);
    left_ms = session->blocked_until_ms - clock_steady_ms();
    blocked = session->blocked;
    pthread_mutex_unlock(&session->mutex);
    if (left_ms <= 0) {
        return MOIDC_OK;
    }
    *err = blocked;
    return err_next(err, "%.200s (not tried again for %lld s, but by mlflow_oidc_client.login() or mlflow-oidc login)",
                    blocked.next, (long long)(left_ms / 1000 + 1));
}

/* The servers that the new tokens are for: those of before, if it is the same person, and the one that asked. */
static enum moidc_code set_servers(const struct session *session, struct cache_entry *entry, const char *uri,
                                   struct moidc_err *err)
{
    const char *subject = session->entry != NULL ? session->entry->subject : NULL;
    bool same = !session_is_person(session) ||
                (subject != NULL && entry->subject != NULL && strcmp(subject, entry->subject) == 0);

    if (!same) {
        for (size_t i = 0; i < entry->server_count; i++) {
            mem_free(entry->servers[i]);
        }
        entry->server_count = 0;
    }
    return cache_entry_add_server(entry, uri, err);
}

/* Whether what the provider refused is the refresh token: not where it refuses the client, or is busy or ill, whatever
 * error stands beside that status. Some say so in a form of their own, with the status of RFC 6749 §5.2; others may come
 * from what stands before the provider. */
static bool is_about_refresh_token(const struct moidc_err *err)
{
    return (err->oauth_error[0] != '\0' || err->http_status == 400) &&
           strcmp(err->oauth_error, "invalid_client") != 0 && !http_status_is_outage(err->http_status) &&
           !oauth_error_is_temporary(err->oauth_error);
}

/* What the provider says to a refresh token. */
enum refusal {
    NOT_REFUSED,
    REFUSED, /* only a sign-in helps */
    ENDED,   /* and it is the one that is known, which is not to be tried again */
};

/* After invalid_grant: a process without our lock (another machine) may have used it and saved its successor. True where
 * that is to be tried. *err holds the refusal, unless the cache cannot be read for want of memory. */
static bool has_successor(struct session *session, const struct cache_dir *dir, const struct wish *wish,
                          const struct secret *used, struct moidc_err *err)
{
    struct moidc_err fault;
    const struct cache_entry *entry;

    if (known_look(session, dir, wish, true, &fault) != MOIDC_OK) {
        *err = fault;
        return false;
    }
    entry = session->entry;
    return entry->refresh_token != NULL && cache_entry_serves(entry, wish->settings->uri) &&
           !secret_equal(entry->refresh_token, used);
}

/* Uses the refresh token. */
static enum moidc_code renew(struct session *session, const struct cache_dir *dir, const struct wish *wish,
                             enum refusal *ret, struct moidc_err *err)
{
    for (bool again = false;; again = true) {
        CLEANUP(cache_entry_free_p) struct cache_entry *entry = NULL;
        CLEANUP(secret_free_p) struct secret *used = NULL;
        enum moidc_code rc = secret_copy(session->entry->refresh_token, &used, err);

        rc = rc == MOIDC_OK ? exchange_refresh(session, wish, session->entry, &entry, err) : rc;
        if (rc == MOIDC_OK) {
            rc = known_keep(session, dir, wish, entry, err);
            entry = NULL;
            return rc;
        }
        if (rc != MOIDC_E_PROVIDER || !is_about_refresh_token(err)) {
            *ret = NOT_REFUSED;
            return rc;
        }
        if (strcmp(err->oauth_error, "invalid_grant") != 0) {
            *ret = REFUSED;
            return rc;
        }
        if (again || dir == NULL) {
            *ret = ENDED;
            return rc;
        }
        if (!has_successor(session, dir, wish, used, err)) {
            bool known = session->entry->refresh_token != NULL && secret_equal(session->entry->refresh_token, used);

            *ret = err->code != MOIDC_E_PROVIDER ? NOT_REFUSED : known ? ENDED : REFUSED;
            return err->code;
        }
        if (known_satisfies(session, wish)) {
            return MOIDC_OK;
        }
    }
}

/* A refresh token that the provider refused is not tried again, by no process. */
static enum moidc_code drop_refresh_token(struct session *session, const struct cache_dir *dir, const struct wish *wish,
                                          struct moidc_err *err)
{
    struct cache_entry *entry = NULL;
    enum moidc_code rc = cache_entry_copy(session->entry, &entry, err);

    if (rc != MOIDC_OK) {
        return rc;
    }
    secret_free(entry->refresh_token);
    entry->refresh_token = NULL;
    entry->refresh_refused = true;
    return known_keep(session, dir, wish, entry, err);
}

/* The server refused the token, and there is none in its place: no reason to open a browser. */
static enum moidc_code not_renewed(const struct session *session, const struct settings *settings,
                                   struct moidc_err *err)
{
    bool renews = session->entry != NULL && session->entry->refresh_token != NULL;
    bool same = renews && settings->use_id_token && cache_entry_serves(session->entry, settings->uri);

    err_set(err, MOIDC_E_PROVIDER, "the tracking server refused the token (HTTP status 401)%s",
            same     ? ", and renewing brought no new ID token"
            : renews ? ""
                     : ", and there is no refresh token");
    err_where(err, "%s", settings->uri);
    err_reply(err, 401, NULL);
    return err_next(err,
                    "see that its proxy takes a token with iss %s and the audience %s%s; to sign in anew call "
                    "mlflow_oidc_client.login()",
                    settings->issuer, settings_token_audience(settings),
                    same ? ", or set use-id-token = false if it takes access tokens" : "");
}

/* Why a person cannot be asked here; MOIDC_OK: can be. */
static enum moidc_code may_ask_person(const struct session *session, const struct wish *wish, bool refused,
                                      struct moidc_err *err)
{
    const struct settings *settings = wish->settings;
    const char *why = !settings->interactive
                          ? "the settings let no person sign in (interactive = false), and there is no client secret"
                      : wish->background ? "a person has to sign in"
                                         : NULL;
    char word[300];

    if (wish->no_person && settings->interactive) {
        err_set(err, MOIDC_E_LOGIN_REQUIRED, "no valid token is left: a person has to sign in");
        err_where(err, "%s", settings->uri);
        if (settings->cache == SETTINGS_CACHE_MEMORY) {
            return err_next(err, "set cache = \"file\": what memory keeps is gone with the process that signed in");
        }
        text_shell_word(settings->uri, word, sizeof word); /* it will be typed as it stands there */
        return err_next(err, "run: mlflow-oidc login --server %s", word);
    }
    if (why != NULL) {
        err_set(err, MOIDC_E_LOGIN_REQUIRED, "no valid token is left: %s", why);
        err_where(err, "%s", settings->source[SETTING_INTERACTIVE]);
        return err_next(err, "set client-secret, or interactive = true and sign in");
    }
    refused = refused || (session->entry != NULL && session->entry->refresh_refused); /* earlier, in the background */
    return wish->rejected != NULL && !refused ? not_renewed(session, settings, err) : MOIDC_OK;
}

static enum moidc_code sign_in_anew(struct session *session, const struct cache_dir *dir, const struct wish *wish,
                                    bool refused, struct moidc_err *err)
{
    CLEANUP(cache_entry_free_p) struct cache_entry *entry = NULL;
    enum moidc_code rc;

    if (session_is_person(session)) {
        rc = may_ask_person(session, wish, refused, err);
        rc = rc == MOIDC_OK ? sign_in(session, wish, session->entry, &entry, err) : rc;
    } else {
        rc = exchange_client_credentials(session, wish, session->entry, &entry, err);
    }
    rc = rc == MOIDC_OK ? set_servers(session, entry, wish->settings->uri, err) : rc;
    if (rc == MOIDC_OK) {
        rc = known_keep(session, dir, wish, entry, err);
        entry = NULL;
    }
    return rc;
}

static enum moidc_code may_renew_rejected(struct session *session, const struct wish *wish, struct moidc_err *err)
{
    int64_t now_ms = clock_steady_ms();
    /* by another process of the user: a time that lies ahead was written by another clock and says nothing */
    int64_t since_s = session->entry != NULL ? clock_now_s() - session->entry->rejected_at_s : -1;
    bool too_soon = now_ms < session->next_rejected_ms || (since_s >= 0 && since_s < REJECTED_MS / 1000);

    if (wish->rejected == NULL) {
        return MOIDC_OK;
    }
    if (!too_soon) {
        session->next_rejected_ms = now_ms + REJECTED_MS;
        return MOIDC_OK;
    }
    err_set(err, MOIDC_E_PROVIDER,
            "the tracking server refused the token (HTTP status 401), and renewing it was tried "
            "less than a minute ago");
    err_where(err, "%s", wish->settings->uri);
    err_reply(err, 401, NULL);
    return err_next(err, "see that its proxy takes a token with iss %s and the audience %s", wish->settings->issuer,
                    settings_token_audience(wish->settings));
}

/* With the lock held (or none to be had), after the cache was looked at again. */
static enum moidc_code work(struct session *session, const struct cache_dir *dir, const struct wish *wish,
                            struct moidc_err *err)
{
    enum refusal refusal = NOT_REFUSED;
    enum moidc_code rc = may_renew_rejected(session, wish, err);

    if (rc != MOIDC_OK) {
        return rc;
    }
    /* one that came with client credentials, against RFC 6749 §4.4.3, is no use: those credentials are at hand */
    if (session_is_person(session) && !wish->anew && session->entry != NULL && session->entry->refresh_token != NULL &&
        cache_entry_serves(session->entry, wish->settings->uri)) {
        rc = renew(session, dir, wish, &refusal, err);
        if (rc == MOIDC_OK && (known_is_valid(session, wish) || obtain_overslept(session))) {
            return MOIDC_OK;
        }
        if (rc != MOIDC_OK && refusal == NOT_REFUSED) {
            return rc;
        }
        if (rc == MOIDC_OK && wish->settings->use_id_token && !wish->settings->interactive) {
            err_set(err, MOIDC_E_LOGIN_REQUIRED, "the ID token has ended, and renewing brought no new one");
            err_where(err, "%s", wish->settings->issuer);
            return err_next(err, "set use-id-token = false, so that the access token is sent, or sign in");
        }
        if (refusal == ENDED) {
            rc = drop_refresh_token(session, dir, wish, err);
            if (rc != MOIDC_OK) {
                return rc;
            }
        }
    }
    return sign_in_anew(session, dir, wish, refusal != NOT_REFUSED, err);
}

static enum moidc_code with_lock(struct session *session, const struct cache_dir *dir, const struct wish *wish,
                                 bool waited, struct moidc_err *err)
{
    enum moidc_code rc;

    if (waited && !wish->anew && session->lock != NULL && failure_note_read(session->lock, err)) {
        return err->code; /* the one that was waited for failed, and so would we */
    }
    if (session->lock != NULL && logout_note_read(session->lock) && session->entry != NULL && !wish->anew) {
        rc = session_adopt(session, NULL, err); /* what memory has is from before the logout */
        if (rc != MOIDC_OK) {
            return rc;
        }
    }
    if (session->lock != NULL) {
        failure_note_clear(session->lock);
    }
    rc = known_look(session, dir, wish, false, err);
    if (rc != MOIDC_OK || known_satisfies(session, wish)) {
        return rc;
    }
    if (wish->background && session->entry == NULL) {
        return err_set(err, MOIDC_E_LOGIN_REQUIRED, "there is nothing to renew any more"); /* a logout was faster */
    }
    rc = work(session, dir, wish, err);
    if (session->salvage != NULL) {
        struct moidc_err fault;
        struct cache_entry *entry = session->salvage;

        session->salvage = NULL;
        if (known_keep(session, dir, wish, entry, &fault) != MOIDC_OK) {
            notices_add(&session->client->notices, MOIDC_DEBUG, "salvage.failed code=%d", (int)fault.code);
        }
    }
    if (rc != MOIDC_OK && session->lock != NULL && (wish->rejected == NULL || err->oauth_error[0] != '\0') &&
        !(wish->no_person && rc == MOIDC_E_LOGIN_REQUIRED)) {
        failure_note_write(session->lock, err); /* but not what is about one rejected token, or about who asks */
    }
    return rc;
}

enum moidc_code obtain(struct session *session, const struct wish *wish, struct moidc_err *err)
{
    CLEANUP(cache_dir_close_p) struct cache_dir *dir = NULL;
    struct turn turn = {0};
    enum moidc_code rc;

    session->asked_person = false;
    session->held_up = false;
    rc = store_open(session, wish, &dir, err);
    rc = rc == MOIDC_OK ? known_look(session, dir, wish, false, err) : rc;
    if (rc != MOIDC_OK || known_satisfies(session, wish)) {
        return rc;
    }
    rc = wish->anew ? MOIDC_OK : check_blocked(session, err);
    if (rc != MOIDC_OK) {
        session->held_up = true; /* so that asking in vain does not begin the minute anew */
        return rc;
    }
    rc = turn_wait(session, dir, wish, TURN_OR_TOKEN, &turn, err);
    rc = rc == MOIDC_OK && !turn.served ? with_lock(session, dir, wish, turn.waited, err) : rc;
    lock_release(session->lock);
    session->lock = NULL;
    if (session->in_flight) {
        session->in_flight = false;
        client_end_request(session->client);
    }
    if (rc != MOIDC_OK) {
        provider_clear(&session->provider); /* whatever was wrong there is looked at afresh next time */
    }
    return rc;
}

enum moidc_code obtain_look(struct session *session, const struct wish *wish, struct moidc_err *err)
{
    CLEANUP(cache_dir_close_p) struct cache_dir *dir = NULL;
    enum moidc_code rc = store_open(session, wish, &dir, err);

    return rc == MOIDC_OK ? known_look(session, dir, wish, false, err) : rc;
}

/* Takes the tokens away from this machine. *gone: what there was, for the provider to be told of. */
static enum moidc_code forget_here(struct session *session, const struct cache_dir *dir, const struct wish *wish,
                                   struct cache_entry **gone, struct moidc_err *err)
{
    enum moidc_code rc = MOIDC_OK;

    if (session->entry != NULL) {
        rc = cache_entry_copy(session->entry, gone, err);
    }
    if (session->lock != NULL) {
        logout_note_write(session->lock);
    }
    rc = rc == MOIDC_OK ? store_remove(session, dir, wish, err) : rc;
    return rc == MOIDC_OK ? session_adopt(session, NULL, err) : rc;
}

enum moidc_code obtain_forget(struct session *session, const struct wish *wish, bool *removed, struct moidc_err *err)
{
    CLEANUP(cache_dir_close_p) struct cache_dir *dir = NULL;
    CLEANUP(cache_entry_free_p) struct cache_entry *gone = NULL;
    struct turn turn = {0};
    struct moidc_err fault;
    enum moidc_code rc;

    rc = store_open(session, wish, &dir, err);
    rc = rc == MOIDC_OK ? turn_wait(session, dir, wish, TURN_ALONE, &turn, err) : rc;
    rc = rc == MOIDC_OK ? known_look(session, dir, wish, false, err) : rc;
    if (rc == MOIDC_OK) {
        /* here first: the provider may not answer, and whoever waits may end the process */
        rc = forget_here(session, dir, wish, &gone, err);
        *removed = gone != NULL;
        if (gone != NULL && farewell_revoke(session, wish, gone, &fault) != MOIDC_OK) {
            notices_add(&session->client->notices, MOIDC_WARNING, "%s (%s): removed here all the same", fault.what,
                        fault.where);
        }
    }
    lock_release(session->lock);
    session->lock = NULL;
    return rc;
}
