/* SPDX-License-Identifier: MIT */
/* Any document through the TOML shim: each promise about what is visited. */
#include "config/toml_shim.h"

#include "fuzz.h"

struct visits {
    size_t count;
    size_t stop_at; /* 0: never */
    size_t blocks;
    char *last_key; /* of this block; NULL: none yet */
    int lines;
};

static size_t count_ends(const struct toml_value *value)
{
    size_t n = 0;

    for (size_t i = 0; i < value->length; i++) {
        n += value->text[i] == '\0';
    }
    return n;
}

static void check_value(const struct toml_value *value)
{
    bool ended = value->length == 0 || value->text[value->length - 1] == '\0';

    switch (value->kind) {
    case TOML_STRING:
        HOLDS(text_is_utf8(value->text, value->length));
        break;
    case TOML_BOOLEAN:
        HOLDS(strcmp(value->text, "true") == 0 || strcmp(value->text, "false") == 0);
        break;
    case TOML_INTEGER:
        HOLDS(strlen(value->text) == value->length && strspn(value->text, "-0123456789") == value->length);
        break;
    case TOML_LIST:
        HOLDS(ended);
        break;
    case TOML_TABLE:
        HOLDS(ended && count_ends(value) % 2 == 0);
        break;
    case TOML_OTHER:
        HOLDS(strlen(value->text) == value->length && value->length >= 4 && fuzz_is_printable(value->text));
        break;
    }
}

static int visit(void *ctx, const struct toml_value *value)
{
    struct visits *visits = ctx;

    HOLDS(value->line >= 1 && value->line <= visits->lines);
    if (value->key == NULL) {
        HOLDS(value->block == visits->blocks);
        visits->blocks++;
        free(visits->last_key);
        visits->last_key = NULL;
    } else {
        HOLDS(value->block == visits->blocks - 1);
        HOLDS(visits->last_key == NULL || strcmp(visits->last_key, value->key) < 0);
        free(visits->last_key);
        visits->last_key = fuzz_text(value->key, strlen(value->key));
        check_value(value);
    }
    return ++visits->count == visits->stop_at;
}

static void check_message(const struct toml_result *result)
{
    const char *first = strchr(result->message, '\'');
    const char *last = strrchr(result->message, '\'');

    HOLDS(result->message[0] != '\0' && memchr(result->message, '\0', sizeof result->message) != NULL);
    HOLDS(first == last || last - first - 1 <= 5); /* a document may hold secrets */
}

static enum toml_status visit_document(const char *bytes, size_t n, struct visits *visits)
{
    static const char *const path[] = {"t", NULL};
    struct toml_result result = {0};
    size_t blocks = 77777777;
    enum toml_status status;

    visits->lines = 1;
    for (size_t i = 0; i < n; i++) {
        visits->lines += bytes[i] == '\n';
    }
    status = toml_visit(bytes, n, path, visit, visits, &blocks, &result);
    HOLDS(status != TOML_NO_MEMORY);
    HOLDS(status == TOML_OK ? blocks == visits->blocks : blocks == 77777777);
    if (status == TOML_MALFORMED) {
        HOLDS(result.line >= 0 && result.line <= visits->lines);
        check_message(&result);
    }
    free(visits->last_key);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct visits all = {0};
    struct visits some = {0};
    enum toml_status status = visit_document(text, size, &all);

    HOLDS(status != TOML_STOPPED && (status != TOML_ABSENT || all.count == 0));
    some.stop_at = all.count / 2 + 1;
    HOLDS(visit_document(text, size, &some) == (all.count > 0 ? TOML_STOPPED : status));
    HOLDS(some.count == (all.count > 0 ? some.stop_at : 0));
    free(text);
    return 0;
}
