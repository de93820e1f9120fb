/* SPDX-License-Identifier: MIT */
/* mlflow-oidc: the program. One table of commands; each is in its own cmd_<name>.c. */
#include "arguments.h"
#include "command.h"
#include "help.h"
#include "message.h"
#include "output.h"
#include "terminal.h"

#include <stdio.h>
#include <string.h>

const struct option_info OPTIONS_COMMON[] = {
    {"verbose", 'v', NULL, "tell on stderr what is done"},
    {"help", 'h', NULL, "show this help"},
    {NULL, 0, NULL, NULL},
};

const struct command *const COMMANDS[] = {
    &cmd_login, &cmd_logout, &cmd_token,      &cmd_status, &cmd_config, &cmd_doctor,
    &cmd_exec,  &cmd_proxy,  &cmd_completion, &cmd_help,   NULL,
};

const struct command *command_find(const char *name)
{
    for (const struct command *const *command = COMMANDS; *command != NULL; command++) {
        if (strcmp((*command)->name, name) == 0) {
            return *command;
        }
    }
    return NULL;
}

static int no_command(void)
{
    char names[200] = "";

    for (const struct command *const *command = COMMANDS; *command != NULL; command++) {
        size_t n = strlen(names);

        snprintf(names + n, sizeof names - n, "%s%s", n > 0 ? ", " : "", (*command)->name);
    }
    message_usage(NULL, "which command: %s?", names);
    return STATUS_USAGE;
}

static bool stands_in(const struct option_info *option, const char *word)
{
    size_t n = strncmp(word, "--", 2) == 0 ? strcspn(word + 2, "=") : 0;

    for (; option->name != NULL; option++) {
        if (n > 0 ? strlen(option->name) == n && memcmp(option->name, word + 2, n) == 0
                  : option->letter != 0 && word[1] == option->letter) {
            return true;
        }
    }
    return false;
}

/* True for an option that a command has: it was written before its command. */
static bool is_option(const char *word)
{
    for (const struct command *const *command = COMMANDS; *command != NULL; command++) {
        if (stands_in((*command)->options, word)) {
            return true;
        }
    }
    return stands_in(OPTIONS_COMMON, word);
}

static int unknown_command(const char *word)
{
    const char *best = NULL;
    int distance = 4; /* further away it is a guess, not a slip */

    if (word[0] == '-' && is_option(word)) {
        message_usage(NULL, "options stand after the command, and \"%.100s\" before it", word);
        return STATUS_USAGE;
    }
    for (const struct command *const *command = COMMANDS; *command != NULL; command++) {
        int d = arguments_distance(word, (*command)->name);

        if (d < distance && d * 2 <= (int)strlen((*command)->name)) {
            best = (*command)->name;
            distance = d;
        }
    }
    message_usage(NULL, "there is no %s \"%.100s\"%s%s%s", word[0] == '-' ? "option" : "command", word,
                  best != NULL ? ": did you mean " : "", best != NULL ? best : "", best != NULL ? "?" : "");
    return STATUS_USAGE;
}

static int run(struct program *program, char **argv)
{
    const struct command *command = command_find(argv[0]);
    struct arguments arguments;

    if (command == NULL) {
        return unknown_command(argv[0]);
    }
    if (!arguments_read(command, argv + 1, &arguments)) {
        return STATUS_USAGE;
    }
    program->verbose = arguments_have(&arguments, "verbose");
    if (arguments_have(&arguments, "help")) {
        help_command(command);
        return STATUS_DONE;
    }
    return command->run(program, &arguments);
}

static bool is_one_of(const char *word, const char *a, const char *b)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

int main(int argc, char **argv)
{
    struct program program = {.env = NULL, .client = NULL};
    int status = STATUS_FAILED;

    if (program_init(&program)) {
        if (argc < 2) {
            status = no_command();
        } else if (is_one_of(argv[1], "--version", "-V")) {
            output_text("mlflow-oidc " MOIDC_VERSION "\n");
            status = STATUS_DONE;
        } else if (is_one_of(argv[1], "--help", "-h")) {
            help_program();
            status = STATUS_DONE;
        } else {
            status = run(&program, argv + 1);
        }
    }
    program_clear(&program);
    if (!output_end()) {
        status = status == STATUS_DONE ? STATUS_FAILED : status;
        if (output_is_unread()) {
            terminal_pipe_end();
        }
    }
    return status;
}
