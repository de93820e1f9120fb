/* SPDX-License-Identifier: MIT */
/* One identity in this process: its tokens, and the rule that one thread at a time works to get new ones. */
#ifndef FLOW_SESSION_H
#define FLOW_SESSION_H

#include "base/notices.h"
#include "config/settings.h"
#include "flow/outage.h"
#include "flow/provider.h"
#include "flow/token.h"
#include "io/cache.h"
#include "io/lock.h"

#include <time.h>

struct session {
    /* fixed when it is made */
    struct moidc_client *client; /* borrowed: sessions live as long as their client */
    struct session *next;
    struct identity identity; /* its strings are owned here */
    char *ca_file;            /* what the provider is reached with, and where tokens are kept: as in struct settings */
    char *cache_helper;
    enum settings_cache cache;

    /* guarded by `mutex`, which is never held while anything is waited for */
    pthread_mutex_t mutex;
    pthread_cond_t changed;     /* `busy` was cleared */
    bool busy;                  /* a thread works on this identity: it alone touches what stands at the end */
    unsigned attempts;          /* how many such works have ended */
    pthread_t worker;           /* the busy thread */
    struct moidc_err last;      /* of the last one; last.code is MOIDC_OK when it succeeded */
    struct cache_entry *entry;  /* what is known of the identity; NULL: nothing */
    struct moidc_token *access; /* made from entry */
    struct moidc_token *id;
    struct moidc_err blocked; /* why calls fail at once until then */
    int64_t blocked_until_ms; /* 0: they do not */
    int64_t next_renewal_ms;  /* the background does not renew before */
    int renewals_failed;      /* in a row */
    struct outage outage;
    bool renewal_queued;
    bool announced_secret;       /* the person was told where the client secret goes */
    bool no_id_token_on_renewal; /* the provider gives none: renewing does not help where the ID token is sent */

    /* touched by the busy thread alone, which also reads `entry` without the mutex: nobody else replaces it */
    int64_t next_rejected_ms; /* a token that the server rejected is not renewed before */
    struct provider provider;
    struct lock *lock;
    struct cache_entry *salvage; /* a rotated refresh token whose companions were refused: still to be saved */
    bool asked_person;           /* a sign-in was shown in this work */
    bool held_up;                /* this work ended at once because of an earlier failure */
    bool in_flight;              /* client_begin_request() was called */
    bool unsaved;                /* `entry` is newer than the disk, which could not be written */
    int64_t helper_peace_ms;     /* the cache helper failed: it is not asked before */
    bool told_damage;
    bool told_storage;
};

/* What a caller wants. Borrowed. */
struct wish {
    const struct settings *settings; /* of the server that the token is for */
    struct call call;
    int64_t min_valid_s;
    const struct moidc_token *rejected; /* the server refused this one */
    bool anew;                          /* login(): sign in whatever is there */
    bool background;                    /* the renewal thread: no person is asked */
    bool no_person;                     /* the caller wants nobody to be asked */
    bool no_browser;                    /* the address is shown and not opened */
    enum moidc_flow flow;               /* over that of the settings */
};

/* *ret is the caller's, session_free(). */
enum moidc_code session_new(struct moidc_client *client, const struct settings *settings, struct session **ret,
                            struct moidc_err *err) MUST_CHECK;
void session_free(struct session *session);
DEFINE_CLEANUP(struct session *, session_free)

/* Whether a person signs in, and not the client by its own credentials. */
bool session_is_person(const struct session *session);
/* True when a server with these settings is of this identity. */
bool session_is_for(const struct session *session, const struct settings *settings);

/* The token in memory that `settings` ask for, a new reference, when it is valid for min_valid_s, is not `rejected`, and
 * was obtained for that server. NULL otherwise. *ending: it should be renewed soon, and can be. */
struct moidc_token *session_peek(struct session *session, const struct settings *settings, int64_t min_valid_s,
                                 const struct moidc_token *rejected, bool *ending);

/* The same without a new reference, and without a look at when it should be renewed. Mutex held. */
struct moidc_token *session_fitting(const struct session *session, const struct settings *settings, int64_t min_valid_s,
                                    const struct moidc_token *rejected);

/* The settings were changed by the user: what failed before may work now. */
void session_unblock(struct session *session);

/* Replaces what is known by `entry` (taken over). Called by the busy thread. On failure the old one stays. */
enum moidc_code session_adopt(struct session *session, struct cache_entry *entry, struct moidc_err *err) MUST_CHECK;

/* A condition variable whose waits end at a session_time_in(), whatever is done to the machine's clock. */
void session_condition_init(pthread_cond_t *condition);
struct timespec session_time_in(int wait_ms);

/* fork(): the three moments (pthread_atfork). */
void session_before_fork(struct session *session);
void session_after_fork_parent(struct session *session);
void session_after_fork_child(struct session *session);

#endif
