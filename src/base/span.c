/* SPDX-License-Identifier: MIT */
#include "base/span.h"

#include "base/text.h"

#include <string.h>

bool span_is(struct span span, const char *text)
{
    return span.length == strlen(text) && memcmp(span.bytes, text, span.length) == 0;
}

/* Most names differ in their first letter, so the text's length is not asked for first. */
bool span_is_nocase(struct span span, const char *text)
{
    size_t i = 0;

    while (i < span.length && text[i] != '\0' && text_lower(span.bytes[i]) == text_lower(text[i])) {
        i++;
    }
    return i == span.length && text[i] == '\0';
}

bool span_equals_nocase(struct span a, struct span b)
{
    return a.length == b.length && text_begins_nocase(a.bytes, b.bytes, a.length);
}

bool span_begins(struct span span, const char *text)
{
    return span.length >= strlen(text) && memcmp(span.bytes, text, strlen(text)) == 0;
}

bool span_begins_nocase(struct span span, const char *text)
{
    return span.length >= strlen(text) && text_begins_nocase(span.bytes, text, strlen(text));
}

bool span_is_token(struct span span)
{
    for (size_t i = 0; i < span.length; i++) {
        char c = span.bytes[i];
        bool alphanumeric = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');

        if (!alphanumeric && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL)) {
            return false;
        }
    }
    return span.length > 0;
}

struct span span_after(struct span span, size_t n)
{
    return (struct span){span.bytes + n, span.length - n};
}

bool span_cut(struct span *rest, char separator, struct span *ret)
{
    const char *end = memchr(rest->bytes, separator, rest->length);

    if (end == NULL) {
        return false;
    }
    *ret = (struct span){rest->bytes, (size_t)(end - rest->bytes)};
    *rest = span_after(*rest, ret->length + 1);
    return true;
}

bool span_cut_element(struct span *rest, struct span *ret)
{
    struct span element;

    if (rest->bytes == NULL) {
        return false;
    }
    if (!span_cut(rest, ',', &element)) {
        element = *rest;
        *rest = (struct span){NULL, 0};
    }
    *ret = span_trimmed(element);
    return true;
}

struct span span_trimmed(struct span span)
{
    while (span.length > 0 && (span.bytes[0] == ' ' || span.bytes[0] == '\t')) {
        span = span_after(span, 1);
    }
    while (span.length > 0 && (span.bytes[span.length - 1] == ' ' || span.bytes[span.length - 1] == '\t')) {
        span.length--;
    }
    return span;
}
