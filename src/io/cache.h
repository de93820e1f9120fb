/* SPDX-License-Identifier: MIT */
/* What is kept of an identity's tokens between processes: one file for each. */
#ifndef IO_CACHE_H
#define IO_CACHE_H

#include "base/secret.h"
#include "io/cache_dir.h"

/* What tells one identity from another: tokens never pass between two that differ in any of these. Borrowed. */
struct identity {
    const char *issuer;
    const char *client_id;
    const char *scope;
    const char *audience;
    const char *kind; /* "person" or "client" */
    /* where a setting has them, as struct settings has them; NULL or "": none */
    const char *login_hint;
    const char *resource;
    const char *authorize_params;
};

/* Whether a sign-in should ask for offline_access (OIDC Core §11). */
enum offline { OFFLINE_UNKNOWN, OFFLINE_ASK, OFFLINE_REFUSED };

struct cache_entry {
    char **servers; /* normalised URIs of the tracking servers that the tokens were obtained for */
    size_t server_count;
    char *subject; /* `sub` of the ID token; NULL: there was none */
    char *nonce;   /* of the sign-in that all this goes back to (OIDC Core §12.2); NULL: there was none */
    struct secret *access_token;
    struct secret *id_token;
    struct secret *refresh_token;
    int64_t obtained_at_s;       /* when access and ID token came, seconds since 1970 */
    int64_t access_expires_at_s; /* 0: nobody said */
    int64_t id_expires_at_s;
    int64_t rejected_at_s; /* when tokens were last renewed because a server had rejected them; 0: never */
    bool refresh_refused;  /* the provider takes the refresh token no more, and it is not kept */
    char *client_auth;     /* the method that worked (RFC 7591 §2); NULL: none did yet */
    enum offline offline;
};

struct cache_entry *cache_entry_new(void) MUST_CHECK;
void cache_entry_free(struct cache_entry *entry);
DEFINE_CLEANUP(struct cache_entry *, cache_entry_free)

/* A copy of `entry`; *ret is the caller's. */
enum moidc_code cache_entry_copy(const struct cache_entry *entry, struct cache_entry **ret,
                                 struct moidc_err *err) MUST_CHECK;

bool cache_entry_serves(const struct cache_entry *entry, const char *server);
/* Adds `server` (at most 64 are kept; the oldest goes). */
enum moidc_code cache_entry_add_server(struct cache_entry *entry, const char *server, struct moidc_err *err) MUST_CHECK;

/* Appends the entry of `identity` as one line of JSON, without its end. Secret. */
enum moidc_code cache_entry_text(const struct identity *identity, const struct cache_entry *entry, struct strbuf *ret,
                                 struct moidc_err *err) MUST_CHECK;
/* Reads it back. *ret is the caller's, NULL when it is that of another identity or of another release.
 * MOIDC_E_PROTOCOL: it is no such JSON. */
enum moidc_code cache_entry_parse(const char *bytes, size_t n, const struct identity *identity,
                                  struct cache_entry **ret, struct moidc_err *err) MUST_CHECK;

enum { CACHE_NAME_SIZE = 48 };

/* The file's name for `identity`, without its ending: the same in every process. Two identities may share one; what is
 * read is compared in full. */
void cache_name(const struct identity *identity, char ret[CACHE_NAME_SIZE]);

/* The entry of `identity`.
 *   ret      the caller's; NULL: none, or one that cannot be used
 *   damaged  set to true, with err saying why, when a file is there that is no use: to be told once, then a miss
 * MOIDC_E_MEMORY alone is returned as a failure. */
enum moidc_code cache_read(const struct cache_dir *dir, const struct identity *identity, struct cache_entry **ret,
                           bool *damaged, struct moidc_err *err) MUST_CHECK;
/* Whether the file of `identity` is another than at the last call with this `stamp` (all 0 at first). A hint: of several
 * identities whose files share a name it sees the first alone. */
bool cache_has_changed(const struct cache_dir *dir, const struct identity *identity, struct cache_stamp *stamp);
enum moidc_code cache_write(const struct cache_dir *dir, const struct identity *identity,
                            const struct cache_entry *entry, struct moidc_err *err) MUST_CHECK;
enum moidc_code cache_remove(const struct cache_dir *dir, const struct identity *identity, bool *removed,
                             struct moidc_err *err) MUST_CHECK;

#endif
