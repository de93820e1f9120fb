/* SPDX-License-Identifier: MIT */
/* toml++ behind C: a TOML document as the JSON object of the same shape. */
#ifndef CONFIG_TOML_SHIM_H
#define CONFIG_TOML_SHIM_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { TOML_MOST_BYTES = 256 * 1024, TOML_MOST_DOTS = 32 };

/* What a value was, for the visitor. */
enum toml_kind { TOML_STRING, TOML_BOOLEAN, TOML_INTEGER, TOML_OTHER };

/* One key of one block. `text` is the string's bytes (not NUL-terminated; may hold NUL), or "true"/"false", the decimal
 * integer, or the name of the kind ("array", "date" ...) for TOML_OTHER. Borrowed for the call. Returns 0 to go on,
 * anything else stops with that result. */
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
    int line;              /* of the fault, 0 when unknown */
    char message[160];     /* what is wrong, printable */
};

enum toml_status {
    TOML_OK = 0,
    TOML_ABSENT,    /* the document is fine and does not hold the array of tables */
    TOML_MALFORMED, /* the document, or the array's shape: result says where */
    TOML_NO_MEMORY,
    TOML_STOPPED    /* the visitor said so */
};

/* Visits every key of every table of the array of tables that stands at `path` (NULL-terminated list of keys). An array
 * that is there but empty, and blocks without keys, are TOML_OK; *blocks is their number. Never throws, never aborts. */
enum toml_status toml_visit(const char *bytes, size_t n, const char *const *path, toml_visitor *visit, void *ctx,
                            size_t *blocks, struct toml_result *result);

#ifdef __cplusplus
}
#endif
#endif
