/* SPDX-License-Identifier: MIT */
/* The table that --help, the man page, the completions and the reading of the command line are made from. */
#ifndef COMMAND_H
#define COMMAND_H

#include "program.h"

#include <stdbool.h>
#include <stddef.h>

/* One option of a command: "--server URI", "--server=URI", "-s URI". */
struct option_info {
    const char *name;    /* without the dashes; NULL ends a table */
    char letter;         /* 0: it has none */
    const char *value;   /* what its value is called, "URI"; NULL: it takes none */
    const char *meaning; /* one sentence without its full stop; NULL: it is shown nowhere */
};

enum { OPTIONS_MOST = 16 };

#define CHOICES_COMMANDS "*"

struct arguments;

struct command {
    const char *name;
    const char *operands;    /* what follows the options, as the synopsis shows it; NULL: nothing may */
    const char *choices;     /* the words that an operand can be, or CHOICES_COMMANDS; NULL: any */
    bool rest;               /* operands begin with the first word that is no option, and all after it belong to them */
    const char *summary;     /* one line */
    const char *description; /* sentences, paragraphs parted by an empty line */
    const char *examples;    /* lines for a shell; NULL: none are shown */
    const struct option_info *options;
    /* Returns the exit status. */
    int (*run)(struct program *program, const struct arguments *arguments);
};

/* What every command takes. */
extern const struct option_info OPTIONS_COMMON[];

/* Commands in the order in which they are listed, ended by NULL. */
extern const struct command *const COMMANDS[];

/* The command of that name; NULL when there is none. */
const struct command *command_find(const char *name);

#define OPTION_SERVER                                                                                                  \
    {                                                                                                                  \
        "server", 's', "URI", "the tracking server, when it is not the one that MLFLOW_TRACKING_URI names"             \
    }
#define OPTION_JSON(what)                                                                                              \
    {                                                                                                                  \
        "json", 0, NULL, what " as JSON"                                                                               \
    }

extern const struct command cmd_completion;
extern const struct command cmd_config;
extern const struct command cmd_doctor;
extern const struct command cmd_exec;
extern const struct command cmd_help;
extern const struct command cmd_login;
extern const struct command cmd_logout;
extern const struct command cmd_proxy;
extern const struct command cmd_status;
extern const struct command cmd_token;

#endif
