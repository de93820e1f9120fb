/* SPDX-License-Identifier: MIT */
#include "program.h"

#include "arguments.h"
#include "message.h"
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

extern char **environ;

enum { LAST_REQUEST_MS = 5000 };

static int open_closed(int fd)
{
    int opened = open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
    int ends[2];

    if (opened < 0 && pipe(ends) == 0) { /* a sandbox without /dev */
        close(ends[1]);
        opened = ends[0];
    }
    return opened;
}

/* A file that is opened later must not become the standard output. What takes the place of a descriptor that was closed
 * fails as that would: stdin cannot be read, stdout not written. */
static bool open_standard(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        int opened = fd;

        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
            opened = open_closed(fd); /* the lowest that is free: this one */
        }
        if (opened != fd) {
            return false;
        }
    }
    return true;
}

bool program_init(struct program *program)
{
    struct moidc_err err;

    if (!open_standard()) {
        return false;
    }
#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) /* whose search for leaks is such a debugger */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* tokens are in memory: no core file, no debugger of the same user */
#endif
    terminal_signals_set();
    program->ui = terminal_ui(program);
    if (moidc_env_new((const char *const *)environ, &program->env, &err) != MOIDC_OK ||
        moidc_client_new(NULL, &program->client, &err) != MOIDC_OK) {
        message_error(&err);
        return false;
    }
    return true;
}

void program_clear(struct program *program)
{
    if (program->client != NULL) {
        moidc_client_stop(program->client, LAST_REQUEST_MS);
        program_notices(program);
        moidc_client_free(program->client);
    }
    moidc_env_free(program->env);
}

struct moidc_lookup program_lookup(const struct program *program, const char *uri)
{
    return (struct moidc_lookup){
        .env = program->env,
        .tracking_uri = getenv("MLFLOW_TRACKING_URI"),
        .server_uri = uri,
    };
}

void program_notices(struct program *program)
{
    struct moidc_notice notice;

    while (moidc_notice_next(program->client, &notice)) {
        if (notice.level == MOIDC_WARNING) {
            message_warning("%s", notice.text);
        } else if (notice.level == MOIDC_INFO || program->verbose) {
            message_line("mlflow-oidc: %s", notice.text);
        }
    }
}

int program_fail(struct program *program, const struct moidc_err *err)
{
    program_notices(program);
    message_error(err);
    program->failed = *err;
    return moidc_code_info(err->code)->exit_status;
}

const char *program_person(const struct moidc_status *status, char *ret, size_t size)
{
    bool named = status->username[0] != '\0';
    bool mail = status->email[0] != '\0';

    snprintf(ret, size, "%s%s%s%s%s%s%s", status->username, named && mail ? " " : "", mail ? "<" : "", status->email,
             mail ? ">" : "", named || mail ? ", " : "", status->subject[0] != '\0' ? "sub " : "not known");
    if (status->subject[0] != '\0') {
        snprintf(ret + strlen(ret), size - strlen(ret), "%s", status->subject);
    }
    return ret;
}

/* The servers that settings describe: how many, and the first one. */
struct known {
    size_t count;
    char *first; /* free(); NULL when memory was out, as when there is none */
};

static void note_known(void *ctx, const char *uri)
{
    struct known *known = ctx;

    if (known->count++ == 0) {
        known->first = strdup(uri);
    }
}

static void list_known(void *ctx, const char *uri)
{
    (void)ctx;
    message_line("  %s", uri);
}

static bool is_http(const char *uri)
{
    return uri != NULL && (strncasecmp(uri, "http://", 7) == 0 || strncasecmp(uri, "https://", 8) == 0);
}

/* by_variables: whether those would describe it. They do not where MLFLOW_TRACKING_URI names another one. */
static void tell_where_to_write(bool by_variables)
{
    message_next("write a block for it into pyproject.toml%s",
                 by_variables ? ", or set MLFLOW_TRACKING_OIDC_ISSUER and MLFLOW_TRACKING_OIDC_CLIENT_ID" : "");
}

/* Writes `uri` without what may be secret in it: user info, query, fragment. Whether there was user info. */
static bool write_shown(const char *uri, char *ret, size_t size)
{
    const char *mark = strstr(uri, "://");
    const char *authority = mark != NULL ? mark + 3 : uri;
    const char *end = authority + strcspn(authority, "/?#");
    const char *host = authority;

    for (const char *c = authority; c < end; c++) {
        host = *c == '@' ? c + 1 : host;
    }
    snprintf(ret, size, "%.*s%.*s", (int)(authority - uri), uri, (int)strcspn(host, "?#"), host);
    return host > authority;
}

/* Not inlined, as only_server(): a program that finds its server takes no pages for the buffers of one that does not. */
__attribute__((noinline)) static int no_such_server(struct program *program, const char *uri, const char *where)
{
    struct moidc_lookup lookup = program_lookup(program, NULL);
    struct known known = {.count = 0};
    char quoted[4300];
    bool user_info = write_shown(uri, quoted, sizeof quoted);
    struct moidc_err err;

    program_notices(program);
    message_failure("no settings describe the tracking server %s%s [%s]", quoted, user_info ? " with user info" : "",
                    where);
    if (user_info) {
        message_next("write its address without user info");
    } else if (moidc_servers_list(program->client, &lookup, note_known, &known, &err) == MOIDC_OK &&
               known.first != NULL) {
        message_line("Servers that are described:");
        (void)moidc_servers_list(program->client, &lookup, list_known, NULL, &err);
        message_next("name one of them, --server %s, or write a block for the other one into pyproject.toml",
                     message_quoted(known.first, quoted, sizeof quoted));
    } else {
        tell_where_to_write(!is_http(lookup.tracking_uri) || strcmp(lookup.tracking_uri, uri) == 0);
    }
    free(known.first);
    return STATUS_USAGE;
}

