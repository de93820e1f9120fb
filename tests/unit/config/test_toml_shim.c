/* SPDX-License-Identifier: MIT */
#include "config/toml_shim.h"

#include "check.h"

#include <stdlib.h>

static const char *const PATH[] = {"servers", NULL};
static const char *const DEEP_PATH[] = {"tool", "ours", "servers", NULL};

static struct toml_result result;
static size_t blocks;
static char seen[4096];
static int stop_after;

/* Writes "block.key=kind:text@line;" for each call. */
static int note(void *ctx, const struct toml_value *value)
{
    size_t n = strlen(seen);
    char text[41] = "";

    (void)ctx;
    memcpy(text, value->text != NULL ? value->text : "",
           value->text == NULL  ? 0
           : value->length < 40 ? value->length
                                : 40);
    for (size_t i = 0; value->kind > TOML_OTHER && i < value->length && i < 40; i++) {
        text[i] = text[i] == '\0' ? '/' : text[i];
    }
    if (value->key == NULL) {
        snprintf(seen + n, sizeof seen - n, "%zu@%d;", value->block, value->line);
    } else {
        snprintf(seen + n, sizeof seen - n, "%zu.%.40s=%d:%.40s@%d;", value->block, value->key, (int)value->kind, text,
                 value->line);
        CHECK(value->kind == TOML_STRING || value->kind > TOML_OTHER || strlen(value->text) == value->length);
    }
    return stop_after != 0 && --stop_after == 0;
}

static enum toml_status visit_bytes(const char *bytes, size_t n, const char *const *path)
{
    char *copy = malloc(n != 0 ? n : 1); /* of exactly that size, for the address sanitizer */
    enum toml_status status;

    memcpy(copy, bytes, n);
    memset(&result, 0, sizeof result);
    seen[0] = '\0';
    blocks = 77;
    status = toml_visit(copy, n, path, note, NULL, &blocks, &result);
    free(copy);
    CHECK((status == TOML_MALFORMED) == (result.message[0] != '\0'));
    CHECK(status == TOML_OK || blocks == 77);
    return status;
}

static enum toml_status visit(const char *text)
{
    return visit_bytes(text, strlen(text), PATH);
}

/* `before`, `n` times `middle`, `after`. */
static char *repeat(const char *before, const char *middle, size_t n, const char *after)
{
    size_t length = strlen(middle);
    char *text = malloc(strlen(before) + n * length + strlen(after) + 1);
    char *p = stpcpy(text, before);

    for (size_t i = 0; i < n; i++) {
        p = stpcpy(p, middle);
    }
    strcpy(p, after);
    return text;
}

static enum toml_status visit_repeated(const char *before, const char *middle, size_t n, const char *after)
{
    char *text = repeat(before, middle, n, after);
    enum toml_status status = visit(text);

    free(text);
    return status;
}

static void test_blocks_and_keys_are_visited_with_lines(void)
{
    CHECK(visit("# head\n[[servers]]\nb = \"x\"\na = true\n\n[[servers]]\nc = -17\n") == TOML_OK);
    CHECK(blocks == 2);
    CHECK_TEXT(seen, "0@2;0.a=1:true@4;0.b=0:x@3;1@6;1.c=2:-17@7;");
}

static void test_path_is_followed(void)
{
    const char *text = "[tool.other]\nservers = 1\n[[tool.ours.servers]]\na = 'x'\n";

    CHECK(visit_bytes(text, strlen(text), DEEP_PATH) == TOML_OK);
    CHECK_TEXT(seen, "0@3;0.a=0:x@4;");
    CHECK(visit(text) == TOML_ABSENT);
}

static void check_stray(const char *text, const char *const *path, const char *stray, int line)
{
    CHECK(visit_bytes(text, strlen(text), path) != TOML_MALFORMED);
    CHECK_TEXT(result.stray, stray);
    CHECK(result.stray_line == line);
}

static void test_keys_beside_the_path_are_noted(void)
{
    check_stray("\nserver = 1\ntitle = 2\n", PATH, "server", 2);
    check_stray("servers = []\n", PATH, "", 0);
    check_stray("servers = []\nx = 1\n", PATH, "x", 2);
    check_stray("[tool.other]\nservers = 1\n[[tool.ours.servers]]\n", DEEP_PATH, "", 0);
    check_stray("[tool.OURS]\n", DEEP_PATH, "OURS", 1);
    check_stray("[ours]\n", DEEP_PATH, "ours", 1);
    check_stray("[servers]\n[tool]\n", DEEP_PATH, "", 0);
    check_stray("[tool.servers]\n", DEEP_PATH, "servers", 1);
    check_stray("[tool.ours]\nother = 1\n", DEEP_PATH, "other", 2);
    check_stray("0123456789012345678901234567890123456789012345678901234567890123456789 = 1", PATH,
                "0123456789012345678901234567890123456789012345678901234567890123", 1);
}

