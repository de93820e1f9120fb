/* SPDX-License-Identifier: MIT */
#include "base/secret_memory.h"

#if SECRET_MEMORY_IS_ORDINARY

void *secret_memory_new(size_t size)
{
    return mem_alloc(size);
}

void secret_memory_free(void *p, size_t size)
{
    mem_wipe(p, size);
    mem_free(p);
}

#else

#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>

enum { CELL_BYTES = 1024, CELLS = 64, CELLS_MOST = 16 };

static _Atomic(char *) arena;
static _Atomic(uint64_t) taken; /* a bit for each cell */

/* Pages of their own. What MADV_DONTDUMP says is not asked: a system without it (gVisor) has no core dumps either. */
static char *map_pages(size_t size)
{
    /* cppcheck-suppress invalidFunctionArg ; MAP_ANONYMOUS wants -1 (mmap(2)) */
    char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED) {
        return NULL;
    }
    madvise(p, size, MADV_DONTDUMP);
    return p;
}

/* The arena, made by whoever comes first; NULL when memory is out. */
static char *the_arena(void)
{
    char *have = atomic_load_explicit(&arena, memory_order_acquire);
    char *made;

    if (have != NULL || (made = map_pages((size_t)CELL_BYTES * CELLS)) == NULL) {
        return have;
    }
    if (atomic_compare_exchange_strong_explicit(&arena, &have, made, memory_order_acq_rel, memory_order_acquire)) {
        return made;
    }
    munmap(made, (size_t)CELL_BYTES * CELLS); /* another thread was first */
    return have;
}

static size_t cells_for(size_t size)
{
    return (size + CELL_BYTES - 1) / CELL_BYTES;
}

static uint64_t bits(size_t first, size_t count)
{
    return (((uint64_t)1 << count) - 1) << first;
}

/* Takes `count` free cells in a row; the number of the first, or CELLS when there are none. */
static size_t take_cells(size_t count)
{
    uint64_t now = atomic_load_explicit(&taken, memory_order_relaxed);
    size_t first = 0;

    while (first + count <= CELLS) {
        if ((now & bits(first, count)) != 0) {
            first++;
        } else if (atomic_compare_exchange_weak_explicit(&taken, &now, now | bits(first, count), memory_order_acquire,
                                                         memory_order_relaxed)) {
            return first;
        }
    }
    return CELLS;
}

void *secret_memory_new(size_t size)
{
    size_t count = cells_for(size);
    char *cells;
    size_t first;

    if (mem_fails()) {
        return NULL;
    }
    cells = count <= CELLS_MOST ? the_arena() : NULL;
    first = cells != NULL ? take_cells(count) : CELLS;
    return first < CELLS ? cells + first * CELL_BYTES : map_pages(size);
}

void secret_memory_free(void *p, size_t size)
{
    char *cells = atomic_load_explicit(&arena, memory_order_acquire);
    uintptr_t offset = (uintptr_t)p - (uintptr_t)cells;

    if (p == NULL) {
        return;
    }
    mem_wipe(p, size);
    if (cells != NULL && offset < (uintptr_t)CELL_BYTES * CELLS) {
        atomic_fetch_and_explicit(&taken, ~bits(offset / CELL_BYTES, cells_for(size)), memory_order_release);
    } else {
        munmap(p, size);
    }
}

#endif
