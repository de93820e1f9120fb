/* SPDX-License-Identifier: MIT */
#include "flow/store.h"

#include "flow/client.h"
#include "io/cache_helper.h"
#include "io/clock.h"

enum { HELPER_PEACE_MS = 60 * 1000 };

static struct cache_helper helper_of(const struct session *session, const struct wish *wish)
{
    return (struct cache_helper){.command = session->cache_helper, .env = wish->call.env, .ui = wish->call.ui};
}

/* What keeps tokens from the disk is no failure: it is said once. */
static void tell_storage(struct session *session, const struct moidc_err *fault)
{
    if (!session->told_storage) {
        bool placed = fault->where[0] != '\0'; /* what is too large has no place */

        notices_add(&session->client->notices, MOIDC_WARNING, "%s%s%s%s: tokens are kept in memory only", fault->what,
                    placed ? " (" : "", fault->where, placed ? ")" : "");
        session->told_storage = true;
    }
}

/* A helper that hangs costs ten seconds: it is not asked again at once, by the same call least of all. */
static bool is_at_peace(const struct session *session)
{
    return clock_steady_ms() < session->helper_peace_ms;
}

static void leave_in_peace(struct session *session, const struct moidc_err *fault)
{
    tell_storage(session, fault);
    session->helper_peace_ms = clock_steady_ms() + HELPER_PEACE_MS;
}

enum moidc_code store_open(struct session *session, const struct wish *wish, struct cache_dir **ret,
                           struct moidc_err *err)
{
    enum moidc_code rc;

    if (session->cache == SETTINGS_CACHE_MEMORY) {
        return MOIDC_OK;
    }
    rc = cache_dir_open(wish->call.env, ret, err);
    if (rc == MOIDC_E_STORAGE) {
        if (session->cache == SETTINGS_CACHE_FILE) {
            tell_storage(session, err);
        }
        return MOIDC_OK;
    }
    return rc;
}

static enum moidc_code read_from_helper(struct session *session, const struct wish *wish, struct cache_entry **ret,
                                        struct moidc_err *err)
{
    struct cache_helper helper = helper_of(session, wish);
    enum moidc_code rc;

    if (is_at_peace(session)) {
        return MOIDC_OK;
    }
    rc = cache_helper_get(&helper, &session->identity, ret, err);
    if (rc == MOIDC_E_STORAGE) {
        leave_in_peace(session, err);
        return MOIDC_OK;
    }
    return rc;
}

enum moidc_code store_read(struct session *session, const struct cache_dir *dir, const struct wish *wish,
                           struct cache_entry **ret, struct moidc_err *err)
{
    bool damaged = false;
    enum moidc_code rc;

    if (session->cache == SETTINGS_CACHE_HELPER) {
        return read_from_helper(session, wish, ret, err);
    }
    if (dir == NULL) {
        return MOIDC_OK;
    }
    rc = cache_read(dir, &session->identity, ret, &damaged, err);
    if (rc == MOIDC_OK && damaged && !session->told_damage) {
        notices_add(&session->client->notices, MOIDC_WARNING, "%s (%s): it is not used", err->what, err->where);
        session->told_damage = true;
    }
    return rc;
}

bool store_has_changed(const struct session *session, const struct cache_dir *dir, struct cache_stamp *stamp)
{
    return session->cache == SETTINGS_CACHE_FILE && dir != NULL && cache_has_changed(dir, &session->identity, stamp);
}

bool store_write(struct session *session, const struct cache_dir *dir, const struct wish *wish,
                 const struct cache_entry *entry)
{
    struct moidc_err fault;

    if (session->cache == SETTINGS_CACHE_HELPER) {
        struct cache_helper helper = helper_of(session, wish);

        if (is_at_peace(session)) {
            return false;
        }
        if (cache_helper_store(&helper, &session->identity, entry, &fault) == MOIDC_OK) {
            return true;
        }
        leave_in_peace(session, &fault);
        return false;
    }
    if (dir == NULL) {
        return false;
    }
    if (cache_write(dir, &session->identity, entry, &fault) == MOIDC_OK) {
        return true;
    }
    tell_storage(session, &fault);
    return false;
}

enum moidc_code store_remove(struct session *session, const struct cache_dir *dir, const struct wish *wish,
                             struct moidc_err *err)
{
    bool removed = false;

    if (session->cache == SETTINGS_CACHE_HELPER) {
        struct cache_helper helper = helper_of(session, wish);

        return cache_helper_erase(&helper, &session->identity, err);
    }
    return dir != NULL ? cache_remove(dir, &session->identity, &removed, err) : MOIDC_OK;
}
