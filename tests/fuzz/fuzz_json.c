/* SPDX-License-Identifier: MIT */
/* JSON of strangers: what is taken is an object that says the same when it is written and read again. */
#include "base/json.h"

#include "fuzz.h"

static int depth_of(json_t *value)
{
    int deepest = 0;
    const char *key;
    json_t *member;
    size_t i;

    json_object_foreach(value, key, member) {
        int depth = depth_of(member);

        HOLDS(text_is_utf8(key, strlen(key)));
        deepest = depth > deepest ? depth : deepest;
    }
    json_array_foreach(value, i, member) {
        int depth = depth_of(member);

        deepest = depth > deepest ? depth : deepest;
    }
    if (json_is_string(value)) {
        HOLDS(strlen(json_string_value(value)) == json_string_length(value));
        HOLDS(text_is_utf8(json_string_value(value), json_string_length(value)));
    }
    return deepest + (json_is_object(value) || json_is_array(value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *value = NULL;
    json_t *again = NULL;
    struct moidc_err err;
    enum moidc_code rc = json_object_parse((const char *)data, size, "the text", &value, &err);
    int64_t seconds;
    char *written;

    if (rc != MOIDC_OK) {
        HOLDS(value == NULL && rc == MOIDC_E_PROTOCOL);
        fuzz_check_err(rc, &err);
        return 0;
    }
    HOLDS(memchr(data, '\0', size) == NULL);
    HOLDS(json_is_object(value) && depth_of(value) <= JSON_MOST_DEPTH);
    if (json_seconds(value, "n", &seconds)) {
        HOLDS(seconds <= (int64_t)1 << 53 && seconds >= -((int64_t)1 << 53));
    }
    json_array_has(value, "a", "word");
    written = json_dumps(value, JSON_COMPACT);
    HOLDS(written != NULL);
    HOLDS(json_object_parse(written, strlen(written), "the text", &again, &err) == MOIDC_OK);
    HOLDS(json_equal(value, again));
    mem_free(written);
    json_release(again);
    json_release(value);
    return 0;
}
