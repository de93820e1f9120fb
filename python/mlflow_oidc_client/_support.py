"""What the C core needs of Python: MLflow's settings, the log, standard error, exceptions."""

import contextlib
import logging
import os
import re
import string
import sys
import threading

from . import _core

_LEVELS = (logging.DEBUG, logging.INFO, logging.WARNING)
_logger = logging.getLogger("mlflow_oidc_client")
_OF_URIS = frozenset(string.ascii_letters + string.digits + "!#$&'()*+,-./:;=?@[]_~")  # RFC 3986; "%" may be one that stands for itself


def log(level, text):
    _logger.log(_LEVELS[level], "%s", text)


_warned: set[str] = set()


def warn_once(text):
    if text not in _warned:
        _warned.add(text)
        _logger.warning("%s", text)


def show(text):
    """Show lines to the person who signs in: on standard error, addresses as links in a notebook's cell."""
    with contextlib.suppress(Exception):  # it was closed, or is a program's own that fails: the sign-in itself goes on
        if "://" in text and in_notebook():
            _show_in_cell(text)
        elif sys.stderr is not None:
            # a line that begins so is drawn over the last one, and left open
            print(text, end="" if text.startswith("\r") else "\n", file=sys.stderr, flush=True)


def is_over():
    """Whether Ctrl-C has ended the main thread, so that Python waits for the others alone."""
    if getattr(sys, "last_type", None) is not KeyboardInterrupt:
        return False
    # the second is so only when executors' threads have been waited for, hence the first
    return getattr(threading, "_SHUTTING_DOWN", False) or not threading.main_thread().is_alive()


def _show_in_cell(text):
    import html

    from IPython.display import display  # type: ignore[import-not-found]  # there in a notebook alone

    words = re.split(r"(https?://[^\s<>\"']*[^\s<>\"'.,:;])", text)
    for i, word in enumerate(words):
        words[i] = html.escape(word)
        if i % 2:
            words[i] = f'<a href="{words[i]}" target="_blank" rel="noopener noreferrer">{words[i]}</a>'
    page = f'<div style="white-space: pre-wrap; overflow-wrap: anywhere">{"".join(words)}</div>'
    display({"text/plain": text, "text/html": page}, raw=True)


def terminal():
    """Where a person can type, -1: nowhere; and how wide the terminal is that show() writes to, 0: it is none.

    What is typed belongs to the main thread: another one would take it from a prompt.
    """
    keyboard, columns = -1, 0
    if threading.current_thread() is threading.main_thread():
        keyboard = _terminal_of(sys.stdin)
    if os.environ.get("TERM", "dumb") != "dumb":
        width = _terminal_of(sys.stderr)
        with contextlib.suppress(OSError):
            columns = os.get_terminal_size(width).columns if width >= 0 else 0
    return keyboard, columns


def _terminal_of(stream):
    try:
        descriptor = stream.fileno() if stream.isatty() else -1
        return descriptor if os.isatty(descriptor) else -1  # a stream may say what is not so
    except Exception:
        return -1  # None, closed, or what a program put in its place


def in_notebook():
    shell = sys.modules.get("IPython")
    shell = shell.get_ipython() if shell is not None and hasattr(shell, "get_ipython") else None
    return shell is not None and hasattr(shell, "kernel")


def extra_variable():
    """Where certifi, if somebody imported it, keeps its certificates: the last place that is looked at."""
    certifi = sys.modules.get("certifi")
    return os.fsencode(f"MOIDC_CERTIFI={certifi.where()}") if hasattr(certifi, "where") else None


def environment():
    """The environment and extra_variable(), as bytes: for free-threaded CPython, where the C core cannot read it itself."""
    while True:
        try:
            variables = os.environ.copy()
            break
        except KeyError:  # another thread took one away meanwhile
            continue
    extra = extra_variable()
    return [os.fsencode(f"{name}={value}") for name, value in variables.items()] + ([extra] if extra else [])


def as_requested(uri):
    """A URI as requests will write it: MLflow takes a host that is not ASCII, a space in a path and the like as they are."""
    if not _OF_URIS.issuperset(uri):
        from requests import PreparedRequest, RequestException

        request = PreparedRequest()
        with contextlib.suppress(RequestException, ValueError):  # no URL at all, as the call itself will say
            request.prepare_url(uri, None)
            return request.url
    return uri


