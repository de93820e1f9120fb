/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include "check.h"

#include <locale.h>
#include <stdlib.h>

/* Checks what becomes of `text`, in a block of exactly its size, for the address sanitizer. */
static void check_printable(const char *text, const char *expected)
{
    char *copy = strdup(text);

    text_make_printable(copy);
    CHECK_TEXT(copy, expected);
    CHECK(text_is_utf8(copy, strlen(copy)));
    free(copy);
}

static void test_what_can_be_printed_stays(void)
{
    check_printable("", "");
    check_printable("plain ~ text", "plain ~ text");
    check_printable("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x99\x82",
                    "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x99\x82");
    check_printable("\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"); /* U+10FFFF, the last one */
}

static void test_controls_become_question_marks(void)
{
    check_printable("a\r\nSet-Cookie: x\tb", "a??Set-Cookie: x?b");
    check_printable("\x1b[31mred\x1b]0;title\x07", "?[31mred?]0;title?");
    check_printable("\x01\x1f\x7f", "???");
    check_printable("\xc2\x80\xc2\x9b\xc2\x9f", "???"); /* C1, with the terminal's CSI */
    check_printable("a\xe2\x80\xa8"
                    "b\xe2\x80\xa9"
                    "c",
                    "a?b?c"); /* line and paragraph separator */
    check_printable("\xe2\x80\xae"
                    "cod.exe\xe2\x80\xac",
                    "?cod.exe?");                        /* right-to-left override */
    check_printable("\xe2\x81\xa6x\xe2\x81\xa9", "?x?"); /* isolates */
    check_printable("\xd8\x9c\xe2\x80\x8b\xe2\x80\x8f\xef\xbb\xbf", "????");
    check_printable("\xc2\xa0", "\xc2\xa0"); /* the first after C1 */
    /* letters that nobody sees and a reader by machine does: tags, annotations */
    check_printable("\xf3\xa0\x80\x81\xf3\xa0\x81\xbf|\xef\xbf\xb9\xef\xbf\xbb|\xe1\xa0\x8e", "??|??|?");
    /* a soft hyphen, a joiner, fillers of Hangul */
    check_printable("a\xc2\xad|\xcd\x8f|\xe1\x85\x9f\xe1\x85\xa0|\xe3\x85\xa4\xef\xbe\xa0", "a?|?|??|??");
    check_printable("\xf3\xa0\x83\xbf|\xf3\xa0\x87\xb0\xf3\xa0\xbf\xbf|\xf0\x9d\x85\xb3", "?|??|?");
    /* how a letter is drawn, in names and of an emoji */
    check_printable("\xe2\x9d\xa4\xef\xb8\x8f\xe8\x91\x9b\xf3\xa0\x84\x80",
                    "\xe2\x9d\xa4\xef\xb8\x8f\xe8\x91\x9b\xf3\xa0\x84\x80");
}

static void test_visible_text_has_no_spaces_controls_or_letters_beyond_ascii(void)
{
    static const char *const no[] = {"", " ", "a b", "a\r\nb", "a\tb", "\x7f", "\x1f", "\xc3\xb6", "\x80", "\xff"};

    CHECK(text_is_visible("!~aZ09+/=._-", 12) && text_is_visible("a b", 1) && !text_is_visible("a", 0));
    CHECK(!text_is_visible("a\0b", 3));
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
        CHECK(!text_is_visible(no[i], strlen(no[i])));
    }
}

static void test_broken_utf8_becomes_question_marks(void)
{
    check_printable("\x80", "?");
    check_printable("a\xff\xfe"
                    "b",
                    "a??b");
    check_printable("\xc3", "?");
    check_printable("\xe2\x82", "??");
    check_printable("\xf0\x9f\x99", "???");
    check_printable("\xc3(", "?(");
    check_printable("\xc0\xaf", "??");           /* overlong '/' */
    check_printable("\xe0\x80\xaf", "???");      /* overlong '/' */
    check_printable("\xf0\x80\x80\xaf", "????"); /* overlong '/' */
    check_printable("\xed\xa0\x80", "???");      /* surrogate */
    check_printable("\xf4\x90\x80\x80", "????"); /* above U+10FFFF */
    check_printable("\xf8\x88\x80\x80\x80", "?????");
}

static void test_utf8_is_judged_by_rfc_3629(void)
{
    CHECK(text_is_utf8("", 0));
    CHECK(text_is_utf8("a\0b", 3));
    CHECK(text_is_utf8("\xc2\x80", 2));
    CHECK(text_is_utf8("\xe0\xa0\x80", 3));
    CHECK(text_is_utf8("\xed\x9f\xbf\xee\x80\x80", 6)); /* the neighbours of the surrogates */
    CHECK(text_is_utf8("\xf0\x90\x80\x80", 4));
    CHECK(!text_is_utf8("\xc1\xbf", 2));
    CHECK(!text_is_utf8("\xe0\x9f\xbf", 3));
    CHECK(!text_is_utf8("\xed\xa0\x80", 3));
    CHECK(!text_is_utf8("\xed\xbf\xbf", 3));
    CHECK(!text_is_utf8("\xf0\x8f\xbf\xbf", 4));
    CHECK(!text_is_utf8("\xf4\x90\x80\x80", 4));
    CHECK(!text_is_utf8("ab\xc3", 3));
}

