/* SPDX-License-Identifier: MIT */
/* The assertions of the unit tests: CHECK() counts and goes on, so that one run shows all that fails. Each test program
 * lists its tests with RUN() and ends with `return check_summary();`, which prints "N passed, M failed". */
#ifndef TESTS_UNIT_CHECK_H
#define TESTS_UNIT_CHECK_H

#include <stdio.h>
#include <string.h>

static int check_passed;
static int check_failed;
static int check_faults; /* in the test that runs */

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            check_faults++;                                                                                            \
            fprintf(stderr, "%s:%d: %s: not true: %s\n", __FILE__, __LINE__, __func__, #condition);                    \
        }                                                                                                              \
    } while (0)

static inline void check_text(const char *got, const char *expected, const char *file, int line, const char *function)
{
    if (got == NULL || strcmp(got, expected) != 0) {
        check_faults++;
        fprintf(stderr, "%s:%d: %s: got \"%s\", expected \"%s\"\n", file, line, function, got != NULL ? got : "(null)",
                expected);
    }
}

#define CHECK_TEXT(got, expected)                                                                                      \
    do {                                                                                                               \
        check_text((got), (expected), __FILE__, __LINE__, __func__);                                                   \
    } while (0)

#define CHECK_CONTAINS(text, part)                                                                                     \
    do {                                                                                                               \
        if (strstr((text), (part)) == NULL) {                                                                          \
            check_faults++;                                                                                            \
            fprintf(stderr, "%s:%d: %s: \"%s\" not in \"%s\"\n", __FILE__, __LINE__, __func__, (part), (text));        \
        }                                                                                                              \
    } while (0)

#define RUN(test)                                                                                                      \
    do {                                                                                                               \
        check_faults = 0;                                                                                              \
        test();                                                                                                        \
        if (check_faults == 0) {                                                                                       \
            check_passed++;                                                                                            \
        } else {                                                                                                       \
            check_failed++;                                                                                            \
            fprintf(stderr, "FAILED %s\n", #test);                                                                     \
        }                                                                                                              \
    } while (0)

static inline int check_summary(void)
{
    printf("%d passed, %d failed\n", check_passed, check_failed);
    return check_failed != 0 || check_passed == 0;
}

#endif
