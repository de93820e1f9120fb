/* SPDX-License-Identifier: MIT */
#include "io/clock.h"

#include <stdatomic.h>
#include <time.h>

#ifdef CLOCK_BOOTTIME
#define STEADY CLOCK_BOOTTIME
#define AWAKE CLOCK_MONOTONIC
#else
#define STEADY CLOCK_MONOTONIC /* macOS: goes on during sleep */
#define AWAKE CLOCK_UPTIME_RAW
#endif

#if defined(CLOCK_MONOTONIC_COARSE) && ATOMIC_LLONG_LOCK_FREE == 2
#define HAVE_TICKS 1
#endif

#ifdef HAVE_TICKS
/* The steady clock's last reading, and the tick that it was made in. Where two threads write at once, one's reading may stand
 * beside the other's tick, until the next tick. */
static _Atomic int64_t read_at_tick_ns;
static _Atomic int64_t read_steady_ms;
#endif

#ifdef MOIDC_FAIL_ALLOC
static _Atomic int64_t shift_s;

void clock_shift_s(int64_t seconds)
{
    shift_s += seconds;
#ifdef HAVE_TICKS
    read_at_tick_ns = 0;
#endif
}
#else
enum { shift_s = 0 };

void clock_shift_s(int64_t seconds)
{
    (void)seconds;
}
#endif

int64_t clock_now_s(void)
{
    return (int64_t)time(NULL) + shift_s;
}

static int64_t read_ms(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_steady_ms(void)
{
    return read_ms(STEADY) + shift_s * 1000;
}

int64_t clock_steady_tick_ms(void)
{
#ifdef HAVE_TICKS
    struct timespec now;
    int64_t tick_ns;
    int64_t steady_ms;

    if (clock_gettime(CLOCK_MONOTONIC_COARSE, &now) != 0) { /* some sandboxes have no such clock */
        return clock_steady_ms();
    }
    tick_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    if (atomic_load_explicit(&read_at_tick_ns, memory_order_acquire) == tick_ns) {
        return atomic_load_explicit(&read_steady_ms, memory_order_relaxed);
    }
    steady_ms = clock_steady_ms();
    atomic_store_explicit(&read_steady_ms, steady_ms, memory_order_relaxed);
    atomic_store_explicit(&read_at_tick_ns, tick_ns, memory_order_release);
    return steady_ms;
#else
    return clock_steady_ms();
#endif
}

int64_t clock_awake_ms(void)
{
    return read_ms(AWAKE) + shift_s * 1000;
}

void clock_sleep_ms(int ms)
{
    struct timespec wait = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    nanosleep(&wait, NULL);
}
