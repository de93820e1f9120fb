"""The requests auth object: gives each request the token of its own server, and renews once on a 401."""

import re
from urllib.parse import urljoin, urlsplit

from requests import PreparedRequest
from requests.auth import AuthBase
from requests.utils import requote_uri

from . import _core, _support

# RFC 6750 §3.1; Envoy and Istio answer invalid_token to a token of another audience, with 403 where the standard has 401
_ABOUT_THE_TOKEN = r'(?i)Bearer\b.*\berror="?(invalid_token|insufficient_scope)\b'


class OIDCAuth(AuthBase):
    """Adds `Authorization: Bearer ...` (RFC 6750; or the setting `header`) to requests to a server that has settings; others are left alone.

    tracking_uri: serve this server alone; None: whichever server the request goes to.
    Raises OIDCError when there is no token to be had, or no settings describe any server.
    """

    def __init__(self, tracking_uri=None):
        if tracking_uri is not None and not isinstance(tracking_uri, str):
            raise TypeError(f"tracking_uri must be a str, not {type(tracking_uri).__name__}")
        self._tracking_uri = None if tracking_uri is None else _support.as_requested(tracking_uri)

    def __call__(self, r):
        url = r.url
        server = _core.server(url) if self._tracking_uri is None else self._own_server(url)
        if server is None:
            if not _core.has_servers():
                raise _support.no_settings(self._tracking_uri or url)
            if "%" in url:
                _support.tell_of_path(url)
            return r
        header = _header_of(server, url, server.authorization())
        headers = r.headers
        headers[server.header_name] = header
        if headers.get("Accept", "*/*") == "*/*":
            headers["Accept"] = "application/json"  # proxies then answer 401 and not a login page
        r.register_hook("response", header)
        r._moidc_first = True  # copies, which redirects are made of, do not have it
        return r

    def _own_server(self, url):
        # asked for first: where the variables describe the first server that is, no other URL may be that
        own = _core.server_at(self._tracking_uri)
        return _core.server(url) if own is not None and own.covers(url) else None


class _Header(str):  # made for every request: one object that is both costs no more than a hook alone
    """The header's value, and the hook: called with each response to a request and to those that requests makes of it after a redirect.

    server: whose it is; url: of the request; sent: what went out at last.
    """

    __slots__ = ("sent", "server", "url")
    server: _core.Server
    url: str
    sent: str

    def encode(self, *args, **kwargs):
        """Called by http.client each time that it is sent. The token that the request was made with may have ended by then: after an
        answer such as 503 urllib3 waits for up to minutes."""
        self.sent = self.server.authorization()
        return self.sent.encode(*args, **kwargs)

    def __call__(self, response, **kwargs):
        return _on_response(self, response, **kwargs)

    def __repr__(self):
        return "<the header of mlflow_oidc_client>"  # and not its value, which is secret

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        # requests pickles responses, and exceptions that hold them, with their requests: those have been answered
        return _AnsweredHeader, (str(self),)


class _AnsweredHeader(str):
    __slots__ = ()

    def __call__(self, response, **kwargs):
        return response

    __repr__ = _Header.__repr__


def _header_of(server, url, value):
    header = _Header(value)
    header.server, header.url, header.sent = server, url, value
    return header


def _on_response(header, response, **kwargs):
    server = header.server
    if not hasattr(response.request, "_moidc_first"):
        return _after_redirect(server, header.url, response)
    if response.status_code == 401:
        response = _repeated(header, response, kwargs)
    if response.is_redirect:
        return _redirected(server, response)
    return _explained(server, response)


def _redirected(server, response):
    target = _keep_token_within(server, response)
    status = response.status_code
    # requests makes a GET of it, or sends it without its body
    if status not in (307, 308) and _is_change(response.request, response.url):
        what = f"a {response.request.method} request to {_support.shown(target)[:200]} (HTTP status {status})"
        raise _elsewhere(server, f"{what}, which loses it: nothing was stored", status)
    return response


def _keep_token_within(server, response):
    """requests makes the next hop of this request's headers, and would carry the token to any path of the host.

    Where that hop goes is reckoned as requests does (Session.resolve_redirects): "http:x" is not what RFC 3986 makes of it.
    Returns it; "": no address at all.
    """
    try:
        target = urljoin(response.url, requote_uri(urlsplit(response.headers["Location"]).geturl()))
    except ValueError:
        target = ""
    request = response.request
    if not server.covers(target):
        request.headers.pop(server.header_name, None)
    elif type(request) is PreparedRequest:  # a class of somebody else's stays as it is
        request.__class__ = _Redirected
    return target


class _Redirected(PreparedRequest):
    """The request that a redirect within the server answers: Session.rebuild_auth() would put a line of .netrc in the token's place."""

    def copy(self):
        copy = super().copy()
        copy.__class__ = _Redirected
        return copy

    def prepare_auth(self, auth, url=""):
        if not any(isinstance(value, _Header) for value in self.headers.values()):
            super().prepare_auth(auth, url)


