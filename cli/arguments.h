/* SPDX-License-Identifier: MIT */
/* The command line, read by a command's table. */
#ifndef ARGUMENTS_H
#define ARGUMENTS_H

#include "command.h"

struct arguments {
    const struct command *command;
    const char *values[OPTIONS_MOST]; /* of command->options, in their order; "" for one without a value */
    const char *common[OPTIONS_MOST]; /* of OPTIONS_COMMON */
    char **operands;                  /* ended by NULL */
    int operand_count;
};

/* Reads `argv` (what follows the command's name, ended by NULL; its words are put in another order) into *ret, whose
 * strings borrow from it. False when it is wrong, which has been told. An option given twice counts with its last
 * value; "--" ends the options. */
bool arguments_read(const struct command *command, char **argv, struct arguments *ret);

/* The option's value ("" for one without a value); NULL when it was not given. `name` must stand in the table. */
const char *arguments_value(const struct arguments *arguments, const char *name);
bool arguments_have(const struct arguments *arguments, const char *name);

/* Reads the option as whole seconds from 0 to `most` into *ret, which stays when it was not given. False when it is none,
 * which has been told. */
bool arguments_seconds(const struct arguments *arguments, const char *name, int64_t most, int64_t *ret);

/* True when at most one of the options `names`, ended by NULL, was given; else that has been told. */
bool arguments_at_most_one(const struct arguments *arguments, const char *const *names);

/* How many letters part the two words: insertions, deletions, replacements; 99 for words that are too long. */
int arguments_distance(const char *a, const char *b);

#endif
