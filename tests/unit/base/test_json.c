/* SPDX-License-Identifier: MIT */
#include "base/json.h"
#include "base/strbuf.h"

#include "check.h"

#include <stdlib.h>

static struct moidc_err err;

static json_t *parse_bytes(const char *bytes, size_t n)
{
    char *copy = malloc(n != 0 ? n : 1); /* of exactly that size, for the address sanitizer */
    json_t *value = NULL;
    enum moidc_code rc;

    memset(&err, 0, sizeof err);
    memcpy(copy, bytes, n);
    rc = json_object_parse(copy, n, "the thing", &value, &err);
    free(copy);
    CHECK(rc == err.code && (value != NULL) == (rc == MOIDC_OK));
    return value;
}

static json_t *parse(const char *text)
{
    return parse_bytes(text, strlen(text));
}

static void check_refused(const char *text, size_t n, const char *what)
{
    CHECK(parse_bytes(text, n) == NULL);
    CHECK(err.code == MOIDC_E_PROTOCOL);
    CHECK_CONTAINS(err.what, what);
}
#define REFUSED(text, what) check_refused((text), sizeof(text) - 1, (what))

static void test_only_one_object_is_json_here(void)
{
    REFUSED("", "is not JSON");
    REFUSED("[]", "is not a JSON object");
    REFUSED("null", "JSON");
    REFUSED("\"text\"", "JSON");
    REFUSED("{} {}", "is not JSON");
    REFUSED("{\"a\":1}x", "is not JSON");
    REFUSED("{\"a\":1,}", "is not JSON");
    REFUSED("{'a':1}", "is not JSON");
    REFUSED("{\"a\":NaN}", "is not JSON");
    REFUSED("{\"a\":01}", "is not JSON");
    REFUSED("{\"a\":1e999}", "is not JSON");
    REFUSED("{\"a\":\"\n\"}", "is not JSON");
    json_release(parse(" \n{} \t"));
    CHECK(err.code == MOIDC_OK);
}

/* RFC 8259 §8.1: as Windows writes it */
static void test_a_byte_order_mark_at_the_beginning_is_passed_over(void)
{
    json_release(parse("\xef\xbb\xbf{\"a\":1}"));
    CHECK(err.code == MOIDC_OK);
    REFUSED("\xef\xbb\xbf", "is not JSON");
    REFUSED("\xef\xbb{}", "is not JSON");
    REFUSED("\xef\xbb\xbf\xef\xbb\xbf{}", "is not JSON");
    REFUSED(" \xef\xbb\xbf{}", "is not JSON");
    REFUSED("{}\xef\xbb\xbf", "is not JSON");
    REFUSED("\xff\xfe{\0}\0", "is not JSON");
}

static void test_keys_that_stand_twice_are_refused(void)
{
    REFUSED("{\"iss\":\"a\",\"iss\":\"b\"}", "a key stands twice");
    REFUSED("{\"a\":{\"iss\":1,\"\\u0069ss\":2}}", "a key stands twice");
}

static void test_nul_and_broken_utf8_are_refused(void)
{
    REFUSED("{\"a\":\"x\\u0000y\"}", "is not JSON");
    REFUSED("{\"a\\u0000\":1}", "is not JSON");
    REFUSED("{\"a\":\"\0\"}", "is not JSON");
    REFUSED("{\"a\":1\0}", "is not JSON");
    REFUSED("{\"a\":true\0}", "is not JSON");
    REFUSED("{}\0", "is not JSON");
    REFUSED("{\"a\":\"\xff\"}", "is not JSON");
    REFUSED("{\"a\":\"\xc0\xaf\"}", "is not JSON");
    REFUSED("{\"a\":\"\\ud800\"}", "is not JSON");
    REFUSED("{\"\xff\":1}", "is not JSON");
}

static void test_messages_quote_nothing(void)
{
    REFUSED("{\"access_token\": S3cr3t}", "line 1");
    CHECK(strstr(err.what, "S3cr3t") == NULL);
    REFUSED("{\"access_token\": \"S3cr3t", "line 1");
    CHECK(strstr(err.what, "S3cr3t") == NULL);
}

static json_t *nested(int levels, const char *open, const char *middle, const char *close)
{
    char text[1024] = "";

    for (int i = 0; i < levels; i++) {
        strcat(text, open);
    }
    strcat(text, middle);
    for (int i = 0; i < levels; i++) {
        strcat(text, close);
    }
    return parse(text);
}

static void test_depth_is_bounded(void)
{
    json_t *value = nested(JSON_MOST_DEPTH, "{\"a\":", "1", "}");

    CHECK(value != NULL);
    json_release(value);
    CHECK(nested(JSON_MOST_DEPTH + 1, "{\"a\":", "1", "}") == NULL);
    CHECK_CONTAINS(err.what, "nested deeper than 64 levels");
    value = parse("{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[\"}");
    CHECK(value != NULL); /* brackets in a string are no levels */
    json_release(value);
    CHECK(nested(900, "[", "", "") == NULL);
}