static void test_inline_blocks_count_too(void)
{
    CHECK(visit("servers = [ { a = 'x' }, {} ]") == TOML_OK);
    CHECK(blocks == 2);
    CHECK_TEXT(seen, "0@1;0.a=0:x@1;1@1;");
}

static void test_empty_array_is_fine(void)
{
    CHECK(visit("servers = []") == TOML_OK);
    CHECK(blocks == 0);
    CHECK(visit("[[servers]]") == TOML_OK);
    CHECK(blocks == 1);
}

static void test_document_without_the_array_is_absent(void)
{
    CHECK(visit("") == TOML_ABSENT);
    CHECK(visit("server = 1") == TOML_ABSENT);
    CHECK(visit_bytes("[tool]\n", 7, DEEP_PATH) == TOML_ABSENT);
}

static void test_wrong_shapes_are_malformed_and_say_where(void)
{
    CHECK(visit("\nservers = 5") == TOML_MALFORMED);
    CHECK(result.line == 2);
    CHECK_CONTAINS(result.message, "array of tables");
    CHECK_CONTAINS(result.message, "integer");
    CHECK(visit("[servers]\na = 1") == TOML_MALFORMED);
    CHECK(result.line == 1);
    CHECK(visit("servers = [\n{a = 1},\n5]") == TOML_MALFORMED);
    CHECK(result.line == 3);
    CHECK(visit("servers = [[{a = 1}]]") == TOML_MALFORMED);
    CHECK(visit_bytes("tool = 5", 8, DEEP_PATH) == TOML_MALFORMED);
    CHECK(result.line == 1);
    CHECK(visit_bytes("tool = []", 9, DEEP_PATH) == TOML_MALFORMED);
}

static void test_every_kind_has_a_name(void)
{
    CHECK(visit("[[servers]]\na=1979-05-27\nb=07:32:00\nc=1979-05-27T07:32:00Z\nd=1.5\ne=[]\nf={}\ng=inf") == TOML_OK);
    CHECK_TEXT(seen, "0@1;0.a=3:date@2;0.b=3:time@3;0.c=3:date-time@4;0.d=3:float@5;0.e=4:@6;0.f=5:@7;"
                     "0.g=3:float@8;");
}

static void test_arrays_and_tables_of_strings_are_read(void)
{
    CHECK(visit("[[servers]]\na=['x','']\nb={z='1',c='2'}\nc={z={}}\nd=['x',1]\ne=[\"\\u0000\"]\nf={\"\\u0000\"=''}") ==
          TOML_OK);
    CHECK_TEXT(seen, "0@1;0.a=4:x//@2;0.b=5:c/2/z/1/@3;0.c=3:table@4;0.d=3:array@5;0.e=3:array@6;0.f=3:table@7;");
}

static void test_strings_may_hold_nul_and_keys_may_not(void)
{
    CHECK(visit("[[servers]]\na = \"x\\u0000y\"") == TOML_OK);
    CHECK(visit("[[servers]]\n\"client-id\\u0000x\" = 1") == TOML_MALFORMED);
    CHECK(result.line == 2);
}

static void test_visitor_stops_the_walk(void)
{
    stop_after = 1;
    CHECK(visit("[[servers]]\na = 1\nb = 2") == TOML_STOPPED);
    CHECK_TEXT(seen, "0@1;");
    stop_after = 2;
    CHECK(visit("[[servers]]\na = 1\nb = 2") == TOML_STOPPED);
    CHECK_TEXT(seen, "0@1;0.a=2:1@2;");
    stop_after = 0;
}

static void test_crlf_and_bom_are_read(void)
{
    CHECK(visit("\xef\xbb\xbf[[servers]]\r\na = 'x'\r\n") == TOML_OK);
    CHECK_TEXT(seen, "0@1;0.a=0:x@2;");
}

static void test_bad_bytes_are_malformed(void)
{
    CHECK(visit_bytes("[[servers]]\na = 'x\0y'", 21, PATH) == TOML_MALFORMED);
    CHECK(visit_bytes("\0", 1, PATH) == TOML_MALFORMED);
    CHECK(visit("[[servers]]\na = '\xff'") == TOML_MALFORMED);
    CHECK(visit("[[servers]]\na = '\xc0\xaf'") == TOML_MALFORMED);
    CHECK(visit("[[servers]]\na = '\xed\xa0\x80'") == TOML_MALFORMED);
    CHECK(visit("[[servers]]\na = '\xe2\x82") == TOML_MALFORMED);
    CHECK(visit("\xff\xfe[\0[\0") == TOML_MALFORMED);
}

