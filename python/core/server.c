/* SPDX-License-Identifier: MIT */
#include "glue.h"

#include <string.h>

/* One tracking server that has settings. */
struct glue_server {
    PyObject_HEAD
    struct moidc_server *server;
    PyObject *header_name;
    struct glue_mutex lock;    /* of what follows */
    struct moidc_token *token; /* the one that `header` was made from */
    PyObject *header;
};

static struct glue_state *state_of(PyObject *self)
{
    return PyType_GetModuleState(Py_TYPE(self));
}

static PyObject *known_server(const struct glue_state *state, const struct moidc_server *server)
{
    for (size_t i = 0; i < GLUE_SERVERS; i++) {
        struct glue_server *known = (struct glue_server *)state->servers[i];

        if (known != NULL && known->server == server) {
            return state->servers[i];
        }
    }
    return NULL;
}

/* Takes `server` over. */
static PyObject *new_server(struct glue_state *state, struct moidc_server *server)
{
    allocfunc alloc = (allocfunc)PyType_GetSlot((PyTypeObject *)state->server_type, Py_tp_alloc);
    struct glue_server *self = (struct glue_server *)alloc((PyTypeObject *)state->server_type, 0);

    if (self == NULL) {
        moidc_server_release(server);
        return NULL;
    }
    self->server = server;
    self->header_name = PyUnicode_FromString(moidc_server_header_name(server));
    if (self->header_name == NULL) {
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

PyObject *glue_server_new(struct glue_state *state, struct moidc_server *server)
{
    PyObject *dropped = NULL;
    PyObject *known;
    PyObject *made;

    GLUE_LOCK(state);
    known = known_server(state, server);
    Py_XINCREF(known);
    GLUE_UNLOCK(state);
    if (known != NULL) {
        moidc_server_release(server);
        return known;
    }
    made = new_server(state, server);
    if (made == NULL) {
        return NULL;
    }
    GLUE_LOCK(state);
    known = known_server(state, server); /* another thread may have been faster */
    if (known == NULL) {
        unsigned place = state->servers_made++ % GLUE_SERVERS;

        dropped = state->servers[place];
        state->servers[place] = known = made;
    } else {
        dropped = made;
    }
    Py_INCREF(known);
    GLUE_UNLOCK(state);
    Py_XDECREF(dropped);
    return known;
}

static void server_dealloc(PyObject *object)
{
    struct glue_server *self = (struct glue_server *)object;
    PyTypeObject *type = Py_TYPE(object);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);

    moidc_server_release(self->server);
    moidc_token_release(self->token);
    Py_XDECREF(self->header);
    Py_XDECREF(self->header_name);
    release(object);
    Py_DECREF(type);
}

/* The header's value for `token` (taken over), a new reference; made once for each token. */
static PyObject *header_of(struct glue_server *self, struct moidc_token *token)
{
    struct moidc_token *old_token;
    PyObject *old_header = NULL;
    PyObject *header;

    GLUE_LOCK(self);
    header = token == self->token ? self->header : NULL;
    Py_XINCREF(header);
    GLUE_UNLOCK(self);
    if (header != NULL) {
        moidc_token_release(token);
        return header;
    }
    /* capital B whatever token_type's case: some servers compare it so (RFC 6750 §2.1 has it that way) */
    header = PyUnicode_FromFormat("%s%s", moidc_server_header_prefix(self->server), moidc_token_reveal(token));
    if (header == NULL) {
        moidc_token_release(token);
        return NULL;
    }
    Py_INCREF(header);
    GLUE_LOCK(self);
    old_token = self->token;
    old_header = self->header;
    self->token = token;
    self->header = header;
    GLUE_UNLOCK(self);
    moidc_token_release(old_token);
    Py_XDECREF(old_header);
    return header;
}

typedef enum moidc_code token_function(struct moidc_server *server, const struct moidc_token_request *request,
                                       struct moidc_token **ret, struct moidc_err *err);

/* The way that may wait. */
static PyObject *ask(struct glue_server *self, token_function *function, long long min_valid_s,
                     const struct moidc_token *rejected)
{
    struct glue_state *state = state_of((PyObject *)self);
    struct moidc_token_request request = {.min_valid_s = min_valid_s, .rejected = rejected};
    struct moidc_token *token = NULL;
    struct glue_call call;
    struct moidc_err err;
    enum moidc_code rc;

    if (!glue_call_begin(&call, state)) {
        return NULL;
    }
    request.env = call.env;
    request.ui = &call.ui;
    glue_call_release(&call);
    rc = function(self->server, &request, &token, &err);
    glue_call_regain(&call);
    if (!glue_call_end(&call)) {
        moidc_token_release(token);
        return NULL;
    }
    return rc == MOIDC_OK ? header_of(self, token) : glue_raise(state, &err);
}

static bool seconds(PyObject *const *args, Py_ssize_t count, long long *ret)
{
    *ret = 0;
    if (count > 1) {
        PyErr_Format(PyExc_TypeError, "expected at most one argument, got %zd", count);
        return false;
    }
    if (count == 1) {
        *ret = PyLong_AsLongLong(args[0]);
        if (*ret == -1 && PyErr_Occurred() != NULL) {
            return false;
        }
        if (*ret < 0) {
            PyErr_SetString(PyExc_ValueError, "min_valid_s must not be negative");
            return false;
        }
    }
    return true;
}

PyDoc_STRVAR(authorization_doc, "authorization($self, min_valid_s=0, /)\n--\n\n"
                                "The token's header's value; waits only when no valid token is in memory.");

static PyObject *server_authorization(PyObject *object, PyObject *const *args, Py_ssize_t count)
{
    struct glue_server *self = (struct glue_server *)object;
    struct moidc_token *token = NULL;
    long long min_valid_s;

    if (!seconds(args, count, &min_valid_s)) {
        return NULL;
    }
    moidc_token_peek(self->server, min_valid_s, &token);
    return token != NULL ? header_of(self, token) : ask(self, moidc_token_get, min_valid_s, NULL);
}

PyDoc_STRVAR(renewed_doc, "renewed($self, header, /)\n--\n\n"
                          "The header's value after the server refused `header`.");

static PyObject *server_renewed(PyObject *object, PyObject *header)
{
    struct glue_server *self = (struct glue_server *)object;
    struct moidc_token *token = NULL;
    PyObject *current;
    PyObject *result = NULL;
    int same;

    moidc_token_peek(self->server, 0, &token);
    if (token == NULL) {
        return server_authorization(object, NULL, 0);
    }
    current = header_of(self, moidc_token_hold(token));
    same = current != NULL ? PyObject_RichCompareBool(current, header, Py_EQ) : -1;
    if (same == 1) {
        result = ask(self, moidc_token_get, 0, token);
    } else if (same == 0) {
        result = Py_NewRef(current); /* another thread has renewed since: its token is the answer */
    }
    Py_XDECREF(current);
    moidc_token_release(token);
    return result;
}

PyDoc_STRVAR(refused_doc,
             "refused($self, challenge, /, *headers)\n--\n\n"
             "Raises for a 401 to a renewed token: `challenge` is its WWW-Authenticate, in bytes, `headers` "
             "what it was sent.");

static PyObject *server_refused(PyObject *object, PyObject *const *args, Py_ssize_t count)
{
    enum { MOST = 4 };
    const char *sent[MOST] = {NULL};
    const char *challenge = count >= 1 && count <= MOST ? PyBytes_AsString(args[0]) : NULL;
    struct moidc_err err;

    if (challenge == NULL) {
        return PyErr_Occurred() != NULL ? NULL
                                        : PyErr_Format(PyExc_TypeError, "expected a challenge and 3 headers at most");
    }
    for (Py_ssize_t i = 1; i < count; i++) {
        sent[i - 1] = PyUnicode_AsUTF8AndSize(args[i], NULL);
        if (sent[i - 1] == NULL) {
            return NULL;
        }
        sent[i - 1] += strncmp(sent[i - 1], "Bearer ", 7) == 0 ? 7 : 0;
    }
    moidc_server_refused(((struct glue_server *)object)->server, challenge, sent, &err);
    return glue_raise(state_of(object), &err);
}

PyDoc_STRVAR(login_doc, "login($self, /)\n--\n\nSigns in anew; the header's value.");

static PyObject *server_login(PyObject *object, PyObject *unused)
{
    (void)unused;
    return ask((struct glue_server *)object, moidc_login, 0, NULL);
}

PyDoc_STRVAR(logout_doc,
             "logout($self, /)\n--\n\nForgets the tokens, here and at the provider; whether there were any.");

static PyObject *server_logout(PyObject *object, PyObject *unused)
{
    struct glue_server *self = (struct glue_server *)object;
    struct glue_state *state = state_of(object);
    struct moidc_token_request request = {0};
    struct glue_call call;
    struct moidc_err err;
    bool removed = false;
    enum moidc_code rc;

    (void)unused;
    if (!glue_call_begin(&call, state)) {
        return NULL;
    }
    request.env = call.env;
    request.ui = &call.ui;
    glue_call_release(&call);
    rc = moidc_logout(self->server, &request, &removed, &err);
    glue_call_regain(&call);
    if (!glue_call_end(&call)) {
        return NULL;
    }
    return rc == MOIDC_OK ? PyBool_FromLong(removed) : glue_raise(state, &err);
}

PyDoc_STRVAR(covers_doc, "covers($self, uri, /)\n--\n\nWhether `uri` lies at or below the server's URI.");

static PyObject *server_covers(PyObject *object, PyObject *uri)
{
    const char *text = glue_uri(uri);

    if (text == NULL) {
        return NULL;
    }
    return PyBool_FromLong(moidc_server_covers(((struct glue_server *)object)->server, text));
}

static PyObject *server_uri(PyObject *object, void *closure)
{
    (void)closure;
    return PyUnicode_FromString(moidc_server_uri(((struct glue_server *)object)->server));
}

/* Made once: it is asked for by every request. */
static PyObject *server_header_name(PyObject *object, void *closure)
{
    PyObject *name = ((struct glue_server *)object)->header_name;

    (void)closure;
    Py_INCREF(name);
    return name;
}

static PyObject *server_header_prefix(PyObject *object, void *closure)
{
    (void)closure;
    return PyUnicode_FromString(moidc_server_header_prefix(((struct glue_server *)object)->server));
}

static PyObject *server_token_hint(PyObject *object, void *closure)
{
    (void)closure;
    return PyUnicode_FromString(moidc_server_token_hint(((struct glue_server *)object)->server));
}

static PyObject *server_repr(PyObject *object)
{
    return PyUnicode_FromFormat("<mlflow_oidc_client server %s>",
                                moidc_server_uri(((struct glue_server *)object)->server));
}

static PyMethodDef methods[] = {
    {"authorization", (PyCFunction)(void (*)(void))server_authorization, METH_FASTCALL, authorization_doc},
    {"renewed", server_renewed, METH_O, renewed_doc},
    {"refused", (PyCFunction)(void (*)(void))server_refused, METH_FASTCALL, refused_doc},
    {"login", server_login, METH_NOARGS, login_doc},
    {"logout", server_logout, METH_NOARGS, logout_doc},
    {"covers", server_covers, METH_O, covers_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getters[] = {
    {"uri", server_uri, NULL, "The normalised URI that the settings are for.", NULL},
    {"header_name", server_header_name, NULL, "The name of the header that carries the token.", NULL},
    {"header_prefix", server_header_prefix, NULL, "What its value has before the token.", NULL},
    {"token_hint", server_token_hint, NULL, "What a token for it must carry, in words.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "A tracking server that has settings; made by server()."},
    {Py_tp_dealloc, server_dealloc},
    {Py_tp_repr, server_repr},
    {Py_tp_methods, methods},
    {Py_tp_getset, getters},
    {0, NULL},
};

PyType_Spec glue_server_spec = {
    .name = "mlflow_oidc_client._core.Server",
    .basicsize = sizeof(struct glue_server),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};
