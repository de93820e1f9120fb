/* SPDX-License-Identifier: MIT */
#include "json_out.h"

#include "output.h"

#include <stddef.h>
#include <string.h>

static int depth;
static bool filled; /* something stands in the present object or array */

/* How many bytes the UTF-8 sequence at `s` has (RFC 3629); 0 when it is broken. */
static size_t sequence(const unsigned char *s)
{
    size_t n = s[0] < 0x80                   ? 1
               : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
               : (s[0] & 0xf0) == 0xe0       ? 3
               : (s[0] & 0xf8) == 0xf0       ? 4
                                             : 0;

    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
        (s[0] == 0xf4 && s[1] > 0x8f) || s[0] > 0xf4) {
        return 0;
    }
    return n;
}

static void string(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;

    output_text("\"");
    while (*s != '\0') {
        size_t n = sequence(s);

        if (n == 0) {
            output_text("\\ufffd");
            n = 1;
        } else if (*s == '"' || *s == '\\') {
            output_format("\\%c", *s);
        } else if (*s < 0x20 || *s == 0x7f) {
            output_format("\\u%04x", *s);
        } else {
            output_bytes((const char *)s, n);
        }
        s += n;
    }
    output_text("\"");
}

static void line(void)
{
    output_text("\n");
    for (int i = 0; i < depth; i++) {
        output_text("  ");
    }
}

static void member(const char *key)
{
    if (filled) {
        output_text(",");
    }
    if (depth > 0) {
        line();
    }
    if (key != NULL) {
        string(key);
        output_text(": ");
    }
    filled = true;
}

static void begin(const char *key, const char *bracket)
{
    member(key);
    output_text(bracket);
    depth++;
    filled = false;
}

static void end(const char *bracket)
{
    depth--;
    if (filled) {
        line();
    }
    output_text(bracket);
    filled = depth > 0;
    if (depth == 0) {
        output_text("\n");
    }
}

void json_out_object(const char *key)
{
    begin(key, "{");
}

void json_out_object_end(void)
{
    end("}");
}

void json_out_array(const char *key)
{
    begin(key, "[");
}

void json_out_array_end(void)
{
    end("]");
}

void json_out_text(const char *key, const char *text)
{
    member(key);
    string(text);
}

void json_out_text_or_null(const char *key, const char *text)
{
    member(key);
    if (text == NULL || text[0] == '\0') {
        output_text("null");
    } else {
        string(text);
    }
}

void json_out_error(const char *key, const struct moidc_err *err)
{
    json_out_object(key);
    json_out_text("code", moidc_code_info(err->code)->name);
    json_out_text("what", err->what);
    json_out_text_or_null("where", err->where);
    json_out_text_or_null("next", err->next);
    json_out_object_end();
}

void json_out_number(const char *key, int64_t number)
{
    member(key);
    output_format("%lld", (long long)number);
}

void json_out_time(const char *key, int64_t seconds)
{
    if (seconds != 0) {
        json_out_number(key, seconds);
    } else {
        json_out_text_or_null(key, NULL);
    }
}

void json_out_boolean(const char *key, bool value)
{
    member(key);
    output_text(value ? "true" : "false");
}
