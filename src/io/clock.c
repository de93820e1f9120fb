/* SPDX-License-Identifier: MIT */
#include "io/clock.h"

#include <time.h>

#ifdef CLOCK_BOOTTIME
#define STEADY CLOCK_BOOTTIME
#define AWAKE CLOCK_MONOTONIC
#else
#define STEADY CLOCK_MONOTONIC /* macOS: goes on during sleep */
#define AWAKE CLOCK_UPTIME_RAW
#endif

#ifdef MOIDC_FAIL_ALLOC
#include <stdatomic.h>
static _Atomic int64_t shift_s;

void clock_shift_s(int64_t seconds)
{
    shift_s += seconds;
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

int64_t clock_awake_ms(void)
{
    return read_ms(AWAKE) + shift_s * 1000;
}

void clock_sleep_ms(int ms)
{
    struct timespec wait = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    nanosleep(&wait, NULL);
}
