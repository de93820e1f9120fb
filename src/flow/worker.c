/* SPDX-License-Identifier: MIT */
#include "flow/worker.h"

#include "flow/client.h"
#include "flow/obtain.h"
#include "io/clock.h"
#include "io/random.h"
#include "oauth/oauth_error.h"

#include <string.h>

enum { BLOCKED_MS = 60 * 1000, WAIT_STEP_MS = 50 };

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

/* Whether the provider refused it. Some say so with the status alone (RFC 6749 §5.2 has 400 and 401), as what stands before
 * them does with 403; the tracking server's 401 is no such refusal. */
static bool is_refusal(const struct wish *wish, const struct moidc_err *err)
{
    bool by_status =
        wish->rejected == NULL && (err->http_status == 400 || err->http_status == 401 || err->http_status == 403);

    return err->code == MOIDC_E_PROVIDER && (err->oauth_error[0] != '\0' || by_status) &&
           !oauth_error_is_temporary(err->oauth_error) && !outage_shows(err);
}

/* A failure after which calls fail at once for a while, so that a thousand calls do not make a thousand waits, requests
 * or browser tabs (contract: rule 5). */
static bool blocks(const struct session *session, const struct wish *wish, const struct moidc_err *err)
{
    if (session->asked_person) {
        return err->code != MOIDC_E_CANCELLED && err->code != MOIDC_E_MEMORY;
    }
    return err->code == MOIDC_E_TIMEOUT || is_refusal(wish, err);
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
    return blocks(session, wish, err) ? BLOCKED_MS : ms;
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
            wish->anew ? NULL : session_fitting(session, wish->settings, wish->min_valid_s, wish->rejected);

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
    *ret = token_hold(session_fitting(session, settings, min_valid_s, wish->rejected));
    same = *ret == NULL && session_fitting(session, settings, min_valid_s, NULL) != NULL;
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

enum moidc_code worker_obtain(struct session *session, const struct wish *wish, struct moidc_token **ret,
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

enum moidc_code worker_begin(struct session *session, const struct wish *wish, struct moidc_err *err)
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

void worker_end(struct session *session)
{
    pthread_mutex_lock(&session->mutex);
    session->busy = false;
    pthread_cond_broadcast(&session->changed);
    pthread_mutex_unlock(&session->mutex);
}

enum moidc_code worker_forget(struct session *session, const struct wish *wish, bool *removed, struct moidc_err *err)
{
    enum moidc_code rc = worker_begin(session, wish, err);

    if (rc == MOIDC_OK) {
        rc = obtain_forget(session, wish, removed, err);
        session_unblock(session);
        worker_end(session);
    }
    return rc;
}
