/* SPDX-License-Identifier: MIT */
#include "arguments.h"
#include "json_out.h"
#include "message.h"
#include "output.h"

#include <stdlib.h>
#include <string.h>

static const struct option_info options[] = {
    {"server", 's', "URI", "this tracking server alone"},
    OPTION_JSON("the settings"),
    {NULL, 0, NULL, NULL},
};

/* What stands for a default that is no value. */
static void show_default(void *ctx, const struct moidc_setting *setting)
{
    const struct moidc_setting *shown = ctx;

    if (strcmp(setting->key, shown->key) == 0 && strcmp(setting->value, "none") != 0) {
        output_format(": %s", setting->value);
    }
}

static void show_line(void *ctx, const struct moidc_setting *setting)
{
    struct moidc_setting shown = *setting;

    (void)ctx;
    output_format("  %-16s ", setting->key);
    output_text(setting->value[0] != '\0' ? setting->value : "-");
    output_format("  [%s", setting->source);
    if (setting->value[0] == '\0' && strcmp(setting->source, "default") == 0) {
        moidc_settings_describe(show_default, &shown);
    }
    output_text("]\n");
}

static void show_json(void *ctx, const struct moidc_setting *setting)
{
    (void)ctx;
    json_out_object(setting->key);
    if (setting->is_text || setting->value[0] == '\0') {
        json_out_text_or_null("value", setting->value);
    } else if (strcmp(setting->value, "true") == 0 || strcmp(setting->value, "false") == 0) {
        json_out_boolean("value", setting->value[0] == 't');
    } else {
        json_out_number("value", strtoll(setting->value, NULL, 10));
    }
    json_out_text("source", setting->source);
    json_out_text("variable", setting->variable);
    json_out_object_end();
}

/* What each server is shown by. */
struct shown {
    struct program *program;
    bool json;
    bool first;
};

static int each(void *ctx, const char *uri, struct moidc_server *server, const struct moidc_err *err)
{
    struct shown *shown = ctx;

    if (shown->json) {
        json_out_object(NULL);
        json_out_text("uri", uri);
        if (server != NULL) {
            json_out_object("settings");
            moidc_server_settings(server, show_json, NULL);
            json_out_object_end();
        } else {
            json_out_error("error", err);
        }
        json_out_object_end();
    } else if (server != NULL) {
        output_format("%s%s\n", shown->first ? "" : "\n", uri);
        moidc_server_settings(server, show_line, NULL);
        shown->first = false;
    }
    return server != NULL ? STATUS_DONE : program_fail(shown->program, err);
}

static int run(struct program *program, const struct arguments *arguments)
{
    struct shown shown = {.program = program, .json = arguments_have(arguments, "json"), .first = true};
    int status;

    if (shown.json) {
        json_out_array(NULL);
    }
    status = program_servers(program, arguments, each, &shown);
    if (shown.json) {
        json_out_array_end();
    }
    return status;
}

const struct command cmd_config = {
    .name = "config",
    .summary = "show the settings in force, and where each came from",
    .description =
        "Shows every setting in force for each tracking server that is described: its value, and in brackets the "
        "variable, or the file and line, that it came from. A secret is shown as (set), nothing as - with what counts "
        "then.\n\nAsks "
        "nobody and changes nothing.",
    .options = options,
    .run = run,
};
