/* SPDX-License-Identifier: MIT */
/* What the fuzz targets share. A target is one LLVMFuzzerTestOneInput() in fuzz_<name>.c; it aborts when a promise of a
 * header is broken, and leaves crashes to the sanitizers. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "base/error.h"
#include "base/text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOLDS(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);                             \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* The `n` bytes with a NUL behind them, exactly as large; the caller's, free(). */
static inline char *fuzz_text(const void *bytes, size_t n)
{
    char *text = malloc(n + 1);

    HOLDS(text != NULL);
    memcpy(text, bytes, n);
    text[n] = '\0';
    return text;
}

/* The text up to the first line end, which *data and *size then lie behind; the caller's, free(). */
static inline char *fuzz_line(const uint8_t **data, size_t *size)
{
    const uint8_t *end = *size > 0 ? memchr(*data, '\n', *size) : NULL;
    size_t n = end != NULL ? (size_t)(end - *data) : *size;
    char *line = fuzz_text(*data, n);

    n += end != NULL;
    *data += n;
    *size -= n;
    return line;
}

static inline bool fuzz_is_printable(const char *text)
{
    char *copy = fuzz_text(text, strlen(text));
    bool same;

    text_make_printable(copy);
    same = strcmp(copy, text) == 0;
    free(copy);
    return same;
}

/* What every failure promises: a code that is the one returned, words, and nothing in them that moves a terminal. */
static inline void fuzz_check_err(enum moidc_code rc, const struct moidc_err *err)
{
    HOLDS(rc != MOIDC_OK && rc != MOIDC_E_INTERNAL && rc != MOIDC_E_MEMORY && rc < MOIDC_CODE_COUNT);
    HOLDS(err->code == rc && err->what[0] != '\0');
    HOLDS(fuzz_is_printable(err->what) && fuzz_is_printable(err->where) && fuzz_is_printable(err->next));
    HOLDS(fuzz_is_printable(err->oauth_error));
}

#endif
