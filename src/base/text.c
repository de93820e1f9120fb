/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <string.h>

/* Bytes of the UTF-8 sequence at `s` with at most `n` bytes, its code point in *point; 0 when it is not well-formed. */
static size_t sequence(const unsigned char *s, size_t n, unsigned *point)
{
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length;

    if (s[0] < 0x80) {
        *point = s[0];
        return 1;
    }
    length = (s[0] & 0xe0) == 0xc0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : (s[0] & 0xf8) == 0xf0 ? 4 : 0;
    if (length == 0 || length > n) {
        return 0;
    }
    *point = s[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
        *point = *point << 6 | (s[i] & 0x3fu);
    }
    if (*point < least[length] || *point > 0x10ffff || (*point >= 0xd800 && *point <= 0xdfff)) {
        return 0;
    }
    return length;
}

/* Controls, and what Unicode has as Default_Ignorable_Code_Point: letters that nobody sees, as fillers and tags. Not the
 * variation selectors, which names and emoji have. */
static bool is_control(unsigned point)
{
    static const struct {
        unsigned first, last;
    } ranges[] = {
        {0x00, 0x1f},       {0x7f, 0x9f},       {0xad, 0xad},       {0x34f, 0x34f},     {0x61c, 0x61c},
        {0x115f, 0x1160},   {0x17b4, 0x17b5},   {0x180e, 0x180e},   {0x200b, 0x200f},   {0x2028, 0x202e},
        {0x2060, 0x206f},   {0x3164, 0x3164},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},   {0xfff0, 0xfffb},
        {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe00ff}, {0xe01f0, 0xe0fff},
    };

    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0] && point >= ranges[i].first; i++) {
        if (point <= ranges[i].last) {
            return true;
        }
    }
    return false;
}

void text_make_printable(char *s)
{
    unsigned char *in = (unsigned char *)s;
    unsigned char *out = in;
    size_t n = strlen(s);

    while (n > 0) {
        unsigned point = 0;
        size_t length = sequence(in, n, &point);

        if (length == 0 || is_control(point)) {
            *out++ = '?';
            length = length != 0 ? length : 1;
        } else {
            memmove(out, in, length);
            out += length;
        }
        in += length;
        n -= length;
    }
    *out = '\0';
}

bool text_is_utf8(const char *s, size_t n)
{
    const unsigned char *p = (const unsigned char *)s;

    while (n > 0) {
        unsigned point = 0;
        size_t length = sequence(p, n, &point);

        if (length == 0) {
            return false;
        }
        p += length;
        n -= length;
    }
    return true;
}

bool text_is_visible(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] <= ' ' || s[i] > '~') {
            return false;
        }
    }
    return n > 0;
}

bool text_is_ascii(const char *s)
{
    while (*s != '\0' && (unsigned char)*s < 0x80) {
        s++;
    }
    return *s == '\0';
}

int text_hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int text_octet(const char *digits)
{
    int high = text_hex(digits[0]);
    int low = high < 0 ? -1 : text_hex(digits[1]);

    return low < 0 ? -1 : high << 4 | low;
}

bool text_equal_nocase(const char *a, const char *b)
{
    return text_begins_nocase(a, b, (size_t)-1);
}

bool text_begins_nocase(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (a[i] != b[i] && text_lower(a[i]) != text_lower(b[i])) {
            return false;
        }
        if (a[i] == '\0') {
            return true;
        }
    }
    return true;
}

bool text_has_word(const char *list, const char *word)
{
    size_t n = strlen(word);

    while (*list != '\0') {
        size_t length = strcspn(list, " ");

        if (length == n && memcmp(list, word, n) == 0) {
            return true;
        }
        list += length;
        list += strspn(list, " ");
    }
    return false;
}

void text_shell_word(const char *text, char *ret, size_t size)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._/:@%+=,";
    size_t n = 0;

    if (text[0] != '\0' && text[strspn(text, plain)] == '\0' && strlen(text) < size) {
        memcpy(ret, text, strlen(text) + 1);
        return;
    }
    ret[n++] = '\'';
    for (; *text != '\0'; text++) {
        if (n + 6 > size) {
            memcpy(ret, "...", 4);
            return;
        }
        if (*text == '\'') {
            memcpy(ret + n, "'\\''", 4); /* ends the quotes, one quote, and begins them anew */
            n += 4;
        } else {
            ret[n++] = *text;
        }
    }
    ret[n++] = '\'';
    ret[n] = '\0';
}

int text_distance(const char *a, const char *b)
{
    enum { MOST = 64 };
    int row[MOST];
    size_t la = strlen(a);
    size_t lb = strlen(b);

    if (la >= MOST || lb >= MOST) {
        return 99;
    }
    for (size_t j = 0; j <= lb; j++) {
        row[j] = (int)j;
    }
    for (size_t i = 1; i <= la; i++) {
        int diagonal = row[0];

        row[0] = (int)i;
        for (size_t j = 1; j <= lb; j++) {
            int replaced = diagonal + (a[i - 1] != b[j - 1]);
            int removed = row[j] + 1;
            int added = row[j - 1] + 1;

            diagonal = row[j];
            row[j] = replaced < removed ? replaced : removed;
            row[j] = row[j] < added ? row[j] : added;
        }
    }
    return row[lb];
}
