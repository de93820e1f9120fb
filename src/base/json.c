/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <pthread.h>
#include <string.h>
#ifdef __linux__
#include <linux/random.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

/* jansson takes most failed allocations for wrong syntax. Worse, when the buffer of its lexer cannot grow it loses a
 * character and goes on; where that is the closing quote of a string, it reads and writes past the end. So the first
 * allocation that fails while it parses is served from a reserve, and it gets no more input from then on. */
static _Thread_local struct {
    void *reserve; /* NULL: nothing is parsed */
    size_t size;
    bool memory_was_out;
    const char *next; /* the input that jansson has not taken yet */
    const char *end;
} parsing;

static void *allocate(size_t n)
{
    void *p = mem_alloc(n);

    if (p == NULL && !parsing.memory_was_out) {
        parsing.memory_was_out = true;
        return n <= parsing.size ? parsing.reserve : NULL;
    }
    return p;
}

static void release(void *p)
{
    if (p == NULL || p != parsing.reserve) {
        mem_free_wiped(p); /* a token may have passed through */
    }
}

/* Gives jansson one character at a time, so that it has none left when memory is out. */
static size_t feed(void *buffer, size_t most, void *ctx)
{
    (void)most;
    (void)ctx;
    if (parsing.memory_was_out || parsing.next == parsing.end) {
        return 0;
    }
    *(char *)buffer = *parsing.next++;
    return 1;
}

/* jansson would open /dev/urandom for its seed, a seventh of the time that main() takes for a token from the cache. By its
 * number, as glibc has no name for the call before 2.25. Without a seed from here jansson looks for one itself. */
static void prepare_jansson(void)
{
    json_set_alloc_funcs(allocate, release);
#ifdef __linux__
    size_t seed = 0;

    if (syscall(SYS_getrandom, &seed, sizeof seed, GRND_NONBLOCK) == sizeof seed) {
        json_object_seed(seed);
    }
#endif
}

/* NULL, with *memory_was_out or the reason. */
static json_t *parse(const char *bytes, size_t n, bool *memory_was_out, json_error_t *reason)
{
    json_t *value = NULL;

    memset(&parsing, 0, sizeof parsing);
    parsing.size = 2 * n + 64; /* the lexer's buffer doubles, and holds one string at a time */
    parsing.reserve = mem_alloc(parsing.size);
    parsing.memory_was_out = parsing.reserve == NULL;
    parsing.next = bytes;
    parsing.end = bytes + n;
    if (!parsing.memory_was_out) {
        value = json_load_callback(feed, NULL, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, reason);
    }
    *memory_was_out = parsing.memory_was_out;
    if (*memory_was_out) {
        json_release(value);
        value = NULL;
        mem_wipe(parsing.reserve, parsing.size);
    }
    mem_free(parsing.reserve);
    memset(&parsing, 0, sizeof parsing);
    return value;
}

/* jansson allows 2048 levels; far fewer are needed, and what walks the result recurses. It takes more than 200 bytes for
 * an empty object, which came as three. */
static void measure(const char *bytes, size_t n, int *levels, size_t *values)
{
    int depth = 0;
    bool in_string = false;

    *levels = 0;
    *values = 1;

    for (size_t i = 0; i < n; i++) {
        char c = bytes[i];

        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == ',') {
            (*values)++;
        } else if (c == '{' || c == '[') {
            (*values)++;
            *levels = ++depth > *levels ? depth : *levels;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
}

enum moidc_code json_object_parse(const char *bytes, size_t n, const char *what, json_t **ret, struct moidc_err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    json_error_t reason;
    bool memory_was_out;
    json_t *value;
    size_t values;
    int levels;

    if (n > JSON_MOST_BYTES) {
        return err_set(err, MOIDC_E_PROTOCOL, "%s is larger than %d bytes", what, (int)JSON_MOST_BYTES);
    }
    if (n >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) { /* RFC 8259 §8.1: a byte order mark may be passed over */
        bytes += 3;
        n -= 3;
    }
    if (n > 0 && memchr(bytes, '\0', n) != NULL) { /* jansson passes over one that follows a number or a word */
        return err_set(err, MOIDC_E_PROTOCOL, "%s is not JSON (it holds a NUL byte)", what);
    }
    measure(bytes, n, &levels, &values);
    if (levels > JSON_MOST_DEPTH) {
        return err_set(err, MOIDC_E_PROTOCOL, "%s is nested deeper than %d levels", what, (int)JSON_MOST_DEPTH);
    }
    if (values > JSON_MOST_VALUES) {
        return err_set(err, MOIDC_E_PROTOCOL, "%s holds more than %d values", what, (int)JSON_MOST_VALUES);
    }
    pthread_once(&once, prepare_jansson);
    value = parse(bytes, n, &memory_was_out, &reason);
    if (memory_was_out) {
        return err_memory(err);
    }
    if (value == NULL) {
        /* the reason's text quotes what it met, which may be part of a token: only the position is told */
        return err_set(err, MOIDC_E_PROTOCOL, "%s is not JSON (%s, line %d, column %d)", what,
                       json_error_code(&reason) == json_error_duplicate_key ? "a key stands twice" : "wrong syntax",
                       reason.line, reason.column);
    }
    if (!json_is_object(value)) {
        json_release(value);
        return err_set(err, MOIDC_E_PROTOCOL, "%s is not a JSON object", what);
    }
    *ret = value;
    return MOIDC_OK;
}

static void wipe(json_t *value)
{
    const char *key;
    json_t *member;
    size_t i;

    switch (json_typeof(value)) {
    case JSON_OBJECT:
        json_object_foreach(value, key, member) {
            wipe(member);
        }
        break;
    case JSON_ARRAY:
        json_array_foreach(value, i, member) {
            wipe(member);
        }
        break;
    case JSON_STRING:
        mem_wipe((char *)json_string_value(value), json_string_length(value));
        break;
    default:
        break;
    }
}

void json_release(json_t *value)
{
    if (value != NULL) {
        if (value->refcount == 1) {
            wipe(value);
        }
        json_decref(value);
    }
}

const json_t *json_member(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return json_is_null(value) ? NULL : value;
}

const char *json_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

const char *json_text_filled(const json_t *object, const char *key)
{
    const char *text = json_text(object, key);

    return text != NULL && *text != '\0' ? text : NULL;
}

enum moidc_code json_secret(const json_t *object, const char *key, struct secret **ret, struct moidc_err *err)
{
    const json_t *value = json_object_get(object, key);

    if (json_is_string(value)) {
        struct secret *secret = secret_new(json_string_value(value), json_string_length(value));

        if (secret == NULL) {
            return err_memory(err);
        }
        *ret = secret;
    }
    return MOIDC_OK;
}

bool json_array_has(const json_t *object, const char *key, const char *word)
{
    const json_t *array = json_object_get(object, key);
    json_t *member;
    size_t i;

    json_array_foreach(array, i, member) {
        if (json_is_string(member) && strcmp(json_string_value(member), word) == 0) {
            return true;
        }
    }
    return false;
}

bool json_seconds(const json_t *object, const char *key, int64_t *ret)
{
    const int64_t most = (int64_t)1 << 53;
    const json_t *value = json_object_get(object, key);

    if (json_is_integer(value)) {
        json_int_t n = json_integer_value(value);

        if (n > most || n < -most) {
            return false;
        }
        *ret = n;
        return true;
    }
    if (json_is_real(value)) {
        double n = json_real_value(value);

        if (!(n < (double)most && n > -(double)most)) {
            return false;
        }
        *ret = (int64_t)n;
        return true;
    }
    return false;
}
