/* SPDX-License-Identifier: MIT */
/* Completions for shells, from the table of commands. Texts in it are our own: what has a meaning to a shell between
 * single quotes, the quote itself, does not stand in them but is taken care of. */
#include "arguments.h"
#include "message.h"
#include "output.h"

#include <string.h>

static const struct option_info options[] = {
    {NULL, 0, NULL, NULL},
};

static bool is_shown(const struct option_info *option)
{
    return option->meaning != NULL;
}

/* Calls `each` for every option of the command that is shown, the common ones last. */
static void each_option(const struct command *command, void (*each)(const struct option_info *option))
{
    const struct option_info *const tables[] = {command->options, OPTIONS_COMMON};

    for (size_t i = 0; i < 2; i++) {
        for (const struct option_info *option = tables[i]; option->name != NULL; option++) {
            if (is_shown(option)) {
                each(option);
            }
        }
    }
}

static void each_command(void (*each)(const struct command *command))
{
    for (const struct command *const *command = COMMANDS; *command != NULL; command++) {
        each(*command);
    }
}

/* The words that may follow the command, for a shell. */
static void operand_words(const struct command *command)
{
    if (command->choices == NULL) {
        return;
    }
    if (strcmp(command->choices, CHOICES_COMMANDS) != 0) {
        output_format(" %s", command->choices);
        return;
    }
    for (const struct command *const *other = COMMANDS; *other != NULL; other++) {
        output_format(" %s", (*other)->name);
    }
}

/* Escapes for the inside of single quotes: of a shell, and with `also` characters that get a backslash. */
static void quoted(const char *text, const char *also)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            output_text("'\\''");
        } else {
            output_format("%s%c", strchr(also, *text) != NULL ? "\\" : "", *text);
        }
    }
}

/* --- bash --- */
static void bash_option(const struct option_info *option)
{
    output_format(" --%s%s", option->name, option->value != NULL ? "=" : "");
}

static void bash_command(const struct command *command)
{
    output_format("    %s) words='", command->name);
    each_option(command, bash_option);
    operand_words(command);
    output_format("' rest=%s ;;\n", command->rest ? "yes" : "");
}

static void bash_name(const struct command *command)
{
    output_format(" %s", command->name);
}

static void bash(void)
{
    output_text("# bash completion for mlflow-oidc: source <(mlflow-oidc completion bash)\n"
                "_mlflow_oidc() {\n"
                "    local word=${COMP_WORDS[COMP_CWORD]} words= rest= i\n"
                "    COMPREPLY=()\n"
                "    case ${COMP_WORDS[1]} in\n");
    each_command(bash_command);
    output_text("    esac\n"
                "    if [ \"$COMP_CWORD\" = 1 ]; then\n"
                "        words='--help --version");
    each_command(bash_name);
    output_text(
        "'\n"
        "    fi\n"
        "    for ((i = 2; i < COMP_CWORD; i++)); do\n"
        "        if [ -n \"$rest\" ] && { [ \"${COMP_WORDS[i]}\" = -- ] || [[ ${COMP_WORDS[i]} != -* ]]; }; then\n"
        "            return # the command to be run, completed as any other\n"
        "        fi\n"
        "    done\n"
        "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
        "    if [[ ${COMPREPLY[0]} == *= ]]; then\n"
        "        compopt -o nospace\n"
        "    fi\n"
        "}\n"
        "complete -o bashdefault -o default -F _mlflow_oidc mlflow-oidc\n");
}

/* --- zsh --- */
static void zsh_name(const struct command *command)
{
    output_format("        '%s:", command->name);
    quoted(command->summary, ":\\");
    output_text("'\n");
}

static void zsh_option(const struct option_info *option)
{
    const char *equals = option->value != NULL ? "=" : "";

    if (option->letter != 0) {
        output_format(" '(-%c --%s)'{-%c%s,--%s%s}'[", option->letter, option->name, option->letter,
                      option->value != NULL ? "+" : "", option->name, equals);
    } else {
        output_format(" '--%s%s[", option->name, equals);
    }
    quoted(option->meaning, "[]:\\");
    output_text("]");
    if (option->value != NULL) {
        output_format(":%s:%s", option->value, strcmp(option->value, "PATH") == 0 ? "_files" : " ");
    }
    output_text("'");
}

