/* SPDX-License-Identifier: MIT */
/* Memory for secrets, which the system leaves out of core dumps where it can: on Linux (MADV_DONTDUMP); elsewhere it is
 * ordinary memory. Takes no lock, so that a child of fork() can go on using it whatever other threads did; the child
 * has what its parent had. */
#ifndef BASE_SECRET_MEMORY_H
#define BASE_SECRET_MEMORY_H

#include "base/memory.h"

/* The address sanitizer knows of ordinary memory alone: with it, overruns and leaks are looked for instead. */
#if defined(__SANITIZE_ADDRESS__)
#define SECRET_MEMORY_IS_ORDINARY 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SECRET_MEMORY_IS_ORDINARY 1
#endif
#endif
#if !defined(SECRET_MEMORY_IS_ORDINARY) && defined(__linux__)
#define SECRET_MEMORY_IS_ORDINARY 0
#elif !defined(SECRET_MEMORY_IS_ORDINARY)
#define SECRET_MEMORY_IS_ORDINARY 1
#endif

/* `size` bytes (at least one); NULL when memory is out. The caller's, secret_memory_free() with the same size. Up to
 * 16 KiB a piece come from an arena of 64 KiB, which is never given back; what does not fit costs pages of its own. */
void *secret_memory_new(size_t size) MUST_CHECK;
/* Wipes first. NULL is allowed. */
void secret_memory_free(void *p, size_t size);

#endif
