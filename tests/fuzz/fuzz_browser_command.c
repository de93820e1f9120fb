/* SPDX-License-Identifier: MIT */
/* $BROWSER taken apart: commands that are bounded, ended, and hold the URL once they are there. */
#include "io/browser_command.h"

#include "fuzz.h"

#define URL "http://127.0.0.1:39303/start?a=%20b"

static void check_command(const struct command_line *command)
{
    bool has_url = false;
    size_t n = 0;

    for (; command->words[n] != NULL; n++) {
        HOLDS(n < COMMAND_LINE_WORDS);
        has_url = has_url || strstr(command->words[n], URL) != NULL;
    }
    HOLDS(n > 0 && has_url);
    /* from PATH, or the path that was written */
    HOLDS(command->program == NULL || command->program[0] == '/' || strcmp(command->program, command->words[0]) == 0);
    HOLDS(command->program == NULL || strchr(command->program, '/') != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    size_t length = strlen(text);
    char *variable = malloc(length + sizeof "BROWSER=");
    const char *variables[] = {variable, "PATH=/bin:.:", NULL};
    struct moidc_env *env = NULL;
    struct moidc_err err;
    bool more = true;
    size_t n = 0;

    HOLDS(variable != NULL);
    memcpy(variable, "BROWSER=", sizeof "BROWSER=" - 1);
    memcpy(variable + sizeof "BROWSER=" - 1, text, length + 1);
    HOLDS(moidc_env_new(variables, &env, &err) == MOIDC_OK);
    while (more && n < 40) {
        struct command_line command = {0};
        enum moidc_code rc = browser_command_nth(env, URL, n, &more, &command, &err);

        if (rc != MOIDC_OK) {
            HOLDS(rc == MOIDC_E_PROTOCOL);
            fuzz_check_err(rc, &err);
            more = false;
        } else if (more) {
            check_command(&command);
        }
        command_line_clear(&command);
        HOLDS(n++ <= length + 6);
    }
    moidc_env_free(env);
    free(variable);
    free(text);
    return 0;
}
