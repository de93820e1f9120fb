/* SPDX-License-Identifier: MIT */
#include "environment.h"

#include "message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

extern char **environ;

/* What is dropped: a name, or what begins with it when it ends in '_'. */
static const char *const CREDENTIALS[] = {
    "MLFLOW_TRACKING_OIDC_", "MLFLOW_TRACKING_URI",      "MLFLOW_TRACKING_TOKEN",     "MLFLOW_TRACKING_USERNAME",
    "MLFLOW_TRACKING_AUTH",  "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_AWS_SIGV4", NULL,
};
static const char *const TO_SERVER[] = {
    "MLFLOW_TRACKING_SERVER_CERT_PATH",
    "MLFLOW_TRACKING_INSECURE_TLS",
    "MLFLOW_TRACKING_CLIENT_CERT_PATH",
    "no_proxy",
    "NO_PROXY",
    NULL,
};

static bool is_one_of(const char *variable, const char *const *names)
{
    for (; *names != NULL; names++) {
        size_t n = strlen(*names);

        if (strncmp(variable, *names, n) == 0 && ((*names)[n - 1] == '_' || variable[n] == '=')) {
            return true;
        }
    }
    return false;
}

static char *joined(const char *name, const char *value, const char *more)
{
    size_t n = strlen(name) + strlen(value) + strlen(more) + 3;
    char *text = malloc(n);

    if (text != NULL) {
        snprintf(text, n, "%s=%s%s%s", name, value, value[0] != '\0' && more[0] != '\0' ? "," : "", more);
    }
    return text;
}

/* What no_proxy or NO_PROXY say, and the loopback address too. */
static char *no_proxy(const char *name)
{
    const char *value = getenv("no_proxy");

    value = value != NULL ? value : getenv("NO_PROXY");
    return value != NULL && strcmp(value, "*") == 0 ? joined(name, value, "")
                                                    : joined(name, value != NULL ? value : "", "127.0.0.1");
}

/* Where the next one goes: behind `variable`, or in its place where there was no memory for it. */
static char **add(char **end, char *variable, bool *whole)
{
    *end = variable;
    *whole = *whole && variable != NULL;
    return variable != NULL ? end + 1 : end;
}

bool environment_serves(const struct moidc_server *server)
{
    if (strcasecmp(moidc_server_header_name(server), "Authorization") == 0) {
        return true;
    }
    message_failure("MLFLOW_TRACKING_TOKEN goes into the header Authorization, and this server wants it in %s",
                    moidc_server_header_name(server));
    return false;
}

char **environment_for(const char *uri, const char *token, bool by_proxy)
{
    size_t count = 0;
    bool whole = true;
    char **result;
    char **end;

    while (environ[count] != NULL) {
        count++;
    }
    result = calloc(count + 5, sizeof *result);
    if (result == NULL) {
        return NULL;
    }
    end = result;
    for (size_t i = 0; i < count; i++) {
        if (!is_one_of(environ[i], CREDENTIALS) && !(by_proxy && is_one_of(environ[i], TO_SERVER))) {
            end = add(end, strdup(environ[i]), &whole);
        }
    }
    end = add(end, joined("MLFLOW_TRACKING_URI", uri, ""), &whole);
    end = add(end, joined("MLFLOW_TRACKING_TOKEN", token, ""), &whole);
    if (by_proxy) {
        end = add(end, no_proxy("no_proxy"), &whole);
        add(end, no_proxy("NO_PROXY"), &whole);
    }
    if (!whole) {
        environment_free(result);
        return NULL;
    }
    return result;
}

void environment_free(char **environment)
{
    if (environment != NULL) {
        for (char **variable = environment; *variable != NULL; variable++) {
            for (volatile char *c = *variable; *c != '\0'; c++) {
                *c = ' '; /* secrets are among them */
            }
            free(*variable);
        }
        free(environment);
    }
}
