/* SPDX-License-Identifier: MIT */
/* The folder that tokens are kept in, and the only ways to touch its files: owner and mode checked, no link followed,
 * written aside and renamed. */
#ifndef IO_CACHE_DIR_H
#define IO_CACHE_DIR_H

#include "base/environment.h"
#include "base/strbuf.h"

struct cache_dir;

enum { CACHE_FILE_MOST_BYTES = 256 * 1024 };

/* Opens $XDG_CACHE_HOME/mlflow-oidc-client (or ~/.cache/...), creating what is missing with mode 0700.
 *   ret  the caller's, cache_dir_close()
 * MOIDC_E_STORAGE: it cannot be used (no home, read-only, owned by another user, a link): work from memory. */
enum moidc_code cache_dir_open(const struct moidc_env *env, struct cache_dir **ret, struct moidc_err *err) MUST_CHECK;
void cache_dir_close(struct cache_dir *dir);
DEFINE_CLEANUP(struct cache_dir *, cache_dir_close)

/* Its path, for messages; borrowed. */
const char *cache_dir_path(const struct cache_dir *dir);

/* Appends the file's bytes to `ret`. *absent: there is none. MOIDC_E_STORAGE: not a regular file of this user alone,
 * too large, or unreadable. */
enum moidc_code cache_dir_read(const struct cache_dir *dir, const char *name, struct strbuf *ret, bool *absent,
                               struct moidc_err *err) MUST_CHECK;

/* Which file stands at a name: each write puts another one there. All 0: none. */
struct cache_stamp {
    uint64_t inode;
    int64_t modified_ns; /* since 1970 */
};

void cache_dir_stamp(const struct cache_dir *dir, const char *name, struct cache_stamp *ret);

/* Replaces the file in one step: either the old bytes or the new ones are there, to whoever reads. Where the machine
 * stops, by a power cut, the file may be damaged: for what can be had again. */
enum moidc_code cache_dir_write(const struct cache_dir *dir, const char *name, const char *bytes, size_t n,
                                struct moidc_err *err) MUST_CHECK;
/* The same whenever the machine stops, for which the disk is waited for: 10 ms are usual. */
enum moidc_code cache_dir_write_durably(const struct cache_dir *dir, const char *name, const char *bytes, size_t n,
                                        struct moidc_err *err) MUST_CHECK;

/* Removes the file; *removed tells whether it was there. */
enum moidc_code cache_dir_remove(const struct cache_dir *dir, const char *name, bool *removed,
                                 struct moidc_err *err) MUST_CHECK;

/* Names every file of the folder, in no order; `each` may remove it. */
enum moidc_code cache_dir_each(const struct cache_dir *dir, void (*each)(void *ctx, const char *name), void *ctx,
                               struct moidc_err *err) MUST_CHECK;

/* A descriptor for reading and writing `name`, created when missing, checked as above; -1 with err set otherwise. */
int cache_dir_open_file(const struct cache_dir *dir, const char *name, struct moidc_err *err);

#endif
