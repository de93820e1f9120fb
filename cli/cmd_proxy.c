/* SPDX-License-Identifier: MIT */
#include "arguments.h"
#include "message.h"
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static const struct option_info options[] = {
    OPTION_SERVER,
    {"listen", 'l', "ADDR", "where to listen: a port, 127.0.0.1:PORT or [::1]:PORT (without: 127.0.0.1, a free port)"},
    {"unix", 'u', "PATH", "listen on a UNIX socket, in a directory that only you may enter; needs no key"},
    {"key-file", 'k', "PATH", "write the key into this file, which only you may read, and not to stdout"},
    {NULL, 0, NULL, NULL},
};

/* Writes the key aside and renames it, so that the file has its mode from the beginning. */
static bool write_key(const char *path, const char *key)
{
    char aside[PATH_MAX];
    size_t n = strlen(key);
    int fd;
    bool done;

    if ((size_t)snprintf(aside, sizeof aside, "%s.%ld.new", path, (long)getpid()) >= sizeof aside) {
        errno = ENAMETOOLONG;
        return false;
    }
    fd = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return false;
    }
    done = write(fd, key, n) == (ssize_t)n && write(fd, "\n", 1) == 1;
    done = close(fd) == 0 && done && rename(aside, path) == 0;
    if (!done) {
        int error = errno;

        unlink(aside);
        errno = error;
    }
    return done;
}

/* What the programs that go by the proxy have to be told, on stdout; false when that failed, which has been told. */
static bool show(const struct moidc_proxy *proxy, const char *key_file)
{
    const char *key = moidc_proxy_key(proxy);

    if (key == NULL) {
        output_format("%s\n", moidc_proxy_uri(proxy));
        return output_end();
    }
    output_text("export MLFLOW_TRACKING_URI=");
    output_shell_word(moidc_proxy_uri(proxy));
    output_text("\nexport MLFLOW_TRACKING_TOKEN=");
    if (key_file == NULL) {
        output_shell_word(key);
    } else {
        char whole[PATH_MAX]; /* who pastes it may be in another directory */

        output_text("\"$(cat ");
        output_shell_word(realpath(key_file, whole) != NULL ? whole : key_file);
        output_text(")\"");
    }
    output_text("\n");
    return output_end();
}

/* What a person wants to know, on stderr. */
static void tell(struct program *program, struct moidc_proxy *proxy, struct moidc_server *server)
{
    struct moidc_token_request request = {.env = program->env, .ui = &program->ui, .no_person = true};
    const char *insecure = getenv("MLFLOW_TRACKING_INSECURE_TLS");
    char link[MOIDC_PROXY_LINK_BYTES];
    struct moidc_token *token = NULL;
    struct moidc_err err;

    if (insecure != NULL && (strcasecmp(insecure, "true") == 0 || strcmp(insecure, "1") == 0)) {
        message_warning("MLFLOW_TRACKING_INSECURE_TLS is set: whoever answers in the server's place gets your token");
    }
    message_line("Serving %s at %s until Ctrl-C.", moidc_server_uri(server), moidc_proxy_uri(proxy));
    if (moidc_proxy_link(proxy, link, sizeof link, &err) == MOIDC_OK) {
        message_line("For a browser, once and within five minutes: %s", link);
    }
    if (moidc_token_get(server, &request, &token, &err) != MOIDC_OK && err.code != MOIDC_E_CANCELLED) {
        program_fail(program, &err); /* requests are answered with that until it is mended */
    }
    moidc_token_release(token);
}

/* What becomes of requests meanwhile. */
static void say(void *ctx, const char *text)
{
    (void)ctx;
    message_failure("%s", text);
}

static int serve(struct program *program, struct moidc_server *server, const struct moidc_proxy_options *proxy_options,
                 const char *key_file)
{
    struct moidc_proxy *proxy = NULL;
    struct moidc_err err;
    int status = STATUS_DONE;

    if (moidc_proxy_new(server, proxy_options, &proxy, &err) != MOIDC_OK) {
        return program_fail(program, &err);
    }
    key_file = moidc_proxy_key(proxy) != NULL ? key_file : NULL;
    if (key_file != NULL && !write_key(key_file, moidc_proxy_key(proxy))) { /* first: half of the commands are none */
        message_failure("the key cannot be written: %s [%s]", strerror(errno), key_file);
        message_next("give --key-file a path in a folder that you may write to");
        moidc_proxy_free(proxy);
        return STATUS_FAILED;
    }
    if (!show(proxy, key_file)) {
        status = STATUS_FAILED;
    } else {
        struct moidc_ui ui = program->ui;

        tell(program, proxy, server);
        ui.show = say;
        if (moidc_proxy_run(proxy, &ui, &err) != MOIDC_OK) {
            status = program_fail(program, &err);
        }
    }
    if (key_file != NULL) {
        unlink(key_file);
    }
    moidc_proxy_free(proxy);
    return status;
}

static int run(struct program *program, const struct arguments *arguments)
{
    static const char *const where[] = {"listen", "unix", NULL};
    struct moidc_proxy_options proxy_options = {
        .env = program->env,
        .listen = arguments_value(arguments, "listen"),
        .unix_path = arguments_value(arguments, "unix"),
    };
    struct moidc_server *server = NULL;
    int status;

    if (!arguments_at_most_one(arguments, where)) {
        return STATUS_USAGE;
    }
    status = program_server(program, arguments, &server);
    if (status == STATUS_DONE) {
        status = serve(program, server, &proxy_options, arguments_value(arguments, "key-file"));
    }
    moidc_server_release(server);
    return status;
}

const struct command cmd_proxy = {
    .name = "proxy",
    .summary = "serve the tracking server on this machine, for any client",
    .description =
        "Takes requests on the loopback interface or a UNIX socket and hands them on to the tracking server with your "
        "token, which it renews. Prints commands for a shell that set MLFLOW_TRACKING_URI and MLFLOW_TRACKING_TOKEN: "
        "the "
        "token is a random key that only this proxy takes, as long as it runs. A browser is let in by the link on "
        "stderr.\n\nWhere a person has to sign in, requests are answered with status 502 and a message that says so. "
        "Ctrl-C or SIGTERM ends it after the requests in flight.",
    .examples = "mlflow-oidc proxy --listen 5000\n"
                "mlflow-oidc proxy --key-file ~/.mlflow-key\n"
                "mlflow-oidc proxy --unix ~/.mlflow-oidc/proxy.sock",
    .options = options,
    .run = run,
};
