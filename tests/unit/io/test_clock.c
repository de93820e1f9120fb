/* SPDX-License-Identifier: MIT */
#include "io/clock.h"

#include "check.h"

#include <stdbool.h>

/* A tick comes every 1 to 10 ms, but for the processor of a virtual machine that its host keeps waiting. */
enum { LATE_MS = 200, LOOP_MS = 500 };

static void test_tick_is_the_steady_clock_of_a_moment_ago(void)
{
    int64_t start_ms = clock_steady_ms();
    int64_t last_ms = 0;
    int64_t before_ms = start_ms;
    bool right = true;

    while (right && before_ms < start_ms + LOOP_MS) {
        int64_t tick_ms;

        before_ms = clock_steady_ms();
        tick_ms = clock_steady_tick_ms();
        right = tick_ms >= before_ms - LATE_MS && tick_ms <= clock_steady_ms() && tick_ms >= last_ms;
        last_ms = tick_ms;
    }
    CHECK(right);
}

static void test_tick_follows_when_the_tests_move_the_clocks(void)
{
    int64_t before_ms = clock_steady_tick_ms();

    clock_shift_s(3600);
    CHECK(clock_steady_tick_ms() >= before_ms + (int64_t)3600 * 1000);
}

int main(void)
{
    RUN(test_tick_is_the_steady_clock_of_a_moment_ago);
    RUN(test_tick_follows_when_the_tests_move_the_clocks);
    return check_summary();
}
