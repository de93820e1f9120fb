/* SPDX-License-Identifier: MIT */
#include "base/uri_index.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    char *uri;
    void *value;
};

struct uri_index {
    struct entry *entries;
    size_t count;
    size_t size;
};

struct uri_index *uri_index_new(void)
{
    return mem_zalloc(sizeof(struct uri_index));
}

void uri_index_free(struct uri_index *index)
{
    if (index != NULL) {
        for (size_t i = 0; i < index->count; i++) {
            mem_free(index->entries[i].uri);
        }
        mem_free(index->entries);
        mem_free(index);
    }
}

bool uri_index_add(struct uri_index *index, const char *uri, void *value)
{
    char *copy;

    if (index->count == index->size) {
        size_t size = index->size != 0 ? 2 * index->size : 8;
        struct entry *larger = mem_realloc(index->entries, size * sizeof *larger);

        if (larger == NULL) {
            return false;
        }
        index->entries = larger;
        index->size = size;
    }
    copy = mem_strdup(uri);
    if (copy == NULL) {
        return false;
    }
    index->entries[index->count++] = (struct entry){copy, value};
    return true;
}

/* Of two with the same URI the one with a value comes first. */
static int compare(const void *a, const void *b)
{
    const struct entry *x = a;
    const struct entry *y = b;
    int order = strcmp(x->uri, y->uri);

    return order != 0 ? order : (x->value == NULL) - (y->value == NULL);
}

void uri_index_sort(struct uri_index *index)
{
    if (index->count > 0) {
        qsort(index->entries, index->count, sizeof index->entries[0], compare);
    }
}

/* The place of the first that is not before `uri`. */
static size_t lower_bound(const struct uri_index *index, const char *uri)
{
    size_t first = 0;
    size_t end = index->count;

    while (first < end) {
        size_t middle = first + (end - first) / 2;

        if (strcmp(index->entries[middle].uri, uri) < 0) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    return first;
}

static const struct entry *exactly(const struct uri_index *index, const char *uri)
{
    size_t place = lower_bound(index, uri);

    return place < index->count && strcmp(index->entries[place].uri, uri) == 0 ? &index->entries[place] : NULL;
}

bool uri_index_find(const struct uri_index *index, const struct url *url, void **value)
{
    CLEANUP(mem_free_p) char *uri = url_is_ambiguous(url) ? NULL : url_normalised(url);
    char *path;

    if (uri == NULL) {
        return false;
    }
    path = strchr(strchr(uri, ':') + sizeof "://" - 1, '/');
    for (;;) {
        const struct entry *entry = exactly(index, uri);
        char *slash;

        if (entry != NULL) {
            *value = entry->value;
            return true;
        }
        slash = path != NULL ? strrchr(path, '/') : NULL;
        if (slash == NULL) {
            return false;
        }
        *slash = '\0'; /* a shorter one, that ends where a segment does */
    }
}

bool uri_index_any_below(const struct uri_index *index, const char *uri)
{
    size_t n = strlen(uri);

    for (size_t i = lower_bound(index, uri); i < index->count && strncmp(index->entries[i].uri, uri, n) == 0; i++) {
        if (index->entries[i].uri[n] >= '/') {
            return index->entries[i].uri[n] == '/';
        }
    }
    return false;
}

bool uri_index_any_within(const struct uri_index *index, const char *uri)
{
    return exactly(index, uri) != NULL || uri_index_any_below(index, uri);
}
