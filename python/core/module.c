/* SPDX-License-Identifier: MIT */
#include "glue.h"

#include <unistd.h>

struct glue_state *glue_state_of(PyObject *module)
{
    return PyModule_GetState(module);
}

/* The server that covers `uri`; with `base`, that is its own URI and not a request's. *none: there is none. */
static PyObject *find(struct glue_state *state, const char *uri, bool base, bool *none)
{
    struct moidc_server *server = NULL;
    struct moidc_lookup lookup;
    PyObject *keep = NULL;
    struct glue_call call;
    struct moidc_err err;
    enum moidc_code rc = MOIDC_OK;
    bool fine;

    moidc_server_peek(state->client, uri, &server);
    if (server != NULL) {
        return glue_server_new(state, server);
    }
    fine = glue_call_begin(&call, state) && glue_lookup(state, call.env, &lookup, &keep);
    if (fine) {
        lookup.server_uri = base ? uri : NULL;
        rc = moidc_server_find(state->client, uri, &lookup, &server, &err);
    }
    Py_XDECREF(keep);
    if (!glue_call_end(&call) || !fine) {
        moidc_server_release(server);
        return NULL;
    }
    if (rc != MOIDC_OK) {
        return glue_raise(state, &err);
    }
    *none = server == NULL;
    return server != NULL ? glue_server_new(state, server) : NULL;
}

static PyObject *find_or_none(PyObject *module, PyObject *uri, bool base)
{
    const char *text = glue_uri(uri);
    bool none = false;
    PyObject *server;

    if (text == NULL) {
        return NULL;
    }
    server = find(glue_state_of(module), text, base, &none);
    if (none) {
        Py_RETURN_NONE;
    }
    return server;
}

PyDoc_STRVAR(server_doc,
             "server($module, uri, /)\n--\n\nThe Server whose settings cover the request URI `uri`, or None.");

static PyObject *core_server(PyObject *module, PyObject *uri)
{
    return find_or_none(module, uri, false);
}

PyDoc_STRVAR(server_at_doc, "server_at($module, uri, /)\n--\n\nThe same for `uri` that is a server's own.");

static PyObject *core_server_at(PyObject *module, PyObject *uri)
{
    return find_or_none(module, uri, true);
}

PyDoc_STRVAR(has_servers_doc,
             "has_servers($module, /)\n--\n\nWhether settings for any server were found at the last look.");

static PyObject *core_has_servers(PyObject *module, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(moidc_client_has_servers(glue_state_of(module)->client));
}

PyDoc_STRVAR(stop_doc,
             "stop($module, seconds, /)\n--\n\nEnds the core: waits that long for a token request in flight.");

static PyObject *core_stop(PyObject *module, PyObject *argument)
{
    struct glue_state *state = glue_state_of(module);
    double wait_s = PyFloat_AsDouble(argument);
    PyThreadState *thread;

    if (wait_s == -1.0 && PyErr_Occurred() != NULL) {
        return NULL;
    }
    thread = PyEval_SaveThread();
    moidc_client_stop(state->client, (int)(wait_s * 1000));
    PyEval_RestoreThread(thread);
    if (!glue_tell_notices(state)) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* Name, exception class and exit status of every error code, for the tests that compare them with the docs. */
static PyObject *code_table(void)
{
    PyObject *table = PyList_New(0);

    for (int code = MOIDC_OK + 1; table != NULL && code < MOIDC_CODE_COUNT; code++) {
        const struct moidc_code_info *info = moidc_code_info((enum moidc_code)code);
        PyObject *row = Py_BuildValue("(ssi)", info->name, info->exception, info->exit_status);

        if (row == NULL || PyList_Append(table, row) != 0) {
            Py_CLEAR(table);
        }
        Py_XDECREF(row);
    }
    return table;
}

static int core_exec(PyObject *module)
{
    struct glue_state *state = glue_state_of(module);
    struct moidc_err err;
    char here[4096];
    PyObject *codes;

    if (moidc_client_new(getcwd(here, sizeof here), &state->client, &err) != MOIDC_OK) {
        PyErr_NoMemory();
        return -1;
    }
    state->server_type = PyType_FromModuleAndSpec(module, &glue_server_spec, NULL);
    codes = code_table();
    if (state->server_type == NULL || codes == NULL ||
        PyModule_AddStringConstant(module, "__version__", MOIDC_VERSION) != 0 ||
        PyModule_AddObjectRef(module, "Server", state->server_type) != 0 ||
        PyModule_AddObjectRef(module, "CODES", codes) != 0) {
        Py_XDECREF(codes);
        return -1;
    }
    Py_DECREF(codes);
    return 0;
}

static int core_traverse(PyObject *module, visitproc visit, void *arg)
{
    struct glue_state *state = glue_state_of(module);

    Py_VISIT(state->server_type);
    Py_VISIT(state->support);
    for (size_t i = 0; i < GLUE_SERVERS; i++) {
        Py_VISIT(state->servers[i]);
    }
    return 0;
}

static int core_clear(PyObject *module)
{
    struct glue_state *state = glue_state_of(module);

    Py_CLEAR(state->server_type);
    Py_CLEAR(state->support);
    for (size_t i = 0; i < GLUE_SERVERS; i++) {
        Py_CLEAR(state->servers[i]);
    }
    return 0;
}

static PyMethodDef methods[] = {
    {"server", core_server, METH_O, server_doc},
    {"server_at", core_server_at, METH_O, server_at_doc},
    {"has_servers", core_has_servers, METH_NOARGS, has_servers_doc},
    {"stop", core_stop, METH_O, stop_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, (void *)core_exec},
#ifdef Py_GIL_DISABLED
    {Py_mod_gil, Py_MOD_GIL_NOT_USED}, /* what threads share is under a mutex, here and in the core */
#endif
    {0, NULL},
};

/* No m_free: servers may outlive the module, and the client is needed until the process ends. */
static struct PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "mlflow_oidc_client._core",
    .m_doc = "The C core of mlflow_oidc_client. Not for use by others.",
    .m_size = sizeof(struct glue_state),
    .m_methods = methods,
    .m_slots = slots,
    .m_traverse = core_traverse,
    .m_clear = core_clear,
};

PyMODINIT_FUNC PyInit__core(void);

PyMODINIT_FUNC PyInit__core(void)
{
    return PyModuleDef_Init(&definition);
}
