/* SPDX-License-Identifier: MIT */
/* JSON from strangers, by jansson: duplicate keys refused, depth, size and number of values bounded, strings that hold
 * secrets wiped. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/error.h"
#include "base/secret.h"

#include <jansson.h>

enum { JSON_MOST_BYTES = 1 << 20, JSON_MOST_DEPTH = 64, JSON_MOST_VALUES = 1 << 16 };

/* Parses the `n` bytes, which must be one JSON object (RFC 8259) in UTF-8, without duplicate keys or NUL in strings. A byte
 * order mark before it is passed over (§8.1).
 *   what  what it is, for the message: "the provider's metadata"
 *   ret   json_release() */
enum moidc_code json_object_parse(const char *bytes, size_t n, const char *what, json_t **ret,
                                  struct moidc_err *err) MUST_CHECK;

/* Wipes every string in `value` and drops the reference. NULL is allowed. */
void json_release(json_t *value);
DEFINE_CLEANUP(json_t *, json_release)

/* The member, borrowed; NULL when it is absent, or null, as some write for what they do not have (OIDC Core §5.3.2). */
const json_t *json_member(const json_t *object, const char *key);
/* The member's string, borrowed; NULL when it is absent or no string. */
const char *json_text(const json_t *object, const char *key);
/* The same, and NULL for "" too, which some write for what they do not have. */
const char *json_text_filled(const json_t *object, const char *key);
/* The member's string as a secret, the caller's; *ret stays NULL when it is absent or no string. */
enum moidc_code json_secret(const json_t *object, const char *key, struct secret **ret,
                            struct moidc_err *err) MUST_CHECK;
/* True when the member is an array of strings that has `word` in it. */
bool json_array_has(const json_t *object, const char *key, const char *word);
/* The member as whole seconds in *ret (a real is cut off, RFC 7519 §2 NumericDate). False when it is absent, no number,
 * or not between -2^53 and 2^53, where a double no longer tells neighbours apart. */
bool json_seconds(const json_t *object, const char *key, int64_t *ret);

#endif
