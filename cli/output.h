/* SPDX-License-Identifier: MIT */
/* Data, on stdout: gathered, written in as few pieces as can be, and checked. What was written is wiped, for a token may
 * have been in it. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#define PRINTF(text, first) __attribute__((format(printf, text, first)))

void output_bytes(const char *bytes, size_t n);
void output_text(const char *text);
/* At most 4 KiB at a time; what is longer is cut off. */
void output_format(const char *format, ...) PRINTF(1, 2);

void output_spaces(int n);
/* `text` and a line end, its words in lines of at most `most` columns, one that is longer in a line of its own; all but the
 * first are indented by `indent`, which is the column that the first begins at. An empty line parts paragraphs. */
void output_wrapped(const char *text, int indent, int most);

/* `text` as one word of a shell's command line, between single quotes. */
void output_shell_word(const char *text);

/* Writes what there is, for what takes its time. */
void output_flush(void);

/* Writes what is left. False when stdout did not take all (a full disk, a closed pipe or descriptor); that has been told,
 * once, but where nobody wants to hear it: a reader such as head that has seen enough. */
bool output_end(void);

/* True when what went wrong is that nobody reads any more. */
bool output_is_unread(void);

/* True when stdout is a terminal that colours are welcome on. */
bool output_is_coloured(void);

#endif
