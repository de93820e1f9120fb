/* SPDX-License-Identifier: MIT */
#include "arguments.h"
#include "json_out.h"
#include "message.h"
#include "output.h"
#include "when.h"

#include <stdio.h>
#include <string.h>

static const struct option_info options[] = {
    {"server", 's', "URI", "this tracking server alone"},
    OPTION_JSON("the state"),
    {"online", 0, NULL, "ask the provider whose access token it is, and compare"},
    {NULL, 0, NULL, NULL},
};

/* What one server is shown by. */
struct shown {
    struct program *program;
    bool json;
    bool online;
    bool first;
    char sign_in[4300]; /* the first server that a person has to sign in to, quoted; "": none */
};

static const char *state_name(enum moidc_state state)
{
    static const char *const names[] = {
        [MOIDC_STATE_NONE] = "signed_out",
        [MOIDC_STATE_OTHER_SERVER] = "other_server",
        [MOIDC_STATE_ENDED] = "ended",
        [MOIDC_STATE_VALID] = "valid",
    };

    return names[state];
}

static void line(const char *name, const char *text)
{
    output_format("  %-8s %s\n", name, text);
}

static void show_token(const struct moidc_status *status)
{
    const char *kind = status->id_token ? "ID token" : "access token";
    char when[WHEN_SIZE];
    char text[256];

    if (status->state == MOIDC_STATE_NONE) {
        snprintf(text, sizeof text, "none");
    } else if (status->state == MOIDC_STATE_OTHER_SERVER) {
        snprintf(text, sizeof text, "none for this server: it needs its own sign-in");
    } else if (status->expires_at_s == 0) {
        snprintf(text, sizeof text, "%s, until the provider ends it", kind);
    } else {
        snprintf(text, sizeof text, "%s, %s %s", kind, status->state == MOIDC_STATE_VALID ? "until" : "ended",
                 when_text(status->expires_at_s, when));
    }
    line("token", text);
}

static void show_text(struct shown *shown, const char *uri, const struct moidc_status *status)
{
    char who[600] = "the client itself";

    output_format("%s%s\n", shown->first ? "" : "\n", uri);
    shown->first = false;
    if (status->person && status->state == MOIDC_STATE_NONE) {
        snprintf(who, sizeof who, "nobody");
    } else if (status->person) {
        program_person(status, who, sizeof who);
    }
    line("who", who);
    line("issuer", status->issuer);
    show_token(status);
    line("renewal", !status->person     ? "by the client's own secret"
                    : status->renewable ? "by itself"
                                        : "none: a person signs in");
}

static void show_json(const struct moidc_status *status)
{
    json_out_text("issuer", status->issuer);
    json_out_text("state", state_name(status->state));
    json_out_text("sign_in", status->person ? "person" : "client");
    json_out_text("token", status->id_token ? "id_token" : "access_token");
    json_out_time("obtained_at", status->obtained_at_s);
    json_out_time("expires_at", status->expires_at_s);
    json_out_boolean("renewable", status->renewable);
    json_out_text_or_null("sub", status->subject);
    json_out_text_or_null("username", status->username);
    json_out_text_or_null("email", status->email);
}

/* --online: STATUS_DONE, or how it failed after telling that. */
static int ask_provider(struct shown *shown, struct moidc_server *server, const struct moidc_status *status)
{
    struct moidc_token_request request = {.env = shown->program->env, .ui = &shown->program->ui, .no_person = true};
    struct moidc_userinfo userinfo;
    struct moidc_err err;
    bool asked = status->person && status->state != MOIDC_STATE_NONE && status->state != MOIDC_STATE_OTHER_SERVER;
    int result = STATUS_DONE;

    if (!asked) {
        if (shown->json) {
            json_out_text_or_null("online", NULL);
        } else {
            line("online", status->person ? "not asked: there is no token" : "not asked: there is no person");
        }
        return STATUS_DONE;
    }
    if (moidc_userinfo(server, &request, &userinfo, &err) != MOIDC_OK) {
        result = program_fail(shown->program, &err);
    }
    if (shown->json) {
        json_out_object("online");
        json_out_boolean("confirmed", result == STATUS_DONE);
        json_out_text_or_null("sub", result == STATUS_DONE ? userinfo.subject : NULL);
        json_out_text_or_null("username", result == STATUS_DONE ? userinfo.username : NULL);
        json_out_text_or_null("email", result == STATUS_DONE ? userinfo.email : NULL);
        if (result == STATUS_DONE) {
            json_out_text_or_null("error", NULL);
        } else {
            json_out_error("error", &err);
        }
        json_out_object_end();
    } else {
        line("online", result == STATUS_DONE ? "the provider says the same" : "not confirmed");
    }
    return result;
}

static bool needs_sign_in(const struct moidc_status *status)
{
    return status->state != MOIDC_STATE_VALID &&
           (!status->renewable || (status->person && status->state == MOIDC_STATE_OTHER_SERVER));
}

static int show(struct shown *shown, const char *uri, struct moidc_server *server, const struct moidc_status *status)
{
    int result = STATUS_DONE;

    if (shown->json) {
        show_json(status);
    } else {
        show_text(shown, uri, status);
    }
    if (shown->online) {
        result = ask_provider(shown, server, status);
    }
    if (needs_sign_in(status)) {
        if (shown->sign_in[0] == '\0') {
            message_quoted(uri, shown->sign_in, sizeof shown->sign_in);
        }
        result = result != STATUS_DONE ? result : STATUS_SIGN_IN;
    }
    return result;
}

static int each(void *ctx, const char *uri, struct moidc_server *server, const struct moidc_err *fault)
{
    struct shown *shown = ctx;
    struct moidc_token_request request = {.env = shown->program->env, .ui = &shown->program->ui};
    struct moidc_status status;
    struct moidc_err err = *fault;
    int result;

    if (shown->json) {
        json_out_object(NULL);
        json_out_text("uri", uri);
    }
    if (server != NULL && moidc_server_status(server, &request, &status, &err) == MOIDC_OK) {
        program_notices(shown->program);
        result = show(shown, uri, server, &status);
    } else {
        result = program_fail(shown->program, &err);
        if (shown->json) {
            json_out_text("state", "error");
            json_out_error("error", &err);
        }
    }
    if (shown->json) {
        json_out_object_end();
    }
    return result;
}

static int run(struct program *program, const struct arguments *arguments)
{
    struct shown shown = {
        .program = program,
        .json = arguments_have(arguments, "json"),
        .online = arguments_have(arguments, "online"),
        .first = true,
    };
    int status;

    if (shown.json) {
        json_out_array(NULL);
    }
    status = program_servers(program, arguments, each, &shown);
    if (shown.json) {
        json_out_array_end();
    }
    if (shown.sign_in[0] != '\0') {
        message_next("mlflow-oidc login --server %s", shown.sign_in);
    }
    return status;
}

const struct command cmd_status = {
    .name = "status",
    .summary = "show who is signed in, and until when",
    .description =
        "Shows for each tracking server that is described who is signed in, which token is sent, until when it is "
        "valid, and whether the next one comes by itself. Asks nobody but with --online.\n\nEnds with status 4 "
        "where a person has to sign in.",
    .examples = "mlflow-oidc status --online\n"
                "mlflow-oidc status >/dev/null || mlflow-oidc login",
    .options = options,
    .run = run,
};