static void test_sequences_that_are_cut_off_are_not_read_past(void)
{
    static const char *const cut[] = {"\xc3", "\xe2", "\xe2\x82", "\xf0", "\xf0\x9f", "\xf0\x9f\x99"};

    for (size_t i = 0; i < sizeof cut / sizeof cut[0]; i++) {
        size_t n = strlen(cut[i]);
        char *exact = malloc(n);

        memcpy(exact, cut[i], n);
        CHECK(!text_is_utf8(exact, n));
        free(exact);
    }
}

static void test_case_is_that_of_ascii_alone(void)
{
    CHECK(text_equal_nocase("Bearer", "bEARER"));
    CHECK(text_equal_nocase("", ""));
    CHECK(!text_equal_nocase("Bearer", "Bearer "));
    CHECK(!text_equal_nocase("Bearer", "Beare"));
    CHECK(!text_equal_nocase("@", "`")); /* the neighbours of A and a */
    CHECK(!text_equal_nocase("[", "{"));
    CHECK(!text_equal_nocase("\xc3\x84", "\xc3\xa4"));
    CHECK(text_begins_nocase("HTTPS://x", "https://", 8));
    CHECK(!text_begins_nocase("HTTP", "https://", 8));
    CHECK(text_begins_nocase("ab", "AB", 100));
    CHECK(text_begins_nocase("ab", "xy", 0));
}

static void test_locale_changes_no_comparison(void)
{
    /* a Turkish I is another letter; where the locale is not installed, this shows nothing */
    setlocale(LC_ALL, "tr_TR.ISO-8859-9");
    CHECK(text_equal_nocase("ID", "id"));
    setlocale(LC_ALL, "C");
}

static void test_words_are_found_whole(void)
{
    CHECK(text_has_word("openid profile email", "openid"));
    CHECK(text_has_word("openid profile email", "email"));
    CHECK(text_has_word("  openid   email ", "email"));
    CHECK(!text_has_word("openid profile", "open"));
    CHECK(!text_has_word("openid profile", "id"));
    CHECK(!text_has_word("openid profile", "openid profile"));
    CHECK(!text_has_word("OPENID", "openid")); /* RFC 6749 §3.3: case counts */
    CHECK(!text_has_word("a\tb", "b"));
    CHECK(!text_has_word("", "a"));
}

static void test_distance_counts_the_typing_mistakes(void)
{
    char longest[64] = {0};
    char too_long[65] = {0};

    memset(longest, 'a', 63);
    memset(too_long, 'a', 64);
    CHECK(text_distance("", "") == 0);
    CHECK(text_distance("client-id", "client-id") == 0);
    CHECK(text_distance("client-id", "client_id") == 1);
    CHECK(text_distance("clientid", "client-id") == 1);
    CHECK(text_distance("isuser", "issuer") == 2);
    CHECK(text_distance("kitten", "sitting") == 3);
    CHECK(text_distance("", "abc") == 3);
    CHECK(text_distance("abc", "") == 3);
    CHECK(text_distance(longest, "") == 63);
    CHECK(text_distance(longest, longest) == 0);
    CHECK(text_distance(too_long, "a") == 99);
    CHECK(text_distance("a", too_long) == 99);
}

static void check_word(const char *text, const char *expected)
{
    char word[40];

    text_shell_word(text, word, sizeof word);
    CHECK(strcmp(word, expected) == 0);
}

static void test_a_shell_finds_one_word_and_nothing_to_run(void)
{
    check_word("https://a.example/b?c", "'https://a.example/b?c'");
    check_word("https://a.example/b", "https://a.example/b");
    check_word("", "''");
    check_word("a b", "'a b'");
    check_word("$(rm)", "'$(rm)'");
    check_word("~", "'~'");
    check_word("a'b", "'a'\\''b'");
    check_word("0123456789012345678901234567890123456789", "...");
    check_word("012345678901234567890123456789012345678", "012345678901234567890123456789012345678");
    check_word("$12345678901234567890123456789012345678", "...");
}

static void test_ascii_ends_at_127(void)
{
    CHECK(text_is_ascii("") && text_is_ascii("\x01 ~\x7f"));
    CHECK(!text_is_ascii("a\xc2\x80") && !text_is_ascii("\xff"));
}

static void test_two_hex_digits_are_an_octet(void)
{
    CHECK(text_hex('0') == 0 && text_hex('9') == 9 && text_hex('a') == 10 && text_hex('F') == 15);
    CHECK(text_hex('g') == -1 && text_hex('/') == -1 && text_hex(':') == -1 && text_hex('@') == -1 &&
          text_hex('\0') == -1);
    CHECK(text_octet("00") == 0 && text_octet("7f") == 127 && text_octet("Ff") == 255);
    CHECK(text_octet("") == -1 && text_octet("0") == -1 && text_octet("g0") == -1 && text_octet("0g") == -1);
}

int main(void)
{
    RUN(test_ascii_ends_at_127);
    RUN(test_two_hex_digits_are_an_octet);
    RUN(test_what_can_be_printed_stays);
    RUN(test_controls_become_question_marks);
    RUN(test_visible_text_has_no_spaces_controls_or_letters_beyond_ascii);
    RUN(test_broken_utf8_becomes_question_marks);
    RUN(test_utf8_is_judged_by_rfc_3629);
    RUN(test_sequences_that_are_cut_off_are_not_read_past);
    RUN(test_case_is_that_of_ascii_alone);
    RUN(test_locale_changes_no_comparison);
    RUN(test_words_are_found_whole);
    RUN(test_distance_counts_the_typing_mistakes);
    RUN(test_a_shell_finds_one_word_and_nothing_to_run);
    return check_summary();
}
