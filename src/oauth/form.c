/* SPDX-License-Identifier: MIT */
#include "oauth/form.h"

#include <string.h>

static void separate(struct strbuf *buf)
{
    char last = buf->length > 0 ? buf->bytes[buf->length - 1] : '&';

    if (last != '&' && last != '?') {
        strbuf_add_text(buf, "&");
    }
}

static void add(struct strbuf *buf, const char *name, const char *value, size_t n)
{
    separate(buf);
    strbuf_add_text(buf, name);
    strbuf_add_text(buf, "=");
    strbuf_add_form(buf, value, n);
}

void form_add(struct strbuf *buf, const char *name, const char *value)
{
    if (value != NULL && *value != '\0') {
        add(buf, name, value, strlen(value));
    }
}

void form_add_secret(struct strbuf *buf, const char *name, const struct secret *value)
{
    if (value != NULL) {
        add(buf, name, secret_reveal(value), secret_length(value));
    }
}

void form_add_words(struct strbuf *buf, const char *name, const char *words)
{
    for (words = words != NULL ? words : ""; *words != '\0'; words += strspn(words, " ")) {
        size_t n = strcspn(words, " ");

        if (n > 0) {
            add(buf, name, words, n);
        }
        words += n;
    }
}

void form_add_encoded(struct strbuf *buf, const char *encoded)
{
    if (encoded != NULL && *encoded != '\0') {
        separate(buf);
        strbuf_add_text(buf, encoded);
    }
}

int form_get(const char *query, const char *name, struct secret **ret)
{
    CLEANUP(strbuf_free) struct strbuf value = STRBUF_INIT(16 * 1024);
    int count = 0;

    while (*query != '\0') {
        CLEANUP(strbuf_free) struct strbuf key = STRBUF_INIT(16 * 1024);
        size_t length = strcspn(query, "&");
        const char *equals = memchr(query, '=', length);
        size_t key_length = equals != NULL ? (size_t)(equals - query) : length;

        /* the name may be encoded too: "%73tate" is a second `state` to whoever decodes it */
        if (strbuf_add_decoded(&key, query, key_length) && strcmp(strbuf_text(&key), name) == 0) {
            if (++count == 1 && equals != NULL && !strbuf_add_decoded(&value, equals + 1, length - key_length - 1)) {
                return -1;
            }
        } else if (key.failed) {
            return -1;
        }
        query += length;
        query += *query == '&';
    }
    if (count == 1) {
        struct secret *secret = secret_new(strbuf_text(&value), value.length);

        if (secret == NULL) {
            return -1;
        }
        *ret = secret;
    }
    return count;
}