static int no_server_at_all(void)
{
    message_failure("no settings describe any tracking server");
    message_next("set MLFLOW_TRACKING_URI to an http(s) address, MLFLOW_TRACKING_OIDC_ISSUER and "
                 "MLFLOW_TRACKING_OIDC_CLIENT_ID, or write a block into pyproject.toml");
    return STATUS_USAGE;
}

/* Neither --server nor the variable names one: the only one that there is. */
__attribute__((noinline)) static int only_server(struct program *program, struct known *known)
{
    struct moidc_lookup lookup = program_lookup(program, NULL);
    char quoted[4300];
    struct moidc_err err;

    if (moidc_servers_list(program->client, &lookup, note_known, known, &err) != MOIDC_OK) {
        return program_fail(program, &err);
    }
    if (known->count > 0 && known->first == NULL) {
        message_failure("out of memory");
        return STATUS_FAILED;
    }
    if (known->count == 1) {
        return STATUS_DONE;
    }
    program_notices(program);
    if (known->count == 0) {
        return no_server_at_all();
    }
    message_failure("several tracking servers are described, and none is named");
    (void)moidc_servers_list(program->client, &lookup, list_known, NULL, &err);
    message_next("name one of them: --server %s", message_quoted(known->first, quoted, sizeof quoted));
    return STATUS_USAGE;
}

int program_server(struct program *program, const struct arguments *arguments, struct moidc_server **ret)
{
    const char *variable = getenv("MLFLOW_TRACKING_URI");
    const char *uri = arguments_value(arguments, "server");
    const char *where = "--server";
    struct known known = {.count = 0};
    struct moidc_lookup lookup;
    int status = STATUS_DONE;
    struct moidc_err err;

    if (uri == NULL && is_http(variable)) {
        uri = variable;
        where = "MLFLOW_TRACKING_URI";
    } else if (uri == NULL) {
        status = only_server(program, &known);

        if (status != STATUS_DONE) {
            free(known.first);
            return status;
        }
        uri = known.first;
    } else if (!is_http(uri)) {
        char text[201];

        write_shown(uri, text, sizeof text);
        message_usage(arguments->command, "--server is an http or https address, not \"%s\"", text);
        return STATUS_USAGE;
    }
    lookup = program_lookup(program, uri);
    if (moidc_server_find(program->client, uri, &lookup, ret, &err) != MOIDC_OK) {
        status = program_fail(program, &err);
    } else if (*ret == NULL) {
        status = no_such_server(program, uri, where);
    }
    free(known.first);
    return status;
}

struct visit {
    struct program *program;
    program_each *each;
    void *ctx;
    size_t count;
    int status;
};

static void visit_one(void *ctx, const char *uri)
{
    struct visit *visit = ctx;
    struct moidc_lookup lookup = program_lookup(visit->program, uri);
    struct moidc_server *server = NULL;
    struct moidc_err err = {.code = MOIDC_OK};
    int status;

    visit->count++;
    if (terminal_cancelled()) {
        visit->status = STATUS_USAGE;
        return;
    }
    if (moidc_server_find(visit->program->client, uri, &lookup, &server, &err) == MOIDC_OK && server == NULL) {
        err.code = MOIDC_E_CONFIGURATION; /* an address that nothing is ever matched against */
        snprintf(err.what, sizeof err.what, "no call goes to this address: %.400s", uri);
        snprintf(err.next, sizeof err.next, "write it without dot segments, user name and encoded slashes");
    }
    program_notices(visit->program);
    status = visit->each(visit->ctx, uri, server, &err);
    visit->status = visit->status != STATUS_DONE ? visit->status : status;
    moidc_server_release(server);
}

int program_known(struct program *program, size_t *count, program_each *each, void *ctx)
{
    struct visit visit = {.program = program, .each = each, .ctx = ctx};
    struct moidc_lookup lookup = program_lookup(program, NULL);
    struct moidc_err err;

    *count = 0;
    if (moidc_servers_list(program->client, &lookup, visit_one, &visit, &err) != MOIDC_OK) {
        *count = 1; /* some: their file is what is wrong */
        return program_fail(program, &err);
    }
    program_notices(program);
    *count = visit.count;
    return visit.status;
}

int program_servers(struct program *program, const struct arguments *arguments, program_each *each, void *ctx)
{
    struct visit visit = {.program = program, .each = each, .ctx = ctx};
    struct moidc_server *server = NULL;
    size_t count = 0;
    int status;

    if (arguments_have(arguments, "server")) {
        status = program_server(program, arguments, &server);
        if (status == STATUS_DONE) {
            visit_one(&visit, moidc_server_uri(server));
            status = visit.status;
        }
        moidc_server_release(server);
        return status;
    }
    status = program_known(program, &count, each, ctx);
    return count > 0 ? status : no_server_at_all();
}
