/* SPDX-License-Identifier: MIT */
/* Starting a program, without a shell and without anything of this process that is not meant for it. */
#ifndef IO_SPAWN_H
#define IO_SPAWN_H

#include "base/environment.h"

#include <sys/types.h>

/* What to start. Borrowed. */
struct spawn {
    const char *program;    /* a path */
    char *const *words;     /* argv, ended by NULL */
    char *const *variables; /* environ, ended by NULL */
    int in;                 /* becomes its standard input; -1: /dev/null */
    int out;                /* its standard output; -1: /dev/null */
};

/* The variables of `env` less those that hold secrets (MLFLOW_TRACKING_OIDC_*, MLFLOW_TRACKING_TOKEN,
 * MLFLOW_TRACKING_PASSWORD): an array of strings that `env` owns. The array is the caller's, mem_free(). NULL: no memory. */
char **spawn_variables(const struct moidc_env *env) MUST_CHECK;

/* Both start it in a session of its own, without a terminal, its standard error and what else is not given on /dev/null,
 * no other descriptor of ours, signals as a fresh process has them. They block no longer than the kernel needs for
 * exec, and run nothing of the caller's (handlers of signals and of fork()). 0, or errno of what failed. */

/* Nobody's child: it goes on when this process ends, and is never waited for. */
int spawn_detached(const struct spawn *spawn);

/* One that is waited for, by a process in between: the caller's SIGCHLD handler and waitpid(-1) do not meet it (Linux). */
struct spawned {
    pid_t pid;      /* of the process in between */
    int control[2]; /* a byte in it has the program killed */
};

/* *ret is to be given to spawn_has_ended() until that is true, or to spawn_kill(). When this process dies, the program
 * goes on to its end. */
int spawn_watched(const struct spawn *spawn, struct spawned *ret);

/* True when the program has ended, then with its exit status (128 and the signal's number where one ended it; -1 where
 * nobody knows). Never waits. */
bool spawn_has_ended(struct spawned *spawned, int *status);

/* Kills the program with all of its process group, and waits until it is gone. */
void spawn_kill(struct spawned *spawned);

#endif
