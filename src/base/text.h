/* SPDX-License-Identifier: MIT */
/* Strings that came from strangers. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Replaces, in place, every control character (C0, DEL, C1, line separators, bidirectional controls, tags and others that
 * nobody sees) and every byte that is not part of well-formed UTF-8 (RFC 3629) by '?'; the text never gets longer. */
void text_make_printable(char *s);

/* True when the `n` bytes are well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates. */
bool text_is_utf8(const char *s, size_t n);

/* True when the `n` bytes, at least one, are visible ASCII without spaces: they end no header line and begin none. */
bool text_is_visible(const char *s, size_t n);

/* True when all of the text is ASCII. */
bool text_is_ascii(const char *s);

/* The value of a hex digit of either case; -1: it is none. */
int text_hex(char c);
/* The octet that two of them are; -1 where one is none. The second character is not read where the first is none. */
int text_octet(const char *digits);

/* Not tolower(): what that takes for a letter follows the locale (a Turkish one has another small I). */
static inline char text_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* True when the two strings are equal but for the case of A-Z. */
bool text_equal_nocase(const char *a, const char *b);
/* The same of their first `n` bytes, or as many as there are. */
bool text_begins_nocase(const char *a, const char *b, size_t n);

/* True when `word` is one of the space-separated words of `list` (RFC 6749 §3.3). */
bool text_has_word(const char *list, const char *word);

/* `text` as one word of a shell's command line: as it is where no shell finds anything in it, else between single quotes.
 * What does not fit into `ret` becomes "...". */
void text_shell_word(const char *text, char *ret, size_t size);

/* How many insertions, deletions and replacements turn `a` into `b`; 99 for strings longer than 63. */
int text_distance(const char *a, const char *b);

#endif
