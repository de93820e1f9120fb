"""Signs MLflow's client in to tracking servers behind an OpenID Connect / OAuth 2.1 proxy.

Installed beside MLflow and described in pyproject.toml or the environment, it needs no call at all; these functions
are for programs that want a token themselves.
"""

import atexit as _atexit
import os as _os
import sys as _sys

from . import _core

__version__ = _core.__version__

_EXIT_WAIT_S = 5.0  # for a token request in flight, so that what it brings is saved
_atexit.register(_core.stop, _EXIT_WAIT_S)


def _finalize(core):
    _sys.modules["multiprocessing.util"].Finalize(None, core.stop, args=(_EXIT_WAIT_S,), exitpriority=-1)


def _watch_worker():
    """A worker of multiprocessing ends by os._exit(): what it does before has a registry of its own.

    That is emptied when the worker's work begins, after which _finalize() is called.
    """
    util = _sys.modules.get("multiprocessing.util")
    if hasattr(util, "Finalize"):  # else it was forked while a thread imported that
        util.register_after_fork(_core, _finalize)
        _finalize(_core)


if "multiprocessing.util" in _sys.modules:
    import multiprocessing.util as _util  # noqa: F401  # another thread may be importing it: this waits until it is there
_watch_worker()  # imported in a worker
_os.register_at_fork(after_in_child=_watch_worker)


def _server(tracking_uri):
    from . import _support

    if tracking_uri is None:
        tracking_uri = _support.tracking_uri()
        if not _support.is_http(tracking_uri):
            raise _support.no_tracking_uri(tracking_uri)
    if not isinstance(tracking_uri, str):
        raise TypeError(f"tracking_uri must be a str, not {type(tracking_uri).__name__}")
    server = _core.server_at(tracking_uri) or _core.server_at(_support.as_requested(tracking_uri))
    if server is None:
        raise _support.no_settings(tracking_uri)
    return server


def get_token(tracking_uri=None, min_valid_s=0):
    """Return a token for the tracking server, signing in if needed.

    tracking_uri: the server's URI; None: what MLflow is set to.
    min_valid_s: whole seconds that the token must at least stay valid.
    Raises OIDCError; KeyboardInterrupt on Ctrl-C while it waits.
    """
    server = _server(tracking_uri)
    return server.authorization(min_valid_s)[len(server.header_prefix) :]


def login(tracking_uri=None):
    """Sign in anew, whatever the cache holds (RFC 6749 sections 4.1 and 4.4). Raises OIDCError."""
    _server(tracking_uri).login()


def logout(tracking_uri=None):
    """Forget the server's tokens, revoking the refresh token where the provider lets it be done (RFC 7009).

    Returns whether there were any. Raises OIDCError.
    """
    return _server(tracking_uri).logout()


_LAZY = {"OIDCAuth": "_auth"}


def __getattr__(name):
    # what needs requests or MLflow is imported when it is asked for: importing this package costs nothing
    import importlib

    module = _LAZY.get(name) or ("_errors" if name.startswith("OIDC") else None)
    if module is not None:
        found = getattr(importlib.import_module(f"{__name__}.{module}"), name, None)
        if found is not None:
            globals()[name] = found
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["OIDCAuth", "OIDCError", "get_token", "login", "logout"]
