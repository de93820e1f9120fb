/* SPDX-License-Identifier: MIT */
/* The Python side of the core: converts, releases the interpreter's lock, calls once, translates. No decisions. */
#ifndef PYTHON_CORE_GLUE_H
#define PYTHON_CORE_GLUE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "mlflow_oidc.h"

enum { GLUE_SERVERS = 8 };

/* Guards what threads share where no interpreter's lock does it: in free-threaded CPython (PEP 703). Nothing that may run
 * Python code or wait is called under it. */
#ifdef Py_GIL_DISABLED
struct glue_mutex {
    PyMutex mutex;
};
#define GLUE_LOCK(owner) PyMutex_Lock(&(owner)->lock.mutex)
#define GLUE_UNLOCK(owner) PyMutex_Unlock(&(owner)->lock.mutex)
#else
struct glue_mutex {
    char unused;
};
#define GLUE_LOCK(owner) ((void)(owner))
#define GLUE_UNLOCK(owner) ((void)(owner))
#endif

struct glue_state {
    struct glue_mutex lock; /* of servers, servers_made and support; the rest stays as core_exec() made it */
    struct moidc_client *client;
    PyObject *server_type;
    PyObject *servers[GLUE_SERVERS]; /* the last ones that were made, with their headers ready */
    unsigned servers_made;
    PyObject *support; /* the module mlflow_oidc_client._support, imported when first needed */
};

/* The state of `module`; borrowed. */
struct glue_state *glue_state_of(PyObject *module);

/* mlflow_oidc_client._support.<name>, a new reference; NULL with an exception set. */
PyObject *glue_support(struct glue_state *state, const char *name);

/* The text of `uri`, borrowed from it. One that holds a NUL is "", which nothing covers: its beginning alone might be a
 * server's; so is one with bytes that are no UTF-8, as Python has them in names of files. NULL with an exception set: it
 * is no str. */
const char *glue_uri(PyObject *uri);

/* Raises the exception for `err`, unless one is set already (Ctrl-C). Returns NULL. */
PyObject *glue_raise(struct glue_state *state, const struct moidc_err *err);

/* Logs what the core has to tell. False with an exception set (Ctrl-C in a log handler). */
bool glue_tell_notices(struct glue_state *state);

/* One call that may wait. */
struct glue_call {
    struct glue_state *state;
    struct moidc_env *env;
    struct moidc_ui ui;
    PyThreadState *thread; /* while the interpreter's lock is given up */
    int keyboard;          /* the descriptor that a person types at; -1: none */
    long long checked_ms;
    bool shown; /* a person was told to sign in */
    bool interrupted;
};

/* Copies the environment. False: exception set. */
bool glue_call_begin(struct glue_call *call, struct glue_state *state);
/* Gives the interpreter's lock up and takes it back. */
void glue_call_release(struct glue_call *call);
void glue_call_regain(struct glue_call *call);
/* Frees; tells notices. False: exception set. */
bool glue_call_end(struct glue_call *call);

/* What moidc_server_find() reads from. False: exception set. `keep` holds on to the tracking URI's string. */
bool glue_lookup(struct glue_state *state, const struct moidc_env *env, struct moidc_lookup *ret, PyObject **keep);

/* The Server object for `server`, whose reference is taken over; NULL with an exception set. */
PyObject *glue_server_new(struct glue_state *state, struct moidc_server *server);

extern PyType_Spec glue_server_spec;

#endif
