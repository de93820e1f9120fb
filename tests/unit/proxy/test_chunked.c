/* SPDX-License-Identifier: MIT */
#include "proxy/chunked.h"

#include "check.h"

#include <stdlib.h>

/* Decodes `in` in pieces of `piece` bytes, with so much room each time; the state it ends in. */
static enum chunked_state decode(const char *in, size_t n, size_t piece, size_t room, char *out, size_t *length)
{
    struct chunked chunked = {0};
    size_t at = 0;

    *length = 0;
    while (at < n && chunked.state != CHUNKED_END && chunked.state != CHUNKED_BROKEN) {
        size_t used = 0;
        size_t most = n - at < piece ? n - at : piece;

        *length += chunked_decode(&chunked, in + at, most, &used, out + *length, room);
        at += used;
    }
    return chunked.state;
}

static void check(const char *in, enum chunked_state state, const char *plain)
{
    for (size_t piece = 1; piece <= strlen(in) + 1; piece++) {
        char out[256] = "";
        size_t length = 0;

        CHECK(decode(in, strlen(in), piece, piece % 3 + 1, out, &length) == state);
        CHECK(length == strlen(plain) && memcmp(out, plain, length) == 0);
    }
}

static void test_chunks_are_joined_however_they_come(void)
{
    check("0\r\n\r\n", CHUNKED_END, "");
    check("5\r\nhello\r\n0\r\n\r\n", CHUNKED_END, "hello");
    check("1\r\na\r\n000002\r\nbc\r\nA\r\n0123456789\r\n0\r\n\r\n", CHUNKED_END, "abc0123456789");
    check("5;name=value;other=\"x\"\r\nhello\r\n0;last\r\nTrailer: a\r\nAnother: b\r\n\r\n", CHUNKED_END, "hello");
    check("4\r\n\r\n\r\n\r\n0\r\n\r\n", CHUNKED_END, "\r\n\r\n");
    check("00000000000000a\r\n0123456789\r\n0\r\n\r\n", CHUNKED_END, "0123456789");
}

static void test_what_ends_early_has_no_end(void)
{
    check("", CHUNKED_SIZE, "");
    check("5\r\nhel", CHUNKED_DATA, "hel");
    check("5\r\nhello", CHUNKED_DATA_CR, "hello");
    check("5\r\nhello\r\n", CHUNKED_SIZE, "hello");
    check("0\r\n", CHUNKED_TRAILER, "");
    check("0\r\nX: y\r\n", CHUNKED_TRAILER, "");
}

static void test_what_others_might_read_otherwise_is_broken(void)
{
    static const char *const bodies[] = {
        "\r\n",
        "x\r\n",
        "-1\r\n",
        "+1\r\na",
        "0x1\r\na",
        " 1\r\na",
        "1 \r\na",
        "1\t\r\na",
        "1\na",
        "1\ra",
        "1\r\r\na",
        ";x\r\n",
        "1;x\ny\r\na",
        "1;x\ry\r\na",
        "1;\001\r\na",
        "1;x\177\r\na",
        "0\r\n\n",
        "0\r\n\r\r",
        "0\r\nX\n",
        "0\r\nX: \001\r\n",
        "0000000000000001\r\na",
        "ffffffffffffffff\r\na",
        "1,1\r\na",
        "1\v\r\na",
        "\"1\"\r\n",
        "1\r\n\n",
    };

    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        char out[64];
        size_t length = 0;
        enum chunked_state state = decode(bodies[i], strlen(bodies[i]), 64, 32, out, &length);

        /* one of them has a byte of data before what is wrong */
        CHECK(state == CHUNKED_BROKEN || (strcmp(bodies[i], "1\r\n\n") == 0 && state == CHUNKED_DATA_CR));
    }
    check("1\r\nab\r\n", CHUNKED_BROKEN, "a");
    check("1\r\na\n0\r\n\r\n", CHUNKED_BROKEN, "a");
    check("1\r\na0\r\n\r\n", CHUNKED_BROKEN, "a");
}

static void test_a_nul_is_broken_but_in_data(void)
{
    char out[8];
    size_t length = 0;

    CHECK(decode("1\0\r\na", 6, 6, 8, out, &length) == CHUNKED_BROKEN);
    CHECK(decode("0\r\nX\0\r\n\r\n", 9, 9, 8, out, &length) == CHUNKED_BROKEN);
    CHECK(decode("1\r\n\0\r\n0\r\n\r\n", 11, 11, 8, out, &length) == CHUNKED_END && length == 1 && out[0] == '\0');
}

static void test_extensions_and_trailers_are_bounded(void)
{
    static char long_one[40 * 1024];
    char out[8];
    size_t length = 0;

    memset(long_one, 'x', sizeof long_one);
    memcpy(long_one, "1;", 2);
    CHECK(decode(long_one, sizeof long_one, 999, 8, out, &length) == CHUNKED_BROKEN);
    memcpy(long_one, "0\r\nX: ", 6);
    CHECK(decode(long_one, sizeof long_one, 999, 8, out, &length) == CHUNKED_BROKEN);
}

static void test_what_follows_is_left(void)
{
    struct chunked chunked = {0};
    const char *in = "1\r\na\r\n0\r\n\r\nGET /";
    size_t used = 0;
    char out[8];

    CHECK(chunked_decode(&chunked, in, strlen(in), &used, out, sizeof out) == 1);
    CHECK(chunked.state == CHUNKED_END && strcmp(in + used, "GET /") == 0);
    CHECK(chunked_decode(&chunked, in, strlen(in), &used, out, sizeof out) == 0 && used == 0);
}

int main(void)
{
    RUN(test_chunks_are_joined_however_they_come);
    RUN(test_what_ends_early_has_no_end);
    RUN(test_what_others_might_read_otherwise_is_broken);
    RUN(test_a_nul_is_broken_but_in_data);
    RUN(test_extensions_and_trailers_are_bounded);
    RUN(test_what_follows_is_left);
    return check_summary();
}
