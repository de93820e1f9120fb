/* SPDX-License-Identifier: MIT */
#include "when.h"

#include <stdio.h>
#include <time.h>

/* "59 minutes": the largest unit of which there are two. */
static void distance(int64_t seconds, char *ret, size_t size)
{
    static const struct {
        const char *name;
        int64_t seconds;
    } units[] = {{"day", 86400}, {"hour", 3600}, {"minute", 60}, {"second", 1}};
    size_t i = 0;
    int64_t n;

    while (i < 3 && seconds < 2 * units[i].seconds) {
        i++;
    }
    n = seconds / units[i].seconds;
    snprintf(ret, size, "%lld %s%s", (long long)n, units[i].name, n != 1 ? "s" : "");
}

const char *when_text(int64_t seconds, char ret[WHEN_SIZE])
{
    int64_t left = seconds - (int64_t)time(NULL);
    time_t moment = (time_t)seconds;
    char date[48] = "";
    char span[32];
    struct tm parts;

    if (localtime_r(&moment, &parts) == NULL || strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S %Z", &parts) == 0) {
        snprintf(ret, WHEN_SIZE, "%lld seconds after 1970", (long long)seconds); /* a year that fits in no calendar */
        return ret;
    }
    distance(left < 0 ? -left : left, span, sizeof span);
    snprintf(ret, WHEN_SIZE, "%s (%s%s)", date, span, left < 0 ? " ago" : "");
    return ret;
}

const char *when_rfc3339(int64_t seconds, char ret[WHEN_SIZE])
{
    time_t moment = (time_t)seconds;
    struct tm parts;

    if (gmtime_r(&moment, &parts) == NULL || strftime(ret, WHEN_SIZE, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0) {
        ret[0] = '\0';
    }
    return ret;
}
