/* SPDX-License-Identifier: MIT */
/* A provider that is down: how much it is asked, so that a thousand calls do not make a thousand waits and requests, and
 * that it is found again soon after it is back. Guarded by whoever owns it. */
#ifndef FLOW_OUTAGE_H
#define FLOW_OUTAGE_H

#include "base/error.h"

struct outage {
    int failures;    /* in a row */
    int64_t last_ms; /* when the last of them was, by the steady clock */
};

/* True for what an outage looks like: no connection, or an answer of 408, 429 or 5xx. */
bool outage_shows(const struct moidc_err *err);

/* Notes one more failure at now_ms. Returns for how many milliseconds calls should fail at once: none after the first
 * two failures; then a second, twice as long each time, 10 s at most and a quarter at random (`dice`); at least for
 * retry_after_s, which the provider asked for, 60 s at most. */
int64_t outage_note(struct outage *outage, int64_t now_ms, int64_t retry_after_s, unsigned dice);

/* True while each call should try once, without pauses of its own: the one before has failed, less than a minute ago. */
bool outage_hurries(const struct outage *outage, int64_t now_ms);

/* The provider is back. */
void outage_end(struct outage *outage);

/* How long the renewal thread waits after `failures` in a row: 5 s to 60 s, and a quarter at random. */
int64_t outage_renewal_pause_ms(int failures, unsigned dice);

#endif
