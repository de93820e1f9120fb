/* SPDX-License-Identifier: MIT */
/* What --help shows, written to the standard output. */
#ifndef HELP_H
#define HELP_H

#include "command.h"

/* The list of commands. */
void help_program(void);
/* One command. */
void help_command(const struct command *command);

#endif
