/* SPDX-License-Identifier: MIT */
/* URIs with a value each, in order: which is the longest that covers a request, however many there are. */
#ifndef BASE_URI_INDEX_H
#define BASE_URI_INDEX_H

#include "base/url.h"

struct uri_index;

/* An empty one; NULL when memory is out. The caller's. */
struct uri_index *uri_index_new(void) MUST_CHECK;
void uri_index_free(struct uri_index *index);
DEFINE_CLEANUP(struct uri_index *, uri_index_free)

/* Adds `uri`, as url_normalised() spells it (copied), with `value` (borrowed, may be NULL): a second one for the same URI counts
 * where the first is NULL. False when memory is out. */
bool uri_index_add(struct uri_index *index, const char *uri, void *value) MUST_CHECK;

/* Puts them in order, after which nothing may be added. */
void uri_index_sort(struct uri_index *index);

/* True when one of them covers `url` (url_is_below()); *value is that of the longest. False when memory is out, too. */
bool uri_index_find(const struct uri_index *index, const struct url *url, void **value);

/* True when one of them lies below the normalised `uri` and is not that one. */
bool uri_index_any_below(const struct uri_index *index, const char *uri);
/* The same, and true when that one is there too. */
bool uri_index_any_within(const struct uri_index *index, const char *uri);

#endif
