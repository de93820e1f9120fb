/* SPDX-License-Identifier: MIT */
#include "flow/known.h"

#include "flow/client.h"
#include "flow/failure_note.h"
#include "flow/store.h"
#include "io/clock.h"

bool known_satisfies(struct session *session, const struct wish *wish)
{
    bool ending;
    struct moidc_token *token = session_peek(session, wish->settings, wish->min_valid_s, wish->rejected, &ending);
    /* the renewal thread comes while the old token is still good */
    bool found =
        token != NULL && !wish->anew && !(wish->background && token_is_ending(token, wish->settings->refresh_margin_s));

    token_release(token);
    return found;
}

bool known_is_valid(struct session *session, const struct wish *wish)
{
    bool ending;
    struct moidc_token *token = session_peek(session, wish->settings, 0, wish->rejected, &ending);
    bool found = token != NULL;

    token_release(token);
    return found;
}

enum moidc_code known_look(struct session *session, const struct cache_dir *dir, const struct wish *wish, bool force,
                           struct moidc_err *err)
{
    struct cache_entry *entry = NULL;
    enum moidc_code rc = store_read(session, dir, wish, &entry, err);

    if (rc != MOIDC_OK) {
        return rc;
    }
    if (entry == NULL || (session->unsaved && !force)) {
        cache_entry_free(entry);
        return MOIDC_OK;
    }
    session->unsaved = false;
    return session_adopt(session, entry, err);
}

enum moidc_code known_keep(struct session *session, const struct cache_dir *dir, const struct wish *wish,
                           struct cache_entry *entry, struct moidc_err *err)
{
    if (wish->rejected != NULL) {
        entry->rejected_at_s = clock_now_s();
    }
    session->unsaved = !store_write(session, dir, wish, entry);
    if (session->lock != NULL) {
        logout_note_clear(session->lock);
    }
    return session_adopt(session, entry, err);
}
