/* SPDX-License-Identifier: MIT */
/* Allocation, in one place so that tests can make every one of them fail in turn. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#define MUST_CHECK __attribute__((warn_unused_result))
/* Frees an owner when its scope ends: CLEANUP(thing_free_p) struct thing *thing = NULL; */
#define CLEANUP(function) __attribute__((cleanup(function)))
/* Defines the function that CLEANUP() wants. */
#define DEFINE_CLEANUP(type, function)                                                                                 \
    static inline void function##_p(type *p) /* NOLINT(bugprone-macro-parentheses): a type */                          \
    {                                                                                                                  \
        function(*p);                                                                                                  \
    }

/* As malloc, calloc, realloc, strdup, strndup; NULL when memory is out. Free with mem_free(). */
void *mem_alloc(size_t size) MUST_CHECK;
void *mem_zalloc(size_t size) MUST_CHECK;
void *mem_realloc(void *p, size_t size) MUST_CHECK;
char *mem_strdup(const char *s) MUST_CHECK;
char *mem_strndup(const char *s, size_t n) MUST_CHECK;
void mem_free(void *p);

/* Overwrites `n` bytes in a way that the compiler keeps. NULL is allowed. */
void mem_wipe(void *p, size_t n);

/* mem_free() that wipes whatever was allocated there first. */
void mem_free_wiped(void *p);

/* What a library that has secrets in its own buffers is given in place of malloc(), realloc() ...: all that it frees or
 * moves is wiped, with mem_free_wiped(). mem_fail_at() does not reach these. */
void *mem_lent_alloc(size_t size) MUST_CHECK;
void *mem_lent_zalloc(size_t count, size_t size) MUST_CHECK;
void *mem_lent_realloc(void *p, size_t size) MUST_CHECK;
char *mem_lent_strdup(const char *s) MUST_CHECK;

/* For CLEANUP() of a char *. */
static inline void mem_free_p(char **p)
{
    mem_free(*p);
}

/* Tests only: the allocation number `n` from now (1 is the next one) fails, and all later ones if `sticky`;
 * 0 switches it off. Returns how many allocations were counted since the last call. */
unsigned long mem_fail_at(unsigned long n, int sticky);
/* Counts an allocation of whoever has memory from elsewhere; true when it is to fail. */
bool mem_fails(void);

#endif
