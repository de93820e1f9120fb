/* SPDX-License-Identifier: MIT */
#include "arguments.h"
#include "environment.h"
#include "json_out.h"
#include "message.h"
#include "output.h"
#include "when.h"

#include <stdlib.h>
#include <string.h>

enum { MIN_VALID_S = 10, MIN_VALID_MOST_S = 30 * 86400 };

static const struct option_info options[] = {
    OPTION_SERVER,
    OPTION_JSON("the token, its end and its server"),
    {"header", 0, NULL, "as a request's header, \"Authorization: Bearer ...\""},
    {"env", 0, NULL, "as commands for a shell that set MLFLOW_TRACKING_URI and MLFLOW_TRACKING_TOKEN"},
    {"exec-credential", 0, NULL, "as an ExecCredential of Kubernetes' clients"},
    {"min-valid", 0, "S", "it stays valid for S seconds at least (without: 10 where that can be had)"},
    {NULL, 0, NULL, NULL},
};

static void show_header(const char *text, const struct moidc_server *server)
{
    output_format("%s: %s", moidc_server_header_name(server), moidc_server_header_prefix(server));
    output_text(text);
    output_text("\n");
}

static void show_env(const char *text, const struct moidc_server *server)
{
    output_text("export MLFLOW_TRACKING_URI=");
    output_shell_word(moidc_server_uri(server));
    output_text("\nexport MLFLOW_TRACKING_TOKEN=");
    output_shell_word(text);
    output_text("\n");
}

static void show_json(const char *text, int64_t expires_at_s, const struct moidc_server *server)
{
    json_out_object(NULL);
    json_out_text("server", moidc_server_uri(server));
    json_out_text("token", text);
    json_out_text("token_type", "Bearer");
    json_out_time("expires_at", expires_at_s);
    json_out_object_end();
}

/* client.authentication.k8s.io, in the version that the caller asks for (KUBERNETES_EXEC_INFO). */
static void show_exec_credential(const char *text, int64_t expires_at_s)
{
    const char *info = getenv("KUBERNETES_EXEC_INFO");
    bool beta = info != NULL && strstr(info, "client.authentication.k8s.io/v1beta1") != NULL;
    char end[WHEN_SIZE];

    json_out_object(NULL);
    json_out_text("apiVersion", beta ? "client.authentication.k8s.io/v1beta1" : "client.authentication.k8s.io/v1");
    json_out_text("kind", "ExecCredential");
    json_out_object("status");
    json_out_text("token", text);
    if (expires_at_s != 0) {
        json_out_text("expirationTimestamp", when_rfc3339(expires_at_s, end));
    }
    json_out_object_end();
    json_out_object_end();
}

static void show(const struct arguments *arguments, const struct moidc_server *server, const struct moidc_token *token)
{
    const char *text = moidc_token_reveal(token);
    int64_t expires_at_s = moidc_token_expires_at_s(token);

    if (arguments_have(arguments, "json")) {
        show_json(text, expires_at_s, server);
    } else if (arguments_have(arguments, "header")) {
        show_header(text, server);
    } else if (arguments_have(arguments, "env")) {
        show_env(text, server);
    } else if (arguments_have(arguments, "exec-credential")) {
        show_exec_credential(text, expires_at_s);
    } else {
        output_text(text);
        output_text("\n");
    }
}

/* Without --min-valid a token that ends while it is handed over is no use, but better than none. */
static enum moidc_code get(struct moidc_server *server, struct moidc_token_request *request, bool asked,
                           struct moidc_token **ret, struct moidc_err *err)
{
    enum moidc_code rc = moidc_token_get(server, request, ret, err);
    struct moidc_status status;
    struct moidc_err second;

    if (rc != MOIDC_OK && !asked && moidc_server_status(server, request, &status, &second) == MOIDC_OK &&
        status.state == MOIDC_STATE_VALID) {
        request->min_valid_s = 0;
        rc = moidc_token_get(server, request, ret, &second) == MOIDC_OK ? MOIDC_OK : rc;
    }
    return rc;
}

static int run(struct program *program, const struct arguments *arguments)
{
    static const char *const forms[] = {"json", "header", "env", "exec-credential", NULL};
    struct moidc_token_request request = {
        .min_valid_s = MIN_VALID_S, .env = program->env, .ui = &program->ui, .no_person = true};
    struct moidc_server *server = NULL;
    struct moidc_token *token = NULL;
    struct moidc_err err;
    int status;

    if (!arguments_at_most_one(arguments, forms) ||
        !arguments_seconds(arguments, "min-valid", MIN_VALID_MOST_S, &request.min_valid_s)) {
        return STATUS_USAGE;
    }
    status = program_server(program, arguments, &server);
    if (status != STATUS_DONE) {
        return status;
    }
    if (arguments_have(arguments, "env") && !environment_serves(server)) {
        message_next("mlflow-oidc proxy: it puts the token there");
        status = STATUS_FAILED;
    } else if (get(server, &request, arguments_have(arguments, "min-valid"), &token, &err) == MOIDC_OK) {
        program_notices(program);
        show(arguments, server, token);
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
    .description = "Prints a valid token and nothing else: from the cache, or renewed. It signs nobody in and opens no "
                   "browser: where "
                   "that is needed it ends with status 4.\n\nThe token is a secret. Do not put it into a command line, "
                   "where other "
                   "users can read it: the first example hands it over in a file.",
    .examples = "curl -H @<(mlflow-oidc token --header) https://mlflow.example.com/version\n"
                "eval \"$(mlflow-oidc token --env)\"\n"
                "mlflow-oidc token --min-valid 600",
    .options = options,
    .run = run,
};