/* toml++ tells the compiler that it never meets these; the sanitizer tells when it does. */
static void test_letters_outside_of_strings_are_malformed(void)
{
    static const char *const texts[] = {
        "\xc2\xa1 = 1\n",  "\xc3\xa4 = 1\n",       "\xef\xbb\xb7[a]\n",          "a = \xe1\x9a\x81\n",
        "a\xd2\x81 = 1\n", "a = 1 \xe2\x83\xbf\n", "a = \"\"\"\\\xc3\xa4\"\"\"", "[\xef\xac\x80]\n"};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        CHECK(visit(texts[i]) == TOML_MALFORMED);
    }
}

static void test_faults_have_a_line(void)
{
    CHECK(visit("a = 1\nb = \n") == TOML_MALFORMED);
    CHECK(result.line == 2);
    CHECK(visit("a = 1\na = 2") == TOML_MALFORMED);
    CHECK(result.line == 2);
    CHECK(visit("a = \"x") == TOML_MALFORMED);
    CHECK(result.line == 1);
    CHECK(visit("[[servers]\n") == TOML_MALFORMED);
}

static void test_messages_quote_no_value(void)
{
    static const char *const values[] = {
        "hunter2secret",     "12345678901234567890123", "thunter2secret",  "fhunter2secret",   "ihunter2secret",
        "1e999999hunter2",   "0xhunter2secret",         "12hunter2secret", "'a'hunter2secret", "\"\\hunter2\"",
        "99999999999999999", "2020-99-99hunter2",       "-hunter2secret",  "\"x\"\"hunter2\"", "hunter2'secret",
        "0b99992222secret",  "'''hunter2secret",        "{hunter2secret}", "[hunter2secret]",  "9.9hunter2secret"};

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char text[128];

        snprintf(text, sizeof text, "[[servers]]\nclient-secret = %s\n", values[i]);
        visit(text);
        CHECK(strstr(result.message, " saw ") == NULL);
        CHECK(strstr(result.message, "unter2") == NULL && strstr(result.message, "ecret") == NULL);
        CHECK(strstr(result.message, "1234567") == NULL && strstr(result.message, "9999") == NULL);
    }
}

static void test_size_is_bounded(void)
{
    CHECK(visit_repeated("[[servers]]\n#", "x", TOML_MOST_BYTES - 13, "") == TOML_OK);
    CHECK(visit_repeated("[[servers]]\n#", "x", TOML_MOST_BYTES - 12, "") == TOML_MALFORMED);
    CHECK_CONTAINS(result.message, "256 KiB");
}

static void test_dots_of_a_key_are_bounded(void)
{
    CHECK(visit_repeated("\n\na", ".a", 32, " = 1") == TOML_ABSENT);
    CHECK(visit_repeated("\n\na", ".a", 33, " = 1") == TOML_MALFORMED);
    CHECK(result.line == 3);
    CHECK_CONTAINS(result.message, "32 dots");
    CHECK(visit_repeated("[a", ".a", 33, "]") == TOML_MALFORMED);
    CHECK(visit_repeated("a", " . \"b\" . 'c'", 17, " = 1") == TOML_MALFORMED);
    CHECK_CONTAINS(result.message, "32 dots");
    CHECK(visit_repeated("x = { a", ".a", 33, " = 1 }") == TOML_MALFORMED);
    CHECK_CONTAINS(result.message, "32 dots");
    CHECK(visit_repeated("x = ['''a'''', {a", ".a", 10000, " = 1}]") == TOML_MALFORMED);
    CHECK_CONTAINS(result.message, "32 dots");
    CHECK(visit_repeated("x = '''a''''' # '''\na", ".a", 100000, " = 1") == TOML_MALFORMED);
    CHECK_CONTAINS(result.message, "32 dots");
    CHECK(visit_repeated("x = \"\"\"a\\\"\"\"\"\na", ".a", 100000, " = 1") == TOML_MALFORMED);
    CHECK_CONTAINS(result.message, "32 dots");
}

