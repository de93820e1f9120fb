/* SPDX-License-Identifier: MIT */
/* Time. */
#ifndef IO_CLOCK_H
#define IO_CLOCK_H

#include <stdint.h>

/* Seconds since 1970, as the machine's clock says. */
int64_t clock_now_s(void);

/* Milliseconds since some moment, never set back, counted on while the machine sleeps. */
int64_t clock_steady_ms(void);

/* The same as of the last tick of the system's timer, 1 to 10 ms apart, for what every request asks: an eighth of the
 * cost. Any thread may call it. */
int64_t clock_steady_tick_ms(void);

/* The same, but for the time that the machine slept: for how long something may take. */
int64_t clock_awake_ms(void);

/* Waits; a signal may end it early. */
void clock_sleep_ms(int ms);

/* Tests only: moves both clocks ahead by that much from now on. Does nothing in other builds. */
void clock_shift_s(int64_t seconds);

#endif