def _repeated(header, response, kwargs):
    """Send the request again with a renewed token: once."""
    request, server = response.request, header.server
    # a prepared request may be sent again, with a later token; reporters of crashes show variables by repr()
    refused = _AnsweredHeader(getattr(request.headers.get(server.header_name), "sent", header.sent))
    renewed = _header_of(server, header.url, server.renewed(refused))
    if not _is_rewound(request):
        raise _support.refused(
            "the tracking server refused the token (HTTP status 401); it was renewed, but the request's body cannot be"
            " read a second time",
            server.uri,
            "call again",
            401,
        )
    response.close()  # unread, and its connection with it: its body may be endless or slow
    request.headers[server.header_name] = renewed
    second = response.connection.send(request, **kwargs)
    second.history.append(response)
    second.request = request
    if second.status_code == 401:
        second.close()  # unread, as the first one
        challenge = second.headers.get("WWW-Authenticate", "")
        server.refused(challenge.encode("latin-1", "replace"), refused, renewed.sent)  # raises
    return _explained(server, second)


def _is_rewound(request):
    """Winds the body back to where it began; whether that could be."""
    body = request.body
    if body is None or isinstance(body, (str, bytes, bytearray, memoryview)):
        return True
    if not isinstance(request._body_position, int):
        return False
    try:
        body.seek(request._body_position)
    except (AttributeError, OSError, ValueError):  # a pipe, or closed meanwhile
        return False
    return True


def _media_type(response):
    return response.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _is_html(response):
    return _media_type(response) == "text/html"


def _is_json(response):
    return _media_type(response) == "application/json"


def _is_json_call(url):
    """MLflow's JSON calls; what is stored as an artifact may well be a page."""
    path = url.partition("?")[0]
    return (
        "/mlflow/" in path
        and ("/api/" in path or "/ajax-api/" in path)
        and "/mlflow-artifacts/" not in path
        and not path.endswith(("/get-artifact", "/artifacts/files"))
    )


def _is_change(request, url):
    """An artifact that is stored or removed, or traces: MLflow takes any answer without an error for success."""
    return request.method not in ("GET", "HEAD") and ("/mlflow-artifacts/" in url or url.endswith("/v1/traces"))


def _is_page(response, url):
    """A page where a call of MLflow's wants JSON."""
    return _is_html(response) and (_is_json_call(url) or _is_change(response.request, url))


def _is_lost_download(response, url):
    """A page, after a redirect, in place of an artifact that is none: it would be kept as that."""
    path, end = url.partition("?")[0].lower(), response.url.partition("?")[0]
    is_artifact = "/mlflow-artifacts/" in path and not path.endswith((".html", ".htm"))
    return is_artifact and response.ok and _is_html(response) and "/mlflow-artifacts/" not in end


def _is_login_page(response, url):
    """A page of the first kind, with a status that proxies show their login page with.

    Pages with others are answers: of a 404 MLflow learns that a server is older, and calls what that one has.
    """
    return (response.status_code < 400 or response.status_code in (401, 403)) and _is_page(response, url)


def _explained(server, response):
    """Say so when a page stands in place of an answer, or a 403 is about the token; everything else is MLflow's to judge."""
    if response.status_code == 403:
        _judge_403(server, response)
    if _is_login_page(response, response.url):
        raise _page(server, response)
    return response


def _judge_403(server, response):
    """Raises where it is about the token. What MLflow's own server says of a permission is a reason of its own."""
    found = re.search(_ABOUT_THE_TOKEN, response.headers.get("WWW-Authenticate", "")[:4096])
    error = found[1].lower() if found else ""
    if error == "invalid_token":
        raise _support.refused(
            "the tracking server refused the token (HTTP status 403): invalid_token",
            server.uri,
            f"see that its proxy takes what is sent: {server.token_hint}",
            403,
        )
    if error == "insufficient_scope" and not _is_json(response):  # Spring's has no body at all
        raise _support.refused(
            "the tracking server takes the token, but not for this call (HTTP status 403): insufficient_scope",
            server.uri,
            "set scope so that the token has what the server wants, or ask its operator for the permission;"
            " mlflow-oidc doctor shows what the server says",
            403,
        )


def _page(server, response):
    status = response.status_code
    return _support.refused(
        f"a web page came in place of the tracking server's answer (HTTP status {status}): a login page, most likely",
        server.uri,
        "have its proxy take bearer tokens on API paths (oauth2-proxy: --skip-jwt-bearer-tokens; mod_auth_openidc:"
        f" AuthType auth-openidc or oauth20): {server.token_hint}",
        status,
    )


def _after_redirect(server, url, response):
    """Nothing is added, renewed or repeated after a redirect (contract, rule 6): only explained."""
    if response.is_redirect:
        return _redirected(server, response)
    if server.covers(response.url):
        if _is_login_page(response, url) or _is_lost_download(response, url):
            raise _page(server, response)
        return response
    if response.status_code == 401 or _is_page(response, url) or _is_lost_download(response, url):
        target, status = _support.shown(response.url), response.status_code
        raise _elsewhere(
            server, f"the call to {target}, which answered with HTTP status {status}: a login page, most likely", status
        )
    return response


def _elsewhere(server, what, status):
    return _support.refused(
        f"the tracking server redirected {what}",
        server.uri,
        "have its proxy take bearer tokens, and set the tracking URI to the address that the server itself names:"
        f" {server.token_hint}",
        status,
    )
