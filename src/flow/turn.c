/* SPDX-License-Identifier: MIT */
#include "flow/turn.h"

#include "flow/client.h"
#include "flow/known.h"
#include "flow/store.h"
#include "io/clock.h"

#include <stdio.h>

enum { STEP_LEAST_MS = 2, STEP_MOST_MS = 25, SPARE_S = 90, TOLD_MS = 2000 };

/* One try. *busy: somebody has it; otherwise it is ours, or the file system has no locks, which is said once. */
static enum moidc_code try_once(struct session *session, const struct cache_dir *dir, const char *name, bool *busy,
                                struct moidc_err *err)
{
    enum lock_state state = lock_try(dir, name, &session->lock, err);

    *busy = state == LOCK_BUSY;
    if (state == LOCK_REFUSED && err->code == MOIDC_E_MEMORY) {
        return err->code;
    }
    if (state == LOCK_REFUSED && !session->told_storage) {
        notices_add(&session->client->notices, MOIDC_WARNING, "%s (%s): processes do not wait for one another",
                    err->what, err->where);
        session->told_storage = true;
    }
    return MOIDC_OK;
}

static enum moidc_code waited_too_long(const struct cache_dir *dir, const char *name, int64_t most_ms,
                                       struct moidc_err *err)
{
    err_set(err, MOIDC_E_TIMEOUT, "another process of yours has been signing in for %lld s",
            (long long)(most_ms / 1000));
    err_where(err, "%s/%s", cache_dir_path(dir), name);
    return err_next(err, "finish that sign-in, or end that process");
}

static bool tell(const struct wish *wish)
{
    if (wish->call.ui != NULL && wish->call.ui->show != NULL) {
        wish->call.ui->show(wish->call.ui->ctx,
                            "mlflow-oidc-client: another process of yours is signing in; waiting for it.");
    }
    return true;
}

/* A quarter of what was waited already: whoever waits is at most that much late, and long waits cost little. */
static int step_ms(int64_t waited_ms)
{
    return (int)(waited_ms / 4 < STEP_LEAST_MS  ? STEP_LEAST_MS
                 : waited_ms / 4 > STEP_MOST_MS ? STEP_MOST_MS
                                                : waited_ms / 4);
}

enum moidc_code turn_wait(struct session *session, const struct cache_dir *dir, const struct wish *wish,
                          enum turn_wish turn_wish, struct turn *ret, struct moidc_err *err)
{
    const bool person = session_is_person(session);
    int64_t start_ms = clock_awake_ms(); /* whoever is waited for slept too */
    int64_t most_ms = (SPARE_S + (person ? wish->settings->login_timeout_s : 0)) * 1000;
    struct cache_stamp stamp = {0};
    char base[CACHE_NAME_SIZE];
    char name[CACHE_NAME_SIZE];
    bool told = false;

    if (dir == NULL) {
        return MOIDC_OK;
    }
    cache_name(&session->identity, base);
    snprintf(name, sizeof name, "%.40s.lock", base);
    store_has_changed(session, dir, &stamp); /* from now on */
    for (;;) {
        int64_t waited_ms = clock_awake_ms() - start_ms;
        bool busy;
        enum moidc_code rc = try_once(session, dir, name, &busy, err);

        if (rc != MOIDC_OK || !busy) {
            return rc;
        }
        ret->waited = true;
        if (waited_ms > most_ms) {
            return waited_too_long(dir, name, most_ms, err);
        }
        told = told || (person && waited_ms > TOLD_MS && tell(wish));
        if (!call_wait(&wish->call, step_ms(waited_ms))) {
            return err_set(err, MOIDC_E_CANCELLED, "the call was cancelled while another process signs in");
        }
        if (turn_wish == TURN_OR_TOKEN && store_has_changed(session, dir, &stamp)) {
            /* all who wait may read at once, where the lock would have them do it one after the other */
            rc = known_look(session, dir, wish, false, err);
            ret->served = rc == MOIDC_OK && known_satisfies(session, wish);
            if (rc != MOIDC_OK || ret->served) {
                return rc;
            }
        }
    }
}
