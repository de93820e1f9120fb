/* SPDX-License-Identifier: MIT */
/* Moments as a person reads them. */
#ifndef WHEN_H
#define WHEN_H

#include <stdint.h>

enum { WHEN_SIZE = 96 };

/* "2026-11-24 03:10:12 CET (59 minutes)", in the local time zone and seen from now; "(2 hours ago)" for what is past. */
const char *when_text(int64_t seconds, char ret[WHEN_SIZE]);

/* "2026-11-24T02:10:12Z" (RFC 3339). */
const char *when_rfc3339(int64_t seconds, char ret[WHEN_SIZE]);

#endif
