/* SPDX-License-Identifier: MIT */
#include "arguments.h"
#include "message.h"
#include "terminal.h"

static const struct option_info options[] = {
    OPTION_SERVER,
    {"all", 0, NULL, "of every tracking server, also of those that no settings describe any more"},
    {"provider", 0, NULL, "end the session at the provider too, in the browser"},
    {"no-browser", 0, NULL, "with --provider: show the address, and open no browser"},
    {NULL, 0, NULL, NULL},
};

struct leaving {
    struct program *program;
    struct moidc_token_request request;
    bool provider;
};

static int each(void *ctx, const char *uri, struct moidc_server *server, const struct moidc_err *fault)
{
    struct leaving *leaving = ctx;
    struct program *program = leaving->program;
    struct moidc_err err;
    bool removed = false;
    int status = STATUS_DONE;

    if (server == NULL) {
        return program_fail(program, fault);
    }
    if (moidc_logout(server, &leaving->request, &removed, &err) == MOIDC_OK) {
        program_notices(program);
        message_line(removed ? "Signed out of %s" : "There was nothing to sign out of at %s", uri);
    } else {
        status = program_fail(program, &err);
    }
    if (leaving->provider && !terminal_cancelled() &&
        moidc_provider_logout(server, &leaving->request, &err) != MOIDC_OK) {
        status = program_fail(program, &err);
    }
    return status;
}

/* What is left in the cache: of servers that no settings describe any more, or whose settings are wrong. */
static int clear(struct leaving *leaving)
{
    struct moidc_err err;
    size_t removed = 0;

    if (moidc_cache_clear(leaving->program->client, &leaving->request, &removed, &err) != MOIDC_OK) {
        return program_fail(leaving->program, &err);
    }
    if (removed > 0) {
        message_line("Removed the tokens of %zu more from the cache; without their settings they are not revoked.",
                     removed);
    }
    return STATUS_DONE;
}

static int all(struct leaving *leaving)
{
    size_t count = 0;
    int status = program_known(leaving->program, &count, each, leaving);
    int cleared = clear(leaving);

    return status != STATUS_DONE ? status : cleared;
}

static int run(struct program *program, const struct arguments *arguments)
{
    static const char *const which[] = {"server", "all", NULL};
    struct leaving leaving = {
        .program = program,
        .request = {.env = program->env,
                    .ui = &program->ui,
                    .no_person = true,
                    .no_browser = arguments_have(arguments, "no-browser")},
        .provider = arguments_have(arguments, "provider"),
    };
    struct moidc_err none = {.code = MOIDC_OK};
    struct moidc_server *server = NULL;
    int status;

    if (!arguments_at_most_one(arguments, which)) {
        return STATUS_USAGE;
    }
    if (arguments_have(arguments, "all")) {
        return all(&leaving);
    }
    status = program_server(program, arguments, &server);
    if (status == STATUS_DONE) {
        status = each(&leaving, moidc_server_uri(server), server, &none);
    }
    moidc_server_release(server);
    return status;
}

const struct command cmd_logout = {
    .name = "logout",
    .summary = "sign out",
    .description =
        "Removes the tokens from the cache, whatever the network says, and has the provider revoke them where it "
        "can (RFC 7009). A sign-in serves all servers with the same issuer, client, scope and audience: they are "
        "signed out together.\n\nThe session at the provider goes on, in the browser; --provider ends that too: it "
        "shows the provider's address for it and opens it.",
    .options = options,
    .run = run,
};
