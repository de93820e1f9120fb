/* SPDX-License-Identifier: MIT */
/* A lock among all processes of the user. The kernel ends it with its holder, however that one ends. The file holds a
 * note that the holder leaves for those that wait. */
#ifndef IO_LOCK_H
#define IO_LOCK_H

#include "io/cache_dir.h"

struct lock;

enum lock_state {
    LOCK_TAKEN,  /* *ret is the caller's, lock_release() */
    LOCK_BUSY,   /* somebody has it */
    LOCK_REFUSED /* the file system has no locks, or the file cannot be opened: err says why */
};

/* Tries once; never waits. */
enum lock_state lock_try(const struct cache_dir *dir, const char *name, struct lock **ret, struct moidc_err *err);
void lock_release(struct lock *lock);
DEFINE_CLEANUP(struct lock *, lock_release)

/* The note: replaced as a whole, read by whoever takes the lock next. Failures are ignored: it only spares work. */
void lock_note_write(struct lock *lock, const char *bytes, size_t n);
void lock_note_read(struct lock *lock, struct strbuf *ret);
/* Writes nothing where none is left: a write costs a file server a request, and a disk one. */
void lock_note_clear(struct lock *lock);

/* In the child after fork(): gives up the child's share without ending the parent's lock. Frees. */
void lock_forget(struct lock *lock);

#endif
