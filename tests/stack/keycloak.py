"""Keycloak with one realm, in memory; built once below build/keycloak."""

import json
import re
import secrets
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
import zipfile

from .process import BUILD, Server, opener

VERSION = "26.7.3"
ARTIFACT = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
HOME = BUILD / "keycloak" / f"keycloak-{VERSION}"
# What start-up would otherwise spend its seconds on.
BUILD_OPTIONS = ("--db=dev-mem", "--health-enabled=false", "--metrics-enabled=false")
REDIRECT_URIS = ["http://127.0.0.1/oauth2/callback"]  # without a port Keycloak takes every port

DEVICE_FLOW = {"oauth2.device.authorization.grant.enabled": "true"}


def install():
    """Fetches and builds what is missing; returns the folder. Tens of seconds, once."""
    stamp = HOME / "built"
    if not stamp.exists():
        download = BUILD / "keycloak" / "download"
        command = ["mvn", "-q", "-B", "dependency:copy", f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={download}"]
        subprocess.run(command, check=True)
        shutil.rmtree(HOME, ignore_errors=True)
        with zipfile.ZipFile(download / f"keycloak-quarkus-dist-{VERSION}.zip") as archive:
            archive.extractall(BUILD / "keycloak")
        subprocess.run(["bash", HOME / "bin" / "kc.sh", "build", *BUILD_OPTIONS], check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(download)
        stamp.touch()
    return HOME


def _audience_mapper(audience):
    config = {"included.custom.audience": audience, "access.token.claim": "true", "id.token.claim": "false"}
    return {"name": "audience", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper", "config": config}


def _client(client_id, audience, **fields):
    client = {"clientId": client_id, "protocolMappers": [_audience_mapper(audience)], "consentRequired": False}
    return {**client, "standardFlowEnabled": False, "directAccessGrantsEnabled": False, **fields}


def _public_client(client_id, audience, **fields):
    attributes = {"pkce.code.challenge.method": "S256", **fields.pop("attributes", {})}
    person = {"publicClient": True, "standardFlowEnabled": True, "redirectUris": REDIRECT_URIS}
    return _client(client_id, audience, **person, attributes=attributes, **fields)


def _service_client(client_id, audience, secret, method, **attributes):
    attributes["client.secret.authentication.allowed.method"] = method
    service = {"publicClient": False, "serviceAccountsEnabled": True, "secret": secret}
    return _client(client_id, audience, **service, attributes=attributes)


class Keycloak(Server):
    name = "keycloak"
    start_timeout_s = 180
    audience = "urn:mlflow"
    user = "demo"
    renewable_scope = "openid profile email"  # what it gives a refresh token for

    def __init__(self, run_dir, lifetime_s=3600, short_lifetime_s=10):
        super().__init__(run_dir)
        self.issuer = f"{self.url}/realms/mlflow"
        self.jwks_uri = f"{self.issuer}/protocol/openid-connect/certs"
        self.ready_url = f"{self.issuer}/.well-known/openid-configuration"
        self.client_secret = secrets.token_urlsafe(24)
        self.password = secrets.token_urlsafe(12)
        self._admin_password = secrets.token_urlsafe(24)

        # Each run has its own data and configuration; the program itself is shared.
        home = self.run_dir / f"keycloak-{self.port}"
        shutil.copytree(install(), home, ignore=shutil.ignore_patterns("lib", "themes", "data"))
        for folder in ("lib", "themes"):
            (home / folder).symlink_to(HOME / folder)
        realm = home / "data" / "import" / "mlflow.json"
        realm.parent.mkdir(parents=True)
        realm.write_text(json.dumps(self._realm(lifetime_s, short_lifetime_s)))

        argv = ["bash", home / "bin" / "kc.sh", "start", "--optimized", "--import-realm", "--cache=local"]
        argv += ["--http-enabled=true", "--http-host=127.0.0.1", f"--http-port={self.port}", f"--hostname={self.url}"]
        argv += ["--log-level=INFO,org.keycloak.events:debug"]
        env = {"KC_BOOTSTRAP_ADMIN_USERNAME": "admin", "KC_BOOTSTRAP_ADMIN_PASSWORD": self._admin_password}
        env["JAVA_OPTS_APPEND"] = "-XX:TieredStopAtLevel=1 -Xmx768m"  # it lives for minutes only
        self.start(argv, env=env)

    def _realm(self, lifetime_s, short_lifetime_s):
        short = {"access.token.lifespan": str(short_lifetime_s)}
        person = {"username": self.user, "enabled": True, "emailVerified": True, "email": "demo@example.com"}
        person |= {"firstName": "Demo", "lastName": "Person"}
        return {
            "realm": "mlflow",
            "enabled": True,
            "sslRequired": "none",
            "accessTokenLifespan": lifetime_s,
            "revokeRefreshToken": True,  # a refresh token works once
            "users": [{**person, "credentials": [{"type": "password", "value": self.password}]}],
            "clients": [
                _public_client("mlflow-public", self.audience),
                _public_client("mlflow-public-short", self.audience, attributes=short),
                _public_client("mlflow-public-device", self.audience, attributes=DEVICE_FLOW),
                _public_client("mlflow-public-consent", self.audience, consentRequired=True),
                _service_client("mlflow-ci", self.audience, self.client_secret, "client_secret_basic"),
                _service_client("mlflow-ci-post", self.audience, self.client_secret, "client_secret_post"),
                _service_client("mlflow-ci-short", self.audience, self.client_secret, "client_secret_basic", **short),
            ],
        }

    def events(self):
        """Events so far: dictionaries of what Keycloak logs, such as type, clientId, error."""
        lines = [line for line in self.log.read_text().splitlines() if "[org.keycloak.events]" in line]
        return [dict(re.findall(r'(\w+)="([^"]*)"', line)) for line in lines]

    def token_requests(self, client=None):
        """The grant types asked for at the token endpoint, in order."""
        grants = {
            "CLIENT_LOGIN": "client_credentials",
            "CODE_TO_TOKEN": "authorization_code",
            "OAUTH2_DEVICE_CODE_TO_TOKEN": "urn:ietf:params:oauth:grant-type:device_code",
            "REFRESH_TOKEN": "refresh_token",
        }
        found = [(event.get("type", "").removesuffix("_ERROR"), event.get("clientId")) for event in self.events()]
        return [grants[kind] for kind, who in found if kind in grants and client in (None, who)]

    def new_signing_key(self):
        """A new key pair; the old one is gone."""
        realm = self._admin("GET", "")
        keys = self._admin("GET", f"/components?parent={realm['id']}&type=org.keycloak.keys.KeyProvider")
        (old,) = (key for key in keys if key["providerId"] == "rsa-generated")
        new = {name: old[name] for name in ("providerId", "providerType", "parentId", "config")}
        self._admin("POST", "/components", {**new, "name": f"rsa-{time.time()}"})
        self._admin("DELETE", f"/components/{old['id']}")

    def _admin(self, method, path, body=None):
        form = {"grant_type": "password", "client_id": "admin-cli", "username": "admin", "password": self._admin_password}
        token_url = f"{self.url}/realms/master/protocol/openid-connect/token"
        with opener.open(token_url, urllib.parse.urlencode(form).encode()) as response:
            token = json.load(response)["access_token"]
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        url = f"{self.url}/admin/realms/mlflow{path}"
        with opener.open(urllib.request.Request(url, data, headers, method=method)) as response:
            text = response.read()
        return json.loads(text) if text else None
