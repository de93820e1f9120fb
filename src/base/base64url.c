/* SPDX-License-Identifier: MIT */
#include "base/base64url.h"

static const char URL_SAFE[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char ORDINARY[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void encode(struct strbuf *buf, const unsigned char *bytes, size_t n, const char *alphabet, bool pad)
{
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i < 3 ? n - i : 3;
        unsigned group = (unsigned)bytes[i] << 16;
        char out[4] = {'=', '=', '=', '='};

        group |= left > 1 ? (unsigned)bytes[i + 1] << 8 : 0;
        group |= left > 2 ? (unsigned)bytes[i + 2] : 0;
        for (size_t j = 0; j <= left; j++) {
            out[j] = alphabet[group >> (18 - 6 * j) & 63];
        }
        strbuf_add(buf, out, pad ? 4 : left + 1);
    }
}

void base64url_encode(struct strbuf *buf, const unsigned char *bytes, size_t n)
{
    encode(buf, bytes, n, URL_SAFE, false);
}

void base64_encode(struct strbuf *buf, const unsigned char *bytes, size_t n)
{
    encode(buf, bytes, n, ORDINARY, true);
}

static int digit(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

long base64url_decode(const char *text, size_t n, unsigned char *out)
{
    unsigned bits = 0;
    unsigned count = 0;
    long length = 0;

    if (n % 4 == 1) {
        return -1;
    }
    for (size_t i = 0; i < n; i++) {
        int value = digit(text[i]);

        if (value < 0) {
            return -1;
        }
        bits = bits << 6 | (unsigned)value;
        count += 6;
        if (count >= 8) {
            count -= 8;
            out[length++] = (unsigned char)(bits >> count);
            bits &= (1u << count) - 1;
        }
    }
    return bits == 0 ? length : -1;
}
