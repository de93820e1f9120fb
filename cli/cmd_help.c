/* SPDX-License-Identifier: MIT */
#include "arguments.h"
#include "help.h"
#include "manual.h"
#include "message.h"

static const struct option_info options[] = {
    {"man", 0, NULL, NULL}, /* the man page, for the build */
    {NULL, 0, NULL, NULL},
};

static int run(struct program *program, const struct arguments *arguments)
{
    const struct command *command = NULL;

    (void)program;
    if (arguments_have(arguments, "man")) {
        manual_write();
        return STATUS_DONE;
    }
    if (arguments->operand_count == 0) {
        help_program();
        return STATUS_DONE;
    }
    command = command_find(arguments->operands[0]);
    if (command == NULL) {
        message_usage(NULL, "there is no command \"%.100s\"", arguments->operands[0]);
        return STATUS_USAGE;
    }
    help_command(command);
    return STATUS_DONE;
}

const struct command cmd_help = {
    .name = "help",
    .operands = "[COMMAND]",
    .choices = CHOICES_COMMANDS,
    .summary = "show the commands, or one in full",
    .description = "Shows the list of commands, or the help of one.",
    .options = options,
    .run = run,
};