static void test_dots_elsewhere_are_not_counted(void)
{
    CHECK(visit_repeated("a = '", ".", 100, "'") == TOML_ABSENT);
    CHECK(visit_repeated("a = \"\\\"", ".", 100, "\"") == TOML_ABSENT);
    CHECK(visit_repeated("a = '''\n'\n", ".", 100, "'''") == TOML_ABSENT);
    CHECK(visit_repeated("a = \"\"\"\n\\\"\"\"", ".", 100, "\"\"\"\"\"") == TOML_ABSENT);
    CHECK(visit_repeated("# '", ".", 100, "") == TOML_ABSENT);
    CHECK(visit_repeated("a = [", "1.5, ", 100, "]") == TOML_ABSENT);
    CHECK(visit_repeated("'", ".", 100, "' = 1") == TOML_ABSENT);
    CHECK(visit_repeated("", "[t]\na.b = 1\n[[u]]\n", 1, "") == TOML_ABSENT);
}

static void test_depth_is_bounded(void)
{
    CHECK(visit_repeated("a = ", "[", 12, "]]]]]]]]]]]]") == TOML_ABSENT);
    CHECK(visit_repeated("a = ", "[", 100000, "") == TOML_MALFORMED);
    CHECK(visit_repeated("a = ", "[[", 100000, "]]") == TOML_MALFORMED);
    CHECK(visit_repeated("a = ", "{a=", 80000, "1") == TOML_MALFORMED);
    CHECK(visit_repeated("", "[", 200000, "") == TOML_MALFORMED);
    CHECK(visit_repeated("a = ", "[{a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a=", 3000, "") ==
          TOML_MALFORMED);
}

static void test_deepest_document_allowed_is_read_and_freed(void)
{
    char *nested = repeat("{a", ".a", 32, " = ");
    char *end = repeat("1", "}", 14, "");

    CHECK(visit_repeated("a = ", nested, 14, end) == TOML_ABSENT);
    free(nested);
    free(end);
}

static void test_huge_keys_and_many_keys_end(void)
{
    char *text = malloc(TOML_MOST_BYTES + 64);
    size_t n = 0;

    CHECK(visit_repeated("[[servers]]\n", "k", 200000, " = 1") == TOML_OK);
    CHECK(visit_repeated("", "[[servers]]\n", 20000, "") == TOML_OK);
    CHECK(blocks == 20000);
    for (int i = 0; n + 32 < TOML_MOST_BYTES; i++) {
        n += (size_t)sprintf(text + n, "%s\n", i == 0 ? "[[servers]]" : "");
        n += (size_t)sprintf(text + n, "k%d.x=%d", i, i);
    }
    CHECK(visit_bytes(text, n, PATH) == TOML_OK);
    free(text);
}

static void test_every_truncation_and_every_changed_byte_ends(void)
{
    static const char text[] = "[[servers]]\nuri = \"http://h/\" # c\na.b = '''x\ny'''\nd = 1979-05-27T07:32:00.5Z\n"
                               "e = [1, {f = \"\"\"\\u00e9\"\"\"}]\ng = 0x1f\nh = -1e5\n";
    char copy[sizeof text];

    for (size_t i = 0; i < sizeof text; i++) {
        visit_bytes(text, i, PATH);
        for (int byte = 0; byte < 256; byte += 5) {
            memcpy(copy, text, sizeof text);
            copy[i] = (char)byte;
            visit_bytes(copy, sizeof text - 1, PATH);
        }
    }
}

int main(void)
{
    RUN(test_blocks_and_keys_are_visited_with_lines);
    RUN(test_path_is_followed);
    RUN(test_keys_beside_the_path_are_noted);
    RUN(test_inline_blocks_count_too);
    RUN(test_empty_array_is_fine);
    RUN(test_document_without_the_array_is_absent);
    RUN(test_wrong_shapes_are_malformed_and_say_where);
    RUN(test_every_kind_has_a_name);
    RUN(test_arrays_and_tables_of_strings_are_read);
    RUN(test_strings_may_hold_nul_and_keys_may_not);
    RUN(test_visitor_stops_the_walk);
    RUN(test_crlf_and_bom_are_read);
    RUN(test_bad_bytes_are_malformed);
    RUN(test_letters_outside_of_strings_are_malformed);
    RUN(test_faults_have_a_line);
    RUN(test_messages_quote_no_value);
    RUN(test_size_is_bounded);
    RUN(test_dots_of_a_key_are_bounded);
    RUN(test_dots_elsewhere_are_not_counted);
    RUN(test_depth_is_bounded);
    RUN(test_deepest_document_allowed_is_read_and_freed);
    RUN(test_huge_keys_and_many_keys_end);
    RUN(test_every_truncation_and_every_changed_byte_ends);
    return check_summary();
}
