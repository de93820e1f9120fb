"""The exceptions: one class for each code of enum moidc_code, with the fields of struct moidc_err."""

try:
    from mlflow.exceptions import MlflowException as _Base
except Exception:  # none is there, or it cannot be imported now: at Python's end it starts threads in vain
    _Base = RuntimeError  # type: ignore[misc,assignment]


class OIDCError(_Base):
    """A sign-in or a request that failed: what failed, where, and what to do next."""

    def __init__(self, what, *, code="internal", http_status=0, oauth_error="", where="", next=""):
        text = what + (f" [{where}]" if where else "") + (f". Next: {next}" if next else "")
        super().__init__(text)
        self.code = code
        self.http_status = http_status
        self.oauth_error = oauth_error
        self.what = what
        self.where = where
        self.next = next

    def __reduce__(self):
        fields = ("code", "http_status", "oauth_error", "where", "next")
        return _rebuilt, (type(self), self.what, {name: getattr(self, name) for name in fields})


def _rebuilt(kind, what, fields):
    return kind(what, **fields)


class OIDCConfigurationError(OIDCError):
    """The user's settings are wrong."""


class OIDCStorageError(OIDCError):
    """The cache folder or another file cannot be used."""


class OIDCNetworkError(OIDCError):
    """The provider is not reached."""


class OIDCProtocolError(OIDCError):
    """The provider broke a rule of a standard."""


class OIDCProviderError(OIDCError):
    """The provider or the tracking server refused; oauth_error holds the provider's code (RFC 6749 section 5.2)."""


class OIDCLoginRequiredError(OIDCError):
    """A person has to sign in, and none can be asked here."""


class OIDCTimeoutError(OIDCError):
    """Somebody did not answer in time."""


class OIDCCancelledError(OIDCError):
    """The call was given up."""


class OIDCInternalError(OIDCError):
    """A defect of this package."""
