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
void failure_note_clear(struct lock *lock);

#endif
