/* SPDX-License-Identifier: MIT */
/* How the holder of an identity's lock tells those that wait for it why it failed, so that they fail alike and not one
 * after the other (contract: rule 5). */
#ifndef FLOW_FAILURE_NOTE_H
#define FLOW_FAILURE_NOTE_H

#include "io/lock.h"

/* Notes `err`, unless it is of a kind that another process may well not meet (cancelled, memory, login required). */
void failure_note_write(struct lock *lock, const struct moidc_err *err);
/* True when there is a note; *err is then what it says. */
bool failure_note_read(struct lock *lock, struct moidc_err *err);
/* Clears a note of failure; one of a logout stays until somebody has signed in. */
void failure_note_clear(struct lock *lock);

/* That the identity was logged out: processes that still hold its tokens in memory are to forget them and not to write
 * them back. */
void logout_note_write(struct lock *lock);
bool logout_note_read(struct lock *lock);
void logout_note_clear(struct lock *lock);

#endif
