/* SPDX-License-Identifier: MIT */
#include "base/memory.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#ifdef __APPLE__
#include <malloc/malloc.h>
#else
#include <malloc.h>
#endif

#ifdef MOIDC_FAIL_ALLOC
static atomic_ulong allocations;
static unsigned long fail_at;
static int fail_sticky;

bool mem_fails(void)
{
    unsigned long n = atomic_fetch_add(&allocations, 1) + 1;

    return fail_at != 0 && (n == fail_at || (fail_sticky && n > fail_at));
}

unsigned long mem_fail_at(unsigned long n, int sticky)
{
    fail_at = n;
    fail_sticky = sticky;
    return atomic_exchange(&allocations, 0);
}
#else
bool mem_fails(void)
{
    return false;
}

unsigned long mem_fail_at(unsigned long n, int sticky)
{
    (void)n;
    (void)sticky;
    return 0;
}
#endif

void *mem_alloc(size_t size)
{
    return mem_fails() ? NULL : malloc(size != 0 ? size : 1);
}

void *mem_zalloc(size_t size)
{
    return mem_fails() ? NULL : calloc(1, size != 0 ? size : 1);
}

void *mem_realloc(void *p, size_t size)
{
    return mem_fails() ? NULL : realloc(p, size != 0 ? size : 1);
}

char *mem_strndup(const char *s, size_t n)
{
    char *copy = mem_alloc(n + 1);

    if (copy != NULL) {
        memcpy(copy, s, n);
        copy[n] = '\0';
    }
    return copy;
}

char *mem_strdup(const char *s)
{
    return mem_strndup(s, strlen(s));
}

void mem_free(void *p)
{
    free(p);
}

void mem_wipe(void *p, size_t n)
{
    if (p != NULL) {
        memset(p, 0, n);
        /* for all the compiler knows somebody reads it now: what explicit_bzero() does, which C libraries before
         * glibc 2.25 lack */
        __asm__ volatile("" : : "r"(p) : "memory");
    }
}

static size_t room_at(void *p)
{
#ifdef __APPLE__
    return malloc_size(p);
#else
    return malloc_usable_size(p);
#endif
}

void mem_free_wiped(void *p)
{
    mem_wipe(p, p != NULL ? room_at(p) : 0);
    free(p);
}

void *mem_lent_alloc(size_t size)
{
    return malloc(size);
}

void *mem_lent_zalloc(size_t count, size_t size)
{
    return calloc(count, size);
}

void *mem_lent_realloc(void *p, size_t size)
{
    size_t room = p != NULL ? room_at(p) : 0;
    void *moved;

    if (p != NULL && size <= room) {
        return p;
    }
    moved = malloc(size);
    if (moved != NULL && p != NULL) {
        memcpy(moved, p, room);
        mem_free_wiped(p);
    }
    return moved;
}

char *mem_lent_strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    char *copy = malloc(n);

    return copy != NULL ? memcpy(copy, s, n) : NULL;
}
