/* SPDX-License-Identifier: MIT */
#include "arguments.h"
#include "message.h"
#include "when.h"

#include <stdio.h>
#include <string.h>

static const struct option_info options[] = {
    OPTION_SERVER,
    {"device", 0, NULL, "sign in with a browser on any machine, by a code (RFC 8628)"},
    {"no-browser", 0, NULL, "show the address, and open no browser"},
    {NULL, 0, NULL, NULL},
};

static void note_memory(void *ctx, const struct moidc_setting *setting)
{
    bool *memory = ctx;

    *memory = *memory || (strcmp(setting->key, "cache") == 0 && strcmp(setting->value, "memory") == 0);
}

/* As whom, where, until when. */
static void tell(struct program *program, struct moidc_server *server, const struct moidc_token *token)
{
    struct moidc_token_request request = {.env = program->env};
    struct moidc_status status = {.issuer = ""};
    int64_t expires_at_s = moidc_token_expires_at_s(token);
    char who[600] = "the client itself";
    char when[WHEN_SIZE];
    bool memory = false;
    struct moidc_err err;

    if (moidc_server_status(server, &request, &status, &err) == MOIDC_OK && status.person) {
        program_person(&status, who, sizeof who);
    }
    program_notices(program);
    message_line("Signed in to %s", moidc_server_uri(server));
    message_line("  as     %s", who);
    message_line("  at     %s", status.issuer);
    message_line("  until  %s%s", expires_at_s != 0 ? when_text(expires_at_s, when) : "the provider ends it",
                 status.renewable ? ", renewed by itself" : "; there is no refresh token");
    moidc_server_settings(server, note_memory, &memory);
    if (memory) {
        message_warning("cache is set to memory: no other program finds this sign-in, and it ends with this one");
    }
}

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
    int status;

    if (!arguments_at_most_one(arguments, ways)) {
        return STATUS_USAGE;
    }
    status = program_server(program, arguments, &server);
    if (status != STATUS_DONE) {
        return status;
    }
    if (moidc_login(server, &request, &token, &err) == MOIDC_OK) {
        tell(program, server, token);
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
    .description =
        "Signs in anew, whatever the cache holds, and tells as whom, where and until when. The address to sign in at "
        "is always shown, and a browser opened where there is one. Where none can be, a code is shown to be typed "
        "in on another machine, if the provider offers that.\n\nCtrl-C ends it.",
    .examples = "mlflow-oidc login\n"
                "mlflow-oidc login --device",
    .options = options,
    .run = run,
};
