/* SPDX-License-Identifier: MIT */
/* What every command works with: the environment, the library's client, and the server that is meant. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "mlflow_oidc.h"

/* Exit statuses; those of a failed call are in moidc_code_info(). */
enum { STATUS_DONE = 0, STATUS_FAILED = 1, STATUS_USAGE = 2, STATUS_SIGN_IN = 4 };

struct arguments;
struct command;

struct program {
    struct moidc_env *env;
    struct moidc_client *client;
    struct moidc_ui ui;
    struct moidc_err failed; /* what program_fail() told last; code MOIDC_OK: nothing */
    bool verbose;
};

/* Made before the first command: standard descriptors are open, no core dump or debugger shows a token, signals are set.
 * False after telling why not. */
bool program_init(struct program *program);
void program_clear(struct program *program);

/* What settings are read by; `uri` may be NULL. */
struct moidc_lookup program_lookup(const struct program *program, const char *uri);

/* The server of --server, else of MLFLOW_TRACKING_URI, else the only one that the settings describe.
 *   ret  the caller's, moidc_server_release()
 * STATUS_DONE, or the exit status after telling why not. */
int program_server(struct program *program, const struct arguments *arguments, struct moidc_server **ret);

/* Calls `each` for the server of --server, or for every one that the settings describe; `server` is NULL where its settings
 * are wrong, as err says. Returns the first status of `each` that is not STATUS_DONE, or why there is none to call it for
 * after telling that. */
typedef int program_each(void *ctx, const char *uri, struct moidc_server *server, const struct moidc_err *err);
int program_servers(struct program *program, const struct arguments *arguments, program_each *each, void *ctx);
/* The same for all of them, *count, which may be none. */
int program_known(struct program *program, size_t *count, program_each *each, void *ctx);

/* Who the person of `status` is: "alice <alice@example.com>, sub 248289761001". Returns `ret`. */
const char *program_person(const struct moidc_status *status, char *ret, size_t size);

/* Tells the error (after the warnings that came before it) and returns its exit status. */
int program_fail(struct program *program, const struct moidc_err *err);

/* Prints the library's warnings, and with --verbose what it did. */
void program_notices(struct program *program);

#endif
