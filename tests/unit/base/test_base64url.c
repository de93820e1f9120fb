/* SPDX-License-Identifier: MIT */
#include "base/base64url.h"

#include "check.h"

#include <stdlib.h>

static void check_encoded(const char *bytes, size_t n, const char *url_safe, const char *ordinary)
{
    CLEANUP(strbuf_free) struct strbuf a = STRBUF_INIT(100);
    CLEANUP(strbuf_free) struct strbuf b = STRBUF_INIT(100);
    unsigned char out[100];

    base64url_encode(&a, (const unsigned char *)bytes, n);
    base64_encode(&b, (const unsigned char *)bytes, n);
    CHECK_TEXT(strbuf_text(&a), url_safe);
    CHECK_TEXT(strbuf_text(&b), ordinary);
    CHECK(base64url_decode(url_safe, strlen(url_safe), out) == (long)n && memcmp(out, bytes, n) == 0);
}

/* Decodes into a block of exactly the promised size, for the address sanitizer. */
static long decode(const char *text)
{
    size_t n = strlen(text);
    unsigned char *out = malloc(n / 4 * 3 + 2);
    long length = base64url_decode(text, n, out);

    free(out);
    return length;
}

static void test_vectors_of_rfc_4648(void)
{
    check_encoded("", 0, "", "");
    check_encoded("f", 1, "Zg", "Zg==");
    check_encoded("fo", 2, "Zm8", "Zm8=");
    check_encoded("foo", 3, "Zm9v", "Zm9v");
    check_encoded("foob", 4, "Zm9vYg", "Zm9vYg==");
    check_encoded("fooba", 5, "Zm9vYmE", "Zm9vYmE=");
    check_encoded("foobar", 6, "Zm9vYmFy", "Zm9vYmFy");
}

static void test_alphabet_is_the_url_safe_one(void)
{
    check_encoded("\xfb\xff\xbf", 3, "-_-_", "+/+/");
    check_encoded("\0\0", 2, "AAA", "AAA=");
    check_encoded("\x03\xec\xff\xe0\xc1", 5, "A-z_4ME", "A+z/4ME="); /* RFC 7515 appendix C */
}

static void test_strange_characters_are_refused(void)
{
    static const char *const texts[] = {"Zg==",        "Zm8=", "Zm9v\n", " Zm9v", "Zm+v",  "Zm/v", "Zm.v",
                                        "Zm\xc3\xa4v", "====", "=",      "Z\tg",  "Zm9v=", "@[`{"};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        CHECK(decode(texts[i]) == -1);
    }
    CHECK(base64url_decode("Zm\0v", 4, (unsigned char[8]){0}) == -1);
}

static void test_impossible_lengths_are_refused(void)
{
    CHECK(decode("A") == -1);
    CHECK(decode("Zm9vA") == -1);
    CHECK(decode("") == 0);
}

static void test_bits_left_over_are_refused(void)
{
    CHECK(decode("Zg") == 1 && decode("Zh") == -1 && decode("Zv") == -1);
    CHECK(decode("Zm8") == 2 && decode("Zm9") == -1 && decode("Zm-") == -1);
}

static void test_each_value_comes_back(void)
{
    unsigned char bytes[256];
    unsigned char out[258];
    CLEANUP(strbuf_free) struct strbuf buf = STRBUF_INIT(1000);

    for (size_t n = 0; n <= sizeof bytes; n++) {
        if (n < sizeof bytes) {
            bytes[n] = (unsigned char)(n * 7 + 3);
        }
        strbuf_free(&buf);
        base64url_encode(&buf, bytes, n);
        CHECK(base64url_decode(strbuf_text(&buf), buf.length, out) == (long)n && memcmp(out, bytes, n) == 0);
    }
}

int main(void)
{
    RUN(test_vectors_of_rfc_4648);
    RUN(test_alphabet_is_the_url_safe_one);
    RUN(test_strange_characters_are_refused);
    RUN(test_impossible_lengths_are_refused);
    RUN(test_bits_left_over_are_refused);
    RUN(test_each_value_comes_back);
    return check_summary();
}
