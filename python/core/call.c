/* SPDX-License-Identifier: MIT */
#include "glue.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { CHECK_MS = 40 };

static long long steady_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

PyObject *glue_support(struct glue_state *state, const char *name)
{
    PyObject *support;
    PyObject *imported = NULL;

    GLUE_LOCK(state);
    support = state->support;
    GLUE_UNLOCK(state);
    if (support == NULL) {
        imported = support = PyImport_ImportModule("mlflow_oidc_client._support");
        if (support == NULL) {
            return NULL;
        }
        GLUE_LOCK(state);
        if (state->support == NULL) { /* else another thread was faster, with the same module */
            state->support = imported;
            imported = NULL;
        }
        GLUE_UNLOCK(state);
    }
    Py_XDECREF(imported);
    return PyObject_GetAttrString(support, name);
}

const char *glue_uri(PyObject *uri)
{
    const char *text;
    Py_ssize_t size = 0;

    if (!PyUnicode_Check(uri)) {
        PyErr_SetString(PyExc_TypeError, "a URI must be a str");
        return NULL;
    }
    text = PyUnicode_AsUTF8AndSize(uri, &size);
    if (text == NULL && PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) {
        PyErr_Clear();
        return "";
    }
    return text != NULL && strlen(text) != (size_t)size ? "" : text;
}

PyObject *glue_raise(struct glue_state *state, const struct moidc_err *err)
{
    const struct moidc_code_info *info = moidc_code_info(err->code);
    PyObject *make;
    PyObject *error;

    if (PyErr_Occurred() != NULL) {
        return NULL;
    }
    if (err->code == MOIDC_E_MEMORY) {
        return PyErr_NoMemory();
    }
    make = glue_support(state, "make_error");
    if (make == NULL) {
        return NULL;
    }
    error = PyObject_CallFunction(make, "ssissss", info->exception, info->name, err->http_status, err->oauth_error,
                                  err->what, err->where, err->next);
    Py_DECREF(make);
    if (error != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
        Py_DECREF(error);
    }
    return NULL;
}

bool glue_tell_notices(struct glue_state *state)
{
    struct moidc_notice notice;

    while (moidc_notice_next(state->client, &notice)) {
        PyObject *log = glue_support(state, "log");
        PyObject *done = log != NULL ? PyObject_CallFunction(log, "is", (int)notice.level, notice.text) : NULL;

        Py_XDECREF(log);
        Py_XDECREF(done);
        if (done == NULL) {
            return false;
        }
    }
    return true;
}

/* Whether Ctrl-C has ended the main thread, which alone hears of it; true with an exception set where that is not known. */
static bool is_over(struct glue_state *state)
{
    PyObject *function = glue_support(state, "is_over");
    PyObject *answer = function != NULL ? PyObject_CallFunction(function, NULL) : NULL;
    int truth = answer != NULL ? PyObject_IsTrue(answer) : -1;

    Py_XDECREF(function);
    Py_XDECREF(answer);
    return truth != 0;
}

static bool show_line(struct glue_state *state, const char *text)
{
    PyObject *function = glue_support(state, "show");
    PyObject *line = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
    PyObject *done = function != NULL && line != NULL ? PyObject_CallFunctionObjArgs(function, line, NULL) : NULL;

    Py_XDECREF(line);
    Py_XDECREF(function);
    Py_XDECREF(done);
    return done != NULL;
}

/* Called without the interpreter's lock. Nobody is asked any more where Ctrl-C has ended the program. */
static void show(void *ctx, const char *text)
{
    struct glue_call *call = ctx;
    PyObject *exception[3]; /* Ctrl-C, after which the terminal's line is still to be emptied */

    glue_call_regain(call);
    PyErr_Fetch(&exception[0], &exception[1], &exception[2]);
    if ((!call->shown && is_over(call->state)) || !show_line(call->state, text)) {
        call->interrupted = true;
    }
    call->shown = true;
    if (exception[0] != NULL) {
        PyErr_Restore(exception[0], exception[1], exception[2]);
    }
    glue_call_release(call);
}

/* Called without the interpreter's lock. Signal handlers run here, so that Ctrl-C ends the call. In other threads than the
 * main one it ends the wait for a person, and nothing that a program does at its end without one. */
static bool cancelled(void *ctx)
{
    struct glue_call *call = ctx;
    long long now_ms = steady_ms();

    if (!call->interrupted && now_ms - call->checked_ms >= CHECK_MS) {
        call->checked_ms = now_ms;
        glue_call_regain(call);
        call->interrupted = PyErr_CheckSignals() != 0 || (call->shown && is_over(call->state));
        glue_call_release(call);
    }
    return call->interrupted;
}

/* Called without the interpreter's lock. Takes nothing from a program in the background, which reading would stop
 * (SIGTTIN), and nothing but whole lines: a terminal gives no others. */
static bool typed(void *ctx, char *line, size_t size)
{
    struct glue_call *call = ctx;
    struct pollfd polled = {.fd = call->keyboard, .events = POLLIN};
    ssize_t n;

    if (call->keyboard < 0 || tcgetpgrp(call->keyboard) != getpgrp() || poll(&polled, 1, 0) <= 0) {
        return false;
    }
    n = read(call->keyboard, line, size - 1);
    if (n <= 0) {
        call->keyboard = n < 0 && errno == EINTR ? call->keyboard : -1; /* it is gone, or Ctrl-D says enough */
        return false;
    }
    n -= line[n - 1] == '\n';
    line[n] = '\0';
    return true;
}