static void test_size_is_bounded(void)
{
    size_t n = JSON_MOST_BYTES;
    char *text = malloc(n + 1);
    json_t *value;

    memset(text, ' ', n + 1);
    memcpy(text, "{}", 2);
    value = parse_bytes(text, n);
    CHECK(value != NULL);
    json_release(value);
    CHECK(parse_bytes(text, n + 1) == NULL);
    CHECK_TEXT(err.what, "the thing is larger than 1048576 bytes");
    free(text);
}

/* An array of `count` numbers, as the only member. */
static json_t *many(size_t count)
{
    CLEANUP(strbuf_free) struct strbuf text = STRBUF_INIT(JSON_MOST_BYTES);

    strbuf_add_text(&text, "{\"a\":[");
    for (size_t i = 0; i < count; i++) {
        strbuf_add_text(&text, i == 0 ? "1" : ",1");
    }
    strbuf_add_text(&text, "]}");
    return parse_bytes(strbuf_text(&text), text.length);
}

/* An empty object takes 80 times as much memory as it has bytes. */
static void test_number_of_values_is_bounded(void)
{
    json_t *value = many(JSON_MOST_VALUES - 2);

    CHECK(value != NULL);
    json_release(value);
    CHECK(many(JSON_MOST_VALUES - 1) == NULL);
    CHECK_TEXT(err.what, "the thing holds more than 65536 values");
}

static void test_members_are_taken_by_their_type(void)
{
    CLEANUP(json_release_p) json_t *object = parse("{\"t\":\"x\",\"n\":1,\"a\":[\"p\",1,\"q\"],\"z\":null}");
    CLEANUP(secret_free_p) struct secret *secret = NULL;
    struct secret *none = NULL;

    CHECK_TEXT(json_text(object, "t"), "x");
    CHECK(json_text(object, "n") == NULL && json_text(object, "z") == NULL && json_text(object, "none") == NULL);
    CHECK(json_secret(object, "t", &secret, &err) == MOIDC_OK && secret_equal_bytes(secret, "x", 1));
    CHECK(json_secret(object, "n", &none, &err) == MOIDC_OK && none == NULL);
    CHECK(json_secret(object, "none", &none, &err) == MOIDC_OK && none == NULL);
    CHECK(json_array_has(object, "a", "p") && json_array_has(object, "a", "q"));
    CHECK(!json_array_has(object, "a", "1") && !json_array_has(object, "a", "r") && !json_array_has(object, "t", "x"));
    CHECK(!json_array_has(object, "none", "x"));
    json_release(NULL);
}

static void check_seconds(const char *number, int64_t expected)
{
    char text[64];
    CLEANUP(json_release_p) json_t *object = NULL;
    int64_t got = -77;

    snprintf(text, sizeof text, "{\"n\":%s}", number);
    object = parse(text);
    CHECK(json_seconds(object, "n", &got) == (expected != -77));
    CHECK(got == expected);
}

static void test_seconds_are_whole_and_bounded(void)
{
    check_seconds("0", 0);
    check_seconds("1700000000", 1700000000);
    check_seconds("1700000000.9", 1700000000);
    check_seconds("-1.5", -1);
    check_seconds("1.7e9", 1700000000);
    check_seconds("9007199254740991", 9007199254740991);
    check_seconds("-9007199254740991", -9007199254740991);
    check_seconds("9007199254740992", -77);
    check_seconds("-9007199254740992", -77);
    check_seconds("9007199254740993", -77); /* the same double as the one before */
    check_seconds("9007199254740994", -77);
    check_seconds("-9223372036854775808", -77);
    check_seconds("18446744073709551616", -77);
    check_seconds("1e300", -77);
    check_seconds("-1e300", -77);
    check_seconds("\"5\"", -77);
    check_seconds("true", -77);
    check_seconds("null", -77);
}

static void test_every_failing_allocation_is_told(void)
{
    static const char text[] = "{\"a\":\"a long enough string to let the buffer grow .......................\","
                               "\"b\":[1,2.5,{\"c\":null}]}";

    for (int sticky = 0; sticky < 2; sticky++) {
        for (unsigned long n = 1;; n++) {
            json_t *value = NULL;
            unsigned long count;
            enum moidc_code rc;

            mem_fail_at(n, sticky);
            rc = json_object_parse(text, sizeof text - 1, "the thing", &value, &err);
            count = mem_fail_at(0, 0);
            CHECK(rc == (count < n ? MOIDC_OK : MOIDC_E_MEMORY));
            json_release(value);
            if (count < n) {
                break;
            }
        }
    }
}

int main(void)
{
    RUN(test_only_one_object_is_json_here);
    RUN(test_a_byte_order_mark_at_the_beginning_is_passed_over);
    RUN(test_keys_that_stand_twice_are_refused);
    RUN(test_nul_and_broken_utf8_are_refused);
    RUN(test_messages_quote_nothing);
    RUN(test_depth_is_bounded);
    RUN(test_size_is_bounded);
    RUN(test_number_of_values_is_bounded);
    RUN(test_members_are_taken_by_their_type);
    RUN(test_seconds_are_whole_and_bounded);
    RUN(test_every_failing_allocation_is_told);
    return check_summary();
}
