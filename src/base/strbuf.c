/* SPDX-License-Identifier: MIT */
#include "base/strbuf.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Makes room for `more` bytes and a NUL. Never realloc(): that would leave a copy behind unwiped. */
static bool reserve(struct strbuf *buf, size_t more)
{
    size_t need;
    size_t size;
    char *bytes;

    if (buf->failed) {
        return false;
    }
    if (more > buf->most - buf->length) {
        buf->failed = true;
        buf->too_long = true;
        return false;
    }
    need = buf->length + more + 1;
    if (need <= buf->size) {
        return true;
    }
    size = need < 128 ? 128 : need * 2;
    bytes = mem_alloc(size);
    if (bytes == NULL) {
        buf->failed = true;
        return false;
    }
    if (buf->bytes != NULL) {
        memcpy(bytes, buf->bytes, buf->length);
        mem_wipe(buf->bytes, buf->size);
        mem_free(buf->bytes);
    }
    buf->bytes = bytes;
    buf->size = size;
    return true;
}

void strbuf_add(struct strbuf *buf, const char *bytes, size_t n)
{
    if (reserve(buf, n)) {
        /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): without bytes size is 0, and reserve() allocates */
        memcpy(buf->bytes + buf->length, bytes, n);
        buf->length += n;
        buf->bytes[buf->length] = '\0';
    }
}

void strbuf_add_text(struct strbuf *buf, const char *text)
{
    strbuf_add(buf, text, strlen(text));
}

void strbuf_add_format(struct strbuf *buf, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0 || !reserve(buf, (size_t)n)) {
        buf->failed = true;
        return;
    }
    va_start(args, format);
    vsnprintf(buf->bytes + buf->length, (size_t)n + 1, format, args);
    va_end(args);
    buf->length += (size_t)n;
}

static bool is_unreserved(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

static void add_encoded(struct strbuf *buf, const char *bytes, size_t n, bool form)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)bytes[i];

        if (is_unreserved(c) && !(form && c == '~')) {
            strbuf_add(buf, &bytes[i], 1);
        } else if (form && c == ' ') {
            strbuf_add(buf, "+", 1);
        } else {
            char triple[3] = {'%', hex[c >> 4], hex[c & 15]};

            strbuf_add(buf, triple, sizeof triple);
        }
    }
}

void strbuf_add_form(struct strbuf *buf, const char *bytes, size_t n)
{
    add_encoded(buf, bytes, n, true);
}

void strbuf_add_percent(struct strbuf *buf, const char *bytes, size_t n)
{
    add_encoded(buf, bytes, n, false);
}

bool strbuf_add_decoded(struct strbuf *buf, const char *text, size_t n)
{
    size_t begin = buf->length;

    for (size_t i = 0; i < n; i++) {
        char c = text[i];

        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            int octet = n - i < 3 ? -1 : text_octet(text + i + 1);

            if (octet < 0) {
                return false;
            }
            c = (char)octet;
            i += 2;
        }
        if (c == '\0') {
            return false;
        }
        strbuf_add(buf, &c, 1);
    }
    return !buf->failed && text_is_utf8(strbuf_text(buf) + begin, buf->length - begin);
}

const char *strbuf_text(const struct strbuf *buf)
{
    return buf->bytes != NULL ? buf->bytes : "";
}

char *strbuf_take(struct strbuf *buf)
{
    char *bytes;

    if (!buf->failed && buf->bytes == NULL) {
        strbuf_add(buf, "", 0);
    }
    if (buf->failed) {
        return NULL;
    }
    bytes = buf->bytes;
    buf->bytes = NULL;
    buf->length = 0;
    buf->size = 0;
    return bytes;
}

void strbuf_free(struct strbuf *buf)
{
    if (buf->bytes != NULL) {
        mem_wipe(buf->bytes, buf->size);
        mem_free(buf->bytes);
    }
    buf->bytes = NULL;
    buf->length = 0;
    buf->size = 0;
}

enum moidc_code strbuf_error(const struct strbuf *buf, const char *what, struct moidc_err *err)
{
    if (buf->too_long) {
        return err_set(err, MOIDC_E_PROTOCOL, "%s is larger than %zu bytes", what, buf->most);
    }
    return err_memory(err);
}