static void zsh_command(const struct command *command)
{
    output_format("    %s) _arguments -s", command->name);
    each_option(command, zsh_option);
    if (command->rest) {
        output_text(" '*::command:_normal'");
    } else if (command->choices != NULL) {
        output_text(" '1:argument:(");
        operand_words(command);
        output_text(")'");
    }
    output_text(" ;;\n");
}

static void zsh(void)
{
    output_text("#compdef mlflow-oidc\n"
                "# zsh completion for mlflow-oidc: source <(mlflow-oidc completion zsh), after compinit\n"
                "_mlflow_oidc() {\n"
                "    local -a commands\n"
                "    commands=(\n");
    each_command(zsh_name);
    output_text("    )\n"
                "    if ((CURRENT == 2)); then\n"
                "        _describe -t commands command commands -- '(--help --version)'\n"
                "        return\n"
                "    fi\n"
                "    shift words\n"
                "    ((CURRENT--))\n"
                "    case $words[1] in\n");
    each_command(zsh_command);
    output_text("    esac\n"
                "}\n"
                "if [[ ${funcstack[1]} == _mlflow_oidc ]]; then\n"
                "    _mlflow_oidc \"$@\"\n"
                "else\n"
                "    compdef _mlflow_oidc mlflow-oidc\n"
                "fi\n");
}

/* --- fish --- */
static const struct command *of_fish; /* whose options are written */

static void fish_option(const struct option_info *option)
{
    output_format("complete -c mlflow-oidc -n '__fish_seen_subcommand_from %s'", of_fish->name);
    if (option->letter != 0) {
        output_format(" -s %c", option->letter);
    }
    output_format(" -l %s%s -d '", option->name,
                  option->value == NULL                ? ""
                  : strcmp(option->value, "PATH") == 0 ? " -r -F"
                                                       : " -x");
    quoted(option->meaning, "");
    output_text("'\n");
}

static void fish_command(const struct command *command)
{
    of_fish = command;
    output_format("complete -c mlflow-oidc -n __fish_use_subcommand -a %s -d '", command->name);
    quoted(command->summary, "");
    output_text("'\n");
    each_option(command, fish_option);
    if (command->choices != NULL) {
        output_format("complete -c mlflow-oidc -n '__fish_seen_subcommand_from %s' -a '", command->name);
        operand_words(command);
        output_text("'\n");
    } else if (command->rest) {
        output_format("complete -c mlflow-oidc -n '__fish_seen_subcommand_from %s' "
                      "-a '(__fish_complete_subcommand)' -F\n",
                      command->name);
    }
}

static void fish(void)
{
    output_text("# fish completion for mlflow-oidc: mlflow-oidc completion fish | source\n"
                "complete -c mlflow-oidc -f\n"
                "complete -c mlflow-oidc -n __fish_use_subcommand -l help -d 'show the commands'\n"
                "complete -c mlflow-oidc -n __fish_use_subcommand -l version -d 'show the version'\n");
    each_command(fish_command);
}

static int run(struct program *program, const struct arguments *arguments)
{
    static const struct {
        const char *name;
        void (*write)(void);
    } shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
    const char *shell = arguments->operand_count == 1 ? arguments->operands[0] : "";

    (void)program;
    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
        if (strcmp(shell, shells[i].name) == 0) {
            shells[i].write();
            return STATUS_DONE;
        }
    }
    message_usage(arguments->command, "for which shell: bash, zsh or fish?");
    return STATUS_USAGE;
}

const struct command cmd_completion = {
    .name = "completion",
    .operands = "bash|zsh|fish",
    .choices = "bash zsh fish",
    .summary = "print what a shell completes this program by",
    .description =
        "Prints commands for bash, zsh or fish, by which they complete this program's commands and options. The "
        "first example goes into ~/.bashrc, the second into ~/.zshrc after compinit; the third is for fish and is run "
        "once.",
    .examples = "source <(mlflow-oidc completion bash)\n"
                "source <(mlflow-oidc completion zsh)\n"
                "mlflow-oidc completion fish >~/.config/fish/completions/mlflow-oidc.fish",
    .options = options,
    .run = run,
};
