/* SPDX-License-Identifier: MIT */
#ifndef IO_TERMINAL_H
#define IO_TERMINAL_H

#include <stdbool.h>

/* True when a person may read what is printed: standard error or standard input is a terminal. */
bool terminal_present(void);

#endif
