/* SPDX-License-Identifier: MIT */
/* toml++ behind C: the one array of tables that holds our blocks, key by key. */
#ifndef CONFIG_TOML_SHIM_H
#define CONFIG_TOML_SHIM_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bounds that are checked before toml++ sees the document (it recurses over dotted keys), and the depth of arrays and
 * inline tables that it is built with: the deepest document fits into a thread with little stack. */
enum { TOML_MOST_BYTES = 256 * 1024, TOML_MOST_DOTS = 32, TOML_MOST_DEPTH = 16 };

/* What a value was, for the visitor. */
enum toml_kind { TOML_STRING, TOML_BOOLEAN, TOML_INTEGER, TOML_OTHER, TOML_LIST, TOML_TABLE };

/* The beginning of a block (`key` NULL: only `block` and `line` count), or one key of it.
 * `text` is the string's bytes (not NUL-terminated; may hold NUL), or "true"/"false", the decimal integer; of an array
 * of strings (TOML_LIST) each with a NUL behind it, of a table of strings (TOML_TABLE) each name and its string, in the
 * order of the names, each with a NUL behind it; or the name of the kind ("array", "date" ...) for TOML_OTHER, which an
 * array or table is that holds anything else, or a NUL. Borrowed for the call. Returns 0 to go on, anything else stops.
 */
struct toml_value {
    size_t block; /* 0 for the first block */
    const char *key;
    enum toml_kind kind;
    const char *text;
    size_t length;
    int line; /* from 1 */
};
typedef int toml_visitor(void *ctx, const struct toml_value *value);

struct toml_result {
    int line;          /* of the fault, 0 when unknown */
    char message[160]; /* what is wrong; quotes no more than five bytes of the document, which may hold secrets */
    char stray[65];    /* a key beside those of the path, "" for none: see below */
    int stray_line;
};

enum toml_status {
    TOML_OK = 0,
    TOML_ABSENT,    /* the document is fine and does not hold the array of tables */
    TOML_MALFORMED, /* the document, or the array's shape: result says where */
    TOML_NO_MEMORY,
    TOML_STOPPED /* the visitor said so */
};

/* Visits every table of the array of tables that stands at `path` (NULL-terminated list of keys), and then every key of
 * it, in the order of their names. An array that is there but empty, and blocks without keys, are TOML_OK; *blocks is
 * their number. A key that holds a NUL is malformed. Never throws, never aborts.
 * Whoever misspells the path has written another key: result->stray is the first that stands where the array does, that
 * differs from a key of the path in '_', '-' and case alone, or that is the path's next key. */
enum toml_status toml_visit(const char *bytes, size_t n, const char *const *path, toml_visitor *visit, void *ctx,
                            size_t *blocks, struct toml_result *result);

#ifdef __cplusplus
}
#endif
#endif
