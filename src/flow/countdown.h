/* SPDX-License-Identifier: MIT */
/* Showing that a sign-in is waited for, and how long still. */
#ifndef FLOW_COUNTDOWN_H
#define FLOW_COUNTDOWN_H

#include "mlflow_oidc.h"

struct countdown {
    const struct moidc_ui *ui; /* borrowed; with show() */
    int64_t end_ms;            /* by clock_steady_ms() */
    bool redraw;               /* in one line of the terminal, once a second; else a line a minute */
    int64_t next_ms;           /* when to tell again */
    bool drawn;                /* the terminal's line holds it */
};

/* `redraw` has no effect where the ui's terminal has no columns. */
struct countdown countdown_begin(const struct moidc_ui *ui, int64_t end_ms, bool redraw);
/* Tells when it is time to; to be called often. */
void countdown_tick(struct countdown *countdown);
/* Leaves the terminal's line empty for what is shown next. */
void countdown_clear(struct countdown *countdown);

#endif
