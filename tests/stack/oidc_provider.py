"""The small provider: node oidc-provider (provider.mjs says what it serves)."""

import json
import secrets
import signal

from .node import node_command
from .process import Server


class OidcProvider(Server):
    name = "oidc-provider"
    audience = "urn:mlflow"
    user, password = "demo", "any"  # it takes every pair
    renewable_scope = "openid profile email offline_access"  # what it gives a refresh token for

    def __init__(self, run_dir, lifetime_s=3600, short_lifetime_s=10):
        super().__init__(run_dir)
        self.issuer = self.url
        self.jwks_uri = f"{self.url}/jwks"
        self.ready_url = f"{self.url}/.well-known/openid-configuration"
        self.client_secret = secrets.token_urlsafe(24)
        options = ["--port", self.port, "--audience", self.audience]
        options += ["--lifetime", lifetime_s, "--short-lifetime", short_lifetime_s]
        self.start([*node_command("provider.mjs"), *options], env={"STACK_CLIENT_SECRET": self.client_secret})

    def events(self):
        """Requests so far: dictionaries with route, status, client, grant, error."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def token_requests(self, client=None):
        """The grant types asked for at the token endpoint, in order."""
        events = [event for event in self.events() if event["route"] == "token"]
        return [event.get("grant") for event in events if client in (None, event.get("client"))]

    def new_signing_key(self):
        before = len(self.events())
        self.process.send_signal(signal.SIGHUP)
        while not any(event["route"] == "new_key" for event in self.events()[before:]):
            self.process.poll()
