/* SPDX-License-Identifier: MIT */
#include "help.h"

#include "output.h"
#include "terminal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WIDTH = 79, WIDTH_LEAST = 40, INDENT = 2 };

static int width(void)
{
    int columns = terminal_columns(STDOUT_FILENO);

    return columns == 0 || columns > WIDTH ? WIDTH : columns > WIDTH_LEAST ? columns - 1 : WIDTH_LEAST;
}

static void heading(const char *text)
{
    bool coloured = output_is_coloured();

    output_format("\n%s%s%s\n", coloured ? "\033[1m" : "", text, coloured ? "\033[0m" : "");
}

/* Two columns: a term and its meaning, which goes below a term that is too long. */
static void row(const char *term, const char *meaning, int column)
{
    int n = (int)strlen(term);

    output_spaces(INDENT);
    output_text(term);
    if (INDENT + n + 2 > column) {
        output_text("\n");
        n = -INDENT;
    }
    output_spaces(column - INDENT - n);
    output_wrapped(meaning, column, width());
}

static void options(const struct option_info *info)
{
    char term[64];

    for (; info->name != NULL; info++) {
        if (info->meaning == NULL) {
            continue;
        }
        snprintf(term, sizeof term, "%c%c%s--%s%s%s", info->letter != 0 ? '-' : ' ',
                 info->letter != 0 ? info->letter : ' ', info->letter != 0 ? ", " : "  ", info->name,
                 info->value != NULL ? " " : "", info->value != NULL ? info->value : "");
        row(term, info->meaning, 26);
    }
}

/* Lines as they are typed: none is wrapped. */
static void examples(const char *lines)
{
    heading("Examples");
    while (*lines != '\0') {
        size_t n = strcspn(lines, "\n");

        output_spaces(INDENT);
        output_bytes(lines, n);
        output_text("\n");
        lines += n + (lines[n] == '\n');
    }
}

void help_program(void)
{
    output_text("Usage: mlflow-oidc COMMAND [OPTIONS]\n\n");
    output_wrapped(
        "Signs in to an MLflow tracking server that stands behind an OAuth 2.1 / OpenID Connect proxy. Settings and "
        "tokens are those of the plugin mlflow-oidc-client: signing in with one signs in the other.",
        0, width());
    heading("Commands");
    for (const struct command *const *command = COMMANDS; *command != NULL; command++) {
        row((*command)->name, (*command)->summary, 14);
    }
    heading("Options");
    options(OPTIONS_COMMON);
    row("    --version", "show the version", 26);
    heading("Exit status");
    row("0", "done", 6);
    row("1", "failed", 6);
    row("2", "wrong usage or settings, or cancelled (Ctrl-C)", 6);
    row("4", "a person has to sign in: mlflow-oidc login", 6);
    output_text("\n");
    output_wrapped("mlflow-oidc COMMAND --help tells more of a command, man mlflow-oidc of the settings.", 0, width());
}

void help_command(const struct command *command)
{
    output_format("Usage: mlflow-oidc %s [OPTIONS]%s%s\n\n", command->name, command->operands != NULL ? " " : "",
                  command->operands != NULL ? command->operands : "");
    output_wrapped(command->description, 0, width());
    heading("Options");
    options(command->options);
    options(OPTIONS_COMMON);
    if (command->examples != NULL) {
        examples(command->examples);
    }
}
