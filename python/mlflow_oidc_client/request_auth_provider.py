"""Entry point of mlflow.request_auth_provider: MLFLOW_TRACKING_AUTH=oidc asks for us by name (MLflow 2.9 and later)."""

from mlflow.tracking.request_auth.abstract_request_auth_provider import RequestAuthProvider

NAME = "oidc"


class PluginOIDCRequestAuthProvider(RequestAuthProvider):
    def get_name(self):
        return NAME

    def get_auth(self):
        from ._auth import OIDCAuth

        return OIDCAuth()
