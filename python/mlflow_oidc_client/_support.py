"""What the C core needs of Python: MLflow's settings, the log, standard error, exceptions."""

import logging
import os
import sys

_LEVELS = (logging.DEBUG, logging.INFO, logging.WARNING)
_logger = logging.getLogger("mlflow_oidc_client")


def log(level, text):
    _logger.log(_LEVELS[level], "%s", text)


def show(text):
    """Show lines to the person who signs in; standard error is the notebook's cell in a Jupyter kernel."""
    if sys.stderr is not None:
        try:
            print(text, file=sys.stderr, flush=True)
        except (OSError, ValueError):
            pass  # it was closed: the sign-in itself goes on


def in_notebook():
    shell = sys.modules.get("IPython")
    shell = shell.get_ipython() if shell is not None and hasattr(shell, "get_ipython") else None
    return shell is not None and hasattr(shell, "kernel")


def extra_variable():
    """Where certifi, if somebody imported it, keeps its certificates: the last place that is looked at."""
    certifi = sys.modules.get("certifi")
    return f"MOIDC_CERTIFI={certifi.where()}" if hasattr(certifi, "where") else None


def tracking_uri():
    mlflow = sys.modules.get("mlflow")
    if hasattr(mlflow, "get_tracking_uri"):
        return mlflow.get_tracking_uri()
    return os.environ.get("MLFLOW_TRACKING_URI") or None


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
    bare = uri.partition("?")[0].partition("#")[0]
    scheme, mark, rest = bare.partition("://")
    authority, slash, path = rest.partition("/")
    return scheme + mark + authority.rpartition("@")[2] + slash + path


def no_tracking_uri(uri):
    found = f": MLflow's tracking URI is {shown(uri)}" if uri else ""
    return _configuration_error(
        f"no tracking server is named{found}",
        "MLFLOW_TRACKING_URI",
        "set MLFLOW_TRACKING_URI to the server's http(s) URI, or give tracking_uri",
    )


def no_settings(uri):
    return _configuration_error(
        "no settings describe this server",
        shown(uri),
        "set MLFLOW_TRACKING_OIDC_ISSUER and MLFLOW_TRACKING_OIDC_CLIENT_ID, or add a block with this uri under"
        " [[tool.mlflow-oidc-client.tracking-servers]] in pyproject.toml",
    )


def refused(what, where, next, status):
    return make_error("OIDCProviderError", "provider", status, "", what, where, next)