#ifdef Py_GIL_DISABLED
/* Without the interpreter's lock another thread may be in setenv(), which moves `environ` about: os.environ is copied,
 * which is locked, though it lacks what other code than Python has set. */
static struct moidc_env *snapshot(struct glue_state *state)
{
    PyObject *function = glue_support(state, "environment");
    PyObject *list = function != NULL ? PyObject_CallFunction(function, NULL) : NULL;
    Py_ssize_t n = list != NULL ? PyList_Size(list) : -1;
    const char **all = n >= 0 ? PyMem_Calloc((size_t)n + 1, sizeof *all) : NULL;
    struct moidc_env *env = NULL;
    struct moidc_err err;

    Py_XDECREF(function);
    for (Py_ssize_t i = 0; all != NULL && i < n; i++) {
        all[i] = PyBytes_AsString(PyList_GetItem(list, i)); /* nobody else has this list */
        if (all[i] == NULL) {
            n = -1;
        }
    }
    if (n >= 0 && (all == NULL || moidc_env_new(all, &env, &err) != MOIDC_OK)) {
        PyErr_NoMemory();
    }
    PyMem_Free(all);
    Py_XDECREF(list);
    return env;
}
#else
/* environ, and where certifi keeps its certificates if requests brought it along. The interpreter's lock is held, as it is
 * where Python code sets a variable. */
static struct moidc_env *snapshot(struct glue_state *state)
{
    PyObject *function = glue_support(state, "extra_variable");
    PyObject *extra = function != NULL ? PyObject_CallFunction(function, NULL) : NULL;
    const char *variable = extra != NULL && extra != Py_None ? PyBytes_AsString(extra) : NULL;
    struct moidc_env *env = NULL;
    struct moidc_err err;
    const char **all;
    size_t n = 0;

    Py_XDECREF(function);
    if (extra == NULL || PyErr_Occurred() != NULL) {
        Py_XDECREF(extra);
        return NULL;
    }
    while (environ != NULL && environ[n] != NULL) {
        n++;
    }
    all = PyMem_Calloc(n + 2, sizeof *all);
    for (size_t i = 0; all != NULL && i < n; i++) {
        all[i] = environ[i];
    }
    if (all != NULL) {
        all[n] = variable;
    }
    if (all == NULL || moidc_env_new(all, &env, &err) != MOIDC_OK) {
        PyErr_NoMemory();
    }
    PyMem_Free(all);
    Py_DECREF(extra);
    return env;
}
#endif

static bool in_notebook(struct glue_state *state, bool *ret)
{
    PyObject *function = glue_support(state, "in_notebook");
    PyObject *answer = function != NULL ? PyObject_CallFunction(function, NULL) : NULL;
    int truth = answer != NULL ? PyObject_IsTrue(answer) : -1;

    Py_XDECREF(function);
    Py_XDECREF(answer);
    *ret = truth == 1;
    return truth >= 0;
}

/* Where a person types, -1: nowhere; and how wide the terminal is that show() writes to. */
static bool terminal(struct glue_state *state, int *keyboard, int *columns)
{
    PyObject *function = glue_support(state, "terminal");
    PyObject *answer = function != NULL ? PyObject_CallFunction(function, NULL) : NULL;
    bool done = answer != NULL && PyArg_ParseTuple(answer, "ii", keyboard, columns);

    Py_XDECREF(function);
    Py_XDECREF(answer);
    return done;
}

bool glue_call_begin(struct glue_call *call, struct glue_state *state)
{
    bool notebook = false;
    int columns = 0;

    memset(call, 0, sizeof *call);
    call->state = state;
    if (!in_notebook(state, &notebook) || !terminal(state, &call->keyboard, &columns)) {
        return false;
    }
    call->ui =
        (struct moidc_ui){.ctx = call, .show = show, .cancelled = cancelled, .columns = columns, .notebook = notebook};
    call->ui.typed = call->keyboard >= 0 ? typed : NULL;
    call->env = snapshot(state);
    return call->env != NULL;
}

void glue_call_release(struct glue_call *call)
{
    call->thread = PyEval_SaveThread();
}

void glue_call_regain(struct glue_call *call)
{
    PyEval_RestoreThread(call->thread);
    call->thread = NULL;
}

bool glue_call_end(struct glue_call *call)
{
    moidc_env_free(call->env);
    call->env = NULL;
    return PyErr_Occurred() == NULL && glue_tell_notices(call->state);
}

bool glue_lookup(struct glue_state *state, const struct moidc_env *env, struct moidc_lookup *ret, PyObject **keep)
{
    PyObject *function = glue_support(state, "tracking_uri");
    PyObject *uri = function != NULL ? PyObject_CallFunction(function, NULL) : NULL;

    Py_XDECREF(function);
    memset(ret, 0, sizeof *ret);
    ret->env = env;
    if (uri == NULL) {
        return false;
    }
    if (uri != Py_None) {
        ret->tracking_uri = glue_uri(uri);
        if (ret->tracking_uri == NULL) {
            Py_DECREF(uri);
            return false;
        }
    }
    *keep = uri;
    return true;
}
