/* SPDX-License-Identifier: MIT */
/* What a program that we run finds open: what we were started with, and nothing of ours (the connections of libcurl among
 * it, which closes few of its descriptors at exec). */
#ifndef CLI_DESCRIPTORS_H
#define CLI_DESCRIPTORS_H

#include <poll.h>

enum { DESCRIPTORS_MOST = 1024 };

struct descriptors {
    struct pollfd at[DESCRIPTORS_MOST];
    int count;
};

/* Notes which descriptors are open: those of whoever started us. */
void descriptors_note(struct descriptors *descriptors);

/* Has all that were opened since closed at exec(). Safe between fork() and exec(). */
void descriptors_close_later(struct descriptors *descriptors);

#endif
