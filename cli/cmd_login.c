/* SPDX-License-Identifier: MIT */
#include "arguments.h"
#include "message.h"

static const struct option_info options[] = {
    OPTION_SERVER,
    {"device", 0, NULL, "sign in with a browser on any machine and a code (RFC 8628)"},
    {"no-browser", 0, NULL, "show the address and open no browser"},
    {NULL, 0, NULL, NULL},
};

static int run(struct program *program, const struct arguments *arguments)
{
    static const char *const ways[] = {"device", "no-browser", NULL};
    struct moidc_token_request request = {
        .env = program->env,
        .ui = &program->ui,
        .flow = arguments_have(arguments, "device") ? MOIDC_FLOW_DEVICE : MOIDC_FLOW_SETTINGS,
        .no_browser = arguments_have(arguments, "no-browser"),
    };
    struct moidc_server *server = NULL;
    struct moidc_token *token = NULL;
    struct moidc_err err;
    int status = STATUS_USAGE;

    if (!arguments_at_most_one(arguments, ways) ||
        (status = program_server(program, arguments, &server)) != STATUS_DONE) {
        return status;
    }
    if (moidc_login(server, &request, &token, &err) == MOIDC_OK) {
        message_line("Signed in to %s.", moidc_server_uri(server));
    } else {
        status = program_fail(program, &err);
    }
    moidc_token_release(token);
    moidc_server_release(server);
    return status;
}

const struct command cmd_login = {
    .name = "login",
    .summary = "sign in",
    .description = "Signs in, whatever the cache holds.",
    .options = options,
    .run = run,
};
