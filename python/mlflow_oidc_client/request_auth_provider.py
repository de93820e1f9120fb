"""Entry point of mlflow.request_auth_provider: MLFLOW_TRACKING_AUTH=oidc asks for us by name (MLflow 2.9 and later)."""

from typing import TYPE_CHECKING

from mlflow.tracking.request_auth.abstract_request_auth_provider import RequestAuthProvider

if TYPE_CHECKING:
    from requests.auth import AuthBase

NAME = "oidc"


class PluginOIDCRequestAuthProvider(RequestAuthProvider):
    def get_name(self) -> str:
        return NAME

    def get_auth(self) -> "AuthBase":
        from ._auth import OIDCAuth

        return OIDCAuth()
