/* SPDX-License-Identifier: MIT */
#include "manual.h"

#include "command.h"
#include "output.h"

#include <string.h>

enum { LINE_MOST = 68 };

/* One character as roff takes it, and as it is typed: not as a typographic quote, hyphen or accent. */
static void character(char c)
{
    switch (c) {
    case '\\':
        output_text("\\e");
        break;
    case '-':
        output_text("\\-");
        break;
    case '\'':
        output_text("\\(aq");
        break;
    case '~':
        output_text("\\(ti");
        break;
    default:
        output_bytes(&c, 1);
    }
}

/* Text as roff takes it: no line is a request or very long, `code` is bold. */
static void inline_text(const char *words)
{
    bool bold = false;
    int column = 0;

    for (; *words != '\0'; words++) {
        if (column == 0 && *words == '.') {
            output_text("\\&");
        }
        column++;
        if (words[0] == '\n' && words[1] == '\n') {
            output_text("\n.PP\n");
            words++;
            column = 0;
        } else if (*words == ' ' && column > LINE_MOST) {
            output_text("\n");
            column = 0;
        } else if (*words == '`') {
            bold = !bold;
            output_text(bold ? "\\fB" : "\\fR");
        } else {
            character(*words);
        }
    }
}

static void text(const char *words)
{
    inline_text(words);
    output_text("\n");
}

/* A word that is typed as it stands. */
static void typed(const char *font, const char *word)
{
    output_format("\\f%s", font);
    for (; *word != '\0'; word++) {
        character(*word);
    }
    output_text("\\fR");
}

static void option(const struct option_info *info)
{
    const char letter[] = {'-', info->letter, '\0'};
    char name[40] = "--";

    if (info->meaning == NULL) {
        return;
    }
    output_text(".TP\n");
    if (info->letter != 0) {
        typed("B", letter);
        output_text(", ");
    }
    strncat(name, info->name, sizeof name - 3);
    typed("B", name);
    if (info->value != NULL) {
        output_text(" ");
        typed("I", info->value);
    }
    output_text("\n");
    text(info->meaning);
}

/* Lines for a shell. */
static void examples(const char *lines)
{
    output_text(".PP\nExamples:\n.PP\n.RS\n.nf\n");
    for (; *lines != '\0'; lines++) {
        if (*lines == '\n') {
            output_text("\n");
        } else {
            character(*lines);
        }
    }
    output_text("\n.fi\n.RE\n");
}

static void command(const struct command *info)
{
    output_format(".SS %s\n.B mlflow\\-oidc %s\n[\\fIoptions\\fR]", info->name, info->name);
    if (info->operands != NULL) {
        output_text(" ");
        typed("I", info->operands);
    }
    output_text("\n.PP\n");
    text(info->description);
    for (const struct option_info *o = info->options; o->name != NULL; o++) {
        option(o);
    }
    if (info->examples != NULL) {
        examples(info->examples);
    }
}

static void setting(void *ctx, const struct moidc_setting *info)
{
    (void)ctx;
    output_text(".TP\n");
    typed("B", info->variable);
    output_text("\n");
    text(info->meaning);
    output_text("(key ");
    typed("B", info->key);
    output_text("; default: ");
    inline_text(info->value);
    output_text(")\n");
}

static void term(const char *name, const char *meaning)
{
    output_text(".TP\n");
    typed("B", name);
    output_text("\n");
    text(meaning);
}

void manual_write(void)
{
    output_text(".TH MLFLOW\\-OIDC 1 \"\" \"mlflow\\-oidc " MOIDC_VERSION "\" \"User Commands\"\n"
                ".SH NAME\nmlflow\\-oidc \\- sign in to MLflow tracking servers by OpenID Connect\n"
                ".SH SYNOPSIS\n.B mlflow\\-oidc\n\\fIcommand\\fR [\\fIoptions\\fR]\n.SH DESCRIPTION\n");
    text(
        "Signs in to an MLflow tracking server that stands behind an OAuth 2.1 / OpenID Connect proxy, for people at a "
        "terminal, for machines far from a browser, and for clients that are not Python. Settings and tokens are those "
        "of the plugin mlflow-oidc-client: signing in with one signs in the other.");
    output_text(".PP\n");
    text("Data goes to the standard output, everything else to the standard error. An error says what failed, where, "
         "and "
         "what to type next. Options may be written as --server=URI or --server URI; -- ends them.");
    output_text(".SH COMMANDS\n");
    for (const struct command *const *c = COMMANDS; *c != NULL; c++) {
        command(*c);
    }
    output_text(".SH OPTIONS\nEvery command takes these.\n");
    for (const struct option_info *o = OPTIONS_COMMON; o->name != NULL; o++) {
        option(o);
    }
    output_text(".SH EXIT STATUS\n");
    term("0", "done");
    term("1", "failed");
    term("2", "wrong usage or settings, or cancelled by a signal");
    term("4", "a person has to sign in");
    output_text(".SH ENVIRONMENT\n");
    text("A variable that is set and not empty wins over the file, setting by setting.");
    moidc_settings_describe(setting, NULL);
    term("NO_COLOR", "when set, nothing is coloured");
    term("BROWSER", "commands that open an address, separated by colons");
    output_text(".SH FILES\n");
    term("pyproject.toml", "settings, in blocks [[tool.mlflow-oidc-client.tracking-servers]]; the nearest one upwards");
    term("~/.config/mlflow-oidc-client/config.toml", "your own settings, in blocks [[tracking-servers]]");
    term("~/.cache/mlflow-oidc-client/", "tokens, for you alone");
    output_text(".SH SEE ALSO\n.BR curl (1)\n");
}
