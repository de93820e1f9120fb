/* SPDX-License-Identifier: MIT */
/* The terminal and the signals that come from it: how a call of the library talks to the person. */
#ifndef TERMINAL_H
#define TERMINAL_H

#include "mlflow_oidc.h"

struct program;

/* SIGINT, SIGTERM and SIGHUP end a wait (exit status 2, after cleaning up); a second one ends the process at once. SIGPIPE
 * and SIGXFSZ are ignored, so that a closed pipe and a file that may not grow are errors of write(), after which there is
 * time to clean up: tokens are under way. */
void terminal_signals_set(void);

/* As they were when the program began, for a child between fork() and exec(). Safe to call there. */
void terminal_signals_restore(void);

/* Ends the process by SIGPIPE, as a program does that knows of no signals. Returns where whoever started it had that
 * signal ignored: then a closed pipe is a failure like any other. */
void terminal_pipe_end(void);
bool terminal_pipe_ends(void); /* true where it would not return */

/* True once one of them came. */
bool terminal_cancelled(void);

/* show(): on stderr; cancelled(): as above, and warnings of the library are printed meanwhile; typed(): from stdin, where
 * that is a terminal that this process may read from; columns of stderr's terminal. */
struct moidc_ui terminal_ui(struct program *program);

/* Columns of the terminal at `fd`, 0 when it is none or does not say. */
int terminal_columns(int fd);

#endif
