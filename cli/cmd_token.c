/* SPDX-License-Identifier: MIT */
#include "arguments.h"
#include "output.h"

static const struct option_info options[] = {
    OPTION_SERVER,
    {NULL, 0, NULL, NULL},
};

static int run(struct program *program, const struct arguments *arguments)
{
    struct moidc_token_request request = {.env = program->env, .ui = &program->ui, .no_person = true};
    struct moidc_server *server = NULL;
    struct moidc_token *token = NULL;
    struct moidc_err err;
    int status = program_server(program, arguments, &server);

    if (status != STATUS_DONE) {
        return status;
    }
    if (moidc_token_get(server, &request, &token, &err) == MOIDC_OK) {
        output_format("%s\n", moidc_token_reveal(token));
    } else {
        status = program_fail(program, &err);
    }
    moidc_token_release(token);
    moidc_server_release(server);
    return status;
}

const struct command cmd_token = {
    .name = "token",
    .summary = "print a valid token",
    .description = "Prints a valid token and nothing else.",
    .options = options,
    .run = run,
};
