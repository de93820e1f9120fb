"""Entry point of mlflow.request_header_provider: the drop-in, called for every request that MLflow's client makes.

A header provider sees neither the request's URL nor its response, and what it raises is swallowed. So it puts our
requests auth object into the call that asks for headers, in http_request(), where MLflow looks for `auth`.
"""

import sys

from mlflow.tracking.request_header.abstract_request_header_provider import RequestHeaderProvider

from . import _core, _support
from ._auth import OIDCAuth

_IN_AUTHORIZATION = ("username", "password", "token")  # MLflow sends these in that header
_CREDENTIALS = (*_IN_AUTHORIZATION, "aws_sigv4", "auth")
_OWN_NAME = "oidc"
_FRAMES = 4  # http_request <- resolve_request_headers <- request_headers, and one to spare
_FRAMES_OF_OTHERS = 64  # that decorators and tracers may put between

_auth = OIDCAuth()


def _is_handed_over(frame, frames):
    """Finds the http_request() that asks, and puts our auth object into its call where we serve it; False: none to be seen."""
    while frame is not None and frames:
        if frame.f_code.co_name == "http_request":
            names = frame.f_locals
            try:
                creds, kwargs = names["host_creds"], names["kwargs"]
                is_mlflows = isinstance(creds.host, str) and isinstance(kwargs, dict)
            except (KeyError, AttributeError):
                is_mlflows = False  # somebody else's function of that name
            if is_mlflows:
                _hand_over(creds, kwargs)
                return True
        frame = frame.f_back
        frames -= 1
    return False


def _explicit(creds):
    """The name of MLflow's own credential that is set and wins over us, or None."""
    found = {name: getattr(creds, name, None) for name in _CREDENTIALS}
    if not (found["username"] and found["password"]):
        del found["username"], found["password"]  # MLflow sends neither where the other one is missing
    for name, value in found.items():
        if value and not (name == "auth" and value == _OWN_NAME):
            return name
    return None


def _is_outdone(creds, server):
    """Whether MLflow's own credentials win over us, which is said once. `server` is None where its settings are wrong."""
    credential = _explicit(creds)
    if credential is None:
        return False
    header = "authorization" if server is None else server.header_name.lower()
    if credential in _IN_AUTHORIZATION and header != "authorization":
        return False  # both go out: the proxy reads our header, the server behind it MLflow's
    _support.tell_outdone(creds.host if server is None else server.uri, credential)
    return True


def _server_of_name(host):
    """The server of an address that is no URI: that of an artifact holds its name as it is, which requests will encode."""
    written = _support.as_requested(host)
    return _core.server_at(written) if written != host else None


def _tell_of_stranger(host):
    """Says it where `host` is a server of ours but for the way it is written."""
    if "%" in host or "@" in host:
        _support.tell_of_path(host)
        _support.tell_of_user_info(host)


def _hand_over(creds, kwargs):
    if kwargs.get("auth") is not None:
        return
    try:
        server = _core.server_at(creds.host) or _server_of_name(creds.host)
        if server is None:
            _tell_of_stranger(creds.host)
            return
    except Exception:
        server = None  # the auth object meets the same error, where MLflow lets it through
    try:
        # every request comes by here, and one in a thousand has any: they are looked at one by one then
        own = creds.username and creds.password or creds.token or creds.aws_sigv4 or creds.auth
    except AttributeError:
        own = True  # an MLflow before 2.9 has no `auth`
    if own and (getattr(creds, "auth", None) == _OWN_NAME or _is_outdone(creds, server)):
        return
    kwargs["auth"] = _auth


def _is_mlflows(frame):
    module = frame.f_globals.get("__name__", "")
    return module == "mlflow" or module.startswith("mlflow.")


def _asker(frame):
    """The frame of MLflow's that asks for headers, which others may stand below; None: it is somebody else who asks."""
    if _is_mlflows(frame):
        return frame
    while frame is not None:
        if frame.f_code.co_name == "resolve_request_headers" and _is_mlflows(frame):
            return frame
        frame = frame.f_back
    return None


def _headers_alone(called_by_mlflow):
    """Asked without a request to be seen: the header for the server that MLflow is set to."""
    uri = _support.tracking_uri()
    if called_by_mlflow:
        # To which host the request goes is not known, so it gets no token. What is raised here MLflow swallows, but a
        # header value that begins with a newline is refused by requests: the call fails with this text, unsent.
        try:
            concerned = uri is not None and (_core.server_at(uri) is not None or _core.has_servers())
        except Exception:
            concerned = True
        text = "\nmlflow-oidc-client does not know this MLflow: set MLFLOW_TRACKING_AUTH=oidc"
        return {"Authorization": text} if concerned else {}
    server = _core.server_at(uri) if uri is not None else None
    return {server.header_name: server.authorization()} if server is not None else {}


class PluginOIDCRequestHeaderProvider(RequestHeaderProvider):
    def in_context(self) -> bool:
        return True

    def request_headers(self) -> dict[str, str]:
        caller = sys._getframe(1)
        if _is_handed_over(caller, _FRAMES):
            return {}
        asker = _asker(caller)
        if asker is not None and _is_handed_over(asker, _FRAMES_OF_OTHERS):
            return {}
        return _headers_alone(asker is not None)