def tracking_uri():
    mlflow = sys.modules.get("mlflow")
    uri = None
    if hasattr(mlflow, "get_tracking_uri"):
        with contextlib.suppress(Exception):  # set to none, it names files below the working directory, which may be gone
            uri = mlflow.get_tracking_uri()
    else:
        uri = os.environ.get("MLFLOW_TRACKING_URI") or None
    if not isinstance(uri, str):
        return None  # a test's stand-in, or what MLflow itself cannot use
    return as_requested(uri) if is_http(uri.lstrip()) else uri


def make_error(kind, code, http_status, oauth_error, what, where, next):
    from . import _errors

    return getattr(_errors, kind)(
        what, code=code, http_status=http_status, oauth_error=oauth_error, where=where, next=next
    )


def _configuration_error(what, where, next):
    return make_error("OIDCConfigurationError", "configuration", 0, "", what, where, next)


def is_http(uri):
    return isinstance(uri, str) and uri.lower().startswith(("http://", "https://"))


def shown(uri):
    """The URI without what may be secret in it: user info, query, fragment."""
    scheme, mark, rest = uri.partition("://") if "://" in uri else ("", "", uri)
    if not is_http(uri):
        rest = rest.rpartition("@")[2]  # in a database's URI a password may hold "/", "?" and "#" as they are
    bare = rest.partition("?")[0].partition("#")[0]
    authority, slash, path = bare.partition("/")
    return scheme + mark + authority.rpartition("@")[2] + slash + path


def _is_in_variables():
    return any(name.startswith("MLFLOW_TRACKING_OIDC_") and os.environ.get(name) for name in os.environ)


def _describes_first_server():
    """Whether the variables describe whichever server is asked for first."""
    return not is_http(tracking_uri()) and _is_in_variables()


def tell_of_path(uri):
    """Warns once that requests to such paths of a server go out without its token; `uri` is one that matches none."""
    plain, found = re.subn("%(2f|5c)", "_", shown(uri), flags=re.IGNORECASE)
    if found and _describes_first_server():
        return  # asking would make it that one
    server = _core.server_at(plain) if found else None
    if server is not None:
        warn_once(
            f"{server.uri}: requests to paths with an encoded slash or backslash (%2F, %5C) go out without a token, as a"
            " server may take them for other paths than its proxy"
        )


def tell_outdone(uri, credential):
    """Warns once that a credential of MLflow's own is sent to that server, and not its token."""
    warn_once(f"{uri}: MLflow's own credentials ({credential}) are used, not the OIDC settings")


def tell_of_user_info(uri):
    """Warns once that the user info in the address of a server is sent, and not its token; `uri` matches none."""
    user, at, _ = uri.partition("://")[2].partition("/")[0].rpartition("@")
    if not at or _describes_first_server():
        return
    plain, described = shown(uri), _is_in_variables() and tracking_uri()
    server = None
    with contextlib.suppress(Exception):  # settings that cannot be read take nothing from a call that has its own credentials
        server = _core.server_at(plain)
    if server is None and not (described and described.rstrip("/") in as_requested(uri)):
        return
    plain = plain.partition("/api/")[0]
    if ":" in user:
        tell_outdone(plain, "user info in the address")
    else:
        warn_once(
            f"{plain}: requests to an address with a user name in it go out without a token, and without a password no other"
            " credential is sent: take the name out of it"
        )


def no_tracking_uri(uri):
    found = f": MLflow's tracking URI is {shown(uri)}" if uri else ""
    return _configuration_error(
        f"no tracking server is named{found}",
        "MLFLOW_TRACKING_URI",
        "set MLFLOW_TRACKING_URI to the server's http(s) URI, or give tracking_uri",
    )


def no_settings(uri):
    described = tracking_uri()  # alone, where it is http(s)
    by_variables = "set MLFLOW_TRACKING_OIDC_ISSUER and MLFLOW_TRACKING_OIDC_CLIENT_ID, or "
    if is_http(described) and not uri.startswith(described.rstrip("/")):
        by_variables = ""
    return _configuration_error(
        "no settings describe this server",
        shown(uri),
        f"{by_variables}add a block with this uri under [[tool.mlflow-oidc-client.tracking-servers]] in pyproject.toml",
    )


def refused(what, where, next, status):
    return make_error("OIDCProviderError", "provider", status, "", what, where, next)
