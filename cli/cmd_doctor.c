/* SPDX-License-Identifier: MIT */
#include "arguments.h"
#include "json_out.h"
#include "message.h"
#include "output.h"
#include "terminal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_COLUMN = 20, TEXT_LEAST = 30 };

static const struct option_info options[] = {
    OPTION_SERVER,
    OPTION_JSON("the findings"),
    {"no-token", 0, NULL, "ask for no token and leave the tracking server alone"},
    {NULL, 0, NULL, NULL},
};

struct examination {
    struct program *program;
    bool json;
    int worst;    /* exit status of what failed; STATUS_DONE: nothing did */
    bool sign_in; /* a person has to sign in */
};

static const struct {
    const char *name;
    const char *mark;
    const char *colour;
} verdicts[] = {
    [MOIDC_VERDICT_FINE] = {"ok", "ok", "\033[32m"},
    [MOIDC_VERDICT_WARN] = {"warn", "warn", "\033[33m"},
    [MOIDC_VERDICT_FAIL] = {"fail", "FAIL", "\033[31m"},
};

/* In a terminal that is wide enough a text stays in its column; elsewhere it is one line, for grep. */
static void show_text(const char *text, int column)
{
    int columns = terminal_columns(STDOUT_FILENO);

    if (columns >= TEXT_COLUMN + TEXT_LEAST) {
        output_wrapped(text, column, columns - 1);
    } else {
        output_format("%s\n", text);
    }
}

static void show_remedy(const char *remedy)
{
    const char *command = message_remedy(remedy);

    output_format("%*s-> ", TEXT_COLUMN, "");
    if (command != remedy) {
        output_format("%s\n", command); /* in one piece, to be copied */
    } else {
        show_text(remedy, TEXT_COLUMN + 3);
    }
}

static void report(void *ctx, const struct moidc_finding *finding)
{
    struct examination *examination = ctx;
    bool coloured = output_is_coloured();

    program_notices(examination->program);
    if (finding->verdict == MOIDC_VERDICT_FAIL) {
        examination->sign_in = examination->sign_in || finding->code == MOIDC_E_LOGIN_REQUIRED;
        examination->worst = finding->code != MOIDC_E_LOGIN_REQUIRED ? STATUS_FAILED : examination->worst;
    }
    if (examination->json) {
        json_out_object(NULL);
        json_out_text("id", finding->id);
        json_out_text("verdict", verdicts[finding->verdict].name);
        json_out_text("text", finding->text);
        json_out_text_or_null("remedy", message_remedy(finding->remedy));
        json_out_object_end();
        return;
    }
    output_format("%s%-4s%s  %-12s  ", coloured ? verdicts[finding->verdict].colour : "",
                  verdicts[finding->verdict].mark, coloured ? "\033[0m" : "", finding->id);
    show_text(finding->text, TEXT_COLUMN);
    if (finding->remedy[0] != '\0' && finding->verdict != MOIDC_VERDICT_FINE) {
        show_remedy(finding->remedy);
    }
    output_flush();
}

/* There is no server to examine: its settings are wrong, or there are none. */
static void show_no_server(const struct moidc_err *err)
{
    bool known = err->code != MOIDC_OK;
    char text[sizeof err->what + sizeof err->where + 4];

    snprintf(text, sizeof text, "%s%s%s%s", known ? err->what : "no settings describe the tracking server",
             err->where[0] != '\0' ? " [" : "", err->where, err->where[0] != '\0' ? "]" : "");
    json_out_object(NULL);
    json_out_text_or_null("server", NULL);
    json_out_array("findings");
    json_out_object(NULL);
    json_out_text("id", "settings");
    json_out_text("verdict", verdicts[MOIDC_VERDICT_FAIL].name);
    json_out_text("text", text);
    json_out_text_or_null("remedy", message_remedy(err->next));
    json_out_object_end();
    json_out_array_end();
    json_out_object_end();
}

static int run(struct program *program, const struct arguments *arguments)
{
    struct examination examination = {.program = program, .json = arguments_have(arguments, "json")};
    struct moidc_token_request request = {.env = program->env, .ui = &program->ui};
    struct moidc_server *server = NULL;
    struct moidc_err err;
    int status = program_server(program, arguments, &server);

    if (status != STATUS_DONE) {
        if (examination.json) {
            show_no_server(&program->failed);
        }
        return status;
    }
    if (examination.json) {
        json_out_object(NULL);
        json_out_text("server", moidc_server_uri(server));
        json_out_array("findings");
    } else {
        output_format("%s\n", moidc_server_uri(server));
    }
    if (moidc_doctor(server, &request, arguments_have(arguments, "no-token"), report, &examination, &err) != MOIDC_OK) {
        status = program_fail(program, &err);
    }
    if (examination.json) {
        json_out_array_end();
        json_out_object_end();
    }
    moidc_server_release(server);
    if (status != STATUS_DONE) {
        return status;
    }
    return examination.worst != STATUS_DONE ? examination.worst : examination.sign_in ? STATUS_SIGN_IN : STATUS_DONE;
}

const struct command cmd_doctor = {
    .name = "doctor",
    .summary = "find out what is wrong, and how to mend it",
    .description =
        "Examines the settings and where they came from, this machine (redirect port, cache, locks), the way to the "
        "provider (DNS, TCP, TLS, clock), its metadata and keys, then what the tracking server answers without and "
        "with the token. Where it refuses the token, the token's iss, aud, azp and end stand beside what the "
        "settings say. Each finding comes with its remedy.\n\nIt signs nobody in. Ends with status 1 when something "
        "fails, 4 when only a sign-in is missing.",
    .options = options,
    .run = run,
};
